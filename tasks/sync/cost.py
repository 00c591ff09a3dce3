"""Cost: what a planned run asks of each service, held against what is left of its limits, and how long that takes.

Requests are counted: reads as the rehearsal made them, writes as the batches that they would go out in. Time can only be
estimated. Reading took as long as it took just now. Writing goes as fast as it went before, if a run of this installation wrote
enough to tell, else at a pace that is assumed and said to be. A limit that is reached holds everything up: that can be worked out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil

from mappings.metadata import SideName
from tasks.state.records import RunRecord
from tasks.state.store import Store
from tasks.sync.budget import BEHIND, DAY, Standing

ASSUMED_ROWS_A_SECOND = 20.0
"""Rows written where nobody measured: neither service publishes a figure; plug-ins and business logic decide."""
TELLING = 500
"""Rows that a run must have written for its pace to tell anything."""
LOOKED_AT = 50
"""Latest runs that are looked at for their pace."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run asks of one side.

    Attributes:
        reads, writes: requests.
        rows: rows written.
        free: requests that are left of our share of the service's limit in the present five minutes.
        free_today: rows and single requests that are left of our share of a day's.
        held_up: seconds that the limits hold the run up, at least.
        operations: what a day's limit counts: rows written, and reads, each row of a batch for itself.
    """

    side: SideName
    reads: int
    writes: int
    rows: int
    free: int
    free_today: int
    held_up: float
    operations: int = 0

    @property
    def requests(self) -> int:
        """All of them."""
        return self.reads + self.writes


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast rows are written.

    Attributes:
        run: number of the run that showed it; None = assumed.
    """

    rows_a_second: float = ASSUMED_ROWS_A_SECOND
    run: int | None = None


def cost(
    side: SideName, reads: int, read: int, writes: int, rows: int, standing: Standing, *, loads: bool
) -> Cost:
    """Hold what a run asks of a side against its limits.

    Args:
        read: the same as a day's limit counts them: each row that is read in a batch.
        rows: rows written; a day's limit counts each of them.
        standing: what is used of the limits now.
        loads: an initial load: it may use less than all of our share.
    """
    limits, used = standing.limits, standing.used
    share = BEHIND if loads else 1.0
    a_window, a_day = int(limits.requests * share), int(limits.operations * share)
    free, free_today = max(0, a_window - used.requests), max(0, a_day - used.operations)
    held_up = _windows(reads + writes - free, a_window) * limits.window
    held_up = max(held_up, _windows(rows + read - free_today, a_day) * DAY)
    return Cost(side, reads, writes, rows, free, free_today, held_up, rows + read)


def _windows(lacking: int, a_window: int) -> int:
    """Further windows that are needed for what the present one lacks."""
    return max(0, ceil(lacking / max(1, a_window)))


def pace(store: Store, pair: int) -> Pace:
    """How fast the latest run that wrote enough to tell wrote its rows, reading included."""
    with store.read() as state:
        for run in state.runs(pair, limit=LOOKED_AT):
            if run.kind == "initial_sync" and run.ended is not None:
                written = sum(lane.created + lane.updated + lane.deleted for lane in state.run_lanes(run.id))
                if written >= TELLING and (seconds := _seconds(run)) > 0:
                    return Pace(written / seconds, run.id)
    return Pace()


def _seconds(run: RunRecord) -> float:
    return (run.ended - run.started).total_seconds() if run.ended is not None else 0.0


def duration(costs: Iterable[Cost], reading: float, speed: Pace) -> float:
    """Seconds that a run takes: reading, writing, and waiting for limits, of which the longest decides.

    Args:
        reading: seconds that the rehearsal took.
    """
    costs = list(costs)
    working = reading + sum(each.rows for each in costs) / speed.rows_a_second
    return max([working, *(each.held_up for each in costs)])


def count_requests(counted: Mapping[SideName, Mapping[str, int]], side: SideName) -> int:
    """Requests for data that a side was sent so far, as limits of five minutes count them."""
    kinds = ("page", "read", "find", "feed", "batch", "bulk")
    return sum(int(counted.get(side, {}).get(kind, 0)) for kind in kinds)


def count_operations(counted: Mapping[SideName, Mapping[str, int]], side: SideName) -> int:
    """The same as a day's limit counts them: rows that were written, or read in a batch, each for itself."""
    own = counted.get(side, {})
    alone = sum(int(own.get(kind, 0)) for kind in ("page", "find", "feed"))
    return max(alone + int(own.get("operations", 0)), count_requests(counted, side))
