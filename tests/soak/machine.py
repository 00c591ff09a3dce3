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
    MOST,
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


A_MAP = st.sampled_from([0, 1, 2, 3, 3, 4])
PLACES = st.lists(
    st.tuples(st.integers(0, 7), st.integers(0, 10)),
    min_size=2,
    max_size=5,
    unique_by=lambda each: each[0],
)
"""Rows and fields of one map, by number."""


class Duels(Soak):
    """The same, with more that hits right where a safeguard stands: where one is missing, it shows there soonest."""

    # what comes after it covers up many a trace
    rules_between_rests = 8

    @rule(
        map=A_MAP,
        places=PLACES,
        side=st.sampled_from(SIDES),
        kinds=st.sampled_from(
            [
                ("set", "set"),
                ("set", "set"),
                ("set", "set"),
                ("set", "delete"),
                ("delete", "set"),
                ("delete", "again"),
            ]
        ),
        values=st.sampled_from([(0, 1), (0, 1), (0, 4), (3, 1), (4, 1), (1, 3)]),
        place=st.sampled_from(["intent", "intent", "diffed"]),
        nth=st.sampled_from([1, 1, 1, 2]),
        same_side=st.sampled_from([False, False, False, True]),
        lost=st.one_of(st.none(), st.none(), lost()),
    )
    def duel(
        self,
        map: int,
        places: list[tuple[int, int]],
        side: Side,
        kinds: tuple[Any, Any],
        values: tuple[int, int],
        place: Any,
        nth: int,
        same_side: bool,
        lost: Fault | None,
    ) -> None:
        """Rows of one map are edited on one side, and again just before that is written to the other.

        Args:
            places: rows and fields, by number.
            kinds: of the first and the second edit; "again" is a delete, and the same row made again.
            same_side: the second edit is on the side of the first one.
        """
        # so that the first batch is that of these rows
        self.play("delta")
        met: tuple[Edit, ...] = ()
        for slot, field in places:
            edit = Edit(kinds[0], side, map, slot, field, values[0])
            self.play("edit", edit)
            second = replace(edit, side=side if same_side else OTHER[side], value=values[1])
            if kinds[1] == "again":
                met += (replace(second, kind="delete"), replace(second, kind="create", value=4))
            else:
                met += (replace(second, kind=kinds[1]),)
        self.play("delta", [Interference(place, nth, met)], [lost] if lost else [])

    @rule(
        map=A_MAP,
        places=PLACES,
        side=st.sampled_from(SIDES),
        value=st.sampled_from([4, 4, 4, 1]),
        how=st.sampled_from(["crash", "crash", "answer lost"]),
    )
    def withdrawn(self, map: int, places: list[tuple[int, int]], side: Side, value: int, how: str) -> None:
        """Rows are written and nobody hears of it; meanwhile their user takes the edit back, or says something else.

        Args:
            how: the process dies right after the write, or its answer is lost on the way.
        """
        self.play("delta")
        edits = [Edit("set", side, map, slot, field, 0) for slot, field in places]
        for edit in edits:
            self.play("edit", edit)
        after = tuple(replace(edit, value=value) for edit in edits)
        if how == "crash":
            self.play("delta", [Interference("written", 1, "crash")])
            for edit in after:
                self.play("edit", edit)
            self.play("delta")
        else:
            self.play(
                "delta", [Interference("intent", 1, after)], [Fault(OTHER[side], 1, "lose_after", True)]
            )

    @rule(
        map=A_MAP,
        slots=st.lists(st.integers(0, 7), min_size=2, max_size=4, unique=True),
        field=st.integers(0, 10),
        side=st.sampled_from(SIDES),
        what=st.sampled_from(["overtaken", "overtaken", "overtaken", "new rows", "other maps"]),
        nth=st.integers(1, MOST["commit"]),
    )
    def unfinished(self, map: int, slots: list[int], field: int, side: Side, what: str, nth: int) -> None:
        """What is in the state belongs to somebody else by now, or says less than it seems.

        Args:
            what: another worker takes the leases over between two transactions; rows are noted and not made yet when the
                process dies; the fields of the maps stand in another order.
            nth: transaction before which the other worker comes.
        """
        self.play("delta")
        if what == "new rows":
            shape = SHAPES[map]
            for slot in range(shape.present, len(shape.slots)):
                self.play("edit", Edit("create", side, map, slot))
            self.play("delta", [Interference("intent", 1, "crash")])
            return
        if what == "other maps":
            self.play("restart", True)
        for slot in slots:
            self.play("edit", Edit("set", side, map, slot, field, 0))
        self.play("delta", [Interference("commit", nth, "overtaken")] if what == "overtaken" else [])


def judged(world: World, reader: Reader) -> list[str]:
    """What is not as it should be once everything has come to rest."""
    moved, failed = world.settle()
    rest = reader.rest(moved, failed)
    mirror = world.mirror
    wrong = [
        word
        for word in broken(without_excused(rest, mirror.let_go))
        if not accepted(rest, mirror.renamed, mirror.left, word, silent=world.silenced)
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
