"""A world at rest, written down for the invariants: stored values of both systems, what is on record, what users did."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mappings.metadata import Column
from tests.engine.rest import (
    SIDES,
    Conflict,
    Field,
    Linked,
    Name,
    Parked,
    Rest,
    Rules,
    Side,
    Stored,
    Waits,
    Written,
    edits_of,
)
from tests.integration.stored import fold
from tests.soak.excuses import Excuses
from tests.soak.mirror import PAIRS, Mirror, Row, inside, of_side
from tests.soak.shapes import BY_MAP, MAPS, SHAPES, Shape
from tests.soak.texts import field_of
from tests.soak.world import World

STAMPS = frozenset(
    {
        "@odata.etag",
        "#version",
        "#record",
        "versionnumber",
        "modifiedon",
        "_modifiedby_value",
        "fullname",
        "ModifiedDateTime1",
    }
)
"""Columns that a service itself keeps: they tell nothing of what was written."""


class Reader:
    """Reads a world when it has come to rest.

    Args:
        world: at its start.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self.rules = {shape.map: self._rules(shape) for shape in SHAPES}
        self.start = self._stored(world.mirror)
        self.before = self._outside(world.mirror)

    def _rules(self, shape: Shape) -> Rules:
        sync = self._world.catalogues[False].get(shape.map)
        fno = self._world.fno.table(shape.set).columns
        dataverse = self._world.dataverse.table(shape.table).columns
        fields: list[Field] = []
        for pair in PAIRS[shape.map]:
            scales: dict[Side, int | None] = {"fno": None, "dataverse": None}
            if not pair.target and pair.values is None:
                scales = {"fno": _scale(fno[pair.property]), "dataverse": _scale(dataverse[pair.raw])}
            first = ""
            if pair.values is not None and (members := fno[pair.property].members):
                first = pair.values.get(members[0], "")
            fields.append(field_of(pair, scales, first))
        return Rules(
            shape.map,
            tuple(fields),
            policy=sync.conflict,
            to_dataverse=sync.delete.to_dataverse,
            to_fno=sync.delete.to_fno,
            on_leave=sync.on_leave,
        )

    # what is stored

    def _stored(self, mirror: Mirror) -> dict[Side, dict[Name, Stored]]:
        found: dict[Side, dict[Name, Stored]] = {"fno": {}, "dataverse": {}}
        for side in SIDES:
            for shape in SHAPES:
                for row_id, row in mirror.rows[side, of_side(shape, side)].items():
                    name = mirror.names.get((side, of_side(shape, side), row_id))
                    if name is not None and name[0] == shape.map:
                        found[side][name] = self._row(mirror, side, shape, row_id, row)
        return found

    def _row(self, mirror: Mirror, side: Side, shape: Shape, row_id: Any, row: Row) -> Stored:
        mapped = {pair.raw_of(side) for pair in PAIRS[shape.map]} | STAMPS
        if side == "dataverse" and shape.flip is not None:
            mapped.add(shape.flip[0])
        return Stored(
            values=mirror.values(side, shape, row),
            id=str(row_id),
            inside=inside(shape, side, row),
            active=side == "fno" or row["statecode"] == 0,
            rest=repr(sorted((name, value) for name, value in row.items() if name not in mapped)),
        )

    def _outside(self, mirror: Mirror) -> dict[str, str]:
        """Rows that no map takes."""
        return {
            f"{side} {set_} {row_id}": repr(sorted(row.items(), key=str))
            for (side, set_), rows in mirror.rows.items()
            for row_id, row in rows.items()
            if (side, set_, row_id) not in mirror.names
        }

    def twins(self, mirror: Mirror) -> list[tuple[Side, Name]]:
        """Rows beyond the first of a key."""
        counted = Counter(
            (side, name)
            for (side, set_, row_id), name in mirror.names.items()
            if row_id in mirror.rows[side, set_]
        )
        return [at for at, count in counted.items() for _ in range(count - 1)]

    # the rest

    def rest(self, moved: list[str], failed: list[str]) -> Rest:
        """Everything that there is to say."""
        world, mirror = self._world, self._world.mirror
        mirror.follow()
        log = list(mirror.log)
        mirror.dump()
        now = self._stored(mirror)
        names = Names(mirror)
        pair = world.session.pair
        with world.store.read() as state:
            conflicts = [each for each in state.conflicts(pair) if each.id not in world.recorded]
            parked, waiting = state.parked(pair), state.waiting(pair)
            links = [
                link
                for shape in SHAPES
                for link in state.iterate_links(pair, shape.map, "usmf" if shape.company else "", 0, 10_000)
            ]
        return Rest(
            rules=self.rules,
            start=self.start,
            now=now,
            edits=edits_of(log, self.start),
            conflicts=[
                Conflict(
                    names.of_key(each.map, each.key),
                    each.kind,
                    tuple(each.fields),
                    each.winner,
                    each.loser,
                    each.status == "open",
                )
                for each in conflicts
            ],
            parked=[Parked(names.of_key(p.map, p.key), p.side, p.kind, p.code) for p in parked],
            waiting=[
                Waits(names.of_row(w.map, w.side, w.row), names.of_parent(w.parent_table, w.parent_key))
                for w in waiting
            ],
            links=[
                Linked(
                    names.of_link(link),
                    link.state,
                    names.fno_key(link),
                    link.dataverse_id,
                    link.intent_fno is not None or link.intent_dataverse is not None,
                )
                for link in links
            ],
            writes=[Written(side, kind, True) for side, kind in mirror.engine_writes],
            faults=world.faults,
            twins=self.twins(mirror),
            moved=moved,
            failed=failed,
            before=self.before,
            after=self._outside(mirror),
            excused=Excuses(now),
        )

    @staticmethod
    def unequal(rest: Rest, let_go: set[Name]) -> set[tuple[str, str]]:
        """Rows that nobody expects to be equal, by map and key: parked for a reason, waiting, held, or outside a filter."""
        rows = {parked.row for parked in rest.parked if rest.excused(parked)}
        rows |= (
            let_go | {each.row for each in rest.waiting} | {each.row for each in rest.conflicts if each.open}
        )
        rows |= {row for side in SIDES for row, stored in rest.now[side].items() if not stored.inside}
        return {
            (row[0], rest.now[side][row].values["key"])
            for row in rows
            for side in SIDES
            if row in rest.now[side]
        }


class Names:
    """What the proof calls the rows that the state speaks of."""

    def __init__(self, mirror: Mirror) -> None:
        self._by_id = {
            (set_, str(row_id)): name
            for (side, set_, row_id), name in mirror.names.items()
            if side == "dataverse"
        }
        self._by_key: dict[tuple[str, str], Name] = {}
        for entry in mirror.log:
            if "key" in entry.values:
                self._by_key.setdefault((entry.row[0], entry.values["key"]), entry.row)

    def of_key(self, map: str, key: str) -> Name:
        """A row by the key that a person would write."""
        return self._by_key.get((map, fold(key)), (map, fold(key)))

    def of_row(self, map: str, side: str, row: str) -> Name:
        """A row by its name in the inbox."""
        if side == "dataverse":
            return self._by_id.get((BY_MAP[map].table, row), (map, row))
        return self.of_key(map, json.loads(row)[-1])

    def of_parent(self, table: str, key: str) -> Name:
        """A row by its folded key."""
        map = next((shape.map for shape in SHAPES if shape.table == table), table)
        return self.of_key(map, key.split("\x1f")[-1])

    def of_link(self, link: Any) -> Name:
        """The row of a link."""
        found = self._by_id.get((link.table, link.dataverse_id or ""))
        if found is not None:
            return found
        key = self.fno_key(link) or (link.key or "").split("\x1f")[-1]
        return self.of_key(link.map, key)

    @staticmethod
    def fno_key(link: Any) -> str:
        """The F&O row that a link names, as text."""
        address: Mapping[str, Any] | None = link.fno_key
        return "" if address is None else fold(address[BY_MAP[link.map].key])


def _scale(column: Column) -> int | None:
    return column.scale if column.kind in ("decimal", "double") else None


__all__ = ["MAPS", "Reader"]
