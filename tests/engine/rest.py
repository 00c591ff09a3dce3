"""A world at rest: the words in which it is told to the invariants, plain values of both systems and of the state.

Whoever plays a world, in memory or over two sandboxes, writes down a `Rest`; `invariants.broken` says what is wrong with it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}
Name = tuple[str, str]
"""Map, and key of the row when it was made: who renames a row doesn't make another of it."""

# the maps


@dataclass(frozen=True)
class Field:
    """A field of a map.

    Attributes:
        keeps: What the service of a side stores of a value that it is given.
        records: What stands in a conflict record that is about this field.
        group: Fields of one group are settled together: the winner's values go along, edited or not.
    """

    name: str
    direction: Literal["both", "to-dataverse", "to-fno"] = "both"
    keeps: Callable[[Side, str], str] = lambda _, value: value
    records: frozenset[str] = frozenset()
    group: str = ""

    def forms(self, value: str) -> set[str]:
        """What may become of a value on its way."""
        once = {value, *(self.keeps(side, value) for side in SIDES)}
        return once | {self.keeps(side, each) for side in SIDES for each in once}

    def looks_like(self, value: str, other: str) -> bool:
        """May two values be the same one, as different services keep it?"""
        return not self.forms(value).isdisjoint(self.forms(other))

    @property
    def source(self) -> Side | None:
        """The side whose value counts alone; None if both do."""
        found: dict[str, Side | None] = {"both": None, "to-dataverse": "fno", "to-fno": "dataverse"}
        return found[self.direction]


@dataclass(frozen=True)
class Rules:
    """What a map says.

    Attributes:
        to_dataverse, to_fno: What a delete on the other side does here.
        connected: The first connection was over before the users began.
        kin: Other maps of the same table, which a row can move to.
    """

    map: str
    fields: tuple[Field, ...]
    policy: Literal["fno", "dataverse", "newest", "hold"] = "fno"
    to_dataverse: Literal["propagate", "ignore", "deactivate"] = "propagate"
    to_fno: Literal["propagate", "ignore"] = "propagate"
    on_leave: Literal["detach", "deactivate", "delete"] = "detach"
    connected: bool = True
    kin: frozenset[str] = frozenset()

    def deletes(self, side: Side) -> str:
        """What becomes of a row on this side that was deleted on the other."""
        return self.to_fno if side == "fno" else self.to_dataverse


# what is there, what happened, what is on record


@dataclass(frozen=True)
class Stored:
    """A row as a side stores it; `values` in terms that are the same on both sides, a lookup as the key it points at.

    Attributes:
        inside: This side's filter of the map takes it.
        rest: All that the map doesn't name, as text.
    """

    values: Mapping[str, str]
    id: str = ""
    inside: bool = True
    active: bool = True
    rest: str = ""


@dataclass(frozen=True)
class Edit:
    """What a user did.

    Attributes:
        values: What the service stores of it.
        seen: Per field what had been visible on this side until then.
    """

    at: int
    side: Side
    row: Name
    kind: Literal["set", "delete", "create"]
    values: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Conflict:
    row: Name
    kind: str
    fields: tuple[str, ...]
    winner: str = ""
    loser: str = ""
    open: bool = False


@dataclass(frozen=True)
class Parked:
    row: Name
    side: str
    kind: str
    code: str


@dataclass(frozen=True)
class Waits:
    row: Name
    parent: Name


@dataclass(frozen=True)
class Linked:
    """A link; `fno` is the key text it names, `intent` whether a write is noted that nobody settled."""

    row: Name
    state: str
    fno: str
    dataverse_id: str | None
    intent: bool = False


@dataclass(frozen=True)
class Written:
    side: Side
    kind: str
    versioned: bool


@dataclass
class Rest:
    """A world at rest.

    Attributes:
        faults: Crashes and lost answers: after one, the engine may know less than the services.
        twins: Rows beyond the first of a key.
        failed: Runs that failed.
        moved: What one more run still changed.
        before, after: Rows that no map takes, as text by name: companies out of scope, rows outside the filters.
        first: Writes that no user asked for: those of a first connection.
        excused: Is there a reason for this parked row?
    """

    rules: Mapping[str, Rules]
    start: Mapping[Side, Mapping[Name, Stored]]
    now: Mapping[Side, Mapping[Name, Stored]]
    edits: Sequence[Edit] = ()
    conflicts: Sequence[Conflict] = ()
    parked: Sequence[Parked] = ()
    waiting: Sequence[Waits] = ()
    links: Sequence[Linked] = ()
    writes: Sequence[Written] = ()
    faults: int = 0
    first: int = 0
    twins: Sequence[tuple[Side, Name]] = ()
    failed: Sequence[str] = ()
    moved: Sequence[str] = ()
    before: Mapping[str, str] = field(default_factory=dict)
    after: Mapping[str, str] = field(default_factory=dict)
    excused: Callable[[Parked], bool] = lambda _: False


@dataclass(frozen=True)
class Entry:
    """A write of the log of both systems, in the order in which they happened; `values` as stored afterwards."""

    at: int
    side: Side
    row: Name
    kind: Literal["set", "delete", "create"]
    values: Mapping[str, str]
    user: bool


def edits_of(log: Iterable[Entry], start: Mapping[Side, Mapping[Name, Stored]]) -> list[Edit]:
    """The users' edits of a log, each with what had been visible on its side before."""
    visible: dict[tuple[Side, Name, str], set[str]] = {}
    for side in SIDES:
        for row, stored in start[side].items():
            for name, value in stored.values.items():
                visible.setdefault((side, row, name), set()).add(value)
    edits = []
    for entry in sorted(log, key=lambda each: each.at):
        if entry.user:
            seen = {
                f: frozenset(v)
                for (side, row, f), v in visible.items()
                if (side, row) == (entry.side, entry.row)
            }
            edits.append(Edit(entry.at, entry.side, entry.row, entry.kind, entry.values, seen))
        for name, value in entry.values.items():
            visible.setdefault((entry.side, entry.row, name), set()).add(value)
    return edits
