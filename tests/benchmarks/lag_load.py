"""Users at work, for the benchmark of the lag: edits at a steady rate, in a process of their own.

    python -m tests.benchmarks.lag_load PLAN SECONDS

PLAN is a JSON file: the address of the sandbox's admin API, its certificate, and for each side the rate and the tables with their
rows. Ten times a second the edits that are due go out in one request, so that making them costs next to nothing of the two cores.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import requests

TICK = 0.1


class Editing:
    """The edits of one side: table after table, row after row, each with a value never seen before."""

    def __init__(self, side: str, rate: float, tables: list[dict[str, Any]]) -> None:
        self._side, self._rate, self._tables = side, rate, tables
        self._made = 0

    def due(self, seconds: float) -> list[dict[str, Any]]:
        """The edits that are due so many seconds after the start."""
        found = []
        while self._made < seconds * self._rate:
            table = self._tables[self._made % len(self._tables)]
            row = table["paths"][self._made // len(self._tables) % len(table["paths"])]
            body = {table["field"]: f"v{self._made:07d}"}
            found.append({"side": self._side, "method": "PATCH", "path": row, "body": body})
            self._made += 1
        return found


def main(plan_file: str, seconds: float) -> None:
    """Edit for so many seconds; prints what came of it."""
    plan = json.loads(Path(plan_file).read_text(encoding="utf-8"))
    http = requests.Session()
    http.trust_env = False
    http.verify = plan["ca"]
    editing = [Editing(side, each["rate"], each["tables"]) for side, each in plan["sides"].items()]
    started, made, refused, late = time.monotonic(), 0, [], 0.0
    while (now := time.monotonic() - started) < seconds:
        edits = [edit for each in editing for edit in each.due(now)]
        if edits:
            answer = http.post(f"{plan['admin']}/_sandbox/edits", json={"requests": edits}, timeout=60).json()
            made += len(edits)
            refused += [each["body"] for each in answer["answers"] if each["status"] >= 400]
        left = TICK - (time.monotonic() - started - now)
        late = max(late, -left)
        time.sleep(max(0.0, left))
    figures = {"made": made, "refused": len(refused), "why": refused[:3], "latest_tick": round(late, 2)}
    print(json.dumps({**figures, "cpu_seconds": time.process_time(), "seconds": time.monotonic() - started}))


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
