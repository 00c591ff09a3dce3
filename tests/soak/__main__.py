"""The long run: `python -m tests.soak [--steps 100000] [--seed N] [--jobs N] [--mutants]`; exit code 1 if anything was wrong."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence

from tests.soak.crew import Crew, Task
from tests.soak.duels import Duels
from tests.soak.mutants import MUTANTS
from tests.soak.run import ROUND, Outcome

NOTICED_WITHIN = 2000
"""Steps within which a missing safeguard has to be noticed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play round after round."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first round; a random one if left out")
    parser.add_argument(
        "--jobs", type=int, default=1, help="rounds at a time, each with a sandbox of its own"
    )
    parser.add_argument("--mutants", nargs="*", default=None, help="take safeguards out, one after the other")
    parser.add_argument("--keep-going", action="store_true", help="go on after a round that was red")
    given = parser.parse_args(arguments)
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    with Crew(given.jobs) as crew:
        if given.mutants is not None:
            return mutants(crew, given.mutants or list(MUTANTS), first)
        return soak(crew, first, given.steps, keep_going=given.keep_going)


def soak(crew: Crew, first: int, steps: int, *, keep_going: bool = False) -> int:
    """Rounds from successive seeds, until there were enough steps or something was wrong."""
    print(f"soak: {steps} steps from seed {first}", flush=True)
    began, done, red = time.perf_counter(), 0, 0
    counted: Counter[str] = Counter()

    def wanted() -> Sequence[Task]:
        # rounds that are at work will bring about as many steps as they were asked for
        coming = crew.busy * ROUND
        if done + coming >= steps or (red and not keep_going):
            return []
        return [Task(first + crew.given, min(ROUND, steps - done))]

    for outcome, counts in crew.play(wanted):
        done += outcome.steps
        counted += counts
        minutes = (time.perf_counter() - began) / 60
        each = outcome.seconds / max(1, outcome.steps) * 1000
        told = f"{done:>7} steps, {minutes:5.1f} min, {each:5.1f} ms a step, seed {outcome.number}"
        print(f"  {told}", flush=True)
        if outcome.wrong:
            red += 1
            tell(outcome)
            print(
                f"again: .venv/bin/python -m tests.soak --seed {outcome.number} --steps {ROUND}", flush=True
            )
    what = ", ".join(f"{count} {name}" for name, count in sorted(counted.items()))
    verdict = f"red ({red})" if red else "green"
    print(f"soak {verdict}: seed {first}, {done} steps ({what}), {minutes:.1f} minutes", flush=True)
    return 1 if red else 0


def tell(outcome: Outcome) -> None:
    """What was wrong, and the way to it."""
    for title, lines in (("wrong:", outcome.wrong), ("after:", outcome.course), ("steps:", outcome.plan)):
        print(title, *(f"    {line}" for line in lines), sep="\n", flush=True)


def mutants(crew: Crew, names: Sequence[str], first: int) -> int:
    """Is it noticed if a safeguard is missing? The same steps have to be green with all of them there."""
    waiting = [Task(first, NOTICED_WITHIN, mutant=name, shorten=0, machine=Duels) for name in ("", *names)]
    missed, sound = [], True

    def wanted() -> Sequence[Task]:
        return [waiting.pop(0)] if waiting else []

    for outcome, _ in crew.play(wanted):
        said = outcome.wrong[0] if outcome.wrong else "green" if not outcome.mutant else "NOT NOTICED"
        if not outcome.mutant:
            sound = not outcome.wrong
        elif not outcome.wrong or outcome.steps > NOTICED_WITHIN:
            missed.append(outcome.mutant)
        name = outcome.mutant or "(none taken out)"
        print(f"{name:40} {outcome.steps:>5} steps  {said[:100]}", flush=True)
    print(f"mutants: seed {first}, {len(names) - len(missed)} of {len(names)} noticed", flush=True)
    if not sound:
        print(
            "with all safeguards there it is red as well: take another seed, or mend that first", flush=True
        )
    return 1 if missed or not sound else 0


if __name__ == "__main__":
    sys.exit(main())
