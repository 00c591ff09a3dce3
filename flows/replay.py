"""Replay: try parked rows again at once, from Prefect's forms; `dualflow parked retry` leaves it to the next delta run."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from prefect import State
from prefect.states import Completed
from pydantic import Field

from flows.record import conclude, recorded
from flows.rounds import drain
from flows.runner import sync_flow
from flows.turn import turn
from tasks.state.leases import LeaseHeld
from tasks.state.records import ParkedChoice
from tasks.sync.parking import retry
from tasks.sync.session import shared_session


@sync_flow("replay")
def replay(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    code: str | None = None,
    older_than_hours: Annotated[float, Field(ge=0)] = 0,
    ids: list[int] | None = None,
) -> State[dict[str, Any]]:
    """Try parked rows again, those that were set aside included. Held deletes are not among them: they need an approval.

    Args:
        maps: Names of maps; all if nothing is chosen.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; all if left empty.
        code: Only rows that failed with this error code, such as too_long.
        older_than_hours: Only rows that were parked so long ago at least.
        ids: Only these rows, by the numbers of `dualflow parked list`.
    """
    session = shared_session()
    chosen = session.selected(maps, areas=areas, solutions=solutions)
    parameters = {
        "maps": maps,
        "areas": areas,
        "solutions": solutions,
        "companies": companies,
        "code": code,
        "older_than_hours": older_than_hours,
        "ids": ids,
    }
    now = session.seams.now()
    rows = 0
    for sync in chosen:
        for company in companies or [""]:
            choice = ParkedChoice(
                map=sync.name,
                company=company.lower() if company and sync.company_specific else None,
                code=code,
                before=now - timedelta(hours=older_than_hours) if older_than_hours else None,
                ids=tuple(ids or ()),
            )
            rows += retry(session.store, session.pair, choice, now).rows
    try:
        with turn(session, 0), recorded(session, "replay", parameters) as report:
            report.add(drain(session, chosen, companies, report.run))
    except LeaseHeld:
        return Completed(message=f"{rows} rows are tried again by the delta run that is at work")
    return conclude(report, chosen)
