"""Notes: what a batch leaves for people to read — parked rows, waiting rows, conflicts, history.

They are gathered while a batch is decided and written, and stored in the one transaction that records it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from mappings.metadata import SideName
from tasks.state.records import (
    ConflictRecord,
    ConflictStatus,
    HistoryEntry,
    WaitingRow,
)
from tasks.sync.cases import Work
from tasks.sync.choices import met
from tasks.sync.diff import Flags, Merge
from tasks.sync.kept import MOST_TURNS
from tasks.sync.lane import Lane
from tasks.sync.listing import Listing
from tasks.sync.lookups import MissingParent


class Notes(Listing):
    """Writes notes about the rows of one lane."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane)
        self._pair_ids = [pair.pair.id for pair in lane.layout.pairs]

    # waiting

    def wait(self, work: Work, i: int, unit: int, parent: MissingParent, *, whole: bool) -> None:
        """A row, or one unit of it, that needs another row first."""
        lane = self._lane
        side, row = self.row(work.cases[i])
        work.unsettled.add(i)
        work.waiting += [
            WaitingRow(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                side=side,
                row=row,
                unit=-1 if whole else unit,
                parent_table=table,
                parent_company=company,
                parent_key=key,
                parent_map=map_,
            )
            for table, company, key, map_ in parent.places
        ]
        lane.counts.count(waiting=1)

    def park_parent_gone(self, work: Work, i: int, unit: int, parent: MissingParent) -> None:
        """A row that names another one which a link knows, but Dataverse has no more."""
        fields = ", ".join(self.fields([unit]))
        self.park(
            work,
            i,
            "parent_gone",
            f"{self._about(work, i)}: {fields} names {parent}, which is gone from Dataverse while F&O still has it",
            "make that row again in Dataverse, or delete it in F&O too (`dualflow parked list` says what keeps it there), or let"
            " this row name another one; it is tried again by itself",
            field=fields,
        )

    # conflicts

    def conflict(
        self,
        work: Work,
        i: int,
        kind: Literal["conflict", "no_base", "delete", "drift", "normalized", "not_kept"],
        units: Sequence[int],
        winner: str,
        *,
        status: ConflictStatus = "decided",
        unit: str = "",
    ) -> None:
        """Record that two values met, and which one stands."""
        lane, comparison = self._lane, work.comparison
        pairs = [p for unit in units for p in lane.layout.units[unit]]
        if status == "open":
            work.open.add((self.key(work.cases[i]), kind, unit))
        side, row = self.row(work.cases[i])
        work.conflicts.append(
            ConflictRecord(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                key=self.key(work.cases[i]),
                kind=kind,
                fields=self.fields(units),
                winner=winner,
                loser={"fno": "dataverse", "dataverse": "fno"}.get(winner, ""),
                fno_digest=met(comparison.fno[i, pairs]),
                dataverse_digest=met(comparison.dataverse[i, pairs]),
                status=status,
                unit=unit,
                side=side,
                row=row,
                run=lane.run,
            )
        )

    def conflict_delete(self, work: Work, i: int, *, winner: SideName) -> None:
        """A row was deleted on one side and changed on the other: it is made again."""
        self.conflict(work, i, "delete", range(len(self._lane.layout.units)), winner)
        self._lane.counts.count(conflicts=1)

    def merged(self, work: Work, at: Sequence[int], found: Merge) -> None:
        """Conflicts, drift and differences without base among merged rows."""
        counts = self._lane.counts
        interesting = np.flatnonzero((found.conflict | found.no_base | found.drift).any(axis=1))
        for place in interesting.tolist():
            i = at[place]
            for kind, flags in (
                ("conflict", found.conflict),
                ("no_base", found.no_base),
                ("drift", found.drift),
            ):
                self._by_winner(work, i, place, kind, flags[place], found)
        counts.count(
            conflicts=int(found.conflict.any(axis=1).sum()),
            no_base=int(found.no_base.any(axis=1).sum()),
            drift=int(found.drift.any(axis=1).sum()),
        )
        open_rows = np.flatnonzero((found.open | found.hold).any(axis=1))
        work.unsettled.update(at[place] for place in open_rows.tolist())

    def _by_winner(self, work: Work, i: int, place: int, kind: Any, flags: Flags, found: Merge) -> None:
        units = np.flatnonzero(flags)
        if not units.size:
            return
        held = [int(u) for u in units if found.open[place, u] and not found.hold[place, u]]
        by_fno = [int(u) for u in units if found.to_dataverse[place, u]]
        by_dataverse = [int(u) for u in units if found.to_fno[place, u]]
        if held:
            self.conflict(work, i, kind, held, "", status="open")
        for unit in (int(u) for u in units if found.hold[place, u]):
            # one for each: a person may choose differently, and one that is over doesn't void the others' choice
            self.conflict(work, i, kind, [unit], "", status="open", unit=self.fields([unit])[0])
        if by_fno:
            self.conflict(work, i, kind, by_fno, "fno")
        if by_dataverse:
            self.conflict(work, i, kind, by_dataverse, "dataverse")

    def park_not_kept(self, work: Work, i: int, unit: int) -> None:
        """A service keeps undoing what we write."""
        fields = self.fields([unit])
        self.conflict(work, i, "not_kept", [unit], "", status="open", unit=fields[0])
        self.park(
            work,
            i,
            "not_kept",
            f"{self._about(work, i)}: {', '.join(fields)} was set right three times within a day and did not stay",
            "look for a plug-in or process that sets this field, or take the field pair out of the map",
            field=", ".join(fields),
        )

    def park_turning(self, work: Work, i: int, unit: int) -> None:
        """Both sides set a field back to their own value, as often as it gets the other's."""
        fields = self.fields([unit])
        self.conflict(work, i, "not_kept", [unit], "", status="open", unit=fields[0])
        self.park(
            work,
            i,
            "not_kept",
            f"{self._about(work, i)}: {', '.join(fields)} went back and forth between the same two values {MOST_TURNS} times within"
            " an hour: each side sets its own again when it gets the other's",
            "look for a plug-in or flow in Dataverse and for a rule in F&O that set this field, and stop one of them, or let the"
            " field pair flow one way; another value set on either side flows at once",
            field=", ".join(fields),
        )

    # history

    def history(self, work: Work, i: int, action: str, side: str, pairs: Flags | None) -> None:
        """Which fields of a row changed on which side; names only, never values."""
        fields = [] if pairs is None else [self._pair_ids[int(p)] for p in np.flatnonzero(pairs)]
        self.told(work, i, action, side, fields)

    def told(self, work: Work, i: int, action: str, side: str, fields: Sequence[str]) -> None:
        """Something that happened to a row, and the fields that it was about."""
        lane = self._lane
        work.history.append(
            HistoryEntry(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                key=self.key(work.cases[i]),
                action=action,
                side=side,
                fields=fields,
                run=lane.run,
            )
        )
