"""CPU time of a process and of everything it started."""

from __future__ import annotations

import os
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


class Tree:
    """A process with its descendants, as /proc shows them."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def cpu(self) -> float:
        """CPU seconds so far, those of descendants that ended included."""
        parents: dict[int, list[int]] = {}
        times: dict[int, float] = {}
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            pid = int(entry.name)
            parents.setdefault(int(fields[1]), []).append(pid)
            times[pid] = sum(int(each) for each in fields[11:15]) / TICKS
        total, open_ = 0.0, [self.pid]
        while open_:
            pid = open_.pop()
            total += times.get(pid, 0.0)
            open_ += parents.get(pid, [])
        return total
