"""One interleaving of users' edits, crashes and lost answers with the engine's requests, in a world of a few rows.

The engine that runs here is the production one; only the sides and the state are in memory. A user's edit can make a difference
only where the engine asks or writes something about that row, so edits are tried before each such request, in every order. A crash
can make a difference only where something lasting was done, so it is tried after each committed transaction of the state and each
write to a service (with what users do before the next request it is the same as at any later point before the next effect). Both
reductions lose no behaviour and most of the repetition. `search` goes through all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, cast

from tasks.state.records import LaneRecord
from tasks.sync.control import Backlog, pause, resume
from tasks.sync.seams import Crash
from tests.engine.chooser import Chooser
from tests.engine.memory import ENGINE, Behind, Fate, MemorySide, fold
from tests.engine.memory import Stored as Kept
from tests.engine.player import Player
from tests.engine.rest import OTHER, SIDES, Edit, Side
from tests.engine.scenario import AS_IT_WAS, Act, Moment
from tests.engine.stage import Shape

CONTROL = ("turn", "pause", "resume")


class Played:
    """One cycle of the engine from a moment on, while users and crashes interfere."""

    def __init__(
        self, player: Player, chooser: Chooser, moment: Moment, died: Callable[[Played], None] | None = None
    ) -> None:
        """`died` is told of each moment at which the process may die; without it, dying is a choice like the others."""
        self.player = player
        self._died = died
        self.scenario = player.scenario
        self.words = list(moment.words)
        self._chooser = chooser
        self._edits, self._crashes, self._faults = moment.left
        self._active = False
        self._dead = False
        self._turns = {act.map for act in player.scenario.acts if act.kind == "turn"}
        player.restore(moment)
        self._logged = {side: len(player.memory(side).log) for side in SIDES}

    @property
    def left(self) -> tuple[int, int, int]:
        """What still may happen."""
        return self._edits, self._crashes, self._faults

    def cycle(self) -> None:
        """One run of every map, until it is over or dies."""
        player = self.player
        self._listen()
        self._active = True
        orders = player.orders
        order = orders[self._chooser.choose(len(orders))] if len(orders) > 1 else orders[0]
        try:
            for name in order:
                self._run(name)
            self.words.append("|")
        except Crash:
            self._dead = False
            player.store.free()
        self._active = False
        player.switch(1)
        self._note_writes()

    def settle(self, most: int) -> bool:
        """Let the engine run alone; returns whether it comes to rest."""
        player = self.player
        self._listen()
        names = [name for wave in player.world.catalogue.order() for name in wave]
        rested = False
        begun = player.clock.now
        if any(act.kind == "pause" for act in self.scenario.acts):
            resume(player.store, [self._lane(name) for name in names])
        clocks = player.clock, player.world.clock  # the state's and the engine's
        for _ in range(most):
            before = self._still()
            for clock in clocks:
                clock.forward(days=2)  # what was put off is tried again
            for name in names:
                self._run(name)
            if rested := self._still() == before:
                break
        for clock in clocks:
            clock.now = begun
        self._note_writes()
        return rested

    def _run(self, name: str) -> None:
        failed = self.player.run(name)
        if failed is not None:
            self.player.ghost.trouble.append(f"{name}: {failed}")

    def _note_writes(self) -> None:
        for side in SIDES:
            for write in self.player.memory(side).log[self._logged[side] :]:
                if write.caller == ENGINE:
                    self.player.ghost.written.append((side, write.kind, write.had_version))

    def _still(self) -> Any:
        """Everything that a run without work must leave alone."""
        player = self.player
        pair = player.world.session.pair
        with player.store.read() as state:
            links = [link for name in player.shapes for link in state.iterate_links(pair, name, "", 0, 100)]
            initial = [state.lane(pair, name, "").initial for name in player.shapes]
            listed = state.count_inbox(pair), len(state.conflicts(pair)), len(state.parked(pair))
            return (
                [player.memory(side).version for side in SIDES],
                links,
                initial,
                listed,
                state.waiting(pair),
            )

    # interference

    def _listen(self) -> None:
        for side, service in self.player.services():
            service.before = partial(self._requested, side, service)
            service.after = partial(self._wrote, side, service)
            service.fate = self._fate
        self.player.store.effect = lambda: self._effect("commit")
        self.player.world.failpoint = self._passed

    def _requested(self, side: Side, service: MemorySide, _: str) -> None:
        if self._dead:
            raise Crash
        if not self._active:
            return
        table, named = service.asked
        text = "" if named is None or isinstance(named, Behind) else repr(named).casefold()
        while self._edits:
            possible = [
                act
                for act in self.scenario.acts
                if act.side == side and self._concerns(act, table, named, text) and self._can(act)
            ]
            if not possible:
                return
            chosen = self._chooser.choose(len(possible) + 1)
            if chosen == 0:
                self.words.append(side[0])
                return
            self._edits -= 1
            self.words.append(f"[{possible[chosen - 1]}]")
            self._do(possible[chosen - 1])

    def _concerns(self, act: Act, table: str, named: Any, text: str) -> bool:
        """Can it make a difference to this request whether the act comes before or after it?"""
        if act.kind in CONTROL or act.map in self._turns:
            return True  # what another worker finds, or whether any may work, may matter at any moment
        own = self.player.shapes[act.map]
        stored = self.player.kept(act.side, own, act.row)
        keys = {str(fold(act.row))}
        if stored is not None:
            keys |= {stored.id, str(fold(stored.values.get(own.key[act.side])) or "")}
        if act.field == "key" and act.value:
            keys.add(str(fold(act.value)))
        if table != own.table(act.side):
            return stored is not None and stored.id in text  # a row that is named here
        if named is None:
            return True
        if isinstance(named, Behind):
            return any(key > named.order[0] for key in keys)
        if any(isinstance(each, Mapping) and not set(each) <= {own.key[act.side]} for each in named):
            return True  # asked by something else than the key
        return any(key in text for key in keys)

    def _can(self, act: Act) -> bool:
        player = self.player
        own = player.shapes[act.map]
        if act.kind == "turn":
            return self._has_work(act.map)
        if act.kind in CONTROL:
            paused = self._lane(act.map).state == "paused"
            return paused is (act.kind == "resume")
        if self.scenario.mirrored and act.field == "B" and not player.ghost.edits:
            return False
        stored = player.kept(act.side, own, act.row)
        if act.kind == "create":
            taken = player.memory(act.side).by_key(own.table(act.side), {own.key[act.side]: act.row})
            return (
                stored is None and taken is None and all(self._is_there(act, own, n, v) for n, v in act.given)
            )
        if stored is None:
            return False
        if act.kind == "delete":
            return not self._children(act.side, own, stored)
        if act.field == "key" and act.value is not None:
            return player.memory(act.side).by_key(own.table(act.side), {own.key[act.side]: act.value}) is None
        if act.value is not None and act.field in own.columns:
            now = own.values(act.side, stored, player.memory(act.side), player.shapes)[act.field]
            if now == act.value and act.field in own.lookups:
                return False  # that changes nothing
        return self._is_there(act, own, act.field, act.value or "")

    def _is_there(self, act: Act, own: Shape, name: str, value: str) -> bool:
        """Who points at a row can see it."""
        return (
            name not in own.lookups
            or not value
            or self.player.kept(act.side, self.player.shapes[own.lookups[name]], value) is not None
        )

    def _children(self, side: Side, own: Shape, stored: Kept) -> bool:
        """Does any row of its side name this one?"""
        key = str(stored.values[own.key[side]])
        player = self.player
        return any(
            other.values(side, row, player.memory(side), player.shapes)[name] == key
            for other in player.shapes.values()
            for name, target in other.lookups.items()
            if target == own.name
            for row in player.memory(side).of(other.table(side)).values()
            if row is not stored
        )

    def _has_work(self, name: str) -> bool:
        """Is there a row that the other map's lane has not linked?"""
        player = self.player
        own = player.shapes[name]
        keys = {
            str(fold(row.values[own.key[side]]))
            for side in SIDES
            for row in player.memory(side).of(own.table(side)).values()
        }
        with player.store.read() as state:
            links = state.iterate_links(player.world.session.pair, name, "", 0, 100)
        return len(links) != len(keys)

    def _lane(self, name: str) -> LaneRecord:
        player = self.player
        with player.store.read() as state:
            found: LaneRecord = state.lane(player.world.session.pair, name, "")
        return found

    def _control(self, act: Act) -> None:
        """Somebody pauses a map or lets it go on, whatever the engine is about."""
        lane = [self._lane(act.map)]
        self._active = False
        if act.kind == "pause":
            pause(self.player.store, lane)
        else:
            resume(self.player.store, lane, cast(Backlog, act.value))
        self._active = True

    def _do(self, act: Act) -> None:
        player, side, ghost = self.player, act.side, self.player.ghost
        own = player.shapes[act.map]
        if act.kind in ("pause", "resume"):
            self._control(act)
            return
        if act.kind == "turn":
            # another worker, whom nobody disturbs
            self._active = False
            self._run(act.map)
            self._active = True
            return
        memory, table = player.memory(side), own.table(side)
        about = [each for each in player.shapes.values() if each.table(side) == table]
        seen = {
            each.name: {
                name: frozenset(values)
                for name, values in ghost.visible.get((side, (each.name, act.row)), {}).items()
            }
            for each in about
        }
        ghost.made_up[side] += 1
        made_up = f"{side[0]}{ghost.made_up[side]}"
        changed: set[str] = set()
        if act.kind == "create":
            given = dict(act.given)
            start = player.begin[side].get((own.name, act.row)) or player.begin[OTHER[side]].get(
                (own.name, act.row)
            )
            if act.value == AS_IT_WAS and start is not None:
                given = {**start.values, **given}
            else:
                given = {name: f"{made_up}{name.lower()}" for name in own.plain} | given
            stored = player.plant(side, own, act.row, given)
        else:
            kept = player.kept(side, own, act.row)
            assert kept is not None
            stored = kept
            if act.kind == "delete":
                memory.delete(table, stored.id)
            else:
                column = (
                    own.columns[act.field][side]
                    if act.field != "kind"
                    else ("Kind" if side == "fno" else "new_kind")
                )
                value = made_up if act.value is None else player.stored_value(side, own, act.field, act.value)
                memory.update(table, stored.id, {column: value})
                changed = {column}
                if act.field == "key":
                    ghost.alias[(table, str(stored.values[column]).casefold())] = act.row
        for each in about:
            values = {}
            if act.kind != "delete":
                values = each.values(side, stored, memory, player.shapes)
                if act.kind == "set":
                    values = {n: v for n, v in values.items() if each.columns[n][side] in changed}
            kind: Any = act.kind
            ghost.edits.append(
                Edit(len(ghost.edits), side, (each.name, act.row), kind, values, seen[each.name])
            )
        player.look(side, table)

    def _wrote(self, side: Side, service: MemorySide, kind: str) -> None:
        self.player.name_rows(side)
        self.player.look(side, service.asked[0])
        self._effect(f"{kind} {side}")

    def _passed(self, failpoint: str) -> None:
        if self.scenario.at_failpoints:
            self._may_die(failpoint)

    def _effect(self, what: str) -> None:
        if self._dead:
            raise Crash
        if not self.scenario.at_failpoints:
            self._may_die(what)

    def _may_die(self, what: str) -> None:
        if self._dead:
            raise Crash
        if not (self._active and self._crashes):
            return
        if self._died is not None:
            if self._chooser.beyond:
                self._die_aside(what)
        elif self._chooser.choose(2):
            self._crashes -= 1
            self.player.ghost.faults += 1
            self._dead = True
            self.words.append(f"CRASH after {what}")
            raise Crash

    def _die_aside(self, what: str) -> None:
        """Tell what there would be if the process died now, and go on: what dies here leaves nothing but this moment."""
        player = self.player
        kept = player.ghost, player.process, self._crashes, self._logged
        player.ghost = player.ghost.copy()
        player.ghost.faults += 1
        self._crashes -= 1
        self.words.append(f"CRASH after {what}")
        self._note_writes()
        player.switch(1)
        assert self._died is not None
        self._died(self)
        self.words.pop()
        player.ghost, process, self._crashes, self._logged = kept
        player.switch(process)

    def _fate(self) -> Fate:
        if self._dead:
            raise Crash
        fates: tuple[Fate, ...] = ("answered", "lost", "never arrived", "sent again")
        if not (self._active and self._faults):
            return "answered"
        chosen = self._chooser.choose(len(fates))
        if chosen:
            self._faults -= 1
            self.player.ghost.faults += 1
            self.words.append(fates[chosen].upper())
        return fates[chosen]

    def __str__(self) -> str:
        return " ".join(self.words)
