"""The past: what the sync did in a map or to a row, as the state has it. Names of fields, never values."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.state.records import HistoryEntry, RunLane, RunRecord
from tasks.state.store import Store


@dataclass
class RunStory:
    """A run, and what it did in the map; counts by company and direction."""

    run: RunRecord
    lanes: list[RunLane] = field(default_factory=list)


@dataclass
class Past:
    """What is on record, newest first.

    Attributes:
        runs: those that worked on the map; none where it is about one row: its changes name theirs.
    """

    changes: list[HistoryEntry] = field(default_factory=list)
    runs: list[RunStory] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.changes or self.runs)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


def past(store: Store, pair: int, map: str, company: str | None, key: str | None, limit: int) -> Past:
    """What was done in a map, or to one row.

    Args:
        key: as lists show it: the parts of the row's key without the company, with slashes between.
        limit: so many changes, and so many runs.
    """
    with store.read() as state:
        found = Past(state.history(pair, map, company, key=key, limit=limit))
        if key is None:
            found.runs = [RunStory(*each) for each in state.runs_of(pair, map, company, limit)]
    return found
