"""The invariants are no empty words: a world at rest passes, and each of them breaks when its one thing is wrong with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from tests.engine.invariants import broken
from tests.engine.rest import (
    Conflict,
    Edit,
    Entry,
    Field,
    Linked,
    Name,
    Parked,
    Rest,
    Rules,
    Side,
    Stored,
    Waits,
    Written,
    edits_of,
)

K1: Name = ("Rows", "K1")
A, B = (
    Field("A", records=frozenset({"A=a"})),
    Field("B", records=frozenset({"B=b"}), direction="to-dataverse"),
)
SEEN = {"A": frozenset({"a0"}), "B": frozenset({"b0"})}


def row(a: str = "a1", b: str = "b0", **more: Any) -> Stored:
    return Stored({"A": a, "B": b}, **{"id": "1", "rest": "note", **more})


def world(**changes: Any) -> Rest:
    """F&O's user changed A, and it came over."""
    start: dict[Side, dict[Name, Stored]] = {"fno": {K1: row("a0")}, "dataverse": {K1: row("a0")}}
    rest = Rest(
        rules={"Rows": Rules("Rows", (A, B))},
        start=start,
        now={"fno": {K1: row()}, "dataverse": {K1: row()}},
        edits=[edit("fno", A="a1")],
        links=[Linked(K1, "paired", "K1", "1")],
        writes=[Written("dataverse", "update", True)],
        before={"the neighbour": "untouched"},
        after={"the neighbour": "untouched"},
    )
    return replace(rest, **changes)


def edit(side: Side, at: int = 0, kind: Any = "set", **values: str) -> Edit:
    return Edit(at, side, K1, kind, values, SEEN)


def now(fno: Stored | None, dataverse: Stored | None) -> dict[str, Any]:
    found = {"fno": fno, "dataverse": dataverse}
    links = [Linked(K1, "paired", "K1", "1")] if fno and dataverse else []
    return {"now": {side: {K1: r} if r else {} for side, r in found.items()}, "links": links}


BOTH = [edit("fno", A="a1"), edit("dataverse", 1, A="a2")]
GONE = [edit("fno", kind="delete")]
NEWEST = {"Rows": Rules("Rows", (A, B), policy="newest")}
CASES: list[tuple[str, Callable[[], Rest]]] = [
    ("I1", lambda: world(**now(row(), row("a0")))),
    ("I1", lambda: world(**now(row(), None))),
    ("I2", lambda: world(**now(row("x"), row("x")))),
    ("I2", lambda: world(**now(row(""), row("")))),
    ("I3", lambda: world(**now(row("a0"), row("a0")))),
    ("I3", lambda: world(edits=[], **now(row("a1"), row("a1")))),
    ("I3", lambda: world(**now(row(b="b1"), row(b="b1")))),
    ("I4", lambda: world(edits=BOTH)),
    ("I5", lambda: world(conflicts=[Conflict(K1, "conflict", ("A=a",), "fno", "dataverse")])),
    ("I5", lambda: world(edits=BOTH, conflicts=[Conflict(K1, "conflict", ("A=a",), "dataverse", "fno")])),
    ("I5", lambda: world(edits=BOTH, conflicts=[Conflict(K1, "conflict", ("A=a",), open=True)])),
    (
        "I5",
        lambda: world(
            rules=NEWEST, edits=BOTH, conflicts=[Conflict(K1, "conflict", ("A=a",), "fno", "dataverse")]
        ),
    ),
    ("I5", lambda: world(conflicts=[Conflict(K1, "normalized", ("A=a",))])),
    ("I5", lambda: world(conflicts=[Conflict(K1, "drift", ("B=b",))])),
    ("I5", lambda: world(edits=[edit("dataverse", B="stray")], **now(row("a0"), row("a0")))),
    ("I5", lambda: world(parked=[Parked(K1, "fno", "parked", "refused")])),
    ("I5", lambda: world(waiting=[Waits(("Rows", "K2"), K1)])),
    ("I6", lambda: world(**now(None, None))),
    ("I6", lambda: world(edits=GONE)),
    ("I6", lambda: world(edits=[*GONE, edit("dataverse", 1, A="a2")], **now(None, None))),
    ("I6", lambda: world(edits=[*GONE, edit("dataverse", 1, kind="delete")])),
    ("I7", lambda: world(moved=["Dataverse"])),
    ("I8", lambda: world(twins=[("dataverse", K1)])),
    ("I8", lambda: world(links=[])),
    ("I8", lambda: world(links=[Linked(K1, "paired", "K1", "1")] * 2)),
    ("I8", lambda: world(links=[Linked(K1, "half", "K1", "1")])),
    ("I8", lambda: world(links=[Linked(K1, "paired", "K1", "2")])),
    ("I8", lambda: world(links=[Linked(K1, "paired", "K2", "1")])),
    ("I8", lambda: world(links=[Linked(K1, "paired", "K1", "1", intent=True)])),
    ("I9", lambda: world(writes=[Written("dataverse", "update", True)] * 3)),
    ("I9", lambda: world(writes=[Written("dataverse", "update", False)])),
    ("I10", lambda: world(after={"the neighbour": "changed"})),
    ("I10", lambda: world(**now(row(), row(rest="another note")))),
    ("I10", lambda: world(**(now(row(), row(id="2")) | {"links": [Linked(K1, "paired", "K1", "2")]}))),
]


def test_a_world_in_order_passes() -> None:
    assert broken(world()) == []


@pytest.mark.parametrize(
    ("invariant", "wrong"), CASES, ids=[f"{each}-{n}" for n, (each, _) in enumerate(CASES)]
)
def test_each_invariant_breaks(invariant: str, wrong: Callable[[], Rest]) -> None:
    found = broken(wrong())
    assert any(word.split()[0] == invariant for word in found), found


@pytest.mark.parametrize(
    "rest",
    [
        world(edits=BOTH, conflicts=[Conflict(K1, "conflict", ("A=a",), "fno", "dataverse")]),
        world(
            edits=BOTH,
            rules={"Rows": Rules("Rows", (A, B), policy="hold")},
            conflicts=[Conflict(K1, "conflict", ("A=a",), open=True)],
            **now(row(), row("a2")),
        ),
        world(edits=GONE, **now(None, None)),
        world(
            edits=GONE, rules={"Rows": Rules("Rows", (A, B), to_dataverse="ignore")}, **now(None, row("a0"))
        ),
        world(
            edits=[edit("dataverse", B="stray")],
            conflicts=[Conflict(K1, "drift", ("B=b",))],
            **now(row("a0"), row("a0")),
        ),
        world(waiting=[Waits(K1, ("Rows", "nobody"))], **now(row(), None)),
    ],
)
def test_what_has_a_reason_passes(rest: Rest) -> None:
    assert broken(rest) == []


def test_who_edits_has_seen_what_stood_there() -> None:
    start: dict[Side, dict[Name, Stored]] = {"fno": {K1: row("a0")}, "dataverse": {}}
    log = [
        Entry(2, "dataverse", K1, "create", {"A": "a0", "B": "b0"}, user=False),
        Entry(3, "dataverse", K1, "set", {"A": "a2"}, user=True),
        Entry(1, "fno", K1, "set", {"A": "a1"}, user=True),
    ]
    first, second = edits_of(log, start)
    assert first.side == "fno" and first.seen["A"] == frozenset({"a0"})
    assert second.side == "dataverse" and second.seen["A"] == frozenset({"a0"})
