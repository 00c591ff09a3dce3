"""Both systems in one sandbox process, the engine in this one, and all that can happen to them."""

from __future__ import annotations

import random
import sqlite3
import threading
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from mappings.errors import DualflowError
from tasks.sync.control import lanes_of, pause, resume
from tasks.sync.seams import Crash, Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, maps_with_work, poll
from tests.integration.installation import environment_settings
from tests.integration.stored import fold
from tests.integration.trading import company_ids, customer, reference_data
from tests.local_services import Services
from tests.soak.clients import clients
from tests.soak.clock import START, Clock
from tests.soak.maps import catalogues
from tests.soak.mirror import Mirror
from tests.soak.shapes import BY_MAP, COMPANY, MAPS, OTHER_COMPANY, SHAPES, TRACKED, UPPER
from tests.soak.steps import Edit, Fault, Interference, Place
from tests.soak.store import WatchedStore
from tests.soak.users import Users, first_rows

REST = 8
"""Runs after which, without edits, nothing may move any more."""


class World:
    """Plays steps.

    Args:
        services: a running sandbox; what it holds is replaced.

    Attributes:
        words: what happened since `begin`, for people.
        counts: how often what happened, since ever.
        steps: how many that is: each edit, run, crash, fault, restart … is one.
        trouble: what a run complained of since nothing interfered with it.
        faults: crashes, takeovers and answers lost since `begin`.
    """

    def __init__(self, services: Services) -> None:
        self.services = services
        self.clock = Clock()
        self.counts: Counter[str] = Counter()
        self.steps = 0
        self.words: list[str] = []
        self.faults = 0
        self._interferences: list[Interference] = []
        self._due: list[Interference] = []
        self._passed: Counter[str] = Counter()
        self._intents = False
        self._nested = 0
        self.silenced = False
        self.dead = False
        self.fno, self.dataverse = clients(services, self.clock.sleep, self._request)
        self.catalogues = catalogues()
        self.settings = Settings(
            **{
                **environment_settings(services),
                "state_url": "sqlite://",
                "companies": (COMPANY,),
                "maps": tuple(BY_MAP),
                "brake_minimum": 1000,
            }
        )
        self.store = WatchedStore.open("sqlite://", clock=self.clock)
        self.store.before = self._commits
        self._layouts: dict[bool, Any] = {}
        self.reordered = False
        self.session = self._open()
        self._fill()

    # once

    def _open(self) -> Session:
        """A session as another process would open it."""
        session = Session.open(
            self.settings,
            seams=Seams.serial(now=self.clock, sleep=self.clock.sleep, failpoint=self._passes),
            catalogue=self.catalogues[self.reordered],
            fno=self.fno,
            dataverse=self.dataverse,
            store=self.store,
        )
        # what live metadata makes of the maps takes longer than a run, and is the same for every process
        session._layouts.update(self._layouts.get(self.reordered, {}))
        return session

    def _fill(self) -> None:
        """The start of every episode: rows on both sides, connected and at rest."""
        services = self.services
        services.reset()
        services.switch(normalize_upper=sorted(UPPER))
        reference_data(services, (COMPANY, OTHER_COMPANY))
        for shape in SHAPES:
            services.load("fno", shape.set, first_rows(shape))
        services.load("fno", "CustomersV3", [customer(OTHER_COMPANY, "C-1")])
        services.admin("POST", "virtual", {"sets": sorted(TRACKED), "tracked": True})
        for name in MAPS:
            self._well(initial_sync(self.session, name))
        for _ in range(3):
            self._well(self.run())
        self._navigations = {
            shape.table: {
                column.name: next(iter(column.navigation.values()))
                for column in self.dataverse.table(shape.table).columns.values()
                if column.navigation
            }
            for shape in SHAPES
        }
        for self.reordered in (True, False):
            opened = self._open()
            opened.lanes(opened.selected())
            self._layouts[self.reordered] = opened._layouts
        services.snapshot("soak")
        services.new_write_log(rows=True)
        self.company_id = company_ids(services)[COMPANY]
        self.mirror = Mirror(services, self.company_id)
        self.mirror.dump()
        self.start_rows = {at: dict(rows) for at, rows in self.mirror.rows.items()}
        self.start_names = dict(self.mirror.names)
        self._state: sqlite3.Connection = self.store.snapshot()
        with self.store.read() as state:
            self.recorded = {record.id for record in state.conflicts(self.session.pair)}

    def _well(self, summaries: Sequence[LaneSummary]) -> None:
        for each in summaries:
            assert each.verdict == "ok", f"{each.map} {each.company}: {each.message}"

    def close(self) -> None:
        self.fno.close()
        self.dataverse.close()
        self.store.close()

    # an episode

    def begin(self) -> None:
        """Go back to the start."""
        random.seed(0)  # waits between tries are drawn
        self.quiet()
        self.services.clear_faults()
        if self.silenced:
            self.services.switch(fno_representation=True)
            self.silenced = False
        self.services.restore("soak")
        self.services.new_write_log(rows=True)
        self.store.restore(self._state)
        self.mirror.begin(self.start_rows, self.start_names)
        self.users = Users(self.mirror, self._navigations)
        self.clock.now = START + timedelta(days=1)
        self.reordered = False
        self.session = self._open()
        self.words = []
        self.faults = 0

    def quiet(self) -> None:
        """Nobody interferes any more."""
        self._interferences, self._due = [], []
        self.dead = False

    # steps

    def edit(self, edit: Edit) -> None:
        """A user's edit, between two runs."""
        self._edit(edit)

    def _edit(self, edit: Edit) -> None:
        done = self.users.edit(edit)
        if done is not None:
            self._count("edits" if done else "edits refused")
        if done:
            self.words.append(done)

    def delta(
        self,
        interferences: Sequence[Interference] = (),
        faults: Sequence[Fault] = (),
        only: int | None = None,
    ) -> None:
        """A delta run, with what happens meanwhile.

        Args:
            only: number of the one map that it is of; all of them, if left out.
        """
        self.clock.now += timedelta(seconds=61)
        for fault in faults:
            self._add(fault)
        self._interferences = list(interferences)
        self._passed.clear()
        self._intents = False
        name = None if only is None else SHAPES[only % len(SHAPES)].map
        self.words.append("delta" if name is None else f"delta of {name}")
        self._count("deltas")
        self.mirror.run_begins()
        try:
            self.run(name)
        except Crash:
            self._count("crashes")
            self.restart(self.reordered)
        except DualflowError as error:
            self.words.append(f"({error.code})")  # the run is over; the next one comes
        finally:
            self.quiet()
            self.mirror.follow()
            if faults:
                hit = sum(each["hit"] for each in self.services.faults())
                self._count("faults", hit)
                self.faults += hit
                self.services.clear_faults()

    def run(self, only: str | None = None) -> list[LaneSummary]:
        """Poll all feeds once, or those of one map, and work off what they name."""
        session = self.session
        maps = [sync for sync in session.selected() if only in (None, sync.name)]
        poll(session, maps)
        work = maps_with_work(session)
        return [found for sync in maps if sync.name in work for found in delta_sync(session, sync.name)]

    def _count(self, what: str, times: int = 1) -> None:
        self.counts[what] += times
        self.steps += times

    def _add(self, fault: Fault) -> None:
        action: dict[str, Any] = {"action": fault.action}
        if fault.action.isdigit():
            action = {"action": "status", "status": int(fault.action)}
            if fault.action == "429":
                action["retry_after"] = 5
        match = r"POST .*batch|POST .*Multiple" if fault.batch else ""
        self.services.fault(side=fault.side, nth=fault.nth, times=fault.times, match=match, **action)
        self.words.append(f"{fault.action} at {fault.side} {fault.nth}")

    def settle(self) -> tuple[list[str], list[str]]:
        """Let the engine come to rest.

        Returns:
            what one more run still changed, and which lanes failed in it.
        """
        self.quiet()
        resume(self.store, self._lanes(()))
        for _ in range(REST):
            self.clock.now += timedelta(days=1)  # whatever waits for its time is tried again
            before = self._picture()
            found = self.run()
            after = self._picture()
            if before == after:
                break
        moved = [] if before == after else [f"{key}" for key in after if after[key] != before[key]]
        self.mirror.follow()
        return moved, [f"{s.map}: {s.verdict} {s.message}" for s in found if s.verdict != "ok"]

    def _picture(self) -> dict[str, Any]:
        """Everything that a run without work must leave alone."""
        pair = self.session.pair
        found: dict[str, Any] = {"writes": self.services.write_count()}
        with self.store.read() as state:
            found["inbox"] = state.count_inbox(pair)
            # a parked row that is tried again is judged again, and a create of it goes out with another id
            parked = {(each.map, fold(each.key)) for each in state.parked(pair)}
            for shape in SHAPES:
                links = state.iterate_links(pair, shape.map, COMPANY if shape.company else "", 0, 10_000)
                found[f"links of {shape.map}"] = [
                    replace(link, dataverse_id=None)
                    if (link.map, (link.key or "").split("\x1f")[-1]) in parked
                    else link
                    for link in links
                ]
            found["conflicts"] = {
                (c.map, c.key, c.kind, tuple(c.fields), c.winner, c.status) for c in state.conflicts(pair)
            }
        return found

    def restart(self, reordered: bool) -> None:
        """The process is over; the next one starts, perhaps with the maps' pairs in another order."""
        self.store.free()
        self.reordered = reordered
        self.session = self._open()
        self.words.append("restart" + (" with other maps" if reordered else ""))
        self._count("restarts")

    def pause(self, number: int) -> None:
        """Somebody pauses a map."""
        self._control(number, pause)
        self._count("pauses")
        self.words.append(f"pause {SHAPES[number % len(SHAPES)].map}")

    def resume(self, number: int, live_first: bool) -> None:
        """Somebody lets a map go on."""
        lanes = self._lanes([SHAPES[number % len(SHAPES)].map])
        resume(self.store, lanes, "live-first" if live_first else "catch-up")
        self._count("resumes")
        self.words.append(f"resume {SHAPES[number % len(SHAPES)].map}")

    def _control(self, number: int, what: Any) -> None:
        what(self.store, self._lanes([SHAPES[number % len(SHAPES)].map]))

    def _lanes(self, names: Sequence[str]) -> Any:
        return lanes_of(self.store, self.session.pair, self.session.catalogue, names)

    def silent(self) -> None:
        """From now on F&O answers updates without the row."""
        self.services.switch(fno_representation=False)
        self.silenced = True
        self.words.append("answers without rows")

    def void_tokens(self) -> None:
        """All delta tokens are void, as after an import of a solution."""
        self.services.void_tokens()
        self._count("voided tokens")
        self.words.append("tokens void")

    # what happens in the midst of a run

    def _request(self) -> None:
        self._reached("request")
        if self._intents:
            self._reached("send")

    def _passes(self, name: Place) -> None:
        self._intents = name == "intent"
        self._reached(name)

    def _commits(self) -> None:
        self._reached("commit")

    def _reached(self, place: Place) -> None:
        if self.dead:
            raise Crash
        if self._nested or not (self._interferences or self._due):
            return
        self._passed[place] += 1
        now = [
            each for each in self._interferences if each.place == place and each.nth == self._passed[place]
        ]
        for each in now:
            self._interferences.remove(each)
            if each.what in ("beside", "overtaken"):
                # not from a thread that fetches ahead: two workers in one process share locks that two processes don't
                self._due.append(each)
            else:
                self._interfere(each)
        if threading.current_thread() is threading.main_thread():
            while self._due:
                self._interfere(self._due.pop(0))

    def _interfere(self, each: Interference) -> None:
        at = f"[{each.place} {each.nth}]"
        if each.what == "crash":
            self.words.append(f"{at} crash")
            self.faults += 1
            self.dead = True
            raise Crash
        if isinstance(each.what, tuple):
            self.mirror.follow()
            for edit in each.what:
                self.words.append(at)
                self._edit(edit)
            return
        self._beside(at, each.what == "overtaken")

    def _beside(self, at: str, overtaken: bool) -> None:
        """Another worker does a whole run in the midst of ours."""
        own, kept = self.session, (self._intents, list(self._interferences))
        self.words.append(f"{at} {'overtaken' if overtaken else 'beside'}")
        self._count("other workers")
        self.faults += 1
        if overtaken:
            self.store.free()
        self._nested += 1
        try:
            self.session = self._open()
            self.run()
        except DualflowError as error:  # it found what it needed taken
            self.words.append(f"({error.code})")
        finally:
            self._nested -= 1
            self.session = own
            self._intents, self._interferences = kept[0], kept[1]
