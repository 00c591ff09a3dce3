"""What is tried out: the rows that are there, what users may do to them, and how much of it in one interleaving."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.engine.memory import Memory, Normalize
from tests.engine.plainstore import PlainStore
from tests.engine.rest import Edit, Name, Side
from tests.engine.stage import Shape, shape
from tests.engine.world import Clock

KEY, CANARY = "K1", "C"
AS_IT_WAS = "as it was"


def is_neighbour(row: str) -> bool:
    """Is this the row that nobody has any business with?"""
    return row.startswith(f"{CANARY} ")


def same(_: str, value: Any) -> Any:
    """A service that keeps what it is given."""
    return value


# what a user can do


@dataclass(frozen=True)
class Act:
    """One thing a user can do.

    Attributes:
        kind: What becomes of the row; or another worker takes a turn with the map meanwhile (`turn`), or somebody pauses it, or
            lets it go on, with `value` as what becomes of the changes that came meanwhile.
        row: The row, by the key with which it was made.
        field, value: What is set; None makes a text up that never was there before.
        given: Fields of a row that is made; the others are made up, or as they were at the start (`value`).
    """

    kind: Literal["set", "delete", "create", "turn", "pause", "resume"]
    side: Side
    field: str = ""
    value: str | None = None
    map: str = "Rows"
    row: str = KEY
    given: tuple[tuple[str, str], ...] = ()

    def __str__(self) -> str:
        value = f"={self.value}" if self.value is not None else ""
        return f"{self.kind} {self.side} {self.row}{'.' if self.field else ''}{self.field}{value}"


@dataclass(frozen=True)
class Planted:
    """A row that is there when it begins; a side without values doesn't have it."""

    row: str
    fno: Mapping[str, str] | None
    dataverse: Mapping[str, str] | None
    map: str = "Rows"

    def on(self, side: Side) -> Mapping[str, str] | None:
        return self.fno if side == "fno" else self.dataverse


def both(row: str = KEY, map: str = "Rows", **values: str) -> Planted:
    """A row that both sides have alike."""
    return Planted(row, values, values, map)


@dataclass
class Scenario:
    """What is tried out.

    Attributes:
        acts: What users may do; each at any moment, any of them again.
        edits, crashes, faults: Budget of one interleaving.
        cycles: Runs of the engine during which users interfere.
        connected: The initial sync is over when the interleaving begins.
        mirrored: Both fields can be edited alike, so the first edit that concerns a field may be taken to concern A.
        orders: Maps that a run works on, in which order; each is tried.
        at_failpoints: A process dies at the engine's failpoints, instead of after each lasting effect.
        remapped: From the second run on, or after a crash, the map's field pairs stand in another order.
        excused: Codes of parked rows for which there can be a reason.
        first: Writes that no edit calls for.
    """

    name: str
    acts: tuple[Act, ...]
    edits: int = 2
    crashes: int = 0
    faults: int = 0
    cycles: int = 2
    shapes: tuple[Shape, ...] = (shape(),)
    rows: tuple[Planted, ...] = (both(A="a0", B="b0"),)
    connected: bool = True
    normalize: Mapping[Side, Normalize] = field(default_factory=lambda: {"fno": same, "dataverse": same})
    silent: tuple[Side, ...] = ()
    mirrored: bool = False
    orders: tuple[tuple[str, ...], ...] = ()
    at_failpoints: bool = False
    remapped: bool = False
    excused: frozenset[str] = frozenset()
    first: int = 0
    store: Callable[[Clock], Any] = PlainStore


@dataclass
class Ghost:
    """What the users did and could see; the engine knows nothing of it.

    Attributes:
        born: (side, table, id) → the key with which the row was made.
        visible: (side, row) → field → what could be seen there until now.
        alias: (Dataverse table or F&O set, folded key) → the key with which that row was made.
        faults: Crashes and lost answers.
        made_up: side → texts made up so far.
    """

    edits: list[Edit] = field(default_factory=list)
    born: dict[tuple[Side, str, str], str] = field(default_factory=dict)
    visible: dict[tuple[Side, Name], dict[str, set[str]]] = field(default_factory=dict)
    alias: dict[tuple[str, str], str] = field(default_factory=dict)
    faults: int = 0
    made_up: dict[Side, int] = field(default_factory=lambda: {"fno": 0, "dataverse": 0})
    written: list[tuple[Side, str, bool]] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    def copy(self) -> Ghost:
        other = copy.copy(self)
        other.edits, other.born, other.alias = list(self.edits), dict(self.born), dict(self.alias)
        other.visible = {
            row: {name: set(seen) for name, seen in fields.items()} for row, fields in self.visible.items()
        }
        other.made_up, other.written, other.trouble = (
            dict(self.made_up),
            list(self.written),
            list(self.trouble),
        )
        return other


@dataclass
class Moment:
    """Everything at a moment when no run is under way: both systems, the state, what users did, what still may happen."""

    tables: Any
    memories: Mapping[Side, Memory]
    ghost: Ghost
    left: tuple[int, int, int]
    process: int
    ids: int
    words: tuple[str, ...] = ()
