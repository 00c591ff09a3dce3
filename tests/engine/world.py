"""A small world for the engine: two systems in memory, a handful of maps, a state, and a user who edits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.metadata import Column, Table
from mappings.model import Map
from tasks.sync.companies import Companies
from tasks.sync.seams import Crash, Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, poll
from tests import states
from tests.engine.memory import Memory, MemoryDataverse, MemoryFno, Normalize, Stored, lookup, text


def thing_map(**changes: Any) -> dict[str, Any]:
    """A global two-way map with two plain fields, a self reference and a one-way field."""
    return {
        "map": "Things",
        "template": "Things",
        "area": "Products",
        "solution": "SupplyChainCommon",
        "fno": {
            "set": "Things",
            "entity": "ThingEntity",
            "key": ["Code"],
            "unlisted": ["Code", "A", "B", "Parent", "OneWay"],
        },
        "dataverse": {"table": "new_things", "key": ["new_code"]},
        "lookups": {"new_parent": {"table": "new_things", "missing": "defer", "cycle": True}},
        "fields": [
            {"fno": "Code", "dataverse": "new_code"},
            {"fno": "A", "dataverse": "new_a"},
            {"fno": "B", "dataverse": "new_b"},
            {"fno": "Parent", "dataverse": "new_parent.new_code"},
            {"fno": "OneWay", "dataverse": "new_oneway", "direction": "to-dataverse"},
        ],
        **changes,
    }


FNO_THINGS = Table(
    "fno",
    "Things",
    "Thing",
    key=("Code",),
    columns={name: text(name) for name in ("Code", "A", "B", "Parent", "OneWay")},
    fingerprint="1",
)
DATAVERSE_THINGS = Table(
    "dataverse",
    "new_things",
    "new_thing",
    id_column="new_thingid",
    alternate_keys=(("new_code",),),
    columns={
        **{name: text(name) for name in ("new_code", "new_a", "new_b", "new_oneway")},
        "new_parent": lookup("new_parent", "new_thing"),
        "new_thingid": Column("new_thingid", "guid"),
    },
    bulk=frozenset({"CreateMultiple"}),
    tracked=True,
    fingerprint="1",
)


@dataclass
class Clock:
    """A clock that only moves when told."""

    now: datetime = field(default_factory=lambda: datetime(2026, 1, 1, tzinfo=UTC))

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> None:
        self.now += timedelta(**amount)


SETTINGS = {
    "fno_url": "https://fno.test",
    "dataverse_url": "https://dataverse.test",
    "tenant_id": "tenant",
    "client_id": "client",
    "client_secret": "secret",
    "update_brake_share": 1.0,
}


class World:
    """The two systems, the engine between them, and shortcuts to act as user or engine."""

    def __init__(
        self,
        maps: Sequence[dict[str, Any]] = (),
        *,
        fno: Sequence[Table] = (FNO_THINGS,),
        dataverse: Sequence[Table] = (DATAVERSE_THINGS,),
        store: Any = None,
        normalize_dataverse: Normalize | None = None,
        normalize_fno: Normalize | None = None,
        failpoint: Callable[[Any], None] | None = None,
        **settings: Any,
    ) -> None:
        keep: Normalize = lambda _, value: value  # noqa: E731
        self.fno_memory = Memory(
            {table.name: table for table in fno},
            {table.name: table.key for table in fno},
            normalize_fno or keep,
        )
        self.dataverse_memory = Memory(
            {table.name: table for table in dataverse},
            {table.name: table.alternate_keys[0] for table in dataverse if table.alternate_keys},
            normalize_dataverse or keep,
            sparse=True,
        )
        self.fno = MemoryFno(self.fno_memory, "fno.test")
        self.dataverse = MemoryDataverse(self.dataverse_memory, "org")
        self.clock = Clock()
        self.failpoint = failpoint or (lambda _: None)
        self.store = store or states.in_memory(self.clock)
        self.catalogue = Catalogue([Map.model_validate(each) for each in (maps or [thing_map()])])
        self.session = self.open(**settings)

    def open(self, **settings: Any) -> Session:
        """A session as a new process would open it."""
        return Session.open(
            Settings(**{**SETTINGS, **settings}),
            seams=Seams.serial(
                now=self.clock, sleep=lambda _: None, failpoint=lambda point: self.failpoint(point)
            ),
            catalogue=self.catalogue,
            fno=self.fno,
            dataverse=self.dataverse,
            store=self.store,
        )

    # the engine

    def initial(self, name: str = "Things", mode: str | None = None) -> list[LaneSummary]:
        return initial_sync(self.session, name, mode=mode)

    def delta(self, name: str = "Things") -> list[LaneSummary]:
        poll(self.session, [self.catalogue.maps[name]])
        return delta_sync(self.session, name)

    def settle(self, runs: int = 3) -> None:
        """Let the engine work until nothing moves."""
        for _ in range(runs):
            self.delta()

    @contextmanager
    def dying_at(self, point: str, nth: int = 1) -> Iterator[None]:
        """The engine dies in this block, when it comes to a point for the n-th time; what runs later lives."""
        left = [nth]

        def die(at: str) -> None:
            left[0] -= at == point
            if at == point and left[0] == 0:
                raise Crash

        self.failpoint = die
        with pytest.raises(Crash):
            yield
        self.failpoint = lambda _: None

    # the user

    def add_fno(self, code: str, **values: Any) -> Stored:
        return self.fno_memory.create("Things", {**self.fno.new("Things"), "Code": code, **values})

    def add_dataverse(self, code: str | None, **values: Any) -> Stored:
        return self.dataverse_memory.create(
            "new_things",
            {"new_code": code, **{f"new_{name.lower()}": value for name, value in values.items()}},
        )

    def fno_row(self, code: str) -> dict[str, Any] | None:
        stored = self.fno_memory.by_key("Things", {"Code": code})
        return stored.values if stored else None

    def dataverse_row(self, code: str) -> dict[str, Any] | None:
        stored = self.dataverse_memory.by_key("new_things", {"new_code": code})
        return stored.values if stored else None

    def set_fno(self, code: str, **values: Any) -> None:
        stored = self.fno_memory.by_key("Things", {"Code": code})
        assert stored is not None
        self.fno_memory.update("Things", stored.id, values)

    def set_dataverse(self, code: str, **values: Any) -> None:
        stored = self.dataverse_memory.by_key("new_things", {"new_code": code})
        assert stored is not None
        self.dataverse_memory.update(
            "new_things", stored.id, {f"new_{name.lower()}": value for name, value in values.items()}
        )

    def delete_fno(self, code: str) -> None:
        stored = self.fno_memory.by_key("Things", {"Code": code})
        assert stored is not None
        self.fno_memory.delete("Things", stored.id)

    def delete_dataverse(self, code: str) -> None:
        stored = self.dataverse_memory.by_key("new_things", {"new_code": code})
        assert stored is not None
        self.dataverse_memory.delete("new_things", stored.id)

    def engine_writes(self) -> int:
        return len(self.fno_memory.writes()) + len(self.dataverse_memory.writes())

    def equal(self) -> bool:
        """Do both systems hold the same rows, by what they store?"""
        fno = {
            str(r.values["Code"]).strip().casefold(): (
                r.values.get("A") or "",
                r.values.get("B") or "",
                r.values.get("OneWay") or "",
            )
            for r in self.fno_memory.of("Things").values()
        }
        dataverse = {
            str(r.values["new_code"]).strip().casefold(): (
                r.values.get("new_a") or "",
                r.values.get("new_b") or "",
                r.values.get("new_oneway") or "",
            )
            for r in self.dataverse_memory.of("new_things").values()
        }
        return fno == dataverse


__all__ = ["Clock", "Companies", "World", "thing_map"]
