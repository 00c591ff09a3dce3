"""The long run: `python -m tests.soak [--steps 100000] [--seed N] [--mutants]`; exit code 1 if anything was wrong."""

from __future__ import annotations

import argparse
import logging
import random
import sys
import time
from collections.abc import Sequence

from tests.soak.mutants import MUTANTS
from tests.soak.run import ROUND, Outcome, play, world

NOTICED_WITHIN = 2000
"""Steps within which a missing safeguard has to be noticed."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Play round after round."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=None, help="of the first round; a random one if left out")
    parser.add_argument("--mutants", nargs="*", default=None, help="take safeguards out, one after the other")
    parser.add_argument("--keep-going", action="store_true", help="go on after a round that was red")
    given = parser.parse_args(arguments)
    logging.disable(logging.ERROR)  # what the engine says of the faults it is given
    first = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    if given.mutants is not None:
        return mutants(given.mutants or list(MUTANTS), first)
    return soak(first, given.steps, keep_going=given.keep_going)


def soak(first: int, steps: int, *, keep_going: bool = False) -> int:
    """Rounds from successive seeds, until there were enough steps or something was wrong."""
    print(f"soak: {steps} steps from seed {first}", flush=True)
    began, done, red, number = time.perf_counter(), 0, 0, first
    with world() as one:
        while done < steps:
            outcome = play(one, number, min(ROUND, steps - done))
            done += outcome.steps
            minutes = (time.perf_counter() - began) / 60
            each = outcome.seconds / max(1, outcome.steps) * 1000
            print(f"  {done:>7} steps, {minutes:5.1f} min, {each:5.1f} ms a step, seed {number}", flush=True)
            if outcome.wrong:
                red += 1
                tell(outcome)
                print(f"again: make soak SEED={number} STEPS={ROUND} KILLS=0", flush=True)
                if not keep_going:
                    break
            number += 1
        counts = ", ".join(f"{count} {name}" for name, count in sorted(one.counts.items()))
    verdict = f"red ({red})" if red else "green"
    print(f"soak {verdict}: seed {first}, {done} steps ({counts}), {minutes:.1f} minutes", flush=True)
    return 1 if red else 0


def tell(outcome: Outcome) -> None:
    """What was wrong, and the way to it."""
    for title, lines in (("wrong:", outcome.wrong), ("after:", outcome.course), ("steps:", outcome.plan)):
        print(title, *(f"    {line}" for line in lines), sep="\n", flush=True)


def mutants(names: Sequence[str], first: int) -> int:
    """Is it noticed if a safeguard is missing?"""
    missed = []
    with world() as one:
        for name in names:
            with MUTANTS[name]():
                outcome = play(one, first, NOTICED_WITHIN, shorten=0)
            said = outcome.wrong[0] if outcome.wrong else "NOT NOTICED"
            if not outcome.wrong:
                missed.append(name)
            print(f"{name:40} {outcome.steps:>5} steps  {said[:100]}", flush=True)
    print(f"mutants: seed {first}, {len(names) - len(missed)} of {len(names)} noticed", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
