"""`dualflow conflicts`: where two values met, and a person's choice about what is held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.ages import Newer, Older, since
from flows.commands.choice import OneCompany, OneMap
from flows.commands.opened import opened
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, table
from mappings.errors import FatalError
from mappings.metadata import SIDE_NAMES, SideName

if TYPE_CHECKING:
    from tasks.state.records import ConflictRecord

app = typer.Typer(help="Fields that both sides changed, and whose value stands.", no_args_is_help=True)

Kind = Literal["conflict", "no_base", "delete", "drift", "normalized", "not_kept"]
KindOption = Annotated[Kind | None, typer.Option(help="One kind only.")]


@app.command("list")
def list_(
    map_: OneMap = None,
    company: OneCompany = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
    status: Annotated[
        Literal["open", "decided", "all"], typer.Option(help="Waiting for a person, over, or both.")
    ] = "open",
    values: Annotated[
        bool, typer.Option("--values", help="Read both systems and show what they hold.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List conflicts, oldest first: those that wait for a person, or all on record.

    The state knows no values; --values asks both systems for them. Exit code 1 if any waits.
    Example: dualflow conflicts list --map "Customer groups" --older-than 2d --values
    """
    with opened() as here:
        from tasks.sync.resolution import listed

        now = datetime.now(UTC)
        found = listed(
            here.store,
            here.pair,
            now,
            here.map_name(map_),
            company,
            kind,
            status=None if status == "all" else status,
            older=older,
            newer=newer,
        )
        held = _values(found) if values and found else {}

    def show() -> None:
        if not found:
            console().print("no conflict waits" if status == "open" else "no conflicts on record")
            return
        rows = []
        for record in found:
            fno, dataverse = held.get(record.id, ("", ""))
            rows.append(
                (
                    str(record.id),
                    record.map,
                    record.company,
                    record.key,
                    record.kind,
                    ", ".join(record.fields),
                    fno,
                    dataverse,
                    since((now - record.at).total_seconds()) if record.at else "",
                    SIDE_NAMES.get(record.winner or record.choice, "")
                    + (" (chosen)" if record.choice and not record.winner else ""),
                )
            )
        columns = ("id", "map", "company", "key", "kind", "fields", "F&O", "Dataverse", "age", "stands")
        table("Conflicts", columns, rows)
        if any(record.status == "open" for record in found):
            console().print(
                "Choose whose value stands with: dualflow conflicts resolve ID… --fno | --dataverse"
            )

    emit({"conflicts": [_json(record, held) for record in found]}, as_json, show)
    if any(record.status == "open" for record in found):
        leave(FINDINGS)


@app.command()
def resolve(
    ids: Annotated[
        list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of `conflicts list`.")
    ] = None,
    fno: Annotated[bool, typer.Option("--fno", help="The value of F&O stands.")] = False,
    dataverse: Annotated[bool, typer.Option("--dataverse", help="The value of Dataverse stands.")] = False,
    every: Annotated[bool, typer.Option("--all", help="All that wait in --map.")] = False,
    map_: OneMap = None,
    company: OneCompany = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
    as_json: AsJson = False,
) -> None:
    """Choose whose value stands where a conflict is held; the next delta run writes it.

    A choice holds for the values that were on record when it was made: if one changes before it is written, the conflict is shown
    again instead. Exit code 1 if a choice could not be taken. Example: dualflow conflicts resolve 17 18 --fno
    """
    if fno == dataverse:
        raise typer.BadParameter("say whose value stands: --fno or --dataverse")
    if every == bool(ids):
        raise typer.BadParameter("name conflicts by their numbers, or all of a map with --all --map NAME")
    if every and not map_:
        raise typer.BadParameter("--all goes with --map: say which map's conflicts are meant")
    side: SideName = "fno" if fno else "dataverse"
    with opened() as here:
        from tasks.sync.resolution import by_numbers, listed
        from tasks.sync.resolution import resolve as choose

        if every:
            name, now = here.map_name(map_), datetime.now(UTC)
            found = listed(here.store, here.pair, now, name, company, kind, older=older, newer=newer)
        else:
            found, unknown = by_numbers(here.store, here.pair, ids or [])
            if unknown:
                raise FatalError(
                    f"there is no conflict {', '.join(map(str, unknown))}",
                    code="no_conflict",
                    remedy="`dualflow conflicts list` shows those that wait",
                )
        done = choose(here.store, here.pair, found, side)
    refused = [each for each in done if each.refused]

    def show() -> None:
        for each in refused:
            record = each.conflict
            console().print(f"{record.id} {record.map} {record.key}: {each.refused}", markup=False)
        console().print(
            f"{len(done) - len(refused)} decided for {SIDE_NAMES[side]};"
            " the next delta run writes it: dualflow sync delta"
        )

    emit(
        {
            "resolved": [each.conflict.id for each in done if not each.refused],
            "refused": [{"id": each.conflict.id, "why": each.refused} for each in refused],
        },
        as_json,
        show,
    )
    if refused:
        leave(FINDINGS)


def _values(found: Sequence[ConflictRecord]) -> dict[int, tuple[str, str]]:
    from tasks.sync.resolution import values_of
    from tasks.sync.session import Session

    session = Session.open()
    try:
        return values_of(session, found)
    finally:
        session.close()


def _json(record: ConflictRecord, held: dict[int, tuple[str, str]]) -> dict[str, Any]:
    left_out = ("pair", "fno_digest", "dataverse_digest", "side", "row")
    shown = {name: value for name, value in asdict(record).items() if name not in left_out}
    if record.id in held:
        shown["values"] = dict(zip(("fno", "dataverse"), held[record.id], strict=True))
    return shown
