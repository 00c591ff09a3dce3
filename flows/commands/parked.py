"""`dualflow parked`: the rows that could not be written, and a person's word about them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.ages import Newer, Older, since
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.commands.status import pair_of
from flows.installation import installation

if TYPE_CHECKING:
    from tasks.state.records import ParkedChoice
    from tasks.state.store import Store
    from tasks.sync.parking import Done, Line

app = typer.Typer(help="Rows that could not be written: why, and what to do.", no_args_is_help=True)

Kind = Literal["parked", "waiting_create", "held_delete", "uncertain", "duplicate", "out_of_scope", "skipped"]
MapOption = Annotated[str | None, typer.Option("--map", "-m", help="One map only.")]
CompanyOption = Annotated[str | None, typer.Option("--company", "-c", help="One company only.")]
CodeOption = Annotated[str | None, typer.Option("--code", help="One error code only, such as too_long.")]
KindOption = Annotated[Kind | None, typer.Option(help="One kind only.")]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of `parked list`.")]
All = Annotated[bool, typer.Option("--all", help="All that the options choose.")]

SIDES = {"fno": "F&O", "dataverse": "Dataverse"}
SHOWN = 200
"""Lines that a table shows; a file takes all."""


@app.command("list")
def list_(
    map_: MapOption = None,
    company: CompanyOption = None,
    code: CodeOption = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
    as_json: AsJson = False,
) -> None:
    """List parked rows, oldest first, and rows that wait for another: which row, which field, what is wrong, what to do.

    Exit code 1 if there are any but those set aside. Example: dualflow parked list --map "Customer groups" --older-than 2d
    """
    with installation(note), _state() as (store, pair):
        lines = _lines(store, pair, _choice(map_, company, code, kind, older, newer))
        found = list(lines) if as_json else list(islice(lines, SHOWN))
        more = sum(1 for _ in lines)

    def show() -> None:
        if not found:
            console().print("nothing is parked")
            return
        now = datetime.now(UTC)
        rows = [
            (
                str(line.id or ""),
                line.map,
                line.company,
                SIDES[line.side],
                line.key,
                line.field or line.parents,
                line.message + (f"\n→ {line.fix}" if line.fix else ""),
                str(line.attempts or ""),
                since((now - line.first_at).total_seconds()) if line.first_at else "",
                _next(line, now),
            )
            for line in found
        ]
        columns = (
            "id",
            "map",
            "company",
            "side",
            "key",
            "field",
            "what and what to do",
            "tries",
            "age",
            "next",
        )
        table("Parked", columns, rows)
        if more:
            console().print(f"and {more:,} more: dualflow parked export --output parked.csv has all")
        console().print(
            "Try again with: dualflow parked retry ID… | --all; set aside with: dualflow parked skip"
        )

    emit({"parked": [line.to_json() for line in found]}, as_json, show)
    if any(line.kind != "skipped" for line in found):
        leave(FINDINGS)


@app.command()
def export(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: stdout.")
    ] = None,
    map_: MapOption = None,
    company: CompanyOption = None,
    code: CodeOption = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
) -> None:
    """Write all of them as CSV, one line a row, whatever their number.

    Example: dualflow parked export --output parked.csv
    """
    from tasks.sync.parking import COLUMNS

    with installation(note), _state() as (store, pair):
        lines = _lines(store, pair, _choice(map_, company, code, kind, older, newer))
        if output is None:
            count = _write(sys.stdout, COLUMNS, lines)
        else:
            with output.open("w", encoding="utf-8", newline="") as file:
                count = _write(file, COLUMNS, lines)
    note(f"{count:,} rows")


@app.command()
def retry(
    ids: Ids = None,
    every: All = False,
    map_: MapOption = None,
    company: CompanyOption = None,
    code: CodeOption = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
    as_json: AsJson = False,
) -> None:
    """Let rows be tried again by the next delta run, without waiting for their turn.

    Exit code 1 if nothing fits. Example: dualflow parked retry --all --code too_long
    """
    from tasks.sync import parking

    with installation(note), _state() as (store, pair):
        choice = _choice(map_, company, code, kind, older, newer, ids, every)
        done = parking.retry(store, pair, choice, datetime.now(UTC))
    _said(done, "will be tried again: dualflow sync delta", as_json)


@app.command()
def skip(
    ids: Ids = None,
    every: All = False,
    map_: MapOption = None,
    company: CompanyOption = None,
    code: CodeOption = None,
    kind: KindOption = None,
    older: Older = None,
    newer: Newer = None,
    as_json: AsJson = False,
) -> None:
    """Set rows aside: nobody tries them again until they change, or fail for another reason; `retry` brings them back.

    Exit code 1 if nothing fits. Example: dualflow parked skip 17 18
    """
    from tasks.sync import parking

    with installation(note), _state() as (store, pair):
        choice = _choice(map_, company, code, kind, older, newer, ids, every)
        done = parking.skip(store, pair, choice)
    _said(done, "set aside", as_json)


@contextmanager
def _state() -> Iterator[tuple[Store, int]]:
    from tasks.state.store import Store
    from tasks.sync.settings import load_settings

    settings = load_settings()
    with Store.open(settings.state_url) as store:
        yield store, pair_of(store, settings.fno_url)


def _choice(
    map_: str | None,
    company: str | None,
    code: str | None,
    kind: Kind | None,
    older: timedelta | None,
    newer: timedelta | None,
    ids: list[int] | None = None,
    every: bool | None = None,
) -> ParkedChoice:
    from tasks.state.records import ParkedChoice
    from tasks.sync.settings import load_settings

    if every is not None and every == bool(ids):
        raise typer.BadParameter("name rows by their numbers, or say --all, with options that choose")
    now = datetime.now(UTC)
    return ParkedChoice(
        map=load_settings().catalogue().get(map_).name if map_ else None,
        company=company.lower() if company else None,
        kind=kind,
        code=code,
        before=now - older if older is not None else None,
        after=now - newer if newer is not None else None,
        ids=tuple(ids or ()),
    )


def _lines(store: Store, pair: int, choice: ParkedChoice) -> Iterator[Line]:
    from mappings.troubleshooting.catalogue import recognize
    from tasks.sync.parking import listed

    @lru_cache(10_000)
    def advise(message: str, code: str) -> str:
        known = recognize(message, code)
        return known.advice if known is not None else ""

    return listed(store, pair, choice, advise)


def _next(line: Line, now: datetime) -> str:
    if line.kind in ("parked", "waiting_create", "uncertain") and line.next_at is not None:
        seconds = (line.next_at - now).total_seconds()
        return f"in {since(seconds)}" if seconds > 0 else "now"
    return {"skipped": "set aside", "waiting": "with its parent"}.get(line.kind, line.kind.replace("_", " "))


def _write(file: Any, columns: Sequence[str], lines: Iterable[Line]) -> int:
    writer = csv.writer(file)
    writer.writerow(columns)
    count = 0
    for line in lines:
        values = line.to_json()
        writer.writerow(["" if values[name] is None else values[name] for name in columns])
        count += 1
    return count


def _said(done: Done, what: str, as_json: bool) -> None:
    def show() -> None:
        console().print(f"{done.rows:,} rows {what}" if done.rows else "nothing fits")
        if done.held:
            console().print(f"{done.held:,} held deletes stay: dualflow deletes approve lets those go")

    emit({"rows": done.rows, "held": done.held, "lanes": done.lanes}, as_json, show)
    if not done.rows:
        leave(FINDINGS)
