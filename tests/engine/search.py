"""All interleavings of a scenario, each played once: what leads to the same world goes on from there together.

A cycle of the engine is played for every choice of what interferes with it. When it is over, or dead, nothing is left of it but
both systems, the state, and what users did and saw. Two interleavings that agree in these (`mark`) go the same ways from there on,
so they go on as one, counted as two. The same holds for coming to rest, where what users did plays no part any more.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.engine.chooser import Chooser
from tests.engine.interleave import Played
from tests.engine.mark import mark
from tests.engine.player import Player
from tests.engine.rest import Rest
from tests.engine.scenario import Ghost, Moment, Scenario
from tests.engine.telling import told

MOST_RUNS = 5
"""Runs after which, without edits, nothing may move any more; the last of them must move nothing."""


@dataclass
class Found:
    """An interleaving that broke an invariant."""

    scenario: str
    course: str
    broken: list[str]

    def __str__(self) -> str:
        return f"{self.scenario}: {'; '.join(self.broken)}  <-  {self.course}"


@dataclass
class Searched:
    """What a search came to.

    Attributes:
        interleavings: How many there are.
        cycles: Cycles of the engine that were played for them.
        ends: Different ends, each of which was brought to rest and looked at.
    """

    interleavings: int = 0
    cycles: int = 0
    ends: int = 0
    found: list[Found] = field(default_factory=list)


@dataclass
class _Branch:
    moment: Moment
    count: int


def search(
    scenario: Scenario,
    check: Callable[[Rest], list[str]],
    *,
    stop_after: int = 1,
    most_cycles: int | None = None,
) -> Searched:
    """Play every interleaving of a scenario.

    Args:
        check: What is wrong with a world at rest.
        stop_after: Findings after which to stop.
        most_cycles: Give up after so many cycles (for a look at how large a scenario is).
    """
    out = Searched()
    with Player(scenario) as player:
        rested: dict[str, Any] = {}
        ends: dict[str, _Branch] = {}
        layer = {mark(player): _Branch(player.start, 1)}
        for cycle in range(scenario.cycles):
            following: dict[str, _Branch] = {}
            last = cycle == scenario.cycles - 1
            for branch in layer.values():
                path: list[list[int]] = []

                def over(
                    played: Played,
                    branch: _Branch = branch,
                    last: bool = last,
                    following: dict[str, _Branch] = following,
                ) -> None:
                    left = (0, 0, 0) if last or not any(played.left) else played.left
                    into = following if any(left) else ends
                    at = f"{left}{mark(player)}"
                    if at in into:
                        into[at].count += branch.count
                    else:
                        into[at] = _Branch(player.capture(played.words, left), branch.count)

                while True:
                    played = Played(player, Chooser(path), branch.moment, died=over)
                    played.cycle()
                    over(played)
                    out.cycles += 1
                    if most_cycles is not None and out.cycles >= most_cycles:
                        return out
                    if not Chooser.advance(path):
                        break
            layer = following
        for branch in ends.values():
            out.ends += 1
            out.interleavings += branch.count
            wrong = check(settled(player, branch.moment, rested))
            if wrong:
                out.found.append(Found(scenario.name, " ".join(branch.moment.words), wrong))
                if len(out.found) >= stop_after:
                    break
    return out


def settled(player: Player, moment: Moment, known: dict[str, Any] | None = None) -> Rest:
    """The world at rest to which a moment leads; `known` remembers where other moments led."""
    player.restore(moment)
    at = mark(player, ghost=False)
    if known is None or at not in known:
        played = Played(player, Chooser([]), moment)
        before = len(player.ghost.written), len(player.ghost.trouble)
        rests = played.settle(MOST_RUNS)
        ghost = player.ghost
        found = rests, player.capture(()), ghost.written[before[0] :], ghost.trouble[before[1] :]
        if known is None:
            return told(player, rests)
        known[at] = found
    rests, end, written, trouble = known[at]
    ghost = moment.ghost.copy()
    ghost.born = end.ghost.born
    ghost.alias = end.ghost.alias | ghost.alias
    ghost.written += written
    ghost.trouble += trouble
    _put_end(player, end, ghost)
    return told(player, rests)


def _put_end(player: Player, end: Moment, ghost: Ghost) -> None:
    player.restore(end)
    player.ghost = ghost
