"""A scenario's world: both systems in memory, the state and the engine, which can be put back to any moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mappings.catalogue import Catalogue
from mappings.metadata import Table
from mappings.model import Map
from tasks.sync import creates
from tasks.sync.polling import feeds_of
from tasks.sync.session import Session
from tests.engine.memory import Memory, MemorySide, fold
from tests.engine.memory import Stored as Kept
from tests.engine.rest import OTHER, SIDES, Name, Side, Stored
from tests.engine.scenario import CANARY, Ghost, Moment, Scenario, is_neighbour
from tests.engine.stage import Shape
from tests.engine.world import Clock, World


class Player:
    """A scenario's world, which can be put back to any moment."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.shapes = {each.name: each for each in scenario.shapes}
        self.clock = Clock()
        self.store = scenario.store(self.clock)
        tables: dict[Side, dict[str, Table]] = {
            side: {each.table(side): each.tables[side] for each in scenario.shapes} for side in SIDES
        }
        for side in SIDES:  # maps that share a table share its columns
            for each in scenario.shapes:
                known = tables[side][each.table(side)]
                columns = {**known.columns, **each.tables[side].columns}
                tables[side][each.table(side)] = replace(known, columns=columns)
        self.world = World(
            [dict(each.sync) for each in scenario.shapes],
            store=self.store,
            fno=list(tables["fno"].values()),
            dataverse=list(tables["dataverse"].values()),
        )
        self.orders = scenario.orders or (tuple(n for wave in self.world.catalogue.order() for n in wave),)
        self.ghost = Ghost()
        self.process = 0
        self.ids = 0
        for side, service in self.services():
            service.silent = side in scenario.silent
            service.page_size = 1  # so that a user can step in between two pages of a scan
            service.keeps_referred = True
            self.memory(side).normalize = scenario.normalize[side]
            self.memory(side).clock = self._time
            for planted in scenario.rows:
                values = planted.on(side)
                if values is not None:
                    self.plant(side, self.shapes[planted.map], planted.row, values)
            for name, own in self.shapes.items():
                self.plant(side, own, f"{CANARY} {name}", {each: "c" for each in own.plain})
        self._warm(self.world.session)
        if scenario.connected:
            for _ in range(2):
                for name in [name for wave in self.world.catalogue.order() for name in wave]:
                    assert (failed := self.run(name)) is None, failed
        self._sessions = [self.world.session]
        if scenario.remapped:
            self._open()
        with self.store.read() as state:
            self.recorded = {record.id for record in state.conflicts(self.world.session.pair)}
        self.ghost = Ghost(born=self.ghost.born, alias=self.ghost.alias)
        for side in SIDES:
            self.name_rows(side)
            self.look(side)
        left = scenario.edits, scenario.crashes, scenario.faults
        self.start = replace(self.capture(()), left=left)
        self.begin = {side: self.rows(side) for side in SIDES}
        self.canaries = self.bystanders()
        self.first_ids = {id_ for side, _, id_ in self.ghost.born if side == "dataverse"}
        self.first_records = {id_ for side, _, id_ in self.ghost.born if side == "fno"}

    def _open(self) -> None:
        """A session with the field pairs of the map in another order: that of a process that starts later."""
        catalogue, sync = self.world.catalogue, self.scenario.shapes[0].sync
        code, *fields = sync["fields"]
        other = {**sync, "fields": [code, *reversed(fields)]}
        self.world.catalogue = Catalogue([Map.model_validate(other)])
        self._sessions.append(self.world.open())
        self._warm(self._sessions[-1])
        self.world.catalogue = catalogue

    def _time(self) -> int:
        """Each write is a second later than the one before it, on whichever side."""
        return 1 + sum(self.memory(side).version for side in SIDES)

    @staticmethod
    def _warm(session: Session) -> None:
        """What a process does once is no part of any interleaving."""
        for name in session.catalogue.maps:
            session.lane(name)
        feeds_of(session, list(session.catalogue.maps.values()))

    def __enter__(self) -> Player:
        """From here on the engine's own ids are counted, so that two equal courses are equal to the letter."""
        self._drawn = creates.random_ids
        creates.random_ids = self._count_ids
        return self

    def __exit__(self, *_: object) -> None:
        creates.random_ids = self._drawn
        self.store.close()

    def _count_ids(self, count: int) -> list[str]:
        self.ids += count
        return [f"{0xE0000000 + self.ids - k:08x}-0000-4000-8000-000000000000" for k in range(count)]

    # moments

    def capture(self, words: Sequence[str], left: tuple[int, int, int] = (0, 0, 0)) -> Moment:
        """What is there now."""
        memories = {side: self.memory(side).clone() for side in SIDES}
        return Moment(
            self.store.snapshot(), memories, self.ghost.copy(), left, self.process, self.ids, tuple(words)
        )

    def restore(self, moment: Moment) -> None:
        """Go back to a moment; all leases are free."""
        self.store.restore(moment.tables)
        world = self.world
        world.fno_memory = world.fno.memory = moment.memories["fno"].clone()
        world.dataverse_memory = world.dataverse.memory = moment.memories["dataverse"].clone()
        self.ghost, self.ids = moment.ghost.copy(), moment.ids
        self.switch(moment.process)

    def switch(self, process: int) -> None:
        """From here on it is this process that works: the first one, or (1) one that came later."""
        self.process = min(process, len(self._sessions) - 1)
        self.world.session = self._sessions[self.process]
        self.world.catalogue = self.world.session.catalogue

    # the two systems

    def memory(self, side: Side) -> Memory:
        return self.world.fno_memory if side == "fno" else self.world.dataverse_memory

    def services(self) -> tuple[tuple[Side, MemorySide], tuple[Side, MemorySide]]:
        """Both sides as the engine sees them."""
        return ("fno", self.world.fno), ("dataverse", self.world.dataverse)

    def plant(self, side: Side, own: Shape, row: str, values: Mapping[str, str]) -> Kept:
        """Make a row, as a user does."""
        filters = {own.filters[side][0]: own.filters[side][1]} if side in own.filters else {}
        columns = {
            own.columns[name][side]: self.stored_value(side, own, name, v) for name, v in values.items()
        }
        note = {"Note" if side == "fno" else "new_note": f"note of {side}"}
        stored = self.memory(side).create(own.table(side), {own.key[side]: row, **filters, **note, **columns})
        self.ghost.born[(side, own.table(side), stored.id)] = row
        self.ghost.alias[(own.table(side), row.casefold())] = row
        return stored

    def stored_value(self, side: Side, own: Shape, name: str, value: str) -> Any:
        """A value as it is put into a column: a lookup of Dataverse takes the id of the row that has this key."""
        if side == "fno" or name not in own.lookups or not value:
            return value
        target = self.shapes[own.lookups[name]]
        pointed = self.kept(side, target, value)
        return None if pointed is None else pointed.id

    def kept(self, side: Side, own: Shape, row: str) -> Kept | None:
        """A row as its side keeps it, by the key with which it was made."""
        table = own.table(side)
        for id_, stored in self.memory(side).of(table).items():
            if self.ghost.born.get((side, table, id_)) == row:
                return stored
        return None

    def name_rows(self, side: Side) -> None:
        """Rows that the engine made bear the name of the row that has their key on the other side."""
        for own in self.shapes.values():
            table = own.table(side)
            for id_, stored in self.memory(side).of(table).items():
                if (side, table, id_) in self.ghost.born:
                    continue
                key = str(stored.values.get(own.key[side]) or "")
                there = self.memory(OTHER[side]).by_key(own.table(OTHER[side]), {own.key[OTHER[side]]: key})
                other = None if there is None else (OTHER[side], own.table(OTHER[side]), there.id)
                known = self.ghost.alias.get((table, key.casefold()), key)
                self.ghost.born[(side, table, id_)] = self.ghost.born.get(other, known) if other else known

    def rows(self, side: Side) -> dict[Name, Stored]:
        """What a side stores, map by map."""
        self.name_rows(side)
        found: dict[Name, Stored] = {}
        for own in self.shapes.values():
            for id_, stored in self.memory(side).of(own.table(side)).items():
                name = own.name, self.ghost.born[(side, own.table(side), id_)]
                if not is_neighbour(name[1]):
                    values = own.values(side, stored, self.memory(side), self.shapes)
                    active = stored.values.get("statecode") in (None, 0)
                    found[name] = Stored(
                        values, id_, own.inside(side, stored), active, own.unnamed(side, stored)
                    )
        return found

    def bystanders(self) -> dict[str, str]:
        """The rows that nobody has any business with."""
        found = {}
        for side in SIDES:
            for own in self.shapes.values():
                for id_, stored in self.memory(side).of(own.table(side)).items():
                    if is_neighbour(self.ghost.born.get((side, own.table(side), id_), "")):
                        found[f"the neighbour on {side} in {own.table(side)}"] = repr(
                            (id_, stored.version, sorted(stored.values.items()))
                        )
        return found

    def twins(self) -> list[tuple[Side, Name]]:
        """Rows beyond the first of a key."""
        found = []
        for side in SIDES:
            for own in self.shapes.values():
                keys = [
                    str(fold(row.values.get(own.key[side])) or id_)
                    for id_, row in self.memory(side).of(own.table(side)).items()
                ]
                found += [(side, (own.name, key)) for key in set(keys) if keys.count(key) > 1]
        return found

    def look(self, side: Side, table: str = "") -> None:
        """Note what users of a side can see now."""
        for own in self.shapes.values():
            if table in ("", own.table(side)):
                for id_, stored in self.memory(side).of(own.table(side)).items():
                    born = self.ghost.born.get((side, own.table(side), id_))
                    if born is None or born.startswith(CANARY + " "):
                        continue
                    visible = self.ghost.visible.setdefault((side, (own.name, born)), {})
                    for name, value in own.values(side, stored, self.memory(side), self.shapes).items():
                        visible.setdefault(name, set()).add(value)

    # the engine

    def run(self, name: str) -> str | None:
        """One run of a map: the initial sync until it is done, the delta from then on; returns why it failed."""
        with self.store.read() as state:
            done = state.lane(self.world.session.pair, name, "").initial == "done"
        summaries = self.world.delta(name) if done else self.world.initial(name)
        return next((each.message for each in summaries if each.verdict != "ok"), None)
