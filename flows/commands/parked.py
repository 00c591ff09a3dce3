"""`dualflow parked`: the rows that could not be written, and a person's word about them."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.ages import Newer, Older, since
from flows.commands.choice import OneCompany, OneMap
from flows.commands.opened import Opened, opened
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.commands.together import with_options
from mappings.metadata import SIDE_NAMES

if TYPE_CHECKING:
    from tasks.state.records import ParkedChoice
    from tasks.sync.parking import Done, Line

app = typer.Typer(help="Rows that could not be written: why, and what to do.", no_args_is_help=True)

Kind = Literal["parked", "waiting_create", "held_delete", "uncertain", "duplicate", "out_of_scope", "skipped"]
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers of `parked list`.")]
All = Annotated[bool, typer.Option("--all", help="All that the options choose.")]


@dataclass(frozen=True)
class Which:
    """Options that choose rows; all rows unless said."""

    map_: OneMap = None
    company: OneCompany = None
    code: Annotated[str | None, typer.Option("--code", help="One error code only, such as too_long.")] = None
    kind: Annotated[Kind | None, typer.Option(help="One kind only.")] = None
    older: Older = None
    newer: Newer = None

    def choice(self, here: Opened, ids: list[int] | None = None) -> ParkedChoice:
        """The same for the state; with numbers only those rows."""
        from tasks.state.records import ParkedChoice

        now = datetime.now(UTC)
        return ParkedChoice(
            map=here.map_name(self.map_),
            company=self.company,
            kind=self.kind,
            code=self.code,
            before=now - self.older if self.older is not None else None,
            after=now - self.newer if self.newer is not None else None,
            ids=tuple(ids or ()),
        )


SHOWN = 200
"""Lines that a table shows; a file takes all."""


@app.command("list")
@with_options
def list_(which: Which, as_json: AsJson = False) -> None:
    """List parked rows, oldest first, and rows that wait for another: which row, which field, what is wrong, what to do.

    Exit code 1 if there are any but those set aside. Example: dualflow parked list --map "Customer groups" --older-than 2d
    """
    with opened() as here:
        lines = _lines(here, which.choice(here))
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
                SIDE_NAMES[line.side],
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
@with_options
def export(
    which: Which,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write. Default: stdout.")
    ] = None,
) -> None:
    """Write all of them as CSV, one line a row, whatever their number.

    Example: dualflow parked export --output parked.csv
    """
    from tasks.sync.parking import COLUMNS

    with opened() as here:
        lines = _lines(here, which.choice(here))
        if output is None:
            count = _write(sys.stdout, COLUMNS, lines)
        else:
            with output.open("w", encoding="utf-8", newline="") as file:
                count = _write(file, COLUMNS, lines)
    note(f"{count:,} rows")


@app.command()
@with_options
def retry(which: Which, ids: Ids = None, every: All = False, as_json: AsJson = False) -> None:
    """Let rows be tried again by the next delta run, without waiting for their turn.

    Exit code 1 if nothing fits. Example: dualflow parked retry --all --code too_long
    """
    from tasks.sync import parking

    _said_which(ids, every)
    with opened() as here:
        done = parking.retry(here.store, here.pair, which.choice(here, ids), datetime.now(UTC))
    _said(done, "will be tried again: dualflow sync delta", as_json)


@app.command()
@with_options
def skip(which: Which, ids: Ids = None, every: All = False, as_json: AsJson = False) -> None:
    """Set rows aside: nobody tries them again until they change, or fail for another reason; `retry` brings them back.

    Exit code 1 if nothing fits. Example: dualflow parked skip 17 18
    """
    from tasks.sync import parking

    _said_which(ids, every)
    with opened() as here:
        done = parking.skip(here.store, here.pair, which.choice(here, ids))
    _said(done, "set aside", as_json)


def _said_which(ids: list[int] | None, every: bool) -> None:
    if every == bool(ids):
        raise typer.BadParameter("name rows by their numbers, or say --all, with options that choose")


def _lines(here: Opened, choice: ParkedChoice) -> Iterator[Line]:
    from mappings.troubleshooting.catalogue import advice
    from tasks.sync.parking import listed

    return listed(here.store, here.pair, choice, advice)


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
