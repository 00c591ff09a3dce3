"""`dualflow history`: what was done to which row, from which side, when and in which run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flows.commands.choice import MapName, OneCompany
from flows.commands.opened import opened
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, table

NAMED = 8
"""Fields of one change that are named; of more, only how many."""
FROM = {"fno": "Dataverse → F&O", "dataverse": "F&O → Dataverse", "": ""}
"""The side written tells where the change came from."""


def history(
    map_: MapName,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="The row's key; several parts separated by /.")
    ] = None,
    company: OneCompany = None,
    limit: Annotated[int, typer.Option(help="Changes and runs at most.", min=1)] = 50,
    as_json: AsJson = False,
) -> None:
    """Tell what the sync did in a map, or to one row: which fields, from which side, when, in which run; and the runs' counts.

    Rows that an initial sync made are counted with their run, not listed one by one. Exit code 1 if nothing is on record.
    Example: dualflow history "Customers V3 to accounts" US-001 -c usmf
    """
    with opened() as here:
        from tasks.sync.past import past

        name = here.catalogue.get(map_).name
        found = past(here.store, here.pair, name, company, key, limit)

    def show() -> None:
        if not found:
            console().print("nothing is on record")
        if found.runs:
            _runs(found.runs)
        if found.changes:
            rows = [
                (
                    f"{each.at:%F %T}",
                    each.company,
                    each.key,
                    each.action,
                    FROM.get(each.side, each.side),
                    ", ".join(each.fields) if len(each.fields) <= NAMED else f"{len(each.fields)} fields",
                    str(each.run or ""),
                )
                for each in found.changes
                if each.at is not None
            ]
            table("Changes, newest first", ("when", "company", "key", "what", "way", "fields", "run"), rows)

    emit(found.to_json(), as_json, show)
    if not found:
        leave(FINDINGS)


def _runs(runs: Sequence[Any]) -> None:
    now = datetime.now(UTC)
    counted = ("read", "created", "updated", "deleted", "equal", "conflicts", "waiting", "parked")
    rows = [
        (
            str(each.run.id),
            each.run.kind,
            f"{each.run.started:%F %T}",
            round(((each.run.ended or now) - each.run.started).total_seconds(), 1),
            lane.company,
            lane.direction,
            *(getattr(lane, name) for name in counted),
        )
        for each in runs
        for lane in each.lanes
    ]
    columns = ("run", "kind", "started", "seconds", "company", "direction", *counted)
    table("Runs, newest first", columns, rows)
