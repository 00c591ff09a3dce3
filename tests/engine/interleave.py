"""Every interleaving of a user's edits with the engine's requests, in a world of one row.

The engine that runs here is the production one; only the sides and the state are in memory. A user's edit can make a difference
only where the engine looks at or writes to that side, so edits are tried before each request of the engine to their own side, in
every order. A crash can make a difference only where something lasting was done, so it is tried after each committed
transaction of the state and each write to a service. Both reductions lose no behaviour and most of the repetition.

What must hold afterwards is said here by the values that the two systems store and by what the user did, with nothing of the
engine's own reckoning (`Invariants`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

from mappings.catalogue import Catalogue
from mappings.metadata import Column, Table
from mappings.model import Map
from tasks.sync.seams import Crash
from tests.engine import parents
from tests.engine.memory import ENGINE, Fate, Memory, MemorySide, Normalize, Stored, text
from tests.engine.plainstore import PlainStore
from tests.engine.world import World

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}
KEY, CANARY = "K1", "C"
FIELDS = ("A", "B")
REST = 4
"""Runs after which, without edits, nothing may move any more."""

SETS: dict[Side, str] = {"fno": "Rows", "dataverse": "new_rows"}
NAMES: dict[Side, dict[str, str]] = {
    "fno": {"key": "Code", "A": "A", "B": "B", "note": "Note"},
    "dataverse": {"key": "new_code", "A": "new_a", "B": "new_b", "note": "new_note"},
}

ROWS_MAP: dict[str, Any] = {
    "map": "Rows",
    "template": "Rows",
    "area": "Products",
    "solution": "SupplyChainCommon",
    "fno": {"set": "Rows", "entity": "RowEntity", "key": ["Code"], "unlisted": ["Code", "A", "B"]},
    "dataverse": {"table": "new_rows", "key": ["new_code"]},
    "fields": [
        {"fno": "Code", "dataverse": "new_code"},
        {"fno": "A", "dataverse": "new_a"},
        {"fno": "B", "dataverse": "new_b"},
    ],
}
TABLES: dict[Side, Table] = {
    "fno": Table(
        "fno",
        "Rows",
        "Row",
        key=("Code",),
        columns={name: text(name) for name in ("Code", "A", "B", "Note")},
        fingerprint="1",
    ),
    "dataverse": Table(
        "dataverse",
        "new_rows",
        "new_row",
        id_column="new_rowid",
        alternate_keys=(("new_code",),),
        columns={
            **{name: text(name) for name in ("new_code", "new_a", "new_b", "new_note")},
            "new_rowid": Column("new_rowid", "guid"),
        },
        tracked=True,
        fingerprint="1",
    ),
}


def same(_: str, value: Any) -> Any:
    """A service that keeps what it is given."""
    return value


# what a user can do


@dataclass(frozen=True)
class Edit:
    """One thing a user can do to the row on one side.

    Attributes:
        kind: What becomes of the row; or a user makes its `parent`, or the parent's lane takes its `turn` beside the row's own.
        value: None makes one up that never was there before; a row created with a value is as the row was at the start.
    """

    kind: Literal["set", "delete", "create", "parent", "turn"]
    side: Side
    field: str = ""
    value: str | None = None

    def __str__(self) -> str:
        value = f"={self.value}" if self.value is not None else ""
        return f"{self.kind} {self.side}{'.' if self.field else ''}{self.field}{value}"


@dataclass(frozen=True)
class Event:
    """An edit that happened.

    Attributes:
        value: What the service made of it, per field.
        seen: Per field what had been visible on this side until then.
    """

    at: int
    kind: Literal["set", "delete", "create"]
    side: Side
    values: dict[str, str]
    seen: dict[str, frozenset[str]]


@dataclass
class Ghost:
    """What the user did and could see; the engine knows nothing of it."""

    events: list[Event] = field(default_factory=list)
    visible: dict[tuple[Side, str], set[str]] = field(default_factory=dict)
    start: dict[Side, dict[str, str] | None] = field(default_factory=dict)
    unsure: int = 0
    """Crashes and lost answers: after one, the engine may know less than the services."""

    def look(self, side: Side, row: dict[str, str] | None) -> None:
        """Note what a user of this side can see now."""
        if row is not None:
            for name in FIELDS:
                self.visible.setdefault((side, name), set()).add(row[name])


# one world, played again and again


@dataclass
class Scenario:
    """What is tried out.

    Attributes:
        edits: What users may do; each at any moment, any of them again.
        most_edits, most_crashes, most_faults: Budget of one interleaving.
        cycles: Runs of the engine during which users interfere.
        start: Values of the row on each side before the start; None = not there.
        connected: The initial sync is over when the interleaving begins.
        mirrored: Both fields can be edited alike, so the first edit that concerns a field may be taken to concern A.
        parent: The row names a parent that is not on both sides yet; what becomes of the row until then (`wait`, `defer`).
        remapped: From the second run on, or after a crash, the map's field pairs stand in another order.
    """

    name: str
    edits: tuple[Edit, ...]
    most_edits: int = 2
    most_crashes: int = 0
    most_faults: int = 0
    cycles: int = 2
    start: dict[Side, tuple[str, str] | None] = field(
        default_factory=lambda: {"fno": ("a0", "b0"), "dataverse": ("a0", "b0")}
    )
    connected: bool = True
    normalize: dict[Side, Normalize] = field(default_factory=lambda: {"fno": same, "dataverse": same})
    policy: str = "fno"
    silent: tuple[Side, ...] = ()
    mirrored: bool = False
    parent: str = ""
    remapped: bool = False
    store: Callable[[], Any] = PlainStore


class Chooser:
    """Takes one path through all choices, and finds the next one."""

    def __init__(self, path: list[list[int]]) -> None:
        self._path = path
        self._at = 0
        self.words: list[str] = []

    def choose(self, options: int) -> int:
        """Which of so many options; 0 is always the one without interference."""
        if self._at == len(self._path):
            self._path.append([0, options])
        index, count = self._path[self._at]
        assert count == options, "the engine did not do the same again: it is not deterministic"
        self._at += 1
        return index

    @staticmethod
    def advance(path: list[list[int]]) -> bool:
        """Turn a path into the next; False when there is none."""
        while path and path[-1][0] == path[-1][1] - 1:
            path.pop()
        if not path:
            return False
        path[-1][0] += 1
        return True


class Player:
    """Plays the interleavings of a scenario, each from the same start."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.store = scenario.store()
        sync = {**ROWS_MAP, "conflict": scenario.policy}
        shapes = {side: [TABLES[side]] for side in SIDES}
        maps = [sync]
        if scenario.parent:
            maps = [parents.referring(sync, scenario.parent), parents.GROUPS_MAP]
            for side, (table,) in shapes.items():
                own = parents.REFERENCE[side]
                columns = {**table.columns, own.name: own}
                shapes[side] = [replace(table, columns=columns), parents.TABLES[side]]
        self.world = World(maps, store=self.store, fno=shapes["fno"], dataverse=shapes["dataverse"])
        for side, service in self.services():
            service.silent = side in scenario.silent
            service.page_size = 1  # so that a user can step in between two pages of a scan
            self.memory(side).normalize = scenario.normalize[side]
            self._add(side, CANARY, ("c", "c"))
            values = scenario.start[side]
            if values is not None:
                self._add(side, KEY, values)
        # what a process does once is no part of any interleaving
        for name in self.world.catalogue.maps:
            self.world.session.lane(name)
        if scenario.connected:
            for _ in range(2):
                assert self.run() is None
        self._sessions = [self.world.session]
        if scenario.remapped:
            code, *fields = sync["fields"]
            self._open({**sync, "fields": [code, *reversed(fields)]})
        self._tables = self.store.snapshot()
        self._memories = {side: self.memory(side).clone() for side in SIDES}
        with self.store.read() as state:
            self.recorded = {record.id for record in state.conflicts(self.world.session.pair)}

    def _open(self, sync: dict[str, Any]) -> None:
        """A session with another map: that of a process that starts later."""
        catalogue = self.world.catalogue
        self.world.catalogue = Catalogue([Map.model_validate(sync)])
        self._sessions.append(self.world.open())
        self._sessions[-1].lane("Rows")
        self.world.catalogue = catalogue

    def begin(self, process: int) -> None:
        """From here on it is this process that works: the first one, or (1) one that came later."""
        self.world.session = self._sessions[min(process, len(self._sessions) - 1)]
        self.world.catalogue = self.world.session.catalogue

    def memory(self, side: Side) -> Memory:
        return self.world.fno_memory if side == "fno" else self.world.dataverse_memory

    def services(self) -> tuple[tuple[Side, MemorySide], tuple[Side, MemorySide]]:
        """Both sides as the engine sees them."""
        return ("fno", self.world.fno), ("dataverse", self.world.dataverse)

    def _add(self, side: Side, code: str, values: tuple[str, str]) -> None:
        names = NAMES[side]
        row = {
            names["key"]: code,
            names["A"]: values[0],
            names["B"]: values[1],
            names["note"]: f"note of {side}",
        }
        if self.scenario.parent and code == KEY:
            row.update(parents.reference(self, side))
        self.memory(side).create(SETS[side], row)

    def stored(self, side: Side, code: str = KEY) -> Stored | None:
        """A row as a side keeps it."""
        return self.memory(side).by_key(SETS[side], {NAMES[side]["key"]: code})

    def row(self, side: Side, code: str = KEY) -> dict[str, str] | None:
        """What a side stores, in the words of this module; null is the empty text."""
        stored = self.stored(side, code)
        if stored is None:
            return None
        return {name: stored.values.get(column) or "" for name, column in NAMES[side].items()}

    def start_of(self, side: Side, code: str) -> Any:
        """A row as it was before the interleaving; None if it was not there."""
        return self._memories[side].by_key(SETS[side], {NAMES[side]["key"]: code})

    # one interleaving

    def play(self, path: list[list[int]]) -> Played:
        """Play one path; what is not said by it goes without interference."""
        self._reset()
        one = Played(self, Chooser(path))
        one.go()
        return one

    def _reset(self) -> None:
        self.store.restore(self._tables)
        world = self.world
        world.fno_memory = world.fno.memory = self._memories["fno"].clone()
        world.dataverse_memory = world.dataverse.memory = self._memories["dataverse"].clone()
        self.begin(0)

    def run(self) -> str | None:
        """One run of the engine: the initial sync until it is done, the delta from then on; returns why it failed."""
        with self.store.read() as state:
            done = state.lane(self.world.session.pair, "Rows", "").initial == "done"
        summaries = self.world.delta("Rows") if done else self.world.initial("Rows")
        return next((each.message for each in summaries if each.verdict != "ok"), None)


class Played:
    """One interleaving: its course, and what is left of it."""

    def __init__(self, player: Player, chooser: Chooser) -> None:
        self.player = player
        self.scenario = player.scenario
        self.ghost = Ghost()
        self.words: list[str] = []
        self.trouble: list[str] = []
        self._chooser = chooser
        self._edits, self._crashes, self._faults = (
            self.scenario.most_edits,
            self.scenario.most_crashes,
            self.scenario.most_faults,
        )
        self._active = False
        self._made_up = 0
        self._dead = False
        self._effects = 0

    def go(self) -> None:
        """Let it happen: users and crashes interfere with some runs, then the engine comes to rest."""
        player, ghost = self.player, self.ghost
        for side in SIDES:
            ghost.start[side] = player.row(side)
            ghost.look(side, ghost.start[side])
        logged = {side: len(player.memory(side).log) for side in SIDES}
        self._listen()
        self._active = True
        runs = 0
        while runs < self.scenario.cycles and (self._edits or self._crashes or self._faults):
            runs += 1
            try:
                self._run()
                self.words.append("|")
            except Crash:
                self._revive()
            player.begin(1)
        self._active = False
        player.begin(1)
        self.rested = self._rest()
        self.writes = {
            side: [w for w in player.memory(side).log[logged[side] :] if w.caller == ENGINE] for side in SIDES
        }

    def _run(self) -> None:
        failed = self.player.run()
        if failed is not None:
            self.trouble.append(failed)

    def _turn(self) -> None:
        failed = parents.take_turn(self.player)
        if failed is not None:
            self.trouble.append(failed)

    def _revive(self) -> None:
        self._dead = False
        self.player.store.free()

    def _rest(self) -> bool:
        for _ in range(REST):
            before = self._fingerprint()
            self._run()
            if self.scenario.parent:
                self._turn()
            if self._fingerprint() == before:
                return True
        return False

    def _fingerprint(self) -> Any:
        """Everything that a run without work must leave alone."""
        player = self.player
        with player.store.read() as state:
            links = [
                link
                for name in player.world.catalogue.maps
                for link in state.iterate_links(player.world.session.pair, name, "", 0, 100)
            ]
            listed = state.count_inbox(player.world.session.pair)
            initial = state.lane(player.world.session.pair, "Rows", "").initial
        return [player.memory(side).version for side in SIDES], links, listed, initial

    # interference

    def _listen(self) -> None:
        for side, service in self.player.services():
            service.before = partial(self._requested, side)
            service.after = partial(self._wrote, side)
            service.fate = self._fate
        self.player.store.effect = lambda: self._effect("commit")

    def _requested(self, side: Side, _: str) -> None:
        self._user(side)

    def _user(self, side: Side) -> None:
        if self._dead:
            raise Crash
        if not self._active:
            return
        while self._edits:
            possible = [edit for edit in self.scenario.edits if edit.side == side and self._can(edit)]
            if not possible:
                return
            chosen = self._chooser.choose(len(possible) + 1)
            if chosen == 0:
                self.words.append(side[0])
                return
            self._edits -= 1
            self.words.append(f"[{possible[chosen - 1]}]")
            self._do(possible[chosen - 1])

    def _can(self, edit: Edit) -> bool:
        if self.scenario.mirrored and edit.field == "B" and not self.ghost.events:
            return False
        if edit.kind == "parent":
            return not parents.is_made(self.player)
        if edit.kind == "turn":
            return not parents.is_settled(self.player)
        return (self.player.row(edit.side) is None) == (edit.kind == "create")

    def _do(self, edit: Edit) -> None:
        player, side, names = self.player, edit.side, NAMES[edit.side]
        if edit.kind == "parent":
            parents.make(player)
            return
        if edit.kind == "turn":
            # another worker, whom nobody disturbs
            self._active = False
            self._turn()
            self._active = True
            return
        memory, table = player.memory(side), SETS[edit.side]
        seen = {name: frozenset(self.ghost.visible.get((side, name), ())) for name in FIELDS}
        self._made_up += 1
        made_up = f"{side[0]}{self._made_up}"
        values: dict[str, str] = {}
        if edit.kind == "create":
            before = self.ghost.start[side]
            as_before = edit.value is not None and before is not None
            player._add(
                side,
                KEY,
                (before["A"], before["B"]) if as_before and before else (made_up + "a", made_up + "b"),
            )
        else:
            stored = memory.by_key(table, {names["key"]: KEY})
            assert stored is not None
            if edit.kind == "delete":
                memory.delete(table, stored.id)
            else:
                memory.update(
                    table, stored.id, {names[edit.field]: made_up if edit.value is None else edit.value}
                )
        row = player.row(side)
        if row is not None:
            values = {name: row[name] for name in ([edit.field] if edit.kind == "set" else FIELDS)}
        self.ghost.events.append(Event(len(self.ghost.events), edit.kind, side, values, seen))
        self.ghost.look(side, row)

    def _wrote(self, side: Side, kind: str) -> None:
        self.ghost.look(side, self.player.row(side))
        self._effect(f"{kind} {side}")

    def _effect(self, what: str) -> None:
        if self._dead:
            raise Crash
        self._effects += 1
        if self._active and self._crashes and self._chooser.choose(2):
            self._crashes -= 1
            self.ghost.unsure += 1
            self._dead = True
            self.words.append(f"CRASH after {what} {self._effects}")
            raise Crash

    def _fate(self) -> Fate:
        if self._dead:
            raise Crash
        fates: tuple[Fate, ...] = ("answered", "lost", "never arrived", "sent again")
        if not (self._active and self._faults):
            return "answered"
        chosen = self._chooser.choose(len(fates))
        if chosen:
            self._faults -= 1
            self.ghost.unsure += 1
            self.words.append(fates[chosen].upper())
        return fates[chosen]

    def __str__(self) -> str:
        return " ".join(self.words)


# everything


@dataclass
class Found:
    """An interleaving that broke an invariant."""

    scenario: str
    course: str
    broken: list[str]

    def __str__(self) -> str:
        return f"{self.scenario}: {'; '.join(self.broken)}  <-  {self.course}"


def explore(
    scenario: Scenario,
    check: Callable[[Played], list[str]],
    *,
    stop_after: int = 1,
    watch: Callable[[list[list[int]], Played], None] | None = None,
) -> tuple[int, list[Found]]:
    """Play every interleaving of a scenario.

    Args:
        check: What is wrong with one that is over.
        stop_after: Findings after which to stop.
        watch: Told each path and what came of it.

    Returns: how many were played, and what was found.
    """
    player = Player(scenario)
    path: list[list[int]] = []
    played, found = 0, []
    while True:
        one = player.play(path)
        played += 1
        broken = check(one)
        if broken:
            found.append(Found(scenario.name, str(one), broken))
            if len(found) >= stop_after:
                break
        if watch is not None:
            watch(path, one)
        if not Chooser.advance(path):
            break
    return played, found
