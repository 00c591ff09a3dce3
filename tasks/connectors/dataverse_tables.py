"""Live metadata of a Dataverse environment, each table read once per process."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Executor

from tasks.connectors.dataverse_metadata import Definition, definitions, read_tables
from tasks.connectors.http import Client
from tasks.connectors.odata import absent
from tasks.connectors.side import Table


class Tables:
    """The tables of an environment as they are asked for."""

    def __init__(self, client: Client, executor: Executor) -> None:
        self._client = client
        self._executor = executor
        self._lock = threading.Lock()
        self._definitions: dict[str, Definition] = {}
        self._tables: dict[str, Table] = {}
        self._locks: dict[str, threading.Lock] = {}
        self._missed: set[str] = set()

    def one(self, name: str) -> Table:
        """One table.

        Raises:
            FatalError: there is none; names the nearest.
        """
        found = self._tables.get(name)
        if found is not None:
            return found
        known = self._known()
        if name not in known:
            raise absent("dataverse", "table", name, known)
        with self._lock:
            lock = self._locks.setdefault(name, threading.Lock())
        with lock:
            if name not in self._tables:
                self._tables |= read_tables(self._client, self._executor, [known[name]])
            return self._tables[name]

    def many(self, names: Collection[str]) -> dict[str, Table]:
        """Many tables in few requests; those that don't exist are left out."""
        known = self._known()
        wanted = [known[name] for name in names if name in known and name not in self._tables]
        read = read_tables(self._client, self._executor, wanted)
        with self._lock:
            self._tables |= {name: self._tables.get(name, table) for name, table in read.items()}
        return {name: self._tables[name] for name in names if name in known}

    def remember(self, tables: Iterable[Table]) -> None:
        """Take these as read."""
        with self._lock:
            for table in tables:
                self._tables.setdefault(table.name, table)

    def all(self) -> list[Table]:
        """Every table that was read, or remembered."""
        with self._lock:
            return list(self._tables.values())

    def sets(self) -> frozenset[str]:
        """Entity set names of all tables."""
        return frozenset(self._known())

    def set_of(self, logical: str) -> str | None:
        """Entity set name of a table by its logical name; the list is read once more for one that is not in it."""
        for _ in range(2):
            for each in self._known().values():
                if each.logical == logical:
                    return each.set
            with self._lock:
                if logical in self._missed:
                    return None
                # made since the list was read, perhaps
                self._missed.add(logical)
                self._definitions = {}
        return None

    def logical_names(self, names: Collection[str]) -> dict[str, str]:
        """Entity set name → logical name, of those that exist."""
        known = self._known()
        return {name: known[name].logical for name in names if name in known}

    def _known(self) -> Mapping[str, Definition]:
        with self._lock:
            if not self._definitions:
                self._definitions = definitions(self._client, self._executor)
            return self._definitions
