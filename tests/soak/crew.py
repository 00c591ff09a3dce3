"""Processes that play rounds, each with a sandbox of its own."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import queue
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Self

from tests.soak.machine import Soak
from tests.soak.mutants import MUTANTS
from tests.soak.run import Outcome, play, world

START = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Task:
    """A round.

    Attributes:
        number: its seed.
        mutant: the safeguard that is taken out; "" = none.
        machine: what draws the steps.
        shorten: seconds to look for a shorter way to what is wrong.
    """

    number: int
    steps: int
    mutant: str = ""
    shorten: float = 60
    machine: type[Soak] = Soak


Played = tuple[Outcome, Counter[str]]
"""How a round ended, and how often what happened in it."""


def _work(tasks: Any, done: Any) -> None:
    """A process of the crew: rounds, until there are no more."""
    logging.disable(logging.ERROR)  # what the engine says of the faults it is given
    with world() as one:
        # what is there by now stays: the collector need not look at it again and again
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        for task in iter(lambda: _next(tasks), None):
            one.counts.clear()
            with MUTANTS[task.mutant]() if task.mutant else nullcontext():
                outcome = play(one, task.number, task.steps, shorten=task.shorten, machine=task.machine)
            outcome.mutant = task.mutant
            done.put((outcome, Counter(one.counts)))


def _next(tasks: Any) -> Task | None:
    """The next round; None if that was all, or who gives them is gone."""
    parent = multiprocessing.parent_process()
    while parent is None or parent.is_alive():
        try:
            found: Task | None = tasks.get(timeout=1)
        except queue.Empty:
            continue
        return found
    return None


class Crew:
    """Some processes.

    Attributes:
        busy: rounds that are being played.
        given: rounds that were begun.
    """

    def __init__(self, size: int) -> None:
        self._tasks: Any = START.Queue()
        self._done: Any = START.Queue()
        self._processes = [
            START.Process(target=_work, args=(self._tasks, self._done), daemon=False) for _ in range(size)
        ]
        self.busy = 0
        self.given = 0

    def __enter__(self) -> Self:
        for each in self._processes:
            each.start()
        return self

    def __exit__(self, *_: object) -> None:
        for _each in self._processes:
            self._tasks.put(None)
        for each in self._processes:
            each.join()

    def play(self, wanted: Callable[[], Sequence[Task]]) -> Iterator[Played]:
        """Play rounds; each as it ends.

        Args:
            wanted: asked for more whenever somebody has nothing to do; nothing = that was all.
        """
        while True:
            while self.busy < len(self._processes) and (tasks := wanted()):
                for task in tasks:
                    self._tasks.put(task)
                    self.busy += 1
                    self.given += 1
            if not self.busy:
                return
            yield self._next()

    def _next(self) -> Played:
        while True:
            try:
                found: Played = self._done.get(timeout=1)
            except queue.Empty:
                if not all(each.is_alive() for each in self._processes):
                    raise AssertionError("a process of the soak died") from None
                continue
            self.busy -= 1
            return found
