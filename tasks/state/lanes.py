"""Lanes: how each map stands in each company, and the layouts of its digests."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
from sqlalchemy import Select, bindparam, select

from mappings.errors import FatalError
from tasks.state.models import installation, lane, layout, secret
from tasks.state.records import LaneRecord, LaneStatus, StoredLayout
from tasks.state.session import Session

_BLOCKED = "blocked maps of pair {}"
_COLUMNS = tuple(LaneRecord.__dataclass_fields__)

# built once: a feed is asked many times a second, and building a statement costs more than its answer
_ALL = select(*(lane.c[name] for name in _COLUMNS)).where(lane.c.pair == bindparam("of_pair"))
_ALL = _ALL.order_by(lane.c.map, lane.c.company)
_ONE = _ALL.where(lane.c.map == bindparam("of_map"), lane.c.company == bindparam("of_company"))
_ONE_KEPT = _ONE.with_for_update()  # says nothing on SQLite, which has one writer at a time


@cache
def _of_maps(count: int) -> Select[Any]:
    return _ALL.where(lane.c.map.in_([bindparam(f"map_{place}") for place in range(count)]))


class LaneReads(Session):
    """Questions about lanes and layouts."""

    def lane(self, pair: int, map: str, company: str) -> LaneRecord:
        """How a lane stands; one that never ran is `not_running`."""
        found = self._lanes(_ONE, of_pair=pair, of_map=map, of_company=company)
        return found[0] if found else LaneRecord(pair, map, company)

    def lanes(self, pair: int, maps: Collection[str] | None = None) -> list[LaneRecord]:
        """All lanes that ever ran, of some maps or (None) of all, by map and company."""
        if maps is None:
            return self._lanes(_ALL, of_pair=pair)
        if not maps:
            return []
        named = {f"map_{place}": name for place, name in enumerate(sorted(maps))}
        return self._lanes(_of_maps(len(named)), of_pair=pair, **named)

    def layout_by_id(self, id: int) -> StoredLayout:
        """A layout that digests were stored with.

        Raises:
            FatalError: there is none; digests without their layout mean nothing.
        """
        row = self._connection.execute(select(layout).where(layout.c.id == id)).one_or_none()
        if row is None:
            raise FatalError(
                f"the state has no layout {id}",
                code="layout_missing",
                remedy="the state is damaged: restore it, or rebuild the links with `dualflow relink --reset`",
            )
        pairs = tuple((str(name), str(type_id)) for name, type_id in row.pairs)
        return StoredLayout(row.id, row.pair, row.map, row.hash, pairs, row.secret_id)

    def _lanes(self, query: Select[Any], **values: Any) -> list[LaneRecord]:
        columns = self._columns(query, values)
        return [LaneRecord(*row) for row in zip(*columns, strict=True)]

    def blocked(self, pair: int) -> dict[str, str]:
        """Map → why it must not run: another program works on its table."""
        query = select(installation.c.value).where(installation.c.name == _BLOCKED.format(pair))
        found = self._connection.execute(query).scalar_one_or_none()
        return dict(msgspec.json.decode(found, type=dict[str, str])) if found else {}


class LaneWrites(LaneReads):
    """Changes of lanes and layouts."""

    def save_blocked(self, pair: int, reasons: Mapping[str, str]) -> None:
        """Note which maps must not run, in place of what was noted before."""
        value = msgspec.json.encode(dict(reasons)).decode()
        self._insert(
            installation,
            ("name", "value"),
            [(_BLOCKED.format(pair), value)],
            key=("name",),
            update=("value",),
        )

    def lane(self, pair: int, map: str, company: str) -> LaneRecord:
        """How a lane stands; nobody else changes that before this transaction ends."""
        found = self._lanes(_ONE_KEPT, of_pair=pair, of_map=map, of_company=company)
        return found[0] if found else LaneRecord(pair, map, company)

    def save_lane(self, record: LaneRecord) -> None:
        """Store how a lane stands; `updated_at` is set to now."""
        record = replace(record, updated_at=self._now())
        self._insert(
            lane,
            _COLUMNS,
            [tuple(getattr(record, name) for name in _COLUMNS)],
            key=("pair", "map", "company"),
            update=_COLUMNS[3:],
        )

    def save_lane_state(self, pair: int, map: str, company: str, state: LaneStatus, reason: str = "") -> None:
        """Change a lane's state and the reason for it, and leave the rest."""
        self.save_lane(replace(self.lane(pair, map, company), state=state, reason=reason))

    def layout(self, pair: int, map: str, hash: str, pairs: Sequence[tuple[str, str]]) -> int:
        """Number of a layout, stored when it is first used.

        Args:
            hash: content hash of the map.
            pairs: (pair id, type id) per position. The live types count too: the same map over changed columns is
                another layout, as is one under another digest key.
        """
        listed = [list(pair_) for pair_ in pairs]
        content = hashlib.sha256(msgspec.json.encode(listed)).hexdigest()
        secret_id = self._connection.execute(select(secret.c.id).where(secret.c.pair == pair)).scalar_one()
        query = select(layout.c.id).where(
            layout.c.pair == pair,
            layout.c.map == map,
            layout.c.hash == hash,
            layout.c.pairs_hash == content,
            layout.c.secret_id == secret_id,
        )
        found = self._connection.execute(query).scalar_one_or_none()
        if found is None:
            key = ("pair", "map", "hash", "pairs_hash", "secret_id")
            self._insert(
                layout, (*key, "pairs"), [(pair, map, hash, content, secret_id, listed)], key=key, keep=True
            )
            found = self._connection.execute(query).scalar_one()
        return int(found)
