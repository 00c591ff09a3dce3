"""Stations: for each map that gets work while a run keeps watch, one task that stays for as long as the run.

Prefect shows who is at work, and is told of it once a run: a task run for each round would cost more than the round.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from prefect.task_runners import ThreadPoolTaskRunner

from flows.rounds import Future, collect
from tasks.entity import EntityResult, entity_task
from tasks.sync.worklist import WORKLISTS, Worklist


class Stations:
    """The tasks of a run that keeps watch."""

    def __init__(self, runner: ThreadPoolTaskRunner[Any], run: int) -> None:
        self._runner, self._run = runner, run
        self._futures: dict[str, Future] = {}

    def open(self, maps: Iterable[str]) -> None:
        """See that these maps have their task."""
        for name in sorted(set(maps) - self._futures.keys()):
            task = entity_task(name, "watch")
            self._futures[name] = self._runner.submit(task, {"step": "watch", "run": self._run})

    def results(self) -> list[EntityResult]:
        """What they did, once the worklist is closed."""
        return collect(self._futures.items())


@contextmanager
def stations(run: int, maps: int, worklist: Worklist) -> Iterator[Stations]:
    """Stations for the length of a block; at its end they finish the rounds under way.

    Args:
        maps: how many there can be.
    """
    WORKLISTS[run] = worklist
    try:
        # a thread each, most of which wait; how many work at a time is the worklist's to say
        runner: ThreadPoolTaskRunner[Any] = ThreadPoolTaskRunner(max_workers=maps)
        with runner:
            try:
                yield Stations(runner, run)
            finally:
                worklist.close()
    finally:
        del WORKLISTS[run]
