"""The kinds of feeds: how soon each names a change, how often it makes sense to ask it, whether it can lose one."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["change_tracking", "row_version", "data_events", "modified", "export", "scan"]


class Times(NamedTuple):
    """Seconds.

    Attributes:
        lag: to expect from a commit until the row is named, if asked at the floor.
        floor: shortest time between two polls that makes sense.
        ceiling: longest time between two polls.
    """

    lag: float
    floor: float
    ceiling: float


TIMES: dict[Kind, Times] = {
    "change_tracking": Times(1.0, 0.5, 30.0),
    "row_version": Times(1.0, 0.5, 30.0),
    "data_events": Times(1.0, 0.2, 5.0),
    "modified": Times(2.0, 1.0, 60.0),
    "export": Times(300.0, 150.0, 900.0),
    "scan": Times(60.0, 60.0, 600.0),
}

LOSSY = frozenset({"data_events", "modified", "export"})
"""Feeds that see no deletes, or can lose a change altogether."""

CHOICE = "choice"
"""Name of the cursor that notes which feed serves an entity set, and why."""
