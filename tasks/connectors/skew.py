"""Skew: how far a service's clock is ahead of ours, by the dates of its answers."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from statistics import median

KEPT = 31
"""Answers that count: enough that a slow one decides nothing."""


class Skew:
    """What the latest answers say.

    Args:
        now: our clock, UTC.
    """

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._seen: deque[float] = deque(maxlen=KEPT)

    def note(self, headers: Mapping[str, str]) -> None:
        """Look at an answer's headers, lower case."""
        try:
            said = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        if said.tzinfo is not None:
            self._seen.append((said - self._now()).total_seconds())

    @property
    def seconds(self) -> float:
        """Seconds that the service is ahead; dates have whole seconds, so it is right to about one."""
        return median(self._seen.copy()) if self._seen else 0.0
