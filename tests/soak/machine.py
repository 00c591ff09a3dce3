"""The state machine: hypothesis draws the steps, and what comes of them is judged once everything has come to rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from tasks.sync.verify import verify
from tests.engine.invariants import broken
from tests.engine.rest import OTHER, SIDES, Side
from tests.integration.stored import fold
from tests.soak.excuses import accepted, without_excused
from tests.soak.reading import Reader
from tests.soak.shapes import MAPS, REFERRED, SHAPES, TRACKED
from tests.soak.steps import (
    Edit,
    Fault,
    Interference,
    Race,
    crashes,
    edits,
    faults,
    interferences,
    lost,
    races,
)
from tests.soak.world import World

Step = tuple[str, tuple[Any, ...]]
"""A method of the world, and what it is called with."""


TOLD = [n for n, shape in enumerate(SHAPES) if shape.lookups and shape.set in TRACKED]
"""Maps of rows that refer to others and that nobody looks at again before somebody tells of them."""

Judge = Callable[[World, Reader], list[str]]
"""Says what is wrong with a world at rest."""


class Wrong(AssertionError):
    """Something is not as it should be, after these steps."""

    def __init__(self, plan: Sequence[Step], wrong: Sequence[str]) -> None:
        super().__init__("\n".join(wrong))
        self.plan, self.wrong = list(plan), list(wrong)


class Soak(RuleBasedStateMachine):
    """Users of both systems, processes that die, services that fail; at the end everything has to be as it should.

    Attributes:
        world, reader: set before it runs.
        latest: steps of the episode that was begun last.
        rules_between_rests: each rule is several steps.
    """

    world: ClassVar[World]
    reader: ClassVar[Reader]
    latest: ClassVar[list[Step]] = []
    rules_between_rests: ClassVar[int] = 16

    @initialize(calm=st.booleans(), silent=st.booleans())
    def begin(self, calm: bool, silent: bool) -> None:
        """Everything as at the start.

        Args:
            calm: no process dies and no answer is lost: then nothing excuses a record too many.
            silent: F&O answers updates without the row.
        """
        self.plan: list[Step] = []
        self.calm = calm
        type(self).latest = self.plan
        self.world.begin()
        if silent:
            self.play("silent")

    def play(self, step: str, *given: Any) -> None:
        """One step."""
        if self.calm and step == "delta":
            quiet = [each for each in given[0] if isinstance(each.what, tuple)] if given else []
            given = (quiet, [], *given[2:])
        self.plan.append((step, given))
        getattr(self.world, step)(*given)

    @rule(edits=st.lists(edits(), min_size=4, max_size=16))
    def edit(self, edits: Sequence[Edit]) -> None:
        for edit in edits:
            self.play("edit", edit)

    @rule(edits=st.lists(edits(), min_size=2, max_size=8))
    def edit_both_sides(self, edits: list[Edit]) -> None:
        """The same rows and fields on both sides."""
        for edit in edits:
            for side in SIDES:
                self.play("edit", replace(edit, side=side))

    @rule(
        interferences=st.one_of(st.just([]), st.lists(interferences(), min_size=1, max_size=3)),
        faults=st.one_of(st.just([]), st.just([]), st.lists(faults(), min_size=1, max_size=2)),
    )
    def delta(self, interferences: list[Interference], faults: list[Fault]) -> None:
        self.play("delta", interferences, faults)

    @rule(
        edits=st.lists(edits(), min_size=3, max_size=8),
        interferences=st.lists(interferences(), min_size=1, max_size=3),
    )
    def disturbed_delta(self, edits: list[Edit], interferences: list[Interference]) -> None:
        """A run with something to do, and somebody who steps in."""
        self.edit(edits)
        self.play("delta", interferences)

    @rule(
        races=st.lists(races(), min_size=1, max_size=3),
        crash=st.one_of(st.none(), st.none(), crashes()),
        lost=st.one_of(st.none(), lost()),
    )
    def race(self, races: list[Race], crash: Interference | None, lost: Fault | None) -> None:
        """The same rows are edited before a run and in it."""
        for race in races:
            self.edit(race.before)
        met = [Interference(race.place, race.nth, race.after) for race in races if race.after]
        self.play("delta", [*met, *([crash] if crash else [])], [lost] if lost else [])

    @rule(
        edits=st.lists(edits(), min_size=1, max_size=4),
        crash=crashes(),
        both=st.booleans(),
        sides=st.lists(st.sampled_from(SIDES), max_size=4),
        value=st.sampled_from([0, 3, 4, 4, 4, 5]),
    )
    def crash(
        self, edits: list[Edit], crash: Interference, both: bool, sides: list[Side], value: int
    ) -> None:
        """The process dies with edits half brought over, and before the next one starts the same rows are edited again.

        Args:
            both: the users of both sides had edited them.
            sides: of the edits that come after.
        """
        for edit in edits:
            self.play("edit", edit)
            if both:
                self.play("edit", replace(edit, side=OTHER[edit.side]))
        self.play("delta", [crash])
        for edit, side in zip(edits, sides, strict=False):
            self.play("edit", replace(edit, side=side, value=value))
        self.play("delta")

    @rule(
        map=st.sampled_from([n for n, shape in enumerate(SHAPES) if shape.lookups]),
        slot=st.integers(0, 7),
        number=st.integers(0, 7),
        side=st.sampled_from(SIDES),
        crash=st.one_of(st.none(), st.none(), crashes()),
    )
    def late_parent(self, map: int, slot: int, number: int, side: Side, crash: Interference | None) -> None:
        """A row refers to a new one of a map that somebody has paused."""
        shape = SHAPES[map]
        field, chosen = shape.lookups[number % len(shape.lookups)]
        target = next(n for n, each in enumerate(SHAPES) if each.map == chosen.target)
        new = SHAPES[target].present
        self.play("pause", target)
        self.play("edit", Edit("set", side, target, new))
        # so that the row refers to that one, see `Users`
        slot %= len(shape.slots)
        self.play("edit", Edit("set", side, map, slot, field, (new - slot) % REFERRED))
        self.play("delta")
        self.play("resume", target, False)
        self.play("delta", [crash] if crash else [])

    @rule(
        map=st.sampled_from([n for n, shape in enumerate(SHAPES) if shape.lookups] + TOLD * 4),
        slot=st.integers(0, 7),
        number=st.integers(0, 7),
        side=st.sampled_from(SIDES),
        place=st.sampled_from(["read", "diffed", "diffed", "diffed"]),
    )
    def parent_from_beside(self, map: int, slot: int, number: int, side: Side, place: Any) -> None:
        """A run of one map finds that a row's parent is missing, and another worker brings it before that is noted."""
        shape = SHAPES[map]
        field, chosen = shape.lookups[number % len(shape.lookups)]
        target = next(n for n, each in enumerate(SHAPES) if each.map == chosen.target)
        new = SHAPES[target].present
        self.play("delta")
        self.play("edit", Edit("create", side, target, new))
        # so that the row refers to that one, see `Users`
        slot %= len(shape.slots)
        self.play("edit", Edit("set", side, map, slot, field, (new - slot) % REFERRED))
        self.play("delta", [Interference(place, 1, "beside")], [], map)

    @rule(
        what=st.sampled_from(["pause", "resume", "resume", "restart", "other maps", "void tokens"]),
        number=st.integers(0, len(MAPS) - 1),
        live_first=st.booleans(),
    )
    def operate(self, what: str, number: int, live_first: bool) -> None:
        """Somebody pauses and resumes maps, starts another process, perhaps with other maps, or imports a solution."""
        if what == "pause":
            self.play("pause", number)
        elif what == "resume":
            self.play("resume", number, live_first)
        elif what == "void tokens":
            self.play("void_tokens")
        else:
            self.play("restart", what == "other maps")

    def judged(self) -> list[str]:
        """What is wrong with the world at rest."""
        return judged(self.world, self.reader)

    def teardown(self) -> None:
        wrong = self.judged()
        if wrong:
            raise Wrong(self.plan, wrong)


def judged(world: World, reader: Reader) -> list[str]:
    """What is not as it should be once everything has come to rest."""
    moved, failed = world.settle()
    rest = reader.rest(moved, failed)
    mirror = world.mirror
    wrong = [
        word
        for word in broken(without_excused(rest, mirror.let_go))
        if not accepted(rest, mirror, word, silent=world.silenced)
    ]
    if world.store.stale:
        wrong.append(f"{world.store.stale} transactions of a worker whose lease another had")
    found = verify(world.session)
    if found.differences:
        told = reader.unequal(rest, world.mirror.let_go)
        wrong += [f"verify: {each}" for each in found.details if (each.map, fold(each.key)) not in told]
    return wrong


def again(world: World, reader: Reader, plan: Sequence[Step], judge: Judge) -> list[str]:
    """Play a plan once more; what is wrong afterwards."""
    world.begin()
    for step, given in plan:
        getattr(world, step)(*given)
    return judge(world, reader)


def shortened(
    world: World,
    reader: Reader,
    plan: Sequence[Step],
    judge: Judge,
    seconds: float,
    like: str,
) -> tuple[list[Step], list[str]]:
    """A shorter plan after which something like it is wrong too: parts are left out for as long as that, and the time, lasts."""
    until = time.monotonic() + seconds
    plan, wrong = list(plan), list[str]()
    size = max(1, len(plan) // 2)
    while True:
        at, shorter = 0, False
        while at < len(plan):
            if time.monotonic() > until:
                return plan, wrong
            tried = plan[:at] + plan[at + size :]
            found = again(world, reader, tried, judge)
            if any(each.startswith(like) for each in found):
                plan, wrong, shorter = tried, found, True
            else:
                at += size
        if size == 1 and not shorter:
            return plan, wrong
        size = max(1, size // 2)
