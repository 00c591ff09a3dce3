"""Plan: what a run would do, as a Prefect flow with its tables as artifacts."""

from __future__ import annotations

from typing import Any, Literal

from prefect import State
from prefect.artifacts import create_table_artifact
from prefect.states import Completed

from flows.initial_sync import Mode
from flows.plan_report import FINDING_COLUMNS, LANE_COLUMNS, basis, finding_rows, lane_rows, summary
from flows.runner import sync_flow
from tasks.sync.planning import plan as rehearse
from tasks.sync.session import shared_session

FINDINGS = 500
"""Rows of the artifact of findings; the command's JSON has them all."""


@sync_flow("plan")
def plan(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    what: Literal["initial", "delta", "resume", "repair"] = "initial",
    mode: Mode = "automatic",
    related: bool = True,
) -> State[dict[str, Any]]:
    """Say what a run would do, and write nothing.

    Args:
        maps: Names of maps; all active ones if nothing is chosen.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; those of the settings if left empty.
        what: An initial sync, also one that goes on where another stopped; a delta; resuming what is paused; or a repair of
            what a comparison finds.
        mode: Of the initial sync: who gets rows and values of whom.
        related: Also the maps that the chosen ones depend on.
    """
    session = shared_session()
    # a pause or a repair is of the maps that are named, and of no other
    also = related and what in ("initial", "delta")
    chosen = session.selected(maps, areas=areas, solutions=solutions, related=also)
    found = rehearse(
        session, chosen, companies, what=what, mode=None if mode == "automatic" else mode, listed=0
    )
    rows = [dict(zip(LANE_COLUMNS, row, strict=True)) for row in lane_rows(found.lanes)]
    create_table_artifact(
        rows or [{"map": "nothing to do"}], key="plan", description=f"{summary(found)}. {basis(found)}"
    )
    findings = [dict(zip(FINDING_COLUMNS, row, strict=True)) for row in finding_rows(found)[:FINDINGS]]
    if findings:
        create_table_artifact(findings, key="plan-findings", description="To think about before the run")
    return Completed(message=summary(found), data={"lanes": rows, "findings": len(found.findings)})
