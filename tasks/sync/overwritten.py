"""Overwritten: what a write went over because the service did not mind the version that it carried.

Where a service ignores versions, or they cover only part of a row, each row is read in the same request right before it is written.
What that shows was no longer as the diff had read it, was somebody's edit. It can't be brought back unasked, but it is on record:
row, fields, and whose value was lost.
"""

from __future__ import annotations

import numpy as np

from mappings.metadata import SideName
from tasks.sync.cases import Work
from tasks.sync.compare import Comparer
from tasks.sync.diff import Flags
from tasks.sync.lane import Lane
from tasks.sync.notes import Notes

OTHER: dict[SideName, SideName] = {"fno": "dataverse", "dataverse": "fno"}


def record_overwritten(lane: Lane, work: Work, comparer: Comparer, notes: Notes) -> None:
    """Record as conflicts what the writes of a batch went over."""
    for side in OTHER:
        at = [
            (k, outcome.before)
            for k, (send, outcome) in enumerate(zip(work.sends, work.outcomes, strict=True))
            if send.side == side and outcome.before is not None and outcome.status == "done"
        ]
        if not at:
            continue
        rows = [row for _, row in at]
        canonical = comparer.fno(rows) if side == "fno" else comparer.dataverse(rows)[0]
        for (k, _), stood in zip(at, comparer.digests(canonical), strict=True):
            send, comparison = work.sends[k], work.comparison
            i = send.case
            read, sent = (
                (comparison.fno[i], comparison.dataverse[i])
                if side == "fno"
                else (comparison.dataverse[i], comparison.fno[i])
            )
            moved: Flags = np.asarray(stood != read, dtype=bool)
            if send.operation.kind == "delete":
                kind = "delete"
            else:
                # a write that went out twice finds its own value
                kind, moved = "conflict", moved & send.pairs & (stood != sent)
            if moved.any():
                units = sorted({int(lane.directions.unit_of[p]) for p in np.flatnonzero(moved)})
                notes.conflict(work, i, kind, units, OTHER[side])  # type: ignore[arg-type]
                lane.counts.count(conflicts=1)
