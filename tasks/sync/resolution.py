"""Resolution: the conflicts on record, and a person's choice about those that are held."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tasks.state.leases import Lease
from tasks.state.records import ConflictKind, ConflictRecord, ConflictStatus, InboxEntry, Side
from tasks.state.store import Store
from tasks.sync.choices import CHOOSABLE, pairs_of
from tasks.sync.engine import Engine
from tasks.sync.gather import gather
from tasks.sync.session import Session

NOBODY = Lease(0, "", 0, "", 0.0, 0.0)
"""A lease that allows nothing: who only looks can't write by mistake."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What became of a choice.

    Attributes:
        refused: why it could not be taken; "" if it was.
    """

    conflict: ConflictRecord
    refused: str = ""


def listed(
    store: Store,
    pair: int,
    now: datetime,
    map: str | None = None,
    company: str | None = None,
    kind: ConflictKind | None = None,
    *,
    status: ConflictStatus | None = "open",
    older: timedelta | None = None,
    newer: timedelta | None = None,
) -> list[ConflictRecord]:
    """Conflicts on record, oldest first.

    Args:
        older, newer: how long ago at least, or at most, the values met.
    """
    with store.read() as state:
        found = state.conflicts(pair, map, company, status=status, kind=kind)
    return [
        record
        for record in reversed(found)
        if record.at is not None
        and (older is None or now - record.at >= older)
        and (newer is None or now - record.at <= newer)
    ]


def resolve(store: Store, pair: int, conflicts: Sequence[ConflictRecord], side: Side) -> list[Chosen]:
    """Choose whose value stands. The next delta run writes it, unless a value has moved by then.

    Args:
        conflicts: as they were shown; one that is not like that any more is refused.
    """
    done = []
    with store.unfenced() as tx:
        for record in conflicts:
            if record.kind not in CHOOSABLE:
                done.append(Chosen(record, f"{record.kind} is no matter of choice"))
            elif record.status != "open" or not tx.choose(record, side):
                done.append(Chosen(record, "it is not open any more, or its values have moved"))
            else:
                done.append(Chosen(record))
        # the row is looked at again, also by a run that is working on it at this moment
        taken = [each.conflict for each in done if not each.refused]
        tx.put_inbox(
            [InboxEntry(pair, record.map, record.company, record.side, record.row) for record in taken]
        )
    return done


def by_numbers(store: Store, pair: int, ids: Sequence[int]) -> tuple[list[ConflictRecord], list[int]]:
    """Conflicts by their numbers, and the numbers that there are none of."""
    with store.read() as state:
        found = state.conflicts_by_id(pair, ids)
    return found, sorted(set(ids) - {record.id for record in found})


def values_of(session: Session, conflicts: Sequence[ConflictRecord]) -> dict[int, tuple[str, str]]:
    """What both systems hold now in the fields of these conflicts, as text: number → (F&O, Dataverse).

    A row that is gone from a side has empty text there; a conflict of a map that has changed since is left out.
    """
    found: dict[int, tuple[str, str]] = {}
    by_lane: dict[tuple[str, str], list[ConflictRecord]] = {}
    for record in conflicts:
        if record.map in session.catalogue.maps and record.row:
            by_lane.setdefault((record.map, record.company), []).append(record)
    for (name, company), records in by_lane.items():
        lane = session.lane(name, company)
        engine = Engine(lane, NOBODY)
        names = {(record.side, record.row) for record in records}
        for side, row in names:
            cases, _ = gather(engine, [InboxEntry(lane.pair, name, company, side, row)])
            if not cases:
                continue
            comparison = engine.comparer.compare(cases)
            for record in records:
                pairs = pairs_of(lane, record) if (record.side, record.row) == (side, row) else []
                if pairs:
                    texts = (comparison.texts_fno[0, pairs], comparison.texts_dataverse[0, pairs])
                    fno, dataverse = (" | ".join(str(text) for text in side_texts) for side_texts in texts)
                    found[record.id] = (fno, dataverse)
    return found
