"""Turns: units that both sides set back to their own value as often as they get the other's.

A plug-in here and a rule there can do that to each other for ever, and every turn looks like a user's change.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np

from mappings.metadata import SideName
from tasks.sync.cases import Send, Work
from tasks.sync.choices import met
from tasks.sync.diff import Flags, Merge
from tasks.sync.kept import OPPOSITE, Kept, came_back, turned, turning
from tasks.sync.lane import Lane


def going_round(lane: Lane, work: Work, i: int, found: Merge, place: int) -> list[int]:
    """Units of a case that are about to go back and forth once more, and did so too often."""
    link = work.cases[i].link
    if link is None or not link.kept:
        return []
    out = []
    for unit in sorted(turning(link.kept, lane.seams.now())):
        ways: tuple[tuple[SideName, Flags], ...] = (("dataverse", found.to_dataverse), ("fno", found.to_fno))
        for side, sent in ways:
            if sent[place, unit] and came_back(
                link.kept, unit, side, _values(lane, work, i, OPPOSITE[side], unit)
            ):
                out.append(unit)
    return out


def count_turns(
    lane: Lane, work: Work, send: Send, sent: Flags, kept: Kept | None, now: datetime
) -> Kept | None:
    """The counts after an update.

    Args:
        sent: the units that were to go its way.
    """
    directions = lane.directions
    both = directions.unit_to_dataverse & directions.unit_to_fno
    for unit in np.flatnonzero(sent & both).tolist():
        if send.pairs[directions.unit_of == unit].any():
            source = _values(lane, work, send.case, OPPOSITE[send.side], unit)
            overwritten = _values(lane, work, send.case, send.side, unit)
            kept = turned(kept, unit, send.side, source, overwritten, now)
    return kept


def _values(lane: Lane, work: Work, i: int, side: SideName, unit: int) -> int:
    digests = work.comparison.fno if side == "fno" else work.comparison.dataverse
    return met(digests[i, lane.directions.unit_of == unit])
