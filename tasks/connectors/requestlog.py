"""What a side's requests cost: counted here, shown in artifacts and benchmarks, charged to the budgets."""

from __future__ import annotations

import threading
from typing import Literal

Kind = Literal["page", "read", "find", "feed", "batch", "bulk", "token", "metadata"]
"""What a request was for: pages of a table, rows by id, rows by key, change tracking, $batch writes, bulk
messages."""


class RequestLog:
    """Counters of one side; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, int | float] = dict.fromkeys(
            ("page", "read", "find", "feed", "batch", "bulk", "token", "metadata"), 0
        )
        self._counts.update(operations=0, sent=0, received=0, throttled=0, retried=0, seconds=0.0)

    def note(self, kind: Kind, *, sent: int = 0, received: int = 0, seconds: float = 0.0) -> None:
        """One request that went out: bytes of both bodies, seconds until its answer (or failure) was
        there."""
        with self._lock:
            self._counts[kind] += 1
            self._counts["sent"] += sent
            self._counts["received"] += received
            self._counts["seconds"] += seconds

    def count(self, name: Literal["operations", "throttled", "retried"], number: int = 1) -> None:
        """Single operations within batches, answers that told us to wait, requests sent once more."""
        with self._lock:
            self._counts[name] += number

    def snapshot(self) -> dict[str, int | float]:
        """All counters as they stand."""
        with self._lock:
            return dict(self._counts)
