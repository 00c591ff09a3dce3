"""The states of all maps, as Prefect's UI shows them after a run: those that don't simply run, one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings.troubleshooting.catalogue import advised
from tasks.state.records import LaneRecord
from tasks.sync.control import NAMES


def states(lanes: Sequence[LaneRecord]) -> list[dict[str, Any]]:
    """Rows of a table artifact: states as dual-write names them, running maps as one number."""
    others = [lane for lane in lanes if lane.state != "running"]
    found = [
        {"map": lane.map, "company": lane.company, "state": NAMES[lane.state], "why": advised(lane.reason)}
        for lane in sorted(others, key=lambda lane: (lane.map, lane.company))
    ]
    running = len(lanes) - len(others)
    if running:
        name = "all others" if others else "all"
        found.append({"map": name, "company": "", "state": NAMES["running"], "why": f"{running} lanes"})
    return found
