"""Progress of long loads: to whoever listens in this process, and to an artifact that the Prefect UI shows.

Rows pass by the million, so what is counted here is cheap: a listener hears of pages, the artifact of seconds.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

Moment = Literal["started", "rows", "ended"]
Listener = Callable[["Tick"], None]

LONG = 5.0
"""Seconds after which a load is long enough for an artifact of its own."""
EVERY = 2.0
"""Seconds between two changes of the artifact."""

_listeners: list[Listener] = []


@dataclass(frozen=True, slots=True)
class Tick:
    """Something happened in the work on a map.

    Attributes:
        rows: worked on so far.
        total: to be worked on; None where nobody knows.
        verdict: of a map that ended.
    """

    map: str
    step: str
    moment: Moment
    rows: int = 0
    total: int | None = None
    verdict: str = ""
    seconds: float = 0.0


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Tell this function of all progress in this process for the length of a block; it may be called from any thread."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)


@dataclass
class Progress:
    """Progress of one map.

    Attributes:
        total: rows to work on, if known.
        artifact: keep a progress artifact in Prefect once the load turns out to be long.
    """

    map: str
    step: str
    total: int | None = None
    artifact: bool = True
    rows: int = 0
    _started: float = field(default_factory=time.monotonic)
    _shown: float = 0.0
    _artifact_id: UUID | None = None

    def begin(self) -> None:
        """Work on the map begins."""
        self._tell("started")

    def advance(self, rows: int) -> None:
        """So many rows more were worked on."""
        self.rows += rows
        self._tell("rows")
        now = time.monotonic()
        if self.artifact and self.total and now - self._started > LONG and now - self._shown > EVERY:
            self._shown = now
            self._show(min(99.0, 100.0 * self.rows / self.total))

    def end(self, verdict: str) -> None:
        """Work on the map is over."""
        self._tell("ended", verdict)
        if self._artifact_id is not None:
            self._show(100.0)

    def _tell(self, moment: Moment, verdict: str = "") -> None:
        seconds = time.monotonic() - self._started
        tick = Tick(self.map, self.step, moment, self.rows, self.total, verdict, seconds)
        for listener in tuple(_listeners):
            listener(tick)

    def _show(self, percent: float) -> None:
        from prefect.artifacts import create_progress_artifact, update_progress_artifact

        text = f"{self.map}: {self.rows:,} rows"
        if self._artifact_id is None:
            key = re.sub(r"[^a-z0-9]+", "-", f"load-{self.map}".lower()).strip("-")
            made = create_progress_artifact(percent, key=key, description=text)
            self._artifact_id = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(self._artifact_id, percent, description=text)
