"""`dualflow plan`: what a run would do, before it does it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from flows.commands.choice import Areas, MapNames, Related, Solutions
from flows.commands.output import FINDINGS, AsJson, Companies, console, emit, leave, note, table
from flows.commands.sync import Mode
from flows.installation import installation

What = Literal["initial", "delta", "resume", "repair"]
SHOWN = 20
"""Findings on the screen."""


def plan(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    company: Companies = None,
    what: Annotated[
        What,
        typer.Option(
            help="An initial sync, also one that goes on where another stopped; a delta; resuming what is paused; or a repair"
            " of what a comparison finds."
        ),
    ] = "initial",
    mode: Annotated[
        Mode, typer.Option(help="Of the initial sync: who gets rows and values of whom.")
    ] = "automatic",
    related: Related = True,
    listed: Annotated[int, typer.Option(help="How many writes to list by name; all are counted.")] = 100_000,
    html: Annotated[Path | None, typer.Option(help="Also write a page for the browser.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say what a run would do: every row that it would write, what would be parked or wait, and why. Writes nothing.

    Both systems are read, and the run is rehearsed by the engine itself. What only the services know stays open: what they would
    refuse, fill in or number. Exit code 1 if a person should look at something first.
    Example: dualflow plan --area Customers --company usmf --html plan.html
    """
    with installation(note):
        from flows import plan_report
        from tasks.sync.planning import plan as rehearse
        from tasks.sync.session import Session

        session = Session.open()
        try:
            # a pause or a repair is of the maps that are named, and of no other
            also = related and what in ("initial", "delta")
            chosen = session.selected(maps, areas=area, solutions=solution, related=also)
            chosen_mode = None if mode == "automatic" else mode
            found = rehearse(session, chosen, company, what=what, mode=chosen_mode, listed=listed)
        finally:
            session.close()
    if html is not None:
        html.parent.mkdir(parents=True, exist_ok=True)
        html.write_text(plan_report.html(found), encoding="utf-8")
        note(f"written: {html}")

    def show() -> None:
        table("Plan", plan_report.LANE_COLUMNS, plan_report.lane_rows(found.lanes), whole=1)
        findings = plan_report.finding_rows(found)
        if findings:
            table("To think about first", plan_report.FINDING_COLUMNS, findings[:SHOWN])
            if len(findings) > SHOWN:
                console().print(f"and {len(findings) - SHOWN:,} more: --json or --html")
        fields = plan_report.by_field(found)
        if fields:
            table("Differences by field", plan_report.FIELD_COLUMNS, fields[:SHOWN])
            if len(fields) > SHOWN:
                console().print(f"and {len(fields) - SHOWN:,} more: --json or --html")
        pairings = plan_report.pairing_rows(found)
        if pairings:
            table("Paired without a key or a company", plan_report.PAIRING_COLUMNS, pairings[:SHOWN])
            if len(pairings) > SHOWN:
                console().print(f"and {len(pairings) - SHOWN:,} more: --json or --html")
        table("Requests", plan_report.COST_COLUMNS, plan_report.cost_rows(found))
        console().print(f"{plan_report.summary(found)}. Nothing was written. {plan_report.basis(found)}")

    emit(found.to_json(), as_json, show)
    if found.findings:
        leave(FINDINGS)
