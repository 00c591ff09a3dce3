"""Running the soak: rounds of steps, each from its own seed, so that one that fails can be played again alone."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.local_services import start
from tests.soak.machine import Judge, Soak, Step, Wrong, again, judged, shortened
from tests.soak.reading import Reader
from tests.soak.world import World

EPISODES = 12
"""Episodes drawn from one seed; the first of them is a dull one."""
ROUND = 2000
"""Steps after which progress is told; a round can be played again alone."""

ALIKE = 12
"""Letters by which a finding is known again when a shorter way to it is looked for."""


@dataclass
class Outcome:
    """How a round ended.

    Attributes:
        number: the seed; `mutant` is the safeguard that was taken out.
        wrong: what was wrong, [] = green.
        plan: the steps that led to it, and `course` the same in words.
    """

    steps: int
    seconds: float
    number: int = 0
    mutant: str = ""
    wrong: list[str] = field(default_factory=list)
    plan: list[Step] = field(default_factory=list)
    course: list[str] = field(default_factory=list)


@contextmanager
def world() -> Iterator[World]:
    """A sandbox of its own, and the engine beside it."""
    with tempfile.TemporaryDirectory(prefix="dualflow-soak-") as folder:
        services = start(Path(folder))
        try:
            made = World(services)
            yield made
            made.close()
        finally:
            services.stop()


def play(
    world: World,
    number: int,
    steps: int,
    *,
    shorten: float = 60,
    judge: Judge = judged,
    machine: type[Soak] = Soak,
) -> Outcome:
    """Play a round: at least as many steps as wanted, drawn from a seed; it ends with the first thing that is wrong.

    Args:
        shorten: seconds to look for a shorter way to what is wrong.
    """

    class Round(machine):  # type: ignore[valid-type, misc]
        def judged(self) -> list[str]:
            return judge(world, self.reader)

    world.begin()
    Round.world, Round.reader = world, Reader(world)
    began, before, rounds = time.perf_counter(), world.steps, 0
    try:
        while world.steps - before < steps:
            run_state_machine_as_test(
                seed(number * 1_000_000 + rounds)(Round),
                settings=settings(
                    max_examples=EPISODES,
                    stateful_step_count=machine.rules_between_rests,
                    deadline=None,
                    database=None,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                    report_multiple_bugs=False,
                ),
            )
            rounds += 1
    except Exception as error:
        # anything else that a run dies of is wrong as well
        found = (
            error if isinstance(error, Wrong) else Wrong(Round.latest, [f"{type(error).__name__}: {error}"])
        )
        outcome = Outcome(
            world.steps - before, time.perf_counter() - began, number, wrong=found.wrong, plan=found.plan
        )
        outcome.course = world.words
        if shorten and found is error:
            like = found.wrong[0][:ALIKE]
            plan, wrong = shortened(world, Round.reader, found.plan, judge, shorten, like)
            if wrong:
                again(world, Round.reader, plan, judge)
                outcome.plan, outcome.wrong, outcome.course = plan, wrong, world.words
        return outcome
    return Outcome(world.steps - before, time.perf_counter() - began, number)
