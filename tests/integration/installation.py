"""An installation of the engine beside the sandbox, as tests use it: run it, edit as a user, look at what is on record."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from flows.core_chain import CORE_CHAIN
from mappings.catalogue import Catalogue
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.state.records import ConflictRecord, HistoryEntry, LaneRecord, Link, ParkedRow, WaitingRow
from tasks.sync.approval import Held, approve
from tasks.sync.budget import withdraw
from tasks.sync.seams import Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, maps_with_work, poll, settle
from tests.credentials import application
from tests.integration.stored import Stored
from tests.local_services import Services, Side

COMPANIES = ("usmf", "demf")

LEGAL_ENTITIES = "Legal entities to cdm_companies"
CURRENCIES = "Currencies"
TERMS = "Terms of payment"
CUSTOMER_GROUPS = "Customer groups"
VENDOR_GROUPS = "Vendor groups"
ACCOUNTS = "Customers V3 to accounts"
PERSONS = "Customers V3 to contacts"
VENDORS = "Vendors V2"
VENDOR_CONTACTS = "CDS Contacts V2 for vendors"
CUSTOMER_CONTACTS = "CDS Contacts V2 for customers"
RATES = "CDS Exchange Rates"
COLORS = "Colors"
UNITS = "Units"

CORE = (LEGAL_ENTITIES, CURRENCIES, TERMS, CUSTOMER_GROUPS, VENDOR_GROUPS, ACCOUNTS, PERSONS, VENDORS)
"""What the tests of customers and vendors need; a quarter of the catalogue, and of its time."""


def core_catalogue() -> Catalogue:
    """The maps of the demo: the sandbox has rows for these, and every test that runs all maps means them."""
    return Catalogue(each for name, each in Catalogue.load().maps.items() if name in CORE_CHAIN)


class Sides:
    """Clients of both services, kept for the whole run: metadata is read once. No wait of theirs takes time."""

    def __init__(self, services: Services) -> None:
        credential = application(services)
        self.slept: list[float] = []
        options: dict[str, Any] = {"verify": services.ca_bundle, "sleep": self.slept.append}
        self.fno = FnoSide(services.fno_url, credential, **options)
        self.dataverse = DataverseSide(services.dataverse_url, credential, **options)

    def close(self) -> None:
        self.fno.close()
        self.dataverse.close()


class Installation:
    """The engine with a state of its own.

    Args:
        maps: names of the maps that run; all, if none are given.
        seams: of the session.
        settings: further settings.
    """

    def __init__(
        self,
        services: Services,
        sides: Sides,
        catalogue: Catalogue,
        state_url: str,
        *,
        maps: Sequence[str] = (),
        companies: Sequence[str] = COMPANIES,
        seams: Seams | None = None,
        **settings: Any,
    ) -> None:
        self.services = services
        self.sides = sides
        self.catalogue = catalogue
        self.settings = Settings(
            **{
                **environment_settings(services),
                "state_url": state_url,
                "companies": tuple(companies),
                "maps": tuple(maps),
                **settings,
            }
        )
        self.session = self.open(seams)
        self._since = 0

    def open(self, seams: Seams | None = None) -> Session:
        """A session as another process would open it: nothing shared but the two services and the state."""
        return Session.open(
            self.settings,
            seams=seams,
            catalogue=self.catalogue,
            fno=self.sides.fno,
            dataverse=self.sides.dataverse,
        )

    def close(self) -> None:
        for side in (self.sides.fno, self.sides.dataverse):
            withdraw(self.session.budgets, side)
        self.session.store.close()

    # the engine

    def initial(self, *names: str, mode: str | None = None) -> list[LaneSummary]:
        """Initial sync of these maps (all that run), then what had to be left open in its first pass, as the flow does it."""
        maps = self.session.selected(names)
        done = [summary for sync in maps for summary in initial_sync(self.session, sync.name, mode=mode)]
        if mode == "link":
            return done

        def work(busy: Sequence[str]) -> Sequence[str]:
            found = [summary for name in busy for summary in delta_sync(self.session, name)]
            done.extend(found)
            return busy if failed(found) or not any(summary.written for summary in found) else ()

        settle(self.session, [sync.name for sync in maps], None, work)
        return done

    def delta(self, *names: str) -> list[LaneSummary]:
        """Poll all feeds once and work off what they name."""
        maps = self.session.selected(names)
        poll(self.session, maps)
        work = maps_with_work(self.session)
        return [
            summary for sync in maps if sync.name in work for summary in delta_sync(self.session, sync.name)
        ]

    def settle(self, *names: str) -> list[LaneSummary]:
        """Deltas until one writes nothing; what all of them did.

        Raises:
            AssertionError: it does not come to rest.
        """
        done: list[LaneSummary] = []
        for _ in range(6):
            found = self.delta(*names)
            done += found
            if not any(summary.written for summary in found):
                return done
        raise AssertionError(f"still writing after six deltas: {[s for s in done if s.written]}")

    def approve(self, name: str, company: str | None = None) -> list[Held]:
        """A person's word that a lane may go on; what was held."""
        session = self.session
        return approve(session.store, session.pair, name, company, timedelta(hours=24), session.seams.now())

    # what is on record

    @property
    def pair(self) -> int:
        return self.session.pair

    def parked(self, name: str | None = None, company: str | None = None) -> list[ParkedRow]:
        with self.session.store.read() as state:
            return state.parked(self.pair, name, company)

    def waiting(self, name: str | None = None) -> list[WaitingRow]:
        with self.session.store.read() as state:
            return state.waiting(self.pair, name)

    def conflicts(self, name: str | None = None, company: str | None = None) -> list[ConflictRecord]:
        with self.session.store.read() as state:
            return state.conflicts(self.pair, name, company)

    def history(self, name: str | None = None) -> list[HistoryEntry]:
        with self.session.store.read() as state:
            return state.history(self.pair, name)

    def lane(self, name: str, company: str = "") -> LaneRecord:
        with self.session.store.read() as state:
            return state.lane(self.pair, name, company)

    def links(self, name: str, company: str = "") -> list[Link]:
        with self.session.store.read() as state:
            return state.iterate_links(self.pair, name, company, 0, 100_000)

    def open_intents(self) -> list[str]:
        """Links that wait for their write to be recognized, in all lanes."""
        return [
            f"{link.map} {link.company} {link.key}"
            for sync in self.session.selected()
            for company in self.session.companies_of(sync)
            for link in self.links(sync.name, company)
            if link.intent_fno is not None or link.intent_dataverse is not None or link.state == "half"
        ]

    # what both systems hold

    def stored(self) -> Stored:
        """Both systems as they are now."""
        maps = [sync.name for sync in self.session.selected()]
        return Stored(self.services, self.settings.companies, maps)

    def forget_writes(self) -> None:
        """Leave out of `ours` what was written up to now."""
        self._since = self.services.write_count()

    def ours(self, kind: str = "", side: Side | None = None) -> list[dict[str, Any]]:
        """Our own writes, all or from `forget_writes` on."""
        return [
            write
            for write in self.services.writes(caller="application", since=self._since)
            if kind in ("", write["kind"]) and side in (None, write["side"])
        ]

    def at_rest(self) -> None:
        """Deltas see everything that was written come back, and write nothing.

        Raises:
            AssertionError: they wrote something.
        """
        before = len(self.ours())
        self.delta()
        self._nothing_since(before)

    def _nothing_since(self, before: int) -> None:
        wrote = [f"{w['side']} {w['set']} {w['kind']} {w['key']} {w['fields']}" for w in self.ours()[before:]]
        assert wrote == []

    def quiet(self, *names: str) -> None:
        """One more initial sync and one more delta write nothing.

        Raises:
            AssertionError: they wrote something.
        """
        before = len(self.ours())
        self.initial(*names)
        self.delta(*names)
        self._nothing_since(before)


def altered(catalogue: Catalogue, name: str, **policies: Any) -> Catalogue:
    """The catalogue with other policies in one of its maps."""
    changed = catalogue.get(name).model_copy(update=policies)
    changed.__dict__.pop("hash", None)  # that of the map it was copied from
    return Catalogue([changed if sync.name == name else sync for sync in catalogue.maps.values()])


def environment_settings(services: Services) -> dict[str, Any]:
    """What `sandbox.env` says, as settings."""
    given = {name.removeprefix("DUALFLOW_").lower(): value for name, value in services.environment.items()}
    return {name: value for name, value in given.items() if name in Settings.model_fields}


def failed(summaries: Sequence[LaneSummary]) -> list[str]:
    """The lanes that did not end well, with why."""
    return [f"{s.map} {s.company}: {s.verdict} {s.message}" for s in summaries if s.verdict != "ok"]


def total(summaries: Sequence[LaneSummary], count: str) -> int:
    """A count over lanes."""
    return int(sum(summary.counts[count] for summary in summaries))
