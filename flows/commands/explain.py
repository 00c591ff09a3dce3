"""`dualflow explain`: one row's whole story."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.choice import MapName
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.installation import installation
from mappings.metadata import SIDE_NAMES

if TYPE_CHECKING:
    from tasks.sync.explaining import Story

NAMED = 8
"""Fields of one change that are named; of more, only how many."""

MOVED = {True: "changed", False: "", None: "never settled"}
QUIET = frozenset({"synced", "normalized"})
"""Standings of a row about which nobody has to do anything."""


def explain(
    map_: MapName,
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="The row's integration key; several parts separated by /.")
    ],
    company: Annotated[
        str, typer.Option("--company", "-c", help="Company code, for a map that has companies.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Also the fields that are equal.")] = False,
    as_json: AsJson = False,
) -> None:
    """Tell everything about one row: both sides' values, what changed, what it waits for, what the next sync will do.

    Reads both systems and writes to neither. Exit code 1 if the row is anything but synced.
    Example: dualflow explain "Customers V3 to accounts" US-001 -c usmf
    """
    with installation(note):
        from tasks.sync.explaining import explain as tell
        from tasks.sync.session import Session

        session = Session.open()
        try:
            found = tell(session, map_, key, company)
        finally:
            session.close()

    def show() -> None:
        for story in found:
            _show(story, every)

    emit({"rows": [story.to_json() for story in found]}, as_json, show)
    if any(story.standing not in QUIET for story in found):
        leave(FINDINGS)


def _show(story: Story, every: bool) -> None:
    from mappings.troubleshooting.catalogue import advice
    from tasks.sync.explaining import STANDINGS

    say = console().print
    where = f" in company {story.company}" if story.company else ""
    say(f"{story.map}, {story.key}{where}: {story.standing.replace('_', ' ')}", style="bold", markup=False)
    say(f"  {STANDINGS[story.standing]}")
    for reason in story.reasons:
        say(f"  · {reason}", markup=False)
    for name, side in (("F&O", story.fno), ("Dataverse", story.dataverse)):
        outside = ", outside the map's filter" if side.inside is False else ""
        say(f"  {name}: {side.name + outside if side.there else 'no row'}", markup=False)
    say(f"  next sync: {'; '.join(story.next) if story.next else 'nothing to do'}", markup=False)
    shown = [each for each in story.fields if every or each.verdict != "equal"]
    if shown:
        table(
            "Fields" if every else "Fields that differ",
            ("field", "F&O", "", "Dataverse", "", "what becomes of it"),
            [
                (
                    each.name,
                    each.fno,
                    MOVED[each.fno_moved],
                    each.dataverse,
                    MOVED[each.dataverse_moved],
                    each.verdict,
                )
                for each in shown
            ],
        )
    for column, state in story.lookups.items():
        if every or "missing" in state:
            say(f"  {column} → {state}", markup=False)
    for row in story.parked:
        remedy = row.remedy or advice(row.message, row.code)
        say(f"  parked {row.attempts} time(s), {row.code}: {row.message}", markup=False)
        if remedy:
            say(f"    → {remedy}", markup=False)
    if story.conflicts:
        table(
            "Conflicts",
            ("id", "kind", "fields", "stands", "when"),
            [
                (
                    str(each.id),
                    each.kind,
                    ", ".join(each.fields),
                    SIDE_NAMES.get(each.winner, each.status),
                    f"{each.at:%F %T}",
                )
                for each in story.conflicts
                if each.at is not None
            ],
        )
    if story.changes:
        table(
            "Last changes",
            ("when", "what", "in", "fields", "run"),
            [
                (
                    f"{each.at:%F %T}",
                    each.action,
                    SIDE_NAMES.get(each.side, each.side),
                    _fields(each.fields),
                    str(each.run or ""),
                )
                for each in story.changes
                if each.at is not None
            ],
        )


def _fields(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= NAMED else f"{len(names)} fields"
