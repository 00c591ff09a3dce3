"""A session: both live systems, the state and the maps, opened once and shared by everything that runs in a process."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.metadata import SideName
from mappings.model import Map
from mappings.selection import choose, with_related
from tasks.connectors.side import Side
from tasks.connectors.together import Together
from tasks.state.leases import Lease, LeaseHeld
from tasks.state.store import Store
from tasks.sync import drift
from tasks.sync.budget import Budget, budgets, withdraw
from tasks.sync.companies import Companies
from tasks.sync.connecting import connect
from tasks.sync.keeping import Keeper
from tasks.sync.lane import Lane
from tasks.sync.newest import require_times
from tasks.sync.remembering import Describing
from tasks.sync.seams import Seams
from tasks.sync.settings import Settings, load_settings
from tasks.transform.layout import Layout, compile_layout

if TYPE_CHECKING:
    from tasks.sync.health.finding import Finding

LULL = 0.015
"""Seconds that a request waits for others after the last that joined it, in a run that keeps watch."""


def this_worker() -> str:
    """Name under which this process holds leases."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"


@dataclass
class Session:
    """Everything a run needs.

    Attributes:
        pair: Number of this pair of environments in the state.
        secret: Key of the installation's digests.
        owner: Name under which leases are held.
        recalled: Side and name of tables whose metadata another run read.
        blocking: When it was last looked whether other programs work on our tables, in seconds since 1970, and what was found.
        keeper: Keeps leases from one block to the next, where a run works on the same lanes again and again.
    """

    settings: Settings
    seams: Seams
    catalogue: Catalogue
    fno: Side
    dataverse: Side
    store: Store
    pair: int
    secret: str
    companies: Companies
    owner: str = field(default_factory=this_worker)
    keeper: Keeper | None = None
    budgets: dict[SideName, Budget] = field(default_factory=dict)
    recalled: set[tuple[SideName, str]] = field(default_factory=set)
    blocking: tuple[float, tuple[Finding, ...]] = (0.0, ())
    asking: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _together: Together | None = None
    _layouts: dict[str, tuple[Layout, int]] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @classmethod
    def open(
        cls,
        settings: Settings | None = None,
        *,
        seams: Seams | None = None,
        catalogue: Catalogue | None = None,
        fno: Side | None = None,
        dataverse: Side | None = None,
        store: Store | None = None,
    ) -> Session:
        """Connect to both systems and the state; parts that are given are used instead of the configured ones.

        Raises:
            FatalError: settings, maps, credentials or the state are not in order.
        """
        settings = settings or load_settings()
        seams = seams or Seams()
        catalogue = catalogue or settings.catalogue()
        if fno is None or dataverse is None:
            configured_fno, configured_dataverse = connect(settings)
            fno, dataverse = fno or configured_fno, dataverse or configured_dataverse
        store = store or Store.open(settings.state_url)
        pair = store.pair(fno.environment, dataverse.environment)
        made = cls(
            settings, seams, catalogue, fno, dataverse, store, pair, store.secret(pair), Companies(dataverse)
        )
        made.budgets = budgets(store, pair, settings, {"fno": fno, "dataverse": dataverse})
        return made

    def close(self) -> None:
        """Give connections back; the session can't be used any more."""
        for side in (self.fno, self.dataverse):
            withdraw(self.budgets, side)
            close = getattr(side, "close", None)
            if close is not None:
                close()
        self.store.close()

    # what runs

    def selected(
        self,
        names: Sequence[str] | None = None,
        *,
        areas: Sequence[str] | None = None,
        solutions: Sequence[str] | None = None,
        related: bool = False,
    ) -> list[Map]:
        """Maps by name, area or solution (all that the settings name, if nothing is said), in the order of their
        dependencies.

        Raises:
            FatalError: a map, area or solution that the catalogue doesn't have.
        """
        within = self.settings.maps
        chosen = choose(self.catalogue, names or (), areas or (), solutions or (), within=within)
        return list(with_related(self.catalogue, chosen) if related else chosen)

    def companies_of(self, sync: Map, companies: Sequence[str] | None = None) -> tuple[str, ...]:
        """Companies a map runs in: "" for a global map."""
        if not sync.company_specific:
            return ("",)
        chosen = tuple(code.lower() for code in (companies or self.settings.companies))
        if not chosen:
            raise FatalError(
                f"map {sync.name!r} is company-specific, and no companies are in scope",
                code="no_companies",
                remedy="set DUALFLOW_COMPANIES, or name companies with --company",
            )
        return chosen

    def lane(self, sync: Map | str, company: str = "", run: int | None = None) -> Lane:
        """A map in a company, bound to live metadata.

        Raises:
            FatalError: metadata lacks what the map names, or Dataverse lacks the company.
        """
        if isinstance(sync, str):
            sync = self.catalogue.get(sync)
        layout, layout_id = self._layout(sync)
        return Lane(
            map=sync,
            company=company,
            company_id=self.companies.id_of(company) if company else None,
            layout=layout,
            layout_id=layout_id,
            fno=self.fno,
            dataverse=self.dataverse,
            fno_table=layout.fno,
            dataverse_table=layout.dataverse,
            catalogue=self.catalogue,
            companies=self.companies,
            store=self.store,
            pair=self.pair,
            secret=self.secret,
            settings=self.settings,
            seams=self.seams,
            run=run,
        )

    def layout(self, sync: Map) -> Layout:
        """A map bound to live metadata, whatever the company.

        Raises:
            FatalError: metadata lacks what the map names.
        """
        return self._layout(sync)[0]

    def read_metadata(self, maps: Sequence[Map]) -> None:
        """Read the metadata of all tables of some maps in few requests, where the sides can; who needs it then has it."""
        targets = {table for sync in maps for lookup in sync.lookups.values() for table in lookup.targets}
        wanted = (
            (self.fno, {sync.fno.set for sync in maps}),
            (self.dataverse, {sync.dataverse.table for sync in maps} | targets),
        )
        for side, names in wanted:
            if isinstance(side, Describing):
                side.tables(sorted(names - {table.name for table in side.described()}))

    def lanes(
        self, maps: Sequence[Map], companies: Sequence[str] | None = None, run: int | None = None
    ) -> list[Lane]:
        """The lanes of these maps, in their order."""
        return [
            self.lane(sync, company, run) for sync in maps for company in self.companies_of(sync, companies)
        ]

    def _layout(self, sync: Map) -> tuple[Layout, int]:
        with self._lock:
            if sync.name not in self._layouts:
                layout = compile_layout(
                    sync, self.fno.table(sync.fno.set), self.dataverse.table(sync.dataverse.table)
                )
                for target in sync.lookups.values():
                    for table in target.targets:
                        self.dataverse.table(
                            table
                        )  # binding needs its names: read now, not in the first page
                require_times(sync, layout.fno, layout.dataverse)
                pairs = [(plan.pair.id, plan.type_id) for plan in layout.pairs]
                mark = hashlib.sha256(json.dumps(pairs).encode()).hexdigest()
                with self.store.unfenced() as tx:
                    layout_id = tx.layout(self.pair, sync.name, mark, pairs)
                    drift.first_sight(tx, self.pair, layout.fno, layout.dataverse)
                self._layouts[sync.name] = (layout, layout_id)
            return self._layouts[sync.name]

    # requests

    def pace(self, side: SideName) -> float:
        """By how much the polls of a side slow down, because its budget runs short; 1 = not at all."""
        return self.budgets[side].pace if side in self.budgets else 1.0

    @contextmanager
    def loading(self) -> Iterator[None]:
        """For the length of a block an initial load is at work: the last part of the budgets is left to deltas."""
        with ExitStack() as stack:
            for each in self.budgets.values():
                stack.enter_context(each.loading())
            yield

    @contextmanager
    def gathering(self) -> Iterator[None]:
        """For the length of a block, what threads `together` read and write at the same moment goes out as one batch."""
        clients = [client for side in (self.fno, self.dataverse) if (client := getattr(side, "client", None))]
        self._together = Together(lull=LULL)
        for client in clients:
            client.together = self._together
        try:
            yield
        finally:
            self._together = None
            for client in clients:
                client.together = None

    def expect(self, count: int) -> None:
        """So many threads more (or fewer) will begin in a moment whose requests are to be sent together."""
        if self._together is not None:
            self._together.expect(count)

    @contextmanager
    def together(self, *, expected: bool = False, once: bool = False) -> Iterator[None]:
        """For the length of a block, this thread counts as one of those whose requests are sent together.

        Args:
            expected: it is one of those announced by `expect`.
            once: until it has asked.
        """
        if self._together is None:
            yield
            return
        with self._together.at_work(expected=expected, once=once):
            yield

    # leases

    @contextmanager
    def leased(self, name: str, *, wait: float = 0.0) -> Iterator[Lease]:
        """Hold a lease for the length of a block.

        Args:
            wait: Seconds to wait for whoever has it; maps that share a table take turns on its feed.

        Raises:
            LeaseHeld: another run still has it.
        """
        if self.keeper is not None:
            with self.keeper.hold(name, wait, lambda: self._acquire(name, wait)) as kept:
                yield kept
            return
        lease = self._acquire(name, wait)
        try:
            yield lease
        finally:
            self.store.release(lease)

    def _acquire(self, name: str, wait: float) -> Lease:
        deadline = self.seams.now() + timedelta(seconds=wait)
        asked = False
        while True:
            try:
                return self.store.acquire(self.pair, name, self.owner, self.settings.lease_seconds)
            except LeaseHeld:
                if not asked:
                    # whoever keeps it between two rounds lets go sooner
                    asked = self.store.request(self.pair, name, self.owner)
                if self.seams.now() >= deadline:
                    raise
                self.seams.sleep(0.1)

    def requests(self) -> dict[SideName, dict[str, int]]:
        """Requests made so far, by side and kind."""
        out: dict[SideName, dict[str, int]] = {}
        for side in (self.fno, self.dataverse):
            counted = getattr(side, "requests", None)
            out[side.name] = dict(counted) if counted is not None else {}
        return out


_shared: dict[str, Session] = {}
_shared_lock = threading.Lock()


def shared_session(open_session: Callable[[], Session] | None = None) -> Session:
    """The session of this process: tasks that run beside each other share connections, metadata and state."""
    settings = load_settings()
    mark = hashlib.sha256(
        json.dumps(settings.model_dump(mode="json"), default=str).encode()
        + settings.client_secret.get_secret_value().encode()
    ).hexdigest()
    with _shared_lock:
        if mark not in _shared:
            _shared[mark] = (open_session or (lambda: Session.open(settings)))()
        return _shared[mark]
