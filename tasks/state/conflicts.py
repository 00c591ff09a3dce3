"""Conflicts and history: where two values met, and what was done to which row."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Row, Table, and_, bindparam, delete, func, select, update

from tasks.state.models import conflict, history
from tasks.state.records import ConflictKind, ConflictRecord, ConflictStatus, HistoryEntry, Side
from tasks.state.session import Session

_CONFLICT = tuple(ConflictRecord.__dataclass_fields__)
_HISTORY = tuple(HistoryEntry.__dataclass_fields__)
_TOP = 1 << 63
_OPEN_KEYS = (
    select(conflict.c.key)
    .distinct()
    .where(
        *(conflict.c[name] == bindparam(f"of_{name}") for name in ("pair", "map", "company")),
        conflict.c.status == "open",
    )
)


class ConflictReads(Session):
    """Questions about conflicts and history."""

    def conflicts(
        self,
        pair: int,
        map: str | None = None,
        company: str | None = None,
        *,
        status: ConflictStatus | None = None,
        kind: ConflictKind | None = None,
        key: str | None = None,
        limit: int | None = None,
    ) -> list[ConflictRecord]:
        """Recorded conflicts, newest first."""
        query = select(*(conflict.c[name] for name in _CONFLICT)).where(
            _of(conflict, pair, map=map, company=company, status=status, kind=kind, key=key)
        )
        rows = self._connection.execute(query.order_by(conflict.c.id.desc()).limit(limit))
        return [_conflict(*row) for row in rows]

    def open_keys(self, pair: int, map: str, company: str) -> set[str]:
        """Keys of a lane's rows about which a conflict waits for a person."""
        found = self._found(_OPEN_KEYS, {"of_pair": pair, "of_map": map, "of_company": company})
        return {key for (key,) in found}

    def open_conflicts(self, pair: int, map: str, company: str, keys: Iterable[str]) -> list[ConflictRecord]:
        """Conflicts of these rows that wait for a person."""
        query = select(*(conflict.c[name] for name in _CONFLICT)).where(
            _of(conflict, pair, map=map, company=company, status="open"), self._among(conflict.c.key, keys)
        )
        return [_conflict(*row) for row in self._connection.execute(query.order_by(conflict.c.id))]

    def choices(self, pair: int, map: str, company: str) -> list[ConflictRecord]:
        """Open conflicts of a lane about which a person has decided."""
        query = select(*(conflict.c[name] for name in _CONFLICT)).where(
            _of(conflict, pair, map=map, company=company, status="open"), conflict.c.choice != ""
        )
        return [_conflict(*row) for row in self._connection.execute(query.order_by(conflict.c.id))]

    def conflicts_by_id(self, pair: int, ids: Iterable[int]) -> list[ConflictRecord]:
        """Conflicts by their numbers, in the order of those."""
        query = select(*(conflict.c[name] for name in _CONFLICT)).where(
            conflict.c.pair == pair, self._among(conflict.c.id, ids)
        )
        return [_conflict(*row) for row in self._connection.execute(query.order_by(conflict.c.id))]

    def count_conflicts(
        self,
        pair: int,
        map: str | None = None,
        company: str | None = None,
        *,
        status: ConflictStatus | None = None,
        kind: ConflictKind | None = None,
    ) -> int:
        """Number of recorded conflicts."""
        query = select(func.count()).select_from(conflict)
        query = query.where(_of(conflict, pair, map=map, company=company, status=status, kind=kind))
        return int(self._connection.execute(query).scalar_one())

    def count_rows(self, pair: int, map: str, company: str, kind: ConflictKind) -> int:
        """Number of rows about which such conflicts are on record."""
        query = select(func.count(conflict.c.key.distinct()))
        return int(
            self._connection.execute(
                query.where(_of(conflict, pair, map=map, company=company, kind=kind))
            ).scalar_one()
        )

    def history(
        self,
        pair: int,
        map: str | None = None,
        company: str | None = None,
        *,
        key: str | None = None,
        run: int | None = None,
        action: str | None = None,
        limit: int | None = None,
    ) -> list[HistoryEntry]:
        """What was done, newest first."""
        query = select(*(history.c[name] for name in _HISTORY)).where(
            _of(history, pair, map=map, company=company, key=key, run=run, action=action)
        )
        rows = self._connection.execute(query.order_by(history.c.id.desc()).limit(limit))
        return [HistoryEntry(*row) for row in rows]


class ConflictWrites(ConflictReads):
    """Changes of conflicts and history."""

    def record_conflicts(self, records: Sequence[ConflictRecord]) -> None:
        """Record conflicts; one takes the place of the open one of the same row, kind and unit, if there is one.

        A person's choice about the open one stays as long as the values are those that it was made about.
        """
        if not records:
            return
        now = self._now()
        open_ids = self._open(records)
        columns = tuple(name for name in _CONFLICT if name != "id")
        new: list[tuple[Any, ...]] = []
        again: list[tuple[Any, ...]] = []
        for record in records:
            filled = {
                "at": record.at or now,
                "fno_digest": _signed(record.fno_digest),
                "dataverse_digest": _signed(record.dataverse_digest),
            }
            known = open_ids.pop(_row_of(record), None)
            if known is not None and known[1:3] == (filled["fno_digest"], filled["dataverse_digest"]):
                filled |= {"choice": known.choice, "at": known.at}
            values = tuple(filled[name] if name in filled else getattr(record, name) for name in columns)
            if known is None:
                new.append(values)
            else:
                again.append((*values, known.id))
        self._insert(conflict, columns, new)
        self._update(conflict, columns, again)

    def close_conflicts(self, ids: Iterable[int], *, winner: str = "") -> None:
        """Mark conflicts as decided, for one side or, with no winner, because the difference went away by itself."""
        loser = {"fno": "dataverse", "dataverse": "fno"}.get(winner, "")
        self._connection.execute(
            update(conflict)
            .where(self._among(conflict.c.id, ids), conflict.c.status == "open")
            .values(status="decided", winner=winner, loser=loser)
        )

    def choose(self, record: ConflictRecord, side: Side) -> bool:
        """Note what a person chose for an open conflict; False if it is not as that person saw it any more."""
        done = self._connection.execute(
            update(conflict)
            .where(
                conflict.c.id == record.id,
                conflict.c.status == "open",
                conflict.c.fno_digest == _signed(record.fno_digest),
                conflict.c.dataverse_digest == _signed(record.dataverse_digest),
            )
            .values(choice=side)
        )
        return done.rowcount == 1

    def add_history(self, entries: Sequence[HistoryEntry]) -> None:
        """Note what was done."""
        now = self._now()
        columns = tuple(name for name in _HISTORY if name != "id")
        self._insert(
            history,
            columns,
            [
                tuple((entry.at or now) if name == "at" else getattr(entry, name) for name in columns)
                for entry in entries
            ],
        )

    def forget_history(self, pair: int, before: Any) -> None:
        """Drop history, and conflicts that are decided, from before a point in time."""
        self._connection.execute(delete(history).where(history.c.pair == pair, history.c.at < before))
        self._connection.execute(
            delete(conflict).where(
                conflict.c.pair == pair, conflict.c.at < before, conflict.c.status == "decided"
            )
        )

    def _open(self, records: Sequence[ConflictRecord]) -> dict[tuple[Any, ...], Row[Any]]:
        known = [conflict.c[name] for name in ("id", "fno_digest", "dataverse_digest", "choice", "at")]
        found: dict[tuple[Any, ...], Row[Any]] = {}
        for pair in {record.pair for record in records}:
            keys = {record.key for record in records if record.pair == pair}
            rows = self._connection.execute(
                select(*known, *(conflict.c[name] for name in _ROW))
                .where(
                    conflict.c.pair == pair, conflict.c.status == "open", self._among(conflict.c.key, keys)
                )
                .with_for_update()  # nobody chooses between this look and the update that follows it
            )
            found |= {tuple(row[len(known) :]): row for row in rows}
        return found


_ROW = ("pair", "map", "company", "key", "kind", "unit")


def _row_of(record: ConflictRecord) -> tuple[Any, ...]:
    return tuple(getattr(record, name) for name in _ROW)


def _of(table: Table, pair: int, **wanted: Any) -> ColumnElement[bool]:
    conditions = [table.c[name] == value for name, value in wanted.items() if value is not None]
    return and_(table.c.pair == pair, *conditions)


def _signed(digest: int) -> int:
    return digest - 2 * _TOP if digest >= _TOP else digest


def _conflict(*values: Any) -> ConflictRecord:
    named = dict(zip(_CONFLICT, values, strict=True))
    for name in ("fno_digest", "dataverse_digest"):
        named[name] %= 2 * _TOP
    return ConflictRecord(**named)
