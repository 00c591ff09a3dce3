"""Intents and bases: what was about to be written, and what each side held when it was last settled.

Both are stored as bytes of 64-bit digests, one per field pair of the lane's layout. An intent holds the digests about to stand on
the target, and may hold those of their forms, by which they are known again after the service has trimmed or recased them. A target
that holds its intent was written by us, whatever happened to the answer; so a crash between write and record can't be mistaken for
a user's edit, not even where the source's user has meanwhile said something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tasks.state.records import Link
from tasks.sync.diff import UNKNOWN, Digests, Flags
from tasks.sync.images import Images
from tasks.sync.lane import Lane


def pack(digests: Digests) -> bytes:
    """Bytes of a row of digests."""
    return digests.astype("<u8", copy=False).tobytes()


def unpack(data: bytes, pairs: int) -> Digests:
    """The row of digests behind `data`."""
    return np.frombuffer(data, dtype="<u8", count=pairs).astype(np.uint64)


def pack_intent(sent: Digests, pairs: Flags, forms: Digests | None = None) -> bytes:
    """Intent of one write: digests of the pairs it carries, `UNKNOWN` for the others, and those of their forms, if wanted."""
    first = pack(np.where(pairs, sent, UNKNOWN))
    return first if forms is None else first + pack(forms)


def delete_intent(pairs: int) -> bytes:
    """Intent of a delete: it carries nothing."""
    return bytes(8 * pairs)


def is_delete(intent: bytes | None) -> bool:
    """Is this the intent of a delete?"""
    return intent is not None and not any(intent)


@dataclass(frozen=True, slots=True)
class Intent:
    """A write that was about to go out: digests of what it carries and of their forms, shape (pairs,), 0 = not part of it."""

    sent: Digests
    forms: Digests | None = None


class Layouts:
    """Reads stored digests whatever layout they were written with; pairs that changed since are unknown."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._places: dict[int, list[int]] = {}

    def _places_of(self, layout_id: int) -> list[int]:
        """For each pair of today's layout its place in the stored one, -1 where its meaning changed."""
        if layout_id not in self._places:
            with self._lane.store.read() as state:
                stored = state.layout_by_id(layout_id)
            old = {(pair, type_id): place for place, (pair, type_id) in enumerate(stored.pairs)}
            self._places[layout_id] = [
                old.get((pair.pair.id, pair.type_id), -1) for pair in self._lane.layout.pairs
            ]
        return self._places[layout_id]

    def _row(self, data: bytes | None, link: Link, part: int = 0) -> Digests | None:
        if data is None:
            return None
        pairs = self._lane.pairs
        if link.layout_id == self._lane.layout_id:
            return unpack(data[part * 8 * pairs :], pairs)
        if link.layout_id is None:
            return np.zeros(pairs, dtype=np.uint64)
        places = self._places_of(link.layout_id)
        with self._lane.store.read() as state:
            size = len(state.layout_by_id(link.layout_id).pairs)
        stored = unpack(data[part * 8 * size :], size)
        return np.array([stored[place] if place >= 0 else UNKNOWN for place in places], dtype=np.uint64)

    def bases(self, links: Sequence[Link | None]) -> tuple[Digests, Digests]:
        """Bases of both sides, shape (links, pairs); unknown where there is no link."""
        pairs = self._lane.pairs
        fno = np.zeros((len(links), pairs), dtype=np.uint64)
        dataverse = np.zeros((len(links), pairs), dtype=np.uint64)
        for i, link in enumerate(links):
            if link is None or link.base_fno is None:
                continue
            row = self._row(link.base_fno, link)
            if row is not None:
                fno[i] = row
                other = self._row(link.base_dataverse, link)
                dataverse[i] = row if other is None else other
        return fno, dataverse

    def intent(self, data: bytes | None, link: Link) -> Intent | None:
        """An open intent."""
        if data is None:
            return None
        pairs = self._lane.pairs
        if link.layout_id is not None and link.layout_id != self._lane.layout_id:
            with self._lane.store.read() as state:
                pairs = len(state.layout_by_id(link.layout_id).pairs)
        sent = self._row(data, link, 0)
        return (
            None
            if sent is None
            else Intent(sent, self._row(data, link, 1) if len(data) > 8 * pairs else None)
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """One side of one row as just read: digests and texts of its values, shape (pairs,)."""

    digests: Digests
    texts: npt.NDArray[np.object_]


def settle_intent(
    intent: Intent,
    target_now: Standing,
    source_now: Standing,
    base_target: Digests,
    base_source: Digests,
    images: Images,
    key: str,
    *,
    created: bool,
    ours: bool,
) -> Flags:
    """Move the bases (in place) of one row to what an open intent proves.

    Args:
        target_now, source_now: Both sides as just read.
        images: What the target may make of values.
        key: The installation's digest key.
        created: The write was a create and the row is there: it happened, whatever became of single values.
        ours: The row moved since the intent was noted, and the target names us as the last to modify it: it happened, and what
            differs is the service's own normalization.

    Returns: the pairs that the service normalized.
    """
    sent, now = intent.sent, target_now.digests
    part = sent != UNKNOWN
    hit = part & (now == sent)
    base_target[hit] = sent[hit]
    base_source[hit] = sent[hit]
    normalized: Flags = np.zeros(part.shape, dtype=bool)
    rest = part & ~hit
    # nobody says who wrote this: it is ours where it is what the service may have made of a value that still stands at its source
    doubtful = rest & (now != base_target)
    stands = source_now.digests == sent
    for p in np.flatnonzero(doubtful & stands).tolist():
        normalized[p] = images.is_image(p, str(source_now.texts[p]), str(target_now.texts[p]))
    moved = doubtful & ~stands
    if intent.forms is not None and moved.any():
        # the source has moved on: what was sent is known by its form
        forms = images.forms(target_now.texts[np.newaxis], moved[np.newaxis], key)[0]
        normalized |= moved & (forms != UNKNOWN) & (forms == intent.forms)
    if created:
        base_source[rest] = sent[rest]
        # if somebody else changed the row after we made it, the difference is that person's edit
        base_target[rest] = sent[rest]
    if ours:
        normalized = np.asarray(rest, dtype=bool)
    base_source[normalized] = sent[normalized]
    base_target[normalized] = now[normalized]
    return normalized
