"""`dualflow plan`: what a run would do, before it does it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flows.commands.choice import Areas, MapNames, Related, Solutions
from flows.commands.output import FINDINGS, AsJson, Companies, console, emit, leave, note, table
from flows.commands.sync import Mode
from flows.installation import installation

if TYPE_CHECKING:
    from tasks.sync.plan_findings import Finding
    from tasks.sync.planning import Plan

What = Literal["initial", "delta", "resume", "repair"]
SHOWN = 20
"""Rows of a table on the screen."""
OF_A_KIND = 5
"""Rows of each kind of finding, and fields that differ, on the screen."""


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
        from flows.plan_page import page
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
        html.write_text(page(found), encoding="utf-8")
        note(f"written: {html}")

    emit(found.to_json(), as_json, lambda: show(found))
    if found.findings:
        leave(FINDINGS)


def show(found: Plan) -> None:
    """Print a plan as people read it; only lanes in which something happens, and the first rows of each table."""
    from flows import plan_report as report

    rows = report.short_rows(found)
    if rows:
        table("Plan", report.SHORT_COLUMNS, rows, whole=2)
    if idle := len(found.lanes) - len(rows):
        console().print(f"{'and ' if rows else ''}{idle:,} maps and companies in which nothing is to do")
    _show_findings(found.findings)
    _cut("Values that differ, by field", report.FIELD_COLUMNS, report.by_field(found), OF_A_KIND)
    _cut("Paired without a key or a company", report.PAIRING_COLUMNS, report.pairing_rows(found), SHOWN)
    if found.what == "resume" and not found.lanes:
        console().print(f"{report.summary(found)}.")
        return
    table("Requests", report.COST_COLUMNS, report.cost_rows(found))
    console().print(f"{report.summary(found)}. Nothing was written. {report.basis(found)}")


def _show_findings(findings: Sequence[Finding]) -> None:
    """What to think about first, kind by kind; what to do stands once where it is the same for all."""
    from rich.markup import escape

    from tasks.sync.plan_findings import KINDS

    for kind, own in groupby(findings, key=lambda each: each.kind):
        rows = list(own)
        todo = {each.todo for each in rows}
        shown = [
            (each.map, each.company, each.key, each.what, "" if len(todo) == 1 else each.todo)
            for each in rows
        ]
        title = f"{len(rows):,} {'row' if len(rows) == 1 else 'rows'} to think about first: {KINDS[kind]}"
        _cut(title, ("map", "company", "row", "what", "what to do"), shown, OF_A_KIND)
        if len(todo) == 1:
            console().print(f"  → {escape(rows[0].todo)}\n")


def _cut(title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int]], most: int) -> None:
    """A table of the first rows, if there are any, and how many more there are."""
    if rows:
        console().print(f"[italic]{title}[/]")  # a title of the table would be folded to its width
        table("", columns, rows[:most])
    if len(rows) > most:
        console().print(f"and {len(rows) - most:,} more: --json or --html")
