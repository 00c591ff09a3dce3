"""The small-scope check by itself, with the depths for which a test run has no time.

    python -m tests.engine.small_scope            the depths of the test run
    python -m tests.engine.small_scope --all      and the deeper ones
    python -m tests.engine.small_scope --only renames --jobs 2

A line for each scenario: interleavings, cycles of the engine that were played for them, different ends, seconds. What breaks an
invariant is printed with its course, and the exit status is 1.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor

from tests.engine.invariants import broken
from tests.engine.scenario import Scenario
from tests.engine.search import Searched, search
from tests.engine.suites import SUITES


def scenarios(*, deep: bool, only: str = "") -> list[Scenario]:
    """The scenarios, the shallow ones first."""
    return [
        scenario
        for suite in SUITES
        for scenario in suite.scenarios(deep)
        if only.lower() in scenario.name.lower()
    ]


def play(name: str) -> tuple[str, Searched, float]:
    """One scenario by its name: what came of it, and the processor's seconds."""
    started = time.process_time()
    (scenario,) = (each for each in scenarios(deep=True) if each.name == name)
    return name, search(scenario, broken, stop_after=3), time.process_time() - started


def play_all(chosen: Sequence[Scenario], jobs: int = 1) -> Iterator[tuple[str, Searched, float]]:
    """All of them, in as many processes; in the order in which they are named."""
    names = [scenario.name for scenario in chosen]
    if jobs <= 1:
        yield from map(play, names)
        return
    with ProcessPoolExecutor(jobs) as pool:
        yield from pool.map(play, names)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play, print, and say by the exit status whether everything held."""
    parser = argparse.ArgumentParser(prog="python -m tests.engine.small_scope")
    parser.add_argument("--all", action="store_true", help="the deeper ones too")
    parser.add_argument("--only", default="", help="scenarios whose name has this in it")
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    total = found = 0
    for name, searched, seconds in play_all(scenarios(deep=options.all, only=options.only), options.jobs):
        total += searched.interleavings
        found += len(searched.found)
        counts = f"{searched.interleavings:10,} {searched.cycles:9,} {searched.ends:8,} {seconds:8.1f} s"
        print(f"{name:75} {counts}", flush=True)
        for each in searched.found:
            print(f"    {each}", flush=True)
    print(f"small scope: {total:,} interleavings, {found} broken")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
