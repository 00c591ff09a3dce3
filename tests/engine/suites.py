"""What the small-scope check tries: scenarios, each with the depth that a test run affords and the one for a long run."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from tests.engine.memory import Normalize
from tests.engine.rest import SIDES, Side
from tests.engine.scenario import AS_IT_WAS, KEY, Act, Planted, Scenario, both, same
from tests.engine.stage import shape

Depth = tuple[int, int, int]
"""Most user edits, crashes and lost answers of one interleaving."""


def sets(side: Side, name: str, value: str | None = None, **more: Any) -> Act:
    """A user changes a value."""
    return Act("set", side, name, value, **more)


def makes(side: Side, row: str, map: str = "Rows", **given: str) -> Act:
    """A user makes a row."""
    return Act("create", side, row=row, map=map, given=tuple(given.items()))


def removes(side: Side, row: str = KEY, map: str = "Rows") -> Act:
    """A user deletes a row."""
    return Act("delete", side, row=row, map=map)


DELETES = (removes("fno"), removes("dataverse"))
EDITS = tuple(sets(side, name) for name in ("A", "B") for side in SIDES)
BACK_AND_FORTH = (sets("fno", "A"), sets("fno", "A", "a0"), sets("dataverse", "B"))
BOTH_BACK = (*BACK_AND_FORTH, sets("dataverse", "A", "a0"), sets("dataverse", "A"))
PRESENCE = (
    sets("fno", "A"),
    sets("dataverse", "B"),
    *DELETES,
    Act("create", "fno"),
    Act("create", "dataverse"),
)
FEW = (sets("fno", "A"), sets("dataverse", "A"), sets("dataverse", "B"))


def upper(column: str, value: Any) -> Any:
    """A Dataverse that stores capitals."""
    return value.upper() if column in ("new_a", "new_b") and isinstance(value, str) else value


def lower(column: str, value: Any) -> Any:
    """An F&O that stores small letters."""
    return value.lower() if column in ("A", "B") and isinstance(value, str) else value


def _normal(fno: Normalize, dataverse: Normalize) -> dict[str, Any]:
    return {"normalize": {"fno": fno, "dataverse": dataverse}}


def _start(fno: tuple[str, str] | None, dataverse: tuple[str, str] | None, **more: Any) -> dict[str, Any]:
    def row(values: tuple[str, str] | None) -> Mapping[str, str] | None:
        return None if values is None else {"A": values[0], "B": values[1], **more}

    # a first connection may have to bring the row over or settle its values
    return {"rows": (Planted(KEY, row(fno), row(dataverse)),), "connected": False, "first": 2}


@dataclass(frozen=True)
class Suite:
    """A scenario with its depths."""

    scenario: Scenario
    depths: tuple[Depth, ...]
    soak: tuple[Depth, ...] = ()

    def scenarios(self, soak: bool = False) -> Iterator[Scenario]:
        """One scenario a depth."""
        for edits, crashes, faults in dict.fromkeys((*self.depths, *(self.soak if soak else ()))):
            yield self.at(edits, crashes, faults)

    def at(self, edits: int, crashes: int = 0, faults: int = 0) -> Scenario:
        """The scenario at one depth."""
        name = f"{self.scenario.name}, {edits} edits"
        name += f", {crashes} crashes" if crashes else ""
        name += f", {faults} lost answers" if faults else ""
        return replace(self.scenario, name=name, edits=edits, crashes=crashes, faults=faults)


@dataclass
class _Suites:
    found: list[Suite] = field(default_factory=list)

    def add(
        self,
        name: str,
        acts: tuple[Act, ...],
        *depths: Depth,
        soak: tuple[Depth, ...] = (),
        **options: Any,
    ) -> None:
        self.found.append(Suite(Scenario(name, acts, mirrored=acts is EDITS, **options), depths, soak))


def _one_row(s: _Suites) -> None:
    """One row with two fields."""
    s.add("concurrent edits", EDITS, (3, 0, 0), (2, 2, 0), soak=((3, 1, 0), (3, 2, 0), (4, 0, 0)))
    dataverse_wins = {"shapes": (shape(conflict="dataverse"),)}
    s.add("concurrent edits, Dataverse wins", EDITS, (2, 1, 0), soak=((3, 2, 0),), **dataverse_wins)
    held = {"shapes": (shape(conflict="hold"),)}
    s.add("concurrent edits, held", EDITS, (2, 1, 0), soak=((3, 2, 0),), **held)
    newest = {"shapes": (shape(conflict="newest", stamped=True),)}
    s.add("concurrent edits, newest", EDITS, (2, 1, 0), soak=((3, 0, 0), (3, 1, 0)), **newest)
    s.add("dying at failpoints", EDITS, (2, 2, 0), soak=((3, 2, 0),), at_failpoints=True)
    s.add("deletes, dying at failpoints", PRESENCE, (2, 1, 0), soak=((3, 2, 0),), at_failpoints=True)
    s.add("there and back", BACK_AND_FORTH, (3, 1, 0), (2, 2, 0), (2, 0, 1), soak=((3, 2, 0), (3, 0, 1)))
    s.add("there and back on both sides", BOTH_BACK, (2, 2, 0), soak=((3, 2, 0),))
    s.add("deletes and recreates", PRESENCE, (3, 0, 0), (2, 2, 0), soak=((3, 2, 0),))
    as_it_was = (*DELETES, *(Act("create", side, value=AS_IT_WAS) for side in SIDES))
    s.add("recreated as it was", as_it_was, (3, 2, 0), soak=((4, 0, 0),))
    s.add("deletes, Dataverse wins", PRESENCE, (2, 0, 0), soak=((3, 2, 0),), **dataverse_wins)
    s.add("normalizing Dataverse", FEW, (2, 2, 0), soak=((3, 2, 0),), **_normal(same, upper))
    s.add("normalizing F&O", FEW, (2, 1, 0), soak=((3, 2, 0),), **_normal(lower, same))
    s.add("normalizing both", FEW, (3, 0, 0), (1, 1, 1), soak=((3, 2, 0), (2, 1, 1)), **_normal(lower, upper))
    for name, fno, dataverse in (
        ("F&O has it", ("a0", "b0"), None),
        ("Dataverse has it", None, ("a0", "b0")),
        ("both have it", ("a0", "bX"), ("a0", "b0")),
        ("nobody has it", None, None),
    ):
        s.add(
            f"first connection, {name}",
            PRESENCE,
            (2, 1, 0),
            (1, 0, 1),
            soak=((3, 2, 0), (2, 0, 1)),
            **_start(fno, dataverse),
        )
    s.add("lost answers", EDITS, (2, 0, 1), soak=((2, 0, 2), (2, 1, 1)))
    s.add("lost answers and deletes", PRESENCE, (2, 0, 1), soak=((2, 0, 2), (2, 1, 1)))
    s.add("answers without the row", FEW, (2, 1, 0), soak=((3, 1, 0), (3, 2, 0)), silent=("fno", "dataverse"))
    s.add(
        "answers without the row, normalizing",
        FEW,
        (2, 0, 0),
        soak=((3, 2, 0),),
        silent=("fno",),
        **_normal(lower, upper),
    )
    s.add("another order of field pairs", BACK_AND_FORTH, (2, 1, 0), soak=((3, 2, 0),), remapped=True)
    s.add(
        "another order of field pairs, first connection",
        PRESENCE,
        (1, 1, 0),
        soak=((2, 2, 0),),
        remapped=True,
        **_start(("a0", "b0"), None),
    )


def _late_parent(s: _Suites) -> None:
    """A row that names a parent which comes late, brought over by another worker in the midst of the row's own work."""
    turns = (makes("fno", "G1", "Groups"), *(Act("turn", side, map="Groups") for side in SIDES))
    groups = shape("Groups", ())
    for name, missing, fno, dataverse in (
        ("F&O has the row", "defer", ("a0", "b0"), None),
        ("Dataverse has the row", "wait", None, ("a0", "b0")),
    ):
        start = _start(fno, dataverse, Group="G1")
        if dataverse is not None:
            start["rows"] = (Planted("G1", None, {}, "Groups"), *start["rows"])
        s.add(
            f"a parent that comes late, {name}",
            turns,
            (2, 1, 0),
            soak=((3, 1, 0), (2, 2, 0)),
            **{**start, "first": 4},
            shapes=(groups, shape(refers={"Group": ("Groups", missing)})),
            orders=(("Rows",),),
        )


def _families(s: _Suites) -> None:
    """Rows that refer to each other."""
    groups = shape("Groups", ())
    known = tuple(both(each, "Groups") for each in ("G1", "G2"))
    for missing in ("wait", "defer"):
        children = shape(fields=("A",), refers={"Group": ("Groups", missing)})
        pair = {"shapes": (groups, children), "orders": (("Groups", "Rows"), ("Rows", "Groups"))}
        s.add(
            f"a child that changes its parent, {missing}",
            (
                *(sets(side, "Group", "G2") for side in SIDES),
                sets("fno", "A"),
                makes("fno", "G3", "Groups"),
                sets("fno", "Group", "G3"),
                makes("dataverse", "G4", "Groups"),
                sets("dataverse", "Group", "G4"),
            ),
            (2, 1, 0),
            soak=((3, 1, 0), (2, 2, 0), (3, 2, 0)),
            rows=(*known, both(A="a0", Group="G1")),
            **pair,
        )
        s.add(
            f"parent and child made together, {missing}",
            (
                makes("fno", "G1", "Groups"),
                makes("fno", KEY, Group="G1"),
                makes("dataverse", "G1", "Groups"),
                makes("dataverse", KEY, Group="G1"),
            ),
            (3, 2, 0) if missing == "wait" else (2, 1, 0),
            soak=((3, 1, 0), (2, 2, 0), (3, 2, 0)),
            rows=(),
            first=2,
            **pair,
        )
        s.add(
            f"parent and child deleted, {missing}",
            (
                *(
                    removes(side, row, map)
                    for side in SIDES
                    for row, map in ((KEY, "Rows"), ("G1", "Groups"))
                ),
                *(makes(side, "K2", Group="G1") for side in SIDES),
            ),
            (2, 1, 0),
            soak=((3, 1, 0), (3, 2, 0)),
            rows=(*known[:1], both(A="a0", Group="G1")),
            excused=frozenset({"referred"}),
            **pair,
        )


def _among_themselves(s: _Suites) -> None:
    """Rows that refer to rows of their own table."""
    tree = shape(fields=("A",), refers={"Up": ("Rows", "defer")})
    pair = (both(A="a0", Up=""), both("K2", A="a0", Up=""))
    s.add(
        "a cycle that comes about",
        tuple(
            sets(side, "Up", other, row=row) for side in SIDES for row, other in (("K1", "K2"), ("K2", "K1"))
        ),
        (2, 1, 0),
        soak=((3, 1, 0), (3, 2, 0)),
        shapes=(tree,),
        rows=pair,
    )
    s.add(
        "a tree that grows and is cut",
        (
            *(makes(side, "K2", Up="K1") for side in SIDES),
            *(removes(side, row) for side in SIDES for row in ("K1", "K2")),
            sets("fno", "Up", "", row="K2"),
        ),
        (2, 1, 0),
        soak=((3, 1, 0), (3, 2, 0)),
        shapes=(tree,),
        rows=pair[:1],
        excused=frozenset({"referred"}),
    )
    cycle = ({"A": "a0", "Up": "K2"}, {"A": "a0", "Up": "K1"})
    for name, fno in (("F&O has it", True), ("Dataverse has it", False)):
        s.add(
            f"a cycle at the first connection, {name}",
            (
                *(sets(side, "Up", "", row="K1") for side in SIDES),
                *(sets(side, "A", row="K2") for side in SIDES),
            ),
            (1, 1, 0),
            soak=((2, 1, 0), (2, 2, 0)),
            shapes=(tree,),
            rows=tuple(
                Planted(row, values if fno else None, None if fno else values)
                for row, values in zip(("K1", "K2"), cycle, strict=True)
            ),
            connected=False,
            first=4,
        )


def _policies(s: _Suites) -> None:
    """What a map may say about fields, deletes, filters and keys."""
    one_way = shape(one_way={"B": "to-dataverse"})
    s.add("one-way fields", EDITS[:1] + EDITS[1:], (2, 1, 0), soak=((3, 1, 0), (3, 2, 0)), shapes=(one_way,))
    to_fno = shape(one_way={"B": "to-fno"})
    s.add("one-way fields to F&O", EDITS[:1] + EDITS[1:], (2, 1, 0), soak=((3, 2, 0),), shapes=(to_fno,))
    names = (
        sets("fno", "key", "K2"),
        sets("dataverse", "key", "K2"),
        sets("dataverse", "key", "K3"),
        sets("fno", "A"),
        sets("dataverse", "A"),
    )
    named = {
        "shapes": (shape(fields=("A",), renamed=True),),
        "rows": (both(A="a0", key=KEY),),
        "excused": frozenset({"key_changed"}),
    }
    s.add("renames", names, (2, 1, 0), soak=((3, 1, 0), (3, 2, 0)), **named)
    s.add("renames and deletes", (*names[:2], *DELETES), (2, 1, 0), soak=((3, 2, 0),), **named)
    behind = (sets("fno", "key", "A1"), sets("fno", "A"), sets("dataverse", "A"))
    s.add("renames behind a scan", behind, (2, 1, 0), soak=((3, 1, 0), (3, 2, 0)), **named)
    for how in ("ignore", "deactivate"):
        delete = {"to-dataverse": how, "to-fno": "ignore"}
        s.add(
            f"deletes that {how}",
            PRESENCE,
            (2, 1, 0),
            soak=((3, 1, 0), (3, 2, 0)),
            shapes=(shape(states=True, delete=delete),),
        )
    for how in ("detach", "deactivate", "delete"):
        s.add(
            f"a row that leaves the filter, {how}",
            (
                sets("fno", "kind", "Out"),
                sets("fno", "kind", "In"),
                sets("fno", "A"),
                sets("dataverse", "A"),
            ),
            (3, 0, 0),
            (2, 1, 0),
            soak=((3, 1, 0), (3, 2, 0)),
            shapes=(shape(fields=("A",), fno_filter="In", states=True, on_leave=how),),
            rows=(both(A="a0"),),
        )
        s.add(
            f"a row that moves to another map, {how}",
            (
                sets("fno", "kind", "Out"),
                sets("fno", "kind", "In"),
                sets("fno", "A"),
                sets("dataverse", "A"),
                sets("dataverse", "A", map="Others"),
            ),
            (1, 1, 0),
            *(((2, 0, 0),) if how == "delete" else ()),
            soak=((2, 1, 0), (3, 1, 0)),
            shapes=(
                shape(fields=("A",), fno_filter="In", states=True, on_leave=how),
                shape("Others", ("A",), fno_set="Rows", fno_filter="Out", states=True, on_leave=how),
            ),
            rows=(both(A="a0"),),
            orders=(("Rows", "Others"), ("Others", "Rows")),
        )


def _pauses(s: _Suites) -> None:
    """A map that somebody pauses, and lets go on."""
    for backlog in ("catch-up", "live-first"):
        s.add(
            f"a map that is paused, {backlog}",
            (
                Act("pause", "fno"),
                Act("resume", "fno", value=backlog),
                sets("fno", "A"),
                sets("dataverse", "A"),
                removes("fno"),
            ),
            (3 if backlog == "catch-up" else 2, 0, 0),
            soak=((3, 0, 0), (3, 1, 0)),
            shapes=(shape(fields=("A",)),),
            rows=(both(A="a0"),),
            cycles=3,
        )


def _made(*parts: Callable[[_Suites], None]) -> list[Suite]:
    s = _Suites()
    for part in parts:
        part(s)
    return s.found


ONE_ROW = _made(_one_row, _pauses)
SEVERAL = _made(_late_parent, _families, _among_themselves, _policies)
"""In two parts, so that two processes can share them."""
SUITES = [*ONE_ROW, *SEVERAL]
