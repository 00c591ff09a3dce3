"""What the small-scope check tries: scenarios, each with the depth that a test run affords and the one for a long run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from tests.engine.interleave import SIDES, Edit, Scenario, Side, same
from tests.engine.memory import Normalize


def sets(side: Side, field_: str, value: str | None = None) -> Edit:
    """A user changes a value."""
    return Edit("set", side, field_, value)


DELETE_FNO, DELETE_DATAVERSE = Edit("delete", "fno"), Edit("delete", "dataverse")
CREATE_FNO, CREATE_DATAVERSE = Edit("create", "fno"), Edit("create", "dataverse")

EDITS = tuple(sets(side, name) for name in ("A", "B") for side in SIDES)
BACK_AND_FORTH = (sets("fno", "A"), sets("fno", "A", "a0"), sets("dataverse", "B"))
BOTH_BACK = (*BACK_AND_FORTH, sets("dataverse", "A", "a0"), sets("dataverse", "A"))
PRESENCE = (
    sets("fno", "A"),
    sets("dataverse", "B"),
    DELETE_FNO,
    DELETE_DATAVERSE,
    CREATE_FNO,
    CREATE_DATAVERSE,
)


def upper(column: str, value: Any) -> Any:
    """A Dataverse that stores capitals."""
    return value.upper() if column in ("new_a", "new_b") and isinstance(value, str) else value


def lower(column: str, value: Any) -> Any:
    """An F&O that stores small letters."""
    return value.lower() if column in ("A", "B") and isinstance(value, str) else value


def _normal(fno: Normalize, dataverse: Normalize) -> dict[Side, Normalize]:
    return {"fno": fno, "dataverse": dataverse}


def _start(fno: tuple[str, str] | None, dataverse: tuple[str, str] | None) -> dict[str, Any]:
    return {"start": {"fno": fno, "dataverse": dataverse}, "connected": False}


Depth = tuple[int, int, int]
"""Most user edits, crashes and lost answers of one interleaving."""


@dataclass(frozen=True)
class Suite:
    """A scenario with its depths."""

    scenario: Scenario
    depths: tuple[Depth, ...]
    soak: tuple[Depth, ...] = ()

    def scenarios(self, soak: bool = False) -> Iterator[Scenario]:
        """One scenario a depth."""
        for edits, crashes, faults in (*self.depths, *(self.soak if soak else ())):
            name = f"{self.scenario.name}, {edits} edits"
            name += f", {crashes} crashes" if crashes else ""
            name += f", {faults} lost answers" if faults else ""
            yield replace(
                self.scenario, name=name, most_edits=edits, most_crashes=crashes, most_faults=faults
            )


@dataclass
class _Suites:
    found: list[Suite] = field(default_factory=list)

    def add(
        self,
        name: str,
        edits: tuple[Edit, ...],
        *depths: Depth,
        soak: tuple[Depth, ...] = (),
        **options: Any,
    ) -> None:
        self.found.append(Suite(Scenario(name, edits, mirrored=edits is EDITS, **options), depths, soak))


def _suites() -> list[Suite]:
    s = _Suites()
    s.add("concurrent edits", EDITS, (3, 0, 0), (2, 1, 0), soak=((3, 1, 0), (2, 2, 0), (4, 0, 0)))
    s.add("concurrent edits, Dataverse wins", EDITS, (2, 0, 0), (2, 1, 0), policy="dataverse")
    s.add("concurrent edits, held", EDITS, (2, 0, 0), (2, 1, 0), soak=((3, 0, 0),), policy="hold")
    s.add("there and back", BACK_AND_FORTH, (3, 0, 0), (2, 1, 0), (1, 2, 0), soak=((3, 1, 0), (2, 2, 0)))
    s.add("there and back on both sides", BOTH_BACK, (2, 1, 0), soak=((2, 2, 0), (3, 1, 0)))
    s.add("deletes and recreates", PRESENCE, (3, 0, 0), (2, 1, 0), soak=((3, 1, 0), (2, 2, 0)))
    as_it_was = (
        DELETE_FNO,
        DELETE_DATAVERSE,
        Edit("create", "fno", value="as it was"),
        Edit("create", "dataverse", value="as it was"),
    )
    s.add("recreated as it was", as_it_was, (2, 0, 0), (2, 1, 0), soak=((3, 1, 0), (4, 0, 0)))
    s.add("deletes, Dataverse wins", PRESENCE, (2, 0, 0), soak=((3, 0, 0),), policy="dataverse")
    few = (sets("fno", "A"), sets("dataverse", "A"), sets("dataverse", "B"))
    s.add("normalizing Dataverse", few, (2, 1, 0), soak=((3, 1, 0),), normalize=_normal(same, upper))
    s.add("normalizing F&O", few, (2, 1, 0), soak=((3, 1, 0),), normalize=_normal(lower, same))
    s.add("normalizing both", few, (3, 0, 0), (1, 1, 1), soak=((2, 1, 1),), normalize=_normal(lower, upper))
    s.add(
        "first connection, F&O has it",
        PRESENCE,
        (2, 0, 0),
        (1, 1, 0),
        (1, 0, 1),
        soak=((2, 1, 0), (1, 2, 0), (2, 0, 1)),
        **_start(("a0", "b0"), None),
    )
    s.add(
        "first connection, Dataverse has it",
        PRESENCE,
        (2, 0, 0),
        (1, 1, 0),
        (1, 0, 1),
        soak=((2, 1, 0), (1, 2, 0), (2, 0, 1)),
        **_start(None, ("a0", "b0")),
    )
    s.add(
        "first connection, both have it",
        PRESENCE,
        (2, 0, 0),
        (1, 1, 0),
        (1, 0, 1),
        soak=((2, 1, 0), (1, 2, 0), (2, 0, 1)),
        **_start(("a0", "bX"), ("a0", "b0")),
    )
    s.add(
        "first connection, nobody has it",
        PRESENCE,
        (2, 0, 0),
        (2, 1, 0),
        soak=((2, 2, 0), (2, 0, 1)),
        **_start(None, None),
    )
    s.add("lost answers", EDITS, (2, 0, 1), soak=((2, 0, 2), (2, 1, 1)))
    s.add("lost answers and deletes", PRESENCE, (2, 0, 1), soak=((2, 0, 2), (2, 1, 1)))
    s.add(
        "answers without the row", few, (2, 0, 0), (2, 1, 0), soak=((3, 0, 0),), silent=("fno", "dataverse")
    )
    s.add(
        "answers without the row, normalizing",
        few,
        (2, 0, 0),
        normalize=_normal(lower, upper),
        silent=("fno",),
    )
    turns = (Edit("parent", "fno"), Edit("turn", "fno"), Edit("turn", "dataverse"))
    for name, missing, start in (
        ("F&O has the row", "defer", _start(("a0", "b0"), None)),
        ("Dataverse has the row", "wait", _start(None, ("a0", "b0"))),
    ):
        s.add(
            f"a parent that comes late, {name}",
            turns,
            (2, 0, 0),
            (2, 1, 0),
            soak=((3, 1, 0), (2, 2, 0)),
            parent=missing,
            **start,
        )
    s.add(
        "another order of field pairs",
        BACK_AND_FORTH,
        (2, 0, 0),
        (2, 1, 0),
        soak=((3, 0, 0), (2, 2, 0)),
        remapped=True,
    )
    s.add(
        "another order of field pairs, first connection",
        PRESENCE,
        (1, 1, 0),
        remapped=True,
        **_start(("a0", "b0"), None),
    )
    return s.found


SUITES = _suites()
