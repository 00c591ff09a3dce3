"""Progress of a run on stderr: bars on a terminal, a line a map elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flows.commands.output import errors, note
from tasks.progress import Tick, listening

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def screen(title: str) -> Iterator[None]:
    """Show what the tasks in this process do, for the length of a block."""
    if not sys.stderr.isatty():
        with listening(_line):
            yield
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    progress = Progress(
        TextColumn("{task.description}", table_column=None),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=errors(),
        transient=True,
    )
    with progress, listening(_Bars(title, progress)):
        yield


def _line(tick: Tick) -> None:
    if tick.moment == "ended":
        step = "" if tick.step == "initial" else f", {tick.step}"
        rows = f"{tick.rows:,} rows, " if tick.rows else ""
        note(f"  {tick.map}{step}: {tick.verdict}, {rows}{tick.seconds:.1f} s")


class _Bars:
    """A bar for each map at work, one above them for the maps done."""

    def __init__(self, title: str, progress: Progress) -> None:
        self._progress = progress
        self._lock = threading.Lock()
        self._bars: dict[tuple[str, str], TaskID] = {}
        self._begun = 0
        self._all = progress.add_task(title, total=None)

    def __call__(self, tick: Tick) -> None:
        key = (tick.map, tick.step)
        with self._lock:
            if tick.moment == "started" and key not in self._bars:
                step = "" if tick.step == "initial" else f" ({tick.step})"
                self._begun += 1
                self._bars[key] = self._progress.add_task(f"  {tick.map}{step}", total=None)
                self._progress.update(self._all, total=self._begun)
            elif tick.moment == "rows" and key in self._bars:
                # what only Dataverse has comes on top of what F&O counted
                total = max(tick.total, tick.rows) if tick.total else None
                self._progress.update(self._bars[key], completed=tick.rows, total=total)
            elif tick.moment == "ended" and key in self._bars:
                self._progress.remove_task(self._bars.pop(key))
                self._progress.advance(self._all)
