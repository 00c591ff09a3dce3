"""Do the clocks agree? Tokens have a time, and conflicts that the newest value wins are decided by the clocks of both sides."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.metadata import SIDE_NAMES, SIDES
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

TOLERATED = 5.0
"""Seconds that are no skew: dates of answers have whole seconds, and answers travel."""
FAR = 240.0
"""Seconds from which on tokens may count as not yet or no longer good."""


def clocks(around: Surroundings) -> Iterator[Finding]:
    """Clocks that differ from ours."""
    for name in SIDES:
        side = around.fno if name == "fno" else around.dataverse
        if side is None or abs(side.skew) <= TOLERATED:
            continue
        ahead = "ahead of" if side.skew > 0 else "behind"
        newest = tuple(each.name for each in around.maps if each.conflict == "newest")
        yield Finding(
            "clock_skew",
            "error" if abs(side.skew) > FAR else "warning",
            name,
            f"clock of {SIDE_NAMES[name]}",
            f"the time of this machine, to {TOLERATED:.0f} s",
            f"{abs(side.skew):.0f} s {ahead} it",
            "set this machine's clock by a time server: the services' own clocks are mostly right",
            maps=newest,
        )


CHECK = Check("clock", "Clocks", clocks)
