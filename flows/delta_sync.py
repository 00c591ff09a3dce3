"""Delta sync: ask the feeds what changed, bring it across, and keep watch until the next run takes over."""

from __future__ import annotations

from typing import Annotated, Any

from prefect import State
from prefect.states import Completed
from pydantic import Field

from flows.record import conclude, recorded
from flows.runner import sync_flow
from flows.turn import turn
from flows.watch import Watch
from tasks.state.leases import LeaseHeld
from tasks.sync.rewound import refuse_strangers
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
) -> State[dict[str, Any]]:
    """Bring what changed on either side to the other.

    Args:
        maps: Names of maps; all active ones if nothing is chosen. Maps whose initial sync isn't done are left out.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; those of the settings if left empty.
        related: Also run the maps that the chosen ones depend on.
        linger: Seconds to keep watch, at most: a run that starts later asks this one to hand over. 0: one pass over all feeds.
    """
    session = shared_session()
    chosen = session.selected(maps, areas=areas, solutions=solutions, related=related)
    refuse_strangers(session.store, session.pair)
    watch = Watch(session, chosen, companies)
    watch.warm_up(remembering=linger > 0)
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
            if linger:
                report.add(watch.keep(ours, report.run, linger))
                report.asked = watch.asked
            else:
                watch.look()
                report.add(watch.work(report.run))
                report.add(watch.failures())
    except LeaseHeld as error:
        return Completed(message=f"another run is at work: {error.message}")
    return conclude(report, watch.maps)
