"""Choices: what a person decided about a held conflict, applied as long as the values are those that were seen.

The choice lies with the open conflict in the state, beside digests of the values that met. Whoever looks at the row next writes the
chosen value, with the version that was just read. If a side changed meanwhile, the choice is void: it was made about other values,
so the conflict is recorded anew and shown again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence

import numpy as np

from tasks.state.records import ConflictRecord
from tasks.sync.cases import Case, Work
from tasks.sync.diff import Digests, Merge
from tasks.sync.lane import Lane

CHOOSABLE = ("conflict", "no_base")
"""Kinds of conflicts that a choice can settle."""


def met(digests: Digests) -> int:
    """One number for the values of several field pairs, in their order."""
    content = np.ascontiguousarray(digests, dtype="<u8").tobytes()
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def apply_choices(
    lane: Lane, work: Work, at: Sequence[int], found: Merge, key: Callable[[Case], str]
) -> None:
    """Let units go out that wait for a person and that somebody decided about.

    Args:
        at: the merged cases, one a row of `found`, which is changed.
        key: a case's key as conflicts are listed under.
    """
    waiting = np.flatnonzero((found.hold | found.no_base).any(axis=1)).tolist()
    if not waiting:
        return
    with lane.store.read() as state:
        chosen = state.choices(lane.pair, lane.map.name, lane.company)
    if not chosen:
        return
    of_key: dict[str, list[ConflictRecord]] = {}
    for record in chosen:
        of_key.setdefault(record.key, []).append(record)
    for place in waiting:
        for record in of_key.get(key(work.cases[at[place]]), ()):
            _apply(lane, work, at[place], place, found, record)


def _apply(lane: Lane, work: Work, i: int, place: int, found: Merge, record: ConflictRecord) -> None:
    pairs = pairs_of(lane, record)
    if not pairs or record.kind not in CHOOSABLE:
        return
    units = sorted({int(lane.directions.unit_of[p]) for p in pairs})
    to_dataverse = record.choice == "fno"
    flows = lane.directions.unit_to_dataverse if to_dataverse else lane.directions.unit_to_fno
    waiting = found.hold if record.kind == "conflict" else found.no_base
    if not waiting[place, units].all() or not flows[units].all() or not _as_seen(work, i, pairs, record):
        return
    found.to_dataverse[place, units], found.to_fno[place, units] = to_dataverse, not to_dataverse
    for flags in (found.hold, found.conflict, found.no_base):
        flags[place, units] = False
    work.chosen[(record.key, record.kind, record.unit)] = (
        i,
        "dataverse" if to_dataverse else "fno",
        tuple(pairs),
    )


def pairs_of(lane: Lane, record: ConflictRecord) -> list[int]:
    """Places of a conflict's field pairs in the layout; none if the map has changed since."""
    places = {plan.pair.id: p for p, plan in enumerate(lane.layout.pairs)}
    found = [places[name] for name in record.fields if name in places]
    return found if len(found) == len(record.fields) else []


def _as_seen(work: Work, i: int, pairs: Sequence[int], record: ConflictRecord) -> bool:
    comparison = work.comparison
    return (
        met(comparison.fno[i, pairs]) == record.fno_digest
        and met(comparison.dataverse[i, pairs]) == record.dataverse_digest
    )


def not_written(lane: Lane, work: Work) -> set[tuple[str, str, str]]:
    """(key, kind, unit) of conflicts whose chosen value could not be written: they stay open, and chosen."""
    left = set()
    for name, (i, side, pairs) in work.chosen.items():
        flows = lane.directions.pair_to_dataverse if side == "dataverse" else lane.directions.pair_to_fno
        carried = [p for p in pairs if flows[p]]
        if not any(
            send.case == i and send.side == side and outcome.status == "done" and send.pairs[carried].all()
            for send, outcome in zip(work.sends, work.outcomes, strict=True)
        ):
            left.add(name)
    return left


def winner_of(lane: Lane, work: Work, i: int, record: ConflictRecord) -> str:
    """Whose value stands where an open conflict of this case is over: the chosen one, or "" where it ended by itself.

    Also right where the choice was carried out by a run that died before it could record that.
    """
    pairs = pairs_of(lane, record)
    if not record.choice or not pairs:
        return ""
    held = work.comparison.fno if record.choice == "fno" else work.comparison.dataverse
    seen = record.fno_digest if record.choice == "fno" else record.dataverse_digest
    return record.choice if met(held[i, pairs]) == seen else ""
