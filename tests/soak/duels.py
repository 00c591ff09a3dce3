"""Duels: steps that hit right where a safeguard of the engine stands, for showing that it is noticed when one is missing."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import rule

from tests.engine.rest import OTHER, SIDES, Side
from tests.soak.machine import Soak
from tests.soak.shapes import SHAPES
from tests.soak.steps import MOST, Edit, Fault, Interference, lost

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
