"""What can happen in the soak, as plain data: drawn by hypothesis, printed when something is wrong, played again from that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hypothesis import strategies as st

from tests.engine.rest import SIDES, Side
from tests.soak.shapes import SHAPES

# places in a run where somebody steps in

Place = Literal["request", "send", "commit", "polled", "read", "diffed", "intent", "written", "recorded"]
MOST: dict[Place, int] = {
    "request": 22,
    "send": 6,
    "commit": 60,
    "polled": 12,
    "read": 4,
    "diffed": 4,
    "intent": 4,
    "written": 4,
    "recorded": 4,
}
"""How often a run passes a place, about: a later passage than the last one never comes."""


@dataclass(frozen=True)
class Edit:
    """A user's edit.

    Attributes:
        map, slot, field: which row and input, by number.
        value: what is put there: 0 to 2 something new, 3 what others put there too, 4 what was there at first, 5 nothing.
            A row that is made again with 4 is as it was when it was deleted.
    """

    kind: Literal["set", "create", "delete", "flip", "rename"]
    side: Side
    map: int
    slot: int
    field: int = 0
    value: int = 0


@dataclass(frozen=True)
class Interference:
    """Something that happens at the n-th time that a run passes a place.

    Attributes:
        what: edits of users; the process dies; another worker syncs beside it; or takes its leases over and syncs.
    """

    place: Place
    nth: int
    what: tuple[Edit, ...] | Literal["crash", "beside", "overtaken"]


@dataclass(frozen=True)
class Fault:
    """What a service does wrong, at the n-th request from now on."""

    side: Side
    nth: int
    action: Literal["429", "503", "500", "lose_before", "lose_after", "truncate", "expire_token"]
    batch: bool
    times: int = 1


def edits() -> st.SearchStrategy[Edit]:
    """Any edit; most are of values."""
    kinds = st.sampled_from(["set"] * 8 + ["create", "delete", "delete", "flip", "rename"])
    return st.builds(
        Edit,
        kind=kinds,
        side=st.sampled_from(SIDES),
        map=st.sampled_from([0, 1, 1, 2, 2, 3, 3, 3, 3, 4]),
        slot=st.integers(0, max(len(shape.slots) for shape in SHAPES) - 1),
        field=st.integers(0, max(len(shape.inputs) for shape in SHAPES) - 1),
        value=st.integers(0, 5),
    )


NARROW: tuple[Place, ...] = ("read", "diffed", "intent", "send", "written", "recorded")
"""Places between the first read of a row and the last word about it."""


@dataclass(frozen=True)
class Race:
    """Edits of one row on both sides, some of them in the midst of the run that brings the first one over.

    Attributes:
        before: done before the run.
        after: done at the n-th time that it passes the place.
    """

    before: tuple[Edit, ...]
    place: Place
    nth: int
    after: tuple[Edit, ...]


def races() -> st.SearchStrategy[Race]:
    """Edits of one row that meet: of one field or of several, deleted, made again, made on both sides."""

    def edits_of_one(drawn: tuple[Edit, Sequence[tuple[str, Side, int]]]) -> tuple[Edit, ...]:
        first, others = drawn
        made = [first]
        for kind, side, value in others:
            made.append(replace(first, kind=kind, side=side, value=value))  # type: ignore[arg-type]
        return tuple(made)

    kinds = st.sampled_from(["set", "set", "set", "set", "delete", "delete", "create", "flip"])
    other = st.tuples(kinds, st.sampled_from(SIDES), st.sampled_from([0, 1, 2, 3, 4, 4, 4, 5]))
    whole = st.tuples(edits(), st.lists(other, min_size=1, max_size=3)).map(edits_of_one)

    def cut(drawn: tuple[tuple[Edit, ...], int, Place, int]) -> Race:
        made, at, place, nth = drawn
        at = 1 + at % len(made)
        return Race(made[:at], place, nth, made[at:])

    return st.tuples(whole, st.integers(0, 2), st.sampled_from(NARROW), st.sampled_from([1, 1, 1, 2, 3])).map(
        cut
    )


def lost() -> st.SearchStrategy[Fault]:
    """A write is done, and its answer lost."""
    return st.builds(
        Fault,
        st.sampled_from(SIDES),
        st.integers(1, 4),
        st.just("lose_after"),
        st.just(True),
        st.sampled_from([1, 1, 2]),
    )


def crashes() -> st.SearchStrategy[Interference]:
    """The process dies where there is something to lose, or sleeps while another one goes on."""
    place = st.sampled_from([*NARROW, *NARROW, "commit", "request"])
    return place.flatmap(
        lambda place: st.builds(
            Interference,
            st.just(place),
            st.integers(1, 4) if place in NARROW else st.integers(1, MOST[place]),
            st.sampled_from(["crash", "crash", "crash", "overtaken"]),
        )
    )


def interferences() -> st.SearchStrategy[Interference]:
    """Somebody steps in."""
    whats = st.one_of(
        st.lists(edits(), min_size=1, max_size=3).map(tuple),
        st.lists(edits(), min_size=1, max_size=3).map(tuple),
        st.sampled_from(["crash", "crash", "beside", "overtaken"]),
    )
    places = st.sampled_from(["request", "send", "send", "commit", *MOST])
    return places.flatmap(
        lambda place: st.builds(Interference, st.just(place), st.integers(1, MOST[place]), whats)
    )


def faults() -> st.SearchStrategy[Fault]:
    """A service misbehaves."""
    actions = ["429", "503", "500", "lose_before", "lose_after", "lose_after", "truncate", "expire_token"]
    return st.builds(
        Fault,
        side=st.sampled_from(SIDES),
        nth=st.integers(1, 8),
        action=st.sampled_from(actions),
        batch=st.booleans(),
        times=st.sampled_from([1, 1, 1, 2, 8]),
    )
