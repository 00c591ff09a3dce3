"""`dualflow reconcile`: compare both systems row by row, and put right what differs."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import FINDINGS, AsJson, Companies, console, emit, leave, note, table
from flows.installation import installation

SHOWN = 20
"""Differences on the screen."""
COLUMNS = ("map", "company", "key", "kind", "fields", "fno", "dataverse", "fate")


def reconcile(
    maps: Annotated[list[str] | None, typer.Argument(help="Names of maps. Default: all.")] = None,
    company: Companies = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Put right what is listed, by each map's own policy.")
    ] = False,
    limit: Annotated[int, typer.Option(help="How many differences to list; all are counted.")] = 10_000,
    to: Annotated[
        Path | None, typer.Option("--csv", help="Also write the listed differences into a file.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read both systems afresh, row by row and field by field, and say what differs: `verify` with names, and with a repair.

    A repair names exactly the listed rows to the engine; deletes stay behind their evidence and brake. Exit code 1 if
    differences are left. Example: dualflow reconcile "Customer groups" --company usmf --repair
    """
    with installation(note):
        from tasks.sync.reconcile import reconcile as compare
        from tasks.sync.session import Session

        session = Session.open()
        try:
            found = compare(session, maps, company, repair=repair, limit=limit)
        finally:
            session.close()
    rows = [
        (each.map, each.company, each.key, each.kind, ", ".join(each.fields), each.fno, each.dataverse, fate)
        for each, fate in found.details
    ]
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
        with to.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            writer.writerows(rows)
        note(f"{len(rows):,} differences written into {to}")

    def show() -> None:
        from flows.reconciliation import LANE_COLUMNS, lane_rows, summary

        telling = [lane for lane in found.lanes if lane.differences or lane.message or lane.passing]
        if telling:
            table("Maps with differences", LANE_COLUMNS, lane_rows(telling), whole=1)
        if rows:
            table("Differences", COLUMNS, rows[:SHOWN])
            if found.differences > SHOWN:
                console().print(f"and {found.differences - SHOWN:,} more: --csv FILE or --json")
        console().print(summary(found))

    emit(found.to_json(), as_json, show)
    if found.open or any(lane.message for lane in found.lanes):
        leave(FINDINGS)
