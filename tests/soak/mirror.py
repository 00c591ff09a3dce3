"""What both systems hold and how it came to that, followed by the log of their writes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tests.engine.rest import SIDES, Entry, Name, Side
from tests.integration.stored import fold, passes
from tests.local_services import Services
from tests.soak.shapes import COMPANY, DOCUMENTS, SHAPES, Shape
from tests.soak.texts import Pair, pairs_of, text_of

Row = dict[str, Any]
PAIRS: dict[str, tuple[Pair, ...]] = {shape.map: pairs_of(shape) for shape in SHAPES}
BY_RAW: dict[tuple[str, Side], dict[str, list[Pair]]] = {}
for _shape in SHAPES:
    for _side in SIDES:
        _found = BY_RAW.setdefault((_shape.map, _side), {})
        for _pair in PAIRS[_shape.map]:
            _found.setdefault(_pair.raw_of(_side), []).append(_pair)
NUMBERED = frozenset({"PartyNumber"})
"""What F&O numbers from a sequence."""
FILLED = frozenset(
    {pair.name for pairs in PAIRS.values() for pair in pairs if pair.values is not None} | NUMBERED
)
"""What F&O fills where it is empty: choices, and numbers from a sequence."""
MAP_OF = {shape.table: shape.map for shape in SHAPES}
ENGINE = "application"


class Mirror:
    """Rows of both systems by id, the names by which the proof knows them, and what happened to them.

    Args:
        company_id: id of the company in Dataverse.
    """

    def __init__(self, services: Services, company_id: str) -> None:
        self._services = services
        self.company_id = company_id
        self.rows: dict[tuple[Side, str], dict[Any, Row]] = {}
        self.names: dict[tuple[Side, str, Any], Name] = {}
        self.alias: dict[tuple[str, str], Name] = {}
        self.renamed: set[Name] = set()
        self.let_go: set[Name] = set()
        """Rows that were deleted after they had left their filter: nobody was told."""
        self.left: set[Name] = set()
        """Rows that were outside their filter at some time."""
        self.brief: set[Name] = set()
        """Rows that their own side's user made and deleted between two runs: nobody on the other side ever met them."""
        self._fresh: set[tuple[Side, Name]] = set()
        self.deleted: dict[tuple[Side, str, str], Row] = {}
        """The last row that was deleted, by side, map and key."""
        self.log: list[Entry] = []
        self.engine_writes: list[tuple[Side, str]] = []
        self._first: dict[tuple[Side, str], frozenset[Any]] = {}
        self._read = 0
        self._slots: dict[Name, tuple[Shape, int]] = {
            (shape.map, fold(key)): (shape, n) for shape in SHAPES for n, key in enumerate(shape.slots)
        }

    # which rows there are

    def dump(self) -> None:
        """Read all rows of both systems afresh."""
        for shape in SHAPES:
            self.rows["fno", shape.set] = {
                row["#record"]: row for row in self._services.dump("fno", shape.set)
            }
            self.rows["dataverse", shape.table] = {
                row[shape.id_column]: row for row in self._services.dump("dataverse", shape.table)
            }
        for side in SIDES:
            for shape in SHAPES:
                for row_id, row in self.rows[side, of_side(shape, side)].items():
                    self.name(side, shape, row_id, row)

    def name(self, side: Side, shape: Shape, row_id: Any, row: Row) -> Name | None:
        """What the proof calls a row: its map and the key that it was made with; None for rows of no map."""
        at = (side, of_side(shape, side), row_id)
        if at not in self.names:
            if not belongs(shape, side, row, self.company_id):
                return None
            named = (shape.map, fold(row[shape.key if side == "fno" else shape.column]))
            self.names[at] = self.alias.get(named, named)
        found = self.names[at]
        return found if found[0] == shape.map else None

    def find(self, side: Side, shape: Shape, slot: int) -> Row | None:
        """The row of a slot on a side."""
        wanted = (shape.map, fold(shape.slots[slot]))
        for row_id, row in self.rows[side, of_side(shape, side)].items():
            if self.names.get((side, of_side(shape, side), row_id)) == wanted:
                return row
        return None

    def is_first(self, side: Side, shape: Shape, slot: int) -> bool:
        """Is the row of a slot the one that was there at the start?"""
        row = self.find(side, shape, slot)
        return (
            row is not None
            and row["#record" if side == "fno" else shape.id_column]
            in self._first[side, of_side(shape, side)]
        )

    def was_renamed(self, shape: Shape, slot: int) -> bool:
        """Has a row of this slot another key by now, on either side?"""
        return (shape.map, fold(shape.slots[slot])) in self.renamed

    def begin(
        self,
        rows: Mapping[tuple[Side, str], Mapping[Any, Row]],
        names: Mapping[tuple[Side, str, Any], Name],
    ) -> None:
        """Start again from these rows, with an empty log."""
        self.rows = {at: dict(found) for at, found in rows.items()}
        self.names = dict(names)
        self._first = {at: frozenset(found) for at, found in rows.items()}
        self.log, self.engine_writes = [], []
        self.renamed, self.let_go, self.left, self.alias, self.deleted = set(), set(), set(), {}, {}
        self.brief, self._fresh = set(), set()
        self._read = 0

    # what happened

    def run_begins(self) -> None:
        """Who made a row before this may have it taken for the other side's from now on."""
        self.follow()
        self._fresh.clear()

    def follow(self) -> None:
        """Take in what was written since."""
        self._take_all(self._services.writes(since=self._read))

    def edit(self, side: Side, method: str, path: str, body: Mapping[str, Any] | None) -> None:
        """A user's request, and all that was written until after it.

        Raises:
            Refused: the service refused it.
        """
        self._take_all(self._services.edit_and_follow(side, method, path, body, self._read))

    def _take_all(self, writes: Iterable[Mapping[str, Any]]) -> None:
        for write in writes:
            self._read = write["seq"]
            self._take(write)

    def _take(self, write: Mapping[str, Any]) -> None:
        side: Side = write["side"]
        table: dict[Any, Row] | None = self.rows.get((side, write["set"]))
        if table is None:
            return
        row_id, row = write["id"], write["row"]
        before = table.pop(row_id, None)
        if row is not None:
            table[row_id] = row if side == "dataverse" else {"#record": row_id, **row}
        by_engine = write["caller"] == ENGINE
        if by_engine:
            self.engine_writes.append((side, write["kind"]))
        for shape in SHAPES:
            if of_side(shape, side) != write["set"]:
                continue
            stored = row if row is not None else before
            name = None if stored is None else self.name(side, shape, row_id, stored)
            if name is not None:
                self._enter(side, shape, name, before, row, write, by_engine)

    def _enter(
        self,
        side: Side,
        shape: Shape,
        name: Name,
        before: Row | None,
        row: Row | None,
        write: Mapping[str, Any],
        by_engine: bool,
    ) -> None:
        at = write["seq"] * 10
        if row is None:
            self.log.append(Entry(at, side, name, "delete", {}, not by_engine))
            if (side, name) in self._fresh:
                self.brief.add(name)
            if before is not None:
                self.deleted[side, *name] = before
                if not inside(shape, side, before):
                    self.let_go.add(name)
            return
        if not inside(shape, side, row):
            self.left.add(name)
        if before is None:
            # what a new row leaves empty and F&O fills, nobody said; made again, it says that it is empty now
            again = (side, *name) in self.deleted
            values = {
                field: text
                for field, text in self.values(side, shape, row).items()
                if text or field not in (NUMBERED if again else FILLED)
            }
        else:
            values = {
                pair.name: self.text(pair, side, row)
                for raw, pairs in BY_RAW[shape.map, side].items()
                if row[raw] != before[raw]
                for pair in pairs
            }
            values = {
                field: text
                for field, text in values.items()
                # who refers to a renamed row has another text there
                if self._pair(shape, field).target
                or text != self.text(self._pair(shape, field), side, before)
            }
        if "key" in values and before is not None:
            self.renamed.add(name)
            self.alias[shape.map, values["key"]] = name
        kind = "create" if before is None else "set"
        if not by_engine:
            if before is None:
                self._fresh.add((side, name))
            if values:
                self.log.append(Entry(at, side, name, kind, values, True))  # type: ignore[arg-type]
            return
        sent = {sent_as(field) for field in write["fields"]}
        # what the service filled in by itself counts as its users' edit
        filled = {
            field: text
            for field, text in values.items()
            if text and self._pair(shape, field).raw_of(side).casefold() not in sent
        }
        self.log.append(Entry(at, side, name, kind, values, False))  # type: ignore[arg-type]
        if filled:
            self.log.append(Entry(at + 1, side, name, "set", filled, True))

    def _pair(self, shape: Shape, field: str) -> Pair:
        return next(pair for pair in PAIRS[shape.map] if pair.name == field)

    # values

    def values(self, side: Side, shape: Shape, row: Row) -> dict[str, str]:
        """A stored row, in words that both sides share."""
        return {pair.name: self.text(pair, side, row) for pair in PAIRS[shape.map]}

    def text(self, pair: Pair, side: Side, row: Row) -> str:
        """What a row says in a field."""
        value = row[pair.raw_of(side)]
        if not pair.target or value is None or pair.table not in MAP_OF:
            return text_of(pair, side, value)
        # a row that is renamed stays the row that it was
        if side == "dataverse":
            named = self.names.get(("dataverse", pair.table, value))
            return named[1] if named is not None else str(value)
        key = fold(value)
        return self.alias.get((MAP_OF[pair.table], key), ("", key))[1]


def of_side(shape: Shape, side: Side) -> str:
    """Entity set or table of a map."""
    return shape.set if side == "fno" else shape.table


def belongs(shape: Shape, side: Side, row: Row, company_id: str) -> bool:
    """Is a row one that this map is about, or may be again?"""
    if side == "fno":
        if shape.company and fold(row["dataAreaId"]) != COMPANY:
            return False
        if shape.set == "CustomersV3":
            return bool((row["PartyType"] == "Person") == (shape.table == "contacts"))
        return bool(row[shape.key] != "999")
    if shape.company and row["_msdyn_company_value"] != company_id:
        return False
    return row[shape.column] is not None


def inside(shape: Shape, side: Side, row: Row) -> bool:
    """Does the map's filter of this side take a row?"""
    return passes(DOCUMENTS[shape.map][side].get("filter"), row)


def sent_as(field: str) -> str:
    """Raw name of the column that a name in a request body is about."""
    name = field.removesuffix("@odata.bind")
    return (f"_{name}_value" if name != field else name).casefold()


def untouched(rows: Iterable[Row]) -> Sequence[str]:
    """Rows as text, to be compared."""
    return sorted(repr(sorted(row.items(), key=str)) for row in rows)
