"""What a comparison says about a row: a pure function of digests, bases and the map's policy.

Two questions are answered apart. *Presence* (is the row there, was it there, does its own side's filter take it) is a table of
cells, `PRESENCE`. Rows that stand on both sides are then merged *unit by unit*, each side against its own base, in `merge`.
Neither touches a service or the state, so every cell has a test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import numpy as np
import numpy.typing as npt

Digests = npt.NDArray[np.uint64]
Flags = npt.NDArray[np.bool_]
Policy = Literal["fno", "dataverse", "newest", "hold"]

UNKNOWN = np.uint64(0)
"""Digest of a base that was never settled; the hash never returns it."""


class Seen(StrEnum):
    """How one side stands to a row."""

    SAME = "same"  # there, as its base says
    CHANGED = "changed"  # there, differs from its base
    GONE = "gone"  # was there, a read by id and by key finds nothing
    LEFT = "left"  # there, but its own side's filter no longer takes it
    NEVER = "never"  # no trace, and the link knows of none


class Decision(StrEnum):
    """What is to be done about a row."""

    EQUAL = "equal"
    MERGE = "merge"
    CREATE_DATAVERSE = "create-dataverse"
    CREATE_FNO = "create-fno"
    DELETE_DATAVERSE = "delete-dataverse"
    DELETE_FNO = "delete-fno"
    DEACTIVATE = "deactivate"  # in Dataverse, where the map says so instead of a delete
    RECREATE_DATAVERSE = "recreate-dataverse"
    RECREATE_FNO = "recreate-fno"
    PAIR = "pair"
    DETACH = "detach"
    LET_GO = "let-go"  # gone from one side and kept on the other: from now on only the key binds them
    UNLINK = "unlink"
    SKIP = "skip"
    HOLD = "hold"  # a delete that is not believed, or too many of them: a person decides


def _presence() -> dict[tuple[bool, Seen, Seen], Decision]:
    s, c, g, left, n = Seen.SAME, Seen.CHANGED, Seen.GONE, Seen.LEFT, Seen.NEVER
    d = Decision
    table = {
        # linked rows: (paired, F&O, Dataverse)
        (True, s, s): d.EQUAL,
        (True, c, s): d.MERGE,
        (True, s, c): d.MERGE,
        (True, c, c): d.MERGE,
        (True, g, s): d.DELETE_DATAVERSE,
        (True, s, g): d.DELETE_FNO,
        # a change beats a delete: the row is created again, whole, and the clash is recorded
        (True, g, c): d.RECREATE_FNO,
        (True, c, g): d.RECREATE_DATAVERSE,
        (True, g, g): d.UNLINK,
        # rows nobody has linked yet
        (False, c, c): d.PAIR,
        (False, c, n): d.CREATE_DATAVERSE,
        (False, n, c): d.CREATE_FNO,
        (False, n, n): d.SKIP,
        (False, g, g): d.UNLINK,
        (False, g, n): d.UNLINK,
        (False, n, g): d.UNLINK,
        (False, c, g): d.CREATE_DATAVERSE,
        (False, g, c): d.CREATE_FNO,
    }
    # the verdict of a side's own filter comes first: nothing is written in either direction while the row is outside
    for other in Seen:
        table[(True, left, other)] = d.DETACH
        table[(True, other, left)] = d.DETACH
        table[(False, left, other)] = d.SKIP
        table[(False, other, left)] = d.SKIP
    table[(True, left, g)] = d.UNLINK
    table[(True, g, left)] = d.UNLINK
    return table


PRESENCE: dict[tuple[bool, Seen, Seen], Decision] = _presence()
"""(paired?, F&O, Dataverse) → decision, for every combination that can occur."""


@dataclass(frozen=True, slots=True)
class Directions:
    """Which way each pair and each unit may travel.

    Attributes:
        unit_of: pair index → unit index, shape (pairs,).
        pair_to_dataverse, pair_to_fno: shape (pairs,).
    """

    unit_of: npt.NDArray[np.intp]
    units: int
    pair_to_dataverse: Flags
    pair_to_fno: Flags

    def any_of_unit(self, flags: Flags) -> Flags:
        """Per unit: does any of its pairs hold? (rows, pairs) → (rows, units)."""
        if self.units == len(self.unit_of):
            return flags
        order = np.argsort(self.unit_of, kind="stable")
        starts = np.searchsorted(self.unit_of[order], np.arange(self.units))
        return np.asarray(np.logical_or.reduceat(flags[:, order], starts, axis=1), dtype=bool)

    @property
    def unit_to_dataverse(self) -> Flags:
        return np.asarray(self.any_of_unit(self.pair_to_dataverse[None, :])[0], dtype=bool)

    @property
    def unit_to_fno(self) -> Flags:
        return np.asarray(self.any_of_unit(self.pair_to_fno[None, :])[0], dtype=bool)


@dataclass(frozen=True, slots=True)
class Merge:
    """What happens to each unit of rows that stand on both sides; all arrays (rows, units), bool.

    Attributes:
        to_dataverse, to_fno: Send the unit in this direction.
        adopt: Both sides hold the same value that their bases don't know yet: move both bases, write nothing.
        conflict: Both sides changed to different values; the policy decided, or holds it.
        hold: The part of `conflict` and of `no_base` that waits for a person.
        no_base: Sides differ and nobody knows what stood there before; the master decided, or a person will.
        drift: The target of a one-way unit was changed; it is repaired by `to_dataverse`/`to_fno`.
        open: Sides differ and nothing may be written (link mode).
    """

    to_dataverse: Flags
    to_fno: Flags
    adopt: Flags
    conflict: Flags
    hold: Flags
    no_base: Flags
    drift: Flags
    open: Flags

    @property
    def quiet(self) -> Flags:
        """Rows (shape (rows,)) about which nothing is to be written or recorded."""
        busy = self.to_dataverse | self.to_fno | self.adopt | self.conflict | self.no_base | self.open
        return np.asarray(~busy.any(axis=1), dtype=bool)


def merge(
    fno: Digests,
    dataverse: Digests,
    base_fno: Digests,
    base_dataverse: Digests,
    directions: Directions,
    policy: Policy,
    *,
    empty: np.uint64,
    master: Literal["fno", "dataverse"] = "fno",
    keep_values: bool = True,
    hold_unknown: bool = False,
    write: bool = True,
    newer: npt.NDArray[np.str_] | None = None,
) -> Merge:
    """Compare each side with its own base and decide unit by unit.

    Args:
        fno, dataverse: Digests of the canonical values now, shape (rows, pairs).
        base_fno, base_dataverse: Digests of what each side held when the row was last settled; `UNKNOWN` where never.
        policy: What decides a unit that changed on both sides. `newest` needs `newer`.
        empty: Digest of the empty value.
        master: Whose value wins where there is no base.
        keep_values: At a first connection an empty value of the master doesn't blank the other side.
        hold_unknown: Where there is no base, two values wait for a person; only an empty field is filled from the other side.
        write: False pairs only: differences stay open.
        newer: Per row which side was changed last ("fno" or "dataverse"), for `newest`.
    """
    unknown = (base_fno == UNKNOWN) | (base_dataverse == UNKNOWN)
    differ = fno != dataverse
    any_of = directions.any_of_unit
    # a pair that flows one way can only change at its source: what its target does on its own is no opinion but drift, also
    # where the pair shares a unit with pairs that flow both ways
    unit_unknown = any_of(unknown)
    moved_fno, moved_dataverse = (fno != base_fno) & ~unknown, (dataverse != base_dataverse) & ~unknown
    from_fno, from_dataverse = directions.pair_to_dataverse[None, :], directions.pair_to_fno[None, :]
    changed_fno = any_of(moved_fno & from_fno) & ~unit_unknown
    changed_dataverse = any_of(moved_dataverse & from_dataverse) & ~unit_unknown
    strayed_fno = any_of(moved_fno & ~from_fno) & ~unit_unknown
    strayed_dataverse = any_of(moved_dataverse & ~from_dataverse) & ~unit_unknown
    unequal = any_of(differ)

    adopt = (unit_unknown | changed_fno | changed_dataverse | strayed_fno | strayed_dataverse) & ~unequal
    no_base = unit_unknown & unequal
    conflict = changed_fno & changed_dataverse & unequal
    fno_only = changed_fno & ~changed_dataverse & unequal
    dataverse_only = changed_dataverse & ~changed_fno & unequal
    drift = (strayed_fno | strayed_dataverse) & ~changed_fno & ~changed_dataverse & unequal

    first = np.full((fno.shape[0], 1), master == "fno")
    if policy == "hold":
        hold = conflict.copy()
        fno_wins = np.zeros_like(conflict)
        dataverse_wins = np.zeros_like(conflict)
    else:
        hold = np.zeros_like(conflict)
        if policy == "newest":
            if newer is None:
                raise ValueError("policy 'newest' needs to know which side changed last")
            by_fno = (newer == "fno")[:, None]
        else:
            by_fno = np.full((fno.shape[0], 1), policy == "fno")
        fno_wins = conflict & by_fno
        dataverse_wins = conflict & ~by_fno
        first = by_fno

    # no base: the master's value wins, but its emptiness doesn't blank a value unless the map says so
    # (judged by what differs: an amount is not blanked because the currency beside it is filled on both sides)
    fno_empty = ~any_of(differ & (fno != empty))
    dataverse_empty = ~any_of(differ & (dataverse != empty))
    if master == "fno":
        base_by_fno = ~(fno_empty & ~dataverse_empty) if keep_values else np.ones_like(no_base)
    else:
        base_by_fno = (dataverse_empty & ~fno_empty) if keep_values else np.zeros_like(no_base)
    # nor can it win where nothing that differs flows its way
    differs_to_dataverse, differs_to_fno = any_of(differ & from_fno), any_of(differ & from_dataverse)
    either_way = differs_to_dataverse & differs_to_fno
    base_by_fno = np.where(either_way, base_by_fno, differs_to_dataverse)
    if hold_unknown:
        one_is_empty = (fno_empty | dataverse_empty) & keep_values
        asked = no_base & either_way & ~one_is_empty
        hold |= asked
    else:
        asked = np.zeros_like(no_base)

    # a unit goes one way at a time: where one-way pairs of both directions strayed, the rest follows at the next look
    repair_dataverse = drift & strayed_dataverse & (~strayed_fno | first)
    to_dataverse = fno_only | fno_wins | repair_dataverse
    to_dataverse |= no_base & base_by_fno & ~asked
    to_fno = dataverse_only | dataverse_wins | (drift & ~repair_dataverse)
    to_fno |= no_base & ~base_by_fno & ~asked
    open_ = np.zeros_like(no_base)
    if not write:
        open_ = to_dataverse | to_fno
        to_dataverse = np.zeros_like(no_base)
        to_fno = np.zeros_like(no_base)
    return Merge(to_dataverse, to_fno, adopt, conflict, hold, no_base, drift, open_)


def at_odds(fno: Digests, dataverse: Digests, base_fno: Digests, base_dataverse: Digests) -> Flags:
    """Where the sides differ otherwise than both bases know it: what a service made of a value is no difference."""
    settled = (fno == base_fno) & (dataverse == base_dataverse)
    return np.asarray((fno != dataverse) & ~settled, dtype=bool)
