"""Sightings: the rows of one side during an initial sync, kept until the other side was read.

They are the reason why memory stays one page: pairing asks the database, not a dict of all rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, delete, func, select, update

from tasks.state.links import NO_TABLE, LinkReads, LinkWrites
from tasks.state.models import scope, sighting, sighting_match
from tasks.state.records import Side, Sighting, Verdict
from tasks.state.session import Values

_FIELDS = tuple(Sighting.__dataclass_fields__)
_FROM_SCOPE = ("map", "company")
_SELECTED = tuple(scope.c[name] if name in _FROM_SCOPE else sighting.c[name] for name in _FIELDS)
_STORED = tuple(name for name in _FIELDS if name not in ("id", "pair", *_FROM_SCOPE))


class SightingReads(LinkReads):
    """Questions about sightings; all of one side of one lane."""

    def sightings_by_key(
        self, pair: int, map: str, company: str, side: Side, keys: Iterable[str]
    ) -> dict[str, list[Sighting]]:
        """Sightings by key; several rows of one side may fold to one key."""
        found: dict[str, list[Sighting]] = {}
        for seen in self._sightings(
            _of(pair, map, company, side).where(self._among(sighting.c.key, keys)).order_by(sighting.c.id)
        ):
            found.setdefault(str(seen.key), []).append(seen)
        return found

    def sightings_by_row(
        self, pair: int, map: str, company: str, side: Side, rows: Iterable[str]
    ) -> dict[str, Sighting]:
        """Sightings by the name of their row."""
        query = _of(pair, map, company, side).where(self._among(sighting.c.row, rows))
        return {seen.row: seen for seen in self._sightings(query)}

    def sightings_by_match(
        self, pair: int, map: str, company: str, side: Side, rule: int, values: Iterable[str]
    ) -> dict[str, list[Sighting]]:
        """Sightings by the value of one match rule (its index); a list of one is a unique hit."""
        joined = and_(
            sighting_match.c.scope_id == sighting.c.scope_id,
            sighting_match.c.side == sighting.c.side,
            sighting_match.c.row == sighting.c.row,
        )
        query = (
            _of(pair, map, company, side)
            .add_columns(sighting_match.c.value)
            .join(sighting_match, joined)
            .where(sighting_match.c.rule == rule, self._among(sighting_match.c.value, values))
            .order_by(sighting.c.id)
        )
        found: dict[str, list[Sighting]] = {}
        for row in self._connection.execute(query):
            seen, value = _record(row), row[-1]
            # a row that was seen twice may have left an older value behind
            if seen.match and seen.match[rule] == value:
                found.setdefault(value, []).append(seen)
        return found

    def iterate_sightings(
        self,
        pair: int,
        map: str,
        company: str,
        side: Side,
        *,
        after: int = 0,
        limit: int = 1000,
        unmatched: bool = False,
        verdict: Verdict | None = None,
    ) -> list[Sighting]:
        """The next sightings after one's id, in the order of reading; empty at the end."""
        query = _of(pair, map, company, side).where(sighting.c.id > after)
        if unmatched:
            query = query.where(sighting.c.matched.is_(False))
        if verdict is not None:
            query = query.where(sighting.c.verdict == verdict)
        return self._sightings(query.order_by(sighting.c.id).limit(limit))

    def count_sightings(
        self, pair: int, map: str, company: str, side: Side, verdict: Verdict | None = None
    ) -> int:
        """Number of sightings."""
        query = (
            select(func.count())
            .select_from(sighting)
            .join(scope, scope.c.id == sighting.c.scope_id)
            .where(_lane(pair, map, company), sighting.c.side == side)
        )
        if verdict is not None:
            query = query.where(sighting.c.verdict == verdict)
        return int(self._connection.execute(query).scalar_one())

    def _sightings(self, query: Select[Any]) -> list[Sighting]:
        return [_record(row) for row in self._connection.execute(query)]


class SightingWrites(SightingReads, LinkWrites):
    """Changes of sightings."""

    def put_sightings(self, sightings: Sequence[Sighting]) -> None:
        """Store sightings; a row seen again replaces what was seen before."""
        latest = {(seen.pair, seen.map, seen.company, seen.side, seen.row): seen for seen in sightings}
        lanes = {at[:3] for at in latest}
        scopes = {at: self._scope(*at, NO_TABLE) for at in lanes}
        rows: list[Values] = []
        matches: list[Values] = []
        for at, seen in latest.items():
            scope_id = scopes[at[:3]]
            rows.append((seen.pair, scope_id, *[getattr(seen, name) for name in _STORED]))
            for rule, value in enumerate(seen.match or ()):
                if value is not None:
                    matches.append((seen.pair, scope_id, seen.side, rule, value, seen.row))
        key = ("scope_id", "side", "row")
        self._insert(
            sighting,
            ("pair", "scope_id", *_STORED),
            rows,
            key=key,
            update=[name for name in _STORED if name not in key],
        )
        columns = ("pair", "scope_id", "side", "rule", "value", "row")
        self._insert(sighting_match, columns, matches, key=columns[1:], keep=True)

    def mark_matched(self, pair: int, map: str, company: str, side: Side, rows: Iterable[str]) -> None:
        """These rows found their counterparts."""
        self._connection.execute(
            update(sighting)
            .where(
                sighting.c.scope_id.in_(self._scopes(pair, map=map, company=company, table=NO_TABLE)),
                sighting.c.side == side,
                self._among(sighting.c.row, rows),
            )
            .values(matched=True)
        )

    def clear_sightings(self, pair: int, map: str, company: str, side: Side | None = None) -> None:
        """Forget what was seen, of one side or of both."""
        scopes = self._scopes(pair, map=map, company=company, table=NO_TABLE)
        for table in (sighting_match, sighting):
            statement = delete(table).where(table.c.scope_id.in_(scopes))
            self._connection.execute(statement if side is None else statement.where(table.c.side == side))


def _record(row: Row[Any]) -> Sighting:
    return Sighting(*row[: len(_FIELDS)])


def _lane(pair: int, map: str, company: str) -> ColumnElement[bool]:
    return and_(
        scope.c.pair == pair, scope.c.map == map, scope.c.company == company, scope.c.table == NO_TABLE
    )


def _of(pair: int, map: str, company: str, side: Side) -> Select[Any]:
    query = select(*_SELECTED).join(scope, scope.c.id == sighting.c.scope_id)
    return query.where(_lane(pair, map, company), sighting.c.side == side)
