"""Newest: which side a row was changed on last, where a map lets that decide conflicts.

Each service stamps its own rows by its own clock, so both stamps are brought to ours by the skew that the services' answers show.
A row of Dataverse that was last modified by ourselves says nothing about its users: then it counts when the change was first seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import numpy.typing as npt

from mappings.errors import FatalError
from mappings.metadata import Table
from mappings.model import Map
from tasks.connectors.side import Row, Side
from tasks.sync.cases import Case
from tasks.sync.lane import Lane

MODIFIED_ON = "modifiedon"
NEVER = datetime.min.replace(tzinfo=UTC)


def require_times(sync: Map, fno: Table, dataverse: Table) -> None:
    """Can `newest` be told for this map?

    Raises:
        FatalError: a side exposes no modified time.
    """
    if sync.conflict != "newest":
        return
    if sync.fno.modified is None or sync.fno.modified not in fno.columns:
        what = (
            f"F&O's {fno.name} has no {sync.fno.modified}" if sync.fno.modified else "fno.modified names none"
        )
    elif MODIFIED_ON not in dataverse.columns:
        what = f"Dataverse's {dataverse.name} has no {MODIFIED_ON}"
    else:
        return
    raise FatalError(
        f"map {sync.name!r}: newest needs a modified time on both sides, and {what}",
        code="no_modified_time",
        remedy="choose conflict: fno, dataverse or hold",
    )


def newer(lane: Lane, cases: Sequence[Case], is_ours: Callable[[Row], bool]) -> npt.NDArray[np.str_]:
    """Per case the side that was changed last; F&O where both times are the same."""
    modified = lane.map.fno.modified or ""
    out = []
    for case in cases:
        fno = _moment(case.fno and case.fno.get(modified), lane.fno)
        dataverse = _moment(case.dataverse and case.dataverse.get(MODIFIED_ON), lane.dataverse)
        if case.dataverse is not None and is_ours(case.dataverse):
            seen = [e.noted_at for e in case.entries if e.side == "dataverse" and e.noted_at is not None]
            dataverse = min(seen, default=NEVER)
        out.append("fno" if fno >= dataverse else "dataverse")
    return np.array(out, dtype=np.str_)


def _moment(stamp: Any, side: Side) -> datetime:
    """A service's stamp by our clock; long ago if it has none."""
    try:
        found = datetime.fromisoformat(str(stamp or ""))
    except ValueError:
        return NEVER
    if found.year < 1902:  # F&O's empty time
        return NEVER
    skew: float = getattr(side, "skew", 0.0)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)) - timedelta(seconds=skew)
