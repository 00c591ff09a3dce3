"""Parked rows: those that could not be written, one line each with what to do, and a person's word about them.

Beside them stand the rows that wait for another one: nothing is wrong with those, and only who makes the other can hurry them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from tasks.state.records import ParkedChoice, ParkedRow, Side, WaitingRow
from tasks.state.store import Store

PAGE = 1000
"""Rows read at a time: there may be any number of them."""

WAITING = "waiting"
"""Kind, in a list, of a row that waits for another."""

Advise = Callable[[str, str], str]
"""What to do about an error, by its words and its code, where the row doesn't say; "" if nothing is known."""


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a list.

    Attributes:
        id: number by which it can be named; None for a row that waits.
        row: name of the row on its side.
        field: the field pair that is to blame, where one is.
        parents: the rows that it waits for: table, company and key.
        fix: what to do about it.
    """

    id: int | None
    map: str
    company: str
    side: Side
    key: str
    row: str
    kind: str
    code: str
    field: str
    parents: str
    message: str
    fix: str
    attempts: int
    first_at: datetime | None
    next_at: datetime | None
    run: int | None

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


COLUMNS = tuple(Line.__dataclass_fields__)


def listed(
    store: Store, pair: int, choice: ParkedChoice, advise: Advise, *, waiting: bool = True
) -> Iterator[Line]:
    """Parked rows, oldest first, then those that wait: every one of them, a page in memory at a time.

    Args:
        waiting: also rows that are not parked and wait for another; they have no age and no code.
    """
    with store.read() as state:
        waits: dict[tuple[str, str, Side, str], list[WaitingRow]] = {}
        for each in state.waiting(pair, choice.map, choice.company):
            waits.setdefault((each.map, each.company, each.side, each.row), []).append(each)
    for row in chosen(store, pair, choice):
        found = waits.pop((row.map, row.company, row.side, row.row), [])
        yield _line(row, _parents(found), advise)
    narrowed = choice.kind or choice.code or choice.ids or choice.before or choice.after
    if waiting and not narrowed:
        yield from (_waiting(place, parents) for place, parents in waits.items())


def chosen(store: Store, pair: int, choice: ParkedChoice) -> Iterator[ParkedRow]:
    """The parked rows that are meant, oldest first."""
    after = 0
    while True:
        with store.read() as state:
            page = state.chosen_parked(pair, choice, after, PAGE)
        yield from page
        if len(page) < PAGE:
            return
        after = page[-1].id


@dataclass
class Done:
    """What became of a person's word; numbers of rows.

    Attributes:
        held: deletes that the brake holds: `dualflow deletes approve` lets those go.
        lanes: maps and companies of the rows.
    """

    rows: int
    held: int
    lanes: list[tuple[str, str]]


def retry(store: Store, pair: int, choice: ParkedChoice, now: datetime) -> Done:
    """Let rows be tried again by the next delta run, whatever their delay; also those that were set aside."""
    return _tell(store, pair, choice, lambda tx, ids: tx.retry_parked(ids, now))


def skip(store: Store, pair: int, choice: ParkedChoice) -> Done:
    """Set rows aside: they are not tried again by themselves until they change, or fail for another reason."""
    return _tell(store, pair, choice, lambda tx, ids: tx.skip_parked(ids))


def _tell(store: Store, pair: int, choice: ParkedChoice, change: Callable[[Any, list[int]], None]) -> Done:
    rows = held = 0
    lanes: dict[tuple[str, str], None] = {}
    page: list[ParkedRow] = []

    def store_page() -> None:
        with store.unfenced() as tx:
            change(tx, [row.id for row in page])
        page.clear()

    for row in chosen(store, pair, choice):
        if row.kind == "held_delete":
            held += 1
            continue
        rows += 1
        lanes[row.map, row.company] = None
        page.append(row)
        if len(page) == PAGE:
            store_page()
    if page:
        store_page()
    return Done(rows, held, list(lanes))


def _line(row: ParkedRow, parents: str, advise: Advise) -> Line:
    given: Mapping[str, Any] = {name: getattr(row, name) for name in COLUMNS if hasattr(row, name)}
    return Line(**given, parents=parents, fix=row.remedy or advise(row.message, row.code))


def _waiting(place: tuple[str, str, Side, str], parents: list[WaitingRow]) -> Line:
    map_, company, side, row = place
    whole = any(each.unit < 0 for each in parents)
    awaited = _parents(parents)
    return Line(
        id=None,
        map=map_,
        company=company,
        side=side,
        key=row,
        row=row,
        kind=WAITING,
        code=WAITING,
        field="",
        parents=awaited,
        message=f"{'the row' if whole else 'a part of the row'} waits for {awaited}",
        fix="make that row, or start the map that brings it; this one then follows by itself",
        attempts=0,
        first_at=None,
        next_at=None,
        run=None,
    )


def _parents(rows: list[WaitingRow]) -> str:
    names = []
    for each in rows:
        # a folded key: the company, then its parts
        parts = [part for part in each.parent_key.split("\x1f")[1:] if part]
        company = f" in {each.parent_company}" if each.parent_company else ""
        names.append(f"{each.parent_table} {'/'.join(parts) or each.parent_key}{company}")
    return "; ".join(sorted(set(names)))
