"""Surroundings of an installation: both systems and the state, as far as they can be reached, and what was chosen."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.model import Map
from tasks.connectors import dataverse_environment, fno_environment
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.dataverse_environment import DataverseUser, Description, Organization, Step
from tasks.connectors.fno import FnoSide
from tasks.connectors.fno_environment import FnoVersions
from tasks.connectors.http import Client
from tasks.connectors.other_programs import OtherPrograms, other_programs
from tasks.connectors.side import SideName
from tasks.state.store import Store
from tasks.sync.companies import TABLE as COMPANIES
from tasks.sync.settings import Settings

Told = TypeVar("Told")

PROSPECT_TO_CASH = ("CRMP2C", "P2CFieldService", "P2CProjectService")
"""Unique names of the solutions of Prospect to cash."""
UNANSWERED = (
    "let our user of Dataverse read solutions, table definitions, plug-in steps and dual-write's tables"
    " (msdyn_dualwriteentitymaps, msdyn_dualwriteruntimeconfigs): while nobody can tell whether another engine works on the"
    " tables, no map starts"
)
"""What to do where the questions about other engines are refused."""
DUAL_WRITE_ASSEMBLY = "DualWriteRuntime"
"""Part of the name of the assembly of dual-write's plug-ins."""


@dataclass
class Surroundings:
    """What checks look at.

    Several checks run at the same time; what more than one of them asks is asked once, see `once`.

    Attributes:
        maps: the chosen ones, in the order of their dependencies.
        companies: codes in scope, lower case.
        fno, dataverse, store: None where it can't be reached or opened; `trouble` says why.
        pair: number of this pair of environments in the state; None unless both systems and the state answer.
        trouble: what stood in the way, by `fno`, `dataverse` and `state`.
        clients: of both systems, whether they answered or not; empty where the settings allow none.
        told: what checks learned that is nothing wrong, for whoever reads their result: versions, users, solutions.
    """

    settings: Settings
    catalogue: Catalogue
    maps: Sequence[Map]
    companies: tuple[str, ...] = ()
    fno: FnoSide | None = None
    dataverse: DataverseSide | None = None
    store: Store | None = None
    pair: int | None = None
    trouble: dict[str, Exception] = field(default_factory=dict)
    clients: dict[SideName, Client] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)
    _known: dict[Hashable, Any] = field(default_factory=dict)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def live_fno(self) -> FnoSide:
        """F&O, for a check that needs it."""
        return _there(self.fno, "fno")

    @property
    def live_dataverse(self) -> DataverseSide:
        """Dataverse, for a check that needs it."""
        return _there(self.dataverse, "dataverse")

    @property
    def live_store(self) -> Store:
        """The state, for a check that needs it."""
        return _there(self.store, "state")

    def once(self, what: Hashable, ask: Callable[[], Told]) -> Told:
        """The answer to a question that several checks have: the first one asks, the others wait for it.

        Args:
            what: names the question.

        A question that fails is asked again by the next who has it.
        """
        with self._lock:
            lock = self._locks.setdefault(what, threading.Lock())
        with lock:
            if what not in self._known:
                self._known[what] = ask()
            return cast(Told, self._known[what])

    # what the chosen maps work on

    def tables(self) -> dict[str, Description]:
        """The chosen maps' Dataverse tables by entity set, those that their lookups point to too; of those that exist."""
        return self.once(
            "tables", lambda: dataverse_environment.describe(self.live_dataverse.client, self.wanted_tables())
        )

    def wanted_tables(self) -> set[str]:
        """Entity sets of the Dataverse tables that the chosen maps name, that of the companies included."""
        own = {each.dataverse.table for each in self.maps}
        own |= {COMPANIES for each in self.maps if each.company_specific}
        return own | {
            table for each in self.maps for lookup in each.lookups.values() for table in lookup.targets
        }

    def maps_of_table(self, table: str) -> tuple[str, ...]:
        """Names of the chosen maps of a Dataverse table (entity set)."""
        return tuple(each.name for each in self.maps if each.dataverse.table == table)

    def maps_of_set(self, name: str) -> tuple[str, ...]:
        """Names of the chosen maps of an F&O entity set."""
        return tuple(each.name for each in self.maps if each.fno.set == name)

    # what the environments say about themselves

    def me(self) -> DataverseUser:
        """Our user in Dataverse."""
        side = self.live_dataverse
        return self.once("me", lambda: dataverse_environment.user(side.client, side.who()))

    def organization(self) -> Organization:
        """What holds for all of Dataverse."""
        side = self.live_dataverse
        return self.once(
            "organization", lambda: dataverse_environment.organization(side.client, side.environment)
        )

    def solutions(self) -> dict[str, str]:
        """Installed solutions of Dataverse: unique name → version."""
        return self.once("solutions", lambda: dataverse_environment.solutions(self.live_dataverse.client))

    def steps(self) -> list[Step]:
        """Plug-in steps of Dataverse."""
        return self.once("steps", lambda: dataverse_environment.steps(self.live_dataverse.client))

    def other_programs(self) -> OtherPrograms:
        """Signs of Prospect to cash and of dual-write itself."""
        return self.once(
            "other programs",
            lambda: other_programs(self.live_dataverse.client, PROSPECT_TO_CASH, DUAL_WRITE_ASSEMBLY),
        )

    def fno_versions(self) -> FnoVersions:
        """Versions of F&O."""
        return self.once("fno versions", lambda: fno_environment.versions(self.live_fno.client))


def _there(part: Told | None, name: str) -> Told:
    if part is None:
        raise FatalError(f"{name} is out of reach", code="out_of_reach")
    return part
