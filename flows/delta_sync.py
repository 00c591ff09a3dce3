"""Delta sync: ask the feeds what changed, bring it across, and keep watch until the next run takes over."""

from __future__ import annotations

import time
from typing import Annotated, Any

from prefect import State
from prefect.states import Completed
from pydantic import Field

from flows.record import conclude, recorded
from flows.report import Report
from flows.runner import sync_flow
from flows.turn import ASK_EVERY, Turn, turn
from flows.watch import Watch
from tasks.state.leases import LeaseHeld
from tasks.sync.session import shared_session

PATIENCE = 600.0
"""Seconds that a run waits for the one before it, which may be in the middle of much work."""

Seconds = Annotated[float, Field(ge=0)]


@sync_flow("delta_sync")
def delta_sync(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    related: bool = True,
    linger: Seconds = 0,
    pause: Annotated[float, Field(gt=0)] = 5,
    scan_every: Seconds = 60,
) -> State[dict[str, Any]]:
    """Bring what changed on either side to the other.

    Args:
        maps: Names of maps; all active ones if nothing is chosen. Maps whose initial sync isn't done are left out.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; those of the settings if left empty.
        related: Also run the maps that the chosen ones depend on.
        linger: Seconds to keep watch after the first pass, at most: a run that starts later asks this one to hand over.
            0 ends it after one pass.
        pause: Seconds between two looks at the feeds while it keeps watch.
        scan_every: Seconds between two scans of the F&O entities that have no feed, while it keeps watch.
    """
    session = shared_session()
    chosen = session.selected(maps, areas=areas, solutions=solutions, related=related)
    watch = Watch(session, chosen, companies)
    watch.warm_up()
    parameters = {
        "maps": maps,
        "areas": areas,
        "solutions": solutions,
        "companies": companies,
        "related": related,
        "linger": linger,
    }
    try:
        with turn(session, PATIENCE) as ours, recorded(session, "delta_sync", parameters) as report:
            _keep_watch(watch, ours, report, linger, pause, scan_every)
    except LeaseHeld as error:
        return Completed(message=f"another run is at work: {error.message}")
    return conclude(report, watch.maps)


def _keep_watch(
    watch: Watch, ours: Turn, report: Report, linger: float, pause: float, scan_every: float
) -> None:
    started, scanned = time.monotonic(), float("-inf")
    while True:
        scan = time.monotonic() - scanned >= scan_every
        if scan:
            scanned = time.monotonic()
        watch.look(scan=scan, patient=not linger)
        report.add(watch.work(report.run, patient=not linger))
        if not linger or _over(watch, ours, started + linger, pause):
            report.add(watch.failures())
            return


def _over(watch: Watch, ours: Turn, end: float, pause: float) -> bool:
    """Rest until the next look; True if there is none, because another run wants the turn or ours is up."""
    look = time.monotonic() + pause
    while not ours.wanted() and time.monotonic() < end:
        left = min(look, end) - time.monotonic()
        if left <= 0:
            return False
        watch.session.seams.sleep(min(left, ASK_EVERY))
    return True
