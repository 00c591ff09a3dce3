"""The time of the soak."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)


class Clock:
    """The engine's time: it passes when the engine sleeps and when a step says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
