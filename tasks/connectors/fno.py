"""F&O as a side: its OData endpoint (`/data`).

Rests on Microsoft's documents of the endpoint: pages of at most 10,000 rows in no promised order, all
companies only with `cross-company=true`, `$batch` of at most 5,000 operations, no change feed.
"""

from __future__ import annotations

import random as random_numbers
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NoReturn

from mappings.errors import FatalError
from tasks.connectors.batchread import all_rows, get_parts, one_row, part_error
from tasks.connectors.credentials import Credential
from tasks.connectors.fno_metadata import Schema, read_schema, read_table
from tasks.connectors.fno_write import batch_writer, says_absent
from tasks.connectors.http import Client, OnRequest
from tasks.connectors.keyfilter import FilterLimits, key_filters
from tasks.connectors.odata import fno_address, matches, query, select
from tasks.connectors.origin import Origin
from tasks.connectors.packages import Packages, Standing
from tasks.connectors.paging import follow
from tasks.connectors.retry import Retries
from tasks.connectors.side import (
    Address,
    ChangePage,
    IncompleteRead,
    Operation,
    Outcome,
    Row,
    SideName,
    Table,
)
from tasks.connectors.writing import check_versions, write_batch

PAGE_SIZE = 10_000
READ_BATCH = 100
WRITE_BATCH = 1000
_LIMITS = FilterLimits(characters=16_000, conditions=100)
_HEADERS = {
    "Accept": "application/json;odata.metadata=minimal",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "User-Agent": "Dualflow",
}


class FnoSide:
    """An F&O environment.

    Args:
        url: environment address, such as https://name.operations.dynamics.com (on premises with
            `/namespaces/AXSF`).
        credential: who we are, see `credentials.client_secret`.
        verify: True, or the file of a private certificate authority.
        connections: most requests at once.
        timeout: seconds to connect, seconds without a byte of the answer.
        on_request: called with kind, method and path before each request leaves; what it raises stops the
            request.
    """

    name: SideName = "fno"

    def __init__(
        self,
        url: str,
        credential: Credential,
        *,
        verify: str | bool = True,
        connections: int = 8,
        timeout: tuple[float, float] = (10.0, 120.0),
        retries: Retries | None = None,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
        random: Callable[[], float] = random_numbers.random,
        on_request: OnRequest | None = None,
    ) -> None:
        root = url.rstrip("/")
        self._credential = credential
        self.client = Client(
            "fno",
            Origin(f"{root}/data", "DUALFLOW_FNO_URL"),
            credential,
            # a slash too many breaks the service's audience check
            f"{root}/.default",
            _HEADERS,
            verify=verify,
            connections=connections,
            timeout=timeout,
            retries=retries,
            clock=clock,
            sleep=sleep,
            random=random,
            on_request=on_request,
        )
        self._executor = ThreadPoolExecutor(connections, thread_name_prefix="fno")
        self._lock = threading.Lock()
        self._schema: Schema | None = None
        self._tables: dict[str, Table] = {}
        self._packages = Packages(self.client, verify, timeout)

    @property
    def environment(self) -> str:
        """The environment's host, with the path of an on-premises one."""
        origin = self.client.origin
        return origin.host + origin.path.removesuffix("/data/")

    @property
    def requests(self) -> Mapping[str, int | float]:
        """Counters, see `requestlog`."""
        return self.client.log.snapshot()

    @property
    def skew(self) -> float:
        """Seconds that the service's clock is ahead of ours."""
        return self.client.skew.seconds

    @property
    def timeout(self) -> float:
        """Seconds after which no request of ours is still waiting for its first or next byte."""
        return sum(self.client.timeout)

    def close(self) -> None:
        """Close connections and threads; requests under way end first."""
        self._executor.shutdown(cancel_futures=True)
        self.client.close()

    def who(self) -> str:
        """The configured client id: F&O has no way to ask for the user behind it."""
        return self._credential.client_id

    def table(self, name: str) -> Table:
        """Live metadata; the document is read once per process."""
        found = self._tables.get(name)
        if found is None:
            # asked outside the lock: many tables are read at once, and twice the same is the same
            read = read_table(self.client, self._document(), name)
            with self._lock:
                found = self._tables.setdefault(name, read)
        return found

    def tables(self, names: Collection[str]) -> dict[str, Table]:
        """Live metadata of many entity sets, several at once; those that don't exist are left out."""
        known = self.sets()
        wanted = [name for name in names if name in known]
        return dict(zip(wanted, self._executor.map(self.table, wanted), strict=True))

    def remember(self, tables: Iterable[Table]) -> None:
        """Take metadata as read that somebody kept."""
        with self._lock:
            for table in tables:
                self._tables.setdefault(table.name, table)

    def described(self) -> list[Table]:
        """All metadata that was read so far, or remembered."""
        with self._lock:
            return list(self._tables.values())

    def sets(self) -> frozenset[str]:
        """Names of all entity sets."""
        return frozenset(self._document().sets)

    def _document(self) -> Schema:
        with self._lock:
            if self._schema is None:
                self._schema = read_schema(self.client)
            return self._schema

    def pages(
        self,
        table: str,
        *,
        columns: Sequence[str],
        filter: str | None = None,
        order: Sequence[str] = (),
        size: int | None = None,
    ) -> Iterator[list[Row]]:
        """Every row of all companies that passes `filter`, ordered by the key unless `order` says otherwise.

        Raises:
            IncompleteRead: the pages held fewer rows than the service counted when the read began. More are
                fine: rows that came meanwhile.
        """
        known = self.table(table)
        options = {
            "cross-company": "true",
            "$count": "true",
            "$select": select(known, [*known.key, *columns]),
            "$filter": filter or "",
            # without an order, pages can miss a row that no feed will ever name
            "$orderby": ",".join(dict.fromkeys([*order, *known.key])),
        }
        url = f"{known.name}?{query(options)}"
        prefer = f"odata.maxpagesize={size}" if size and size < PAGE_SIZE else ""
        doing = f"the rows of {known.name}"
        counted: int | None = None
        rows = 0
        for page in follow(self.client, self._executor, "page", url, prefer=prefer, doing=doing):
            if counted is None:
                counted = page.count
                if counted is None:
                    self._incomplete(known, "fno did not count")
            rows += len(page.value)
            yield page.value
        if rows < (counted or 0):
            self._incomplete(known, f"fno counted {counted} rows but sent {rows}")

    def count(self, table: str, *, filter: str | None = None) -> int:
        """Number of rows of all companies that pass `filter`, without reading them."""
        known = self.table(table)
        options = {
            "cross-company": "true",
            "$count": "true",
            "$select": select(known, list(known.key)),
            "$filter": filter or "",
            "$top": "1",
        }
        url = f"{known.name}?{query(options)}"
        doing = f"the number of rows of {known.name}"
        for page in follow(self.client, self._executor, "page", url, prefer="", doing=doing):
            return page.count or 0
        return 0

    def read(self, table: str, addresses: Sequence[Address], columns: Sequence[str]) -> list[Row | None]:
        """Rows by key, several batches at once; a key that can't stand in an address is asked for by
        filter."""
        known = self.table(table)
        keys = [_key(known, each) for each in addresses]
        rows, unclear = self._by_address(known, keys, columns)
        if unclear:
            found = self._by_filter(known, [keys[index] for index in unclear], columns)
            for index, hits in zip(unclear, found, strict=True):
                rows[index] = hits[0] if hits else None
        return rows

    def find(self, table: str, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[Row]]:
        """Rows by property values; a key with a `*`, which a filter takes for a pattern, by its address if
        it is whole."""
        known = self.table(table)
        starred = [at for at, key in enumerate(keys) if set(key) == set(known.key) and _has_star(key)]
        found: dict[int, list[Row]] = {}
        if starred:
            rows, unclear = self._by_address(known, [keys[at] for at in starred], columns)
            for place, (at, row) in enumerate(zip(starred, rows, strict=True)):
                if place not in unclear:
                    found[at] = matches([keys[at]], [row], known)[0] if row is not None else []
        rest = [at for at in range(len(keys)) if at not in found]
        for at, hits in zip(rest, self._by_filter(known, [keys[at] for at in rest], columns), strict=True):
            found[at] = hits
        return [found[at] for at in range(len(keys))]

    def write(
        self, table: str, operations: Sequence[Operation], *, columns: Sequence[str], bulk: bool = False
    ) -> list[Outcome]:
        """Writes by `$batch`, each row a transaction; F&O has no bulk message, so `bulk` makes no difference.

        An update that F&O acknowledges without a representation has no `row` and no `version`: read it back.
        """
        check_versions(operations)
        known = self.table(table)
        writer = batch_writer(self.client, known, columns, looks=self.client.looks)
        outcomes: list[Outcome] = []
        size = WRITE_BATCH // 2 if self.client.looks else WRITE_BATCH
        for start in range(0, len(operations), size):
            outcomes += write_batch(writer, operations[start : start + size])
        return outcomes

    def track(self, table: str, columns: Sequence[str]) -> str:
        """F&O has no change tracking on this endpoint."""
        _untracked(table)

    def changes(self, table: str, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        """F&O has no change tracking on this endpoint."""
        _untracked(table)

    def projects(self) -> list[str]:
        """Names of Data Management's export projects; none where they can't be listed."""
        return self._packages.projects(self._executor)

    def export(self, project: str, company: str, execution: str) -> str:
        """Start an export of a company, and return its execution id."""
        return self._packages.start(project, company, execution)

    def exported(self, execution: str) -> Standing:
        """How an export stands."""
        return self._packages.standing(execution)

    def package(self, execution: str, hosts: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """The rows of a finished export, see `packages`."""
        return self._packages.rows(execution, hosts)

    def _by_address(
        self, table: Table, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]
    ) -> tuple[list[Row | None], list[int]]:
        """Rows by single GETs, and the places where the answer left open whether there is one."""
        chosen = select(table, [*table.key, *columns])
        targets = [f"{fno_address(table, key)}?cross-company=true&$select={chosen}" for key in keys]
        parts = get_parts(self.client, self._executor, "read", targets, size=READ_BATCH)
        rows: list[Row | None] = []
        unclear = []
        for place, (part, target) in enumerate(zip(parts, targets, strict=True)):
            if part.status in (400, 404):
                if not says_absent(part, part_error("fno", part, target)):
                    unclear.append(place)
                rows.append(None)
            else:
                rows.append(one_row(self.client, part, target))
        return rows, unclear

    def _by_filter(
        self, table: Table, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]
    ) -> list[list[Row]]:
        chosen = select(table, [*table.key, *columns, *(name for key in keys for name in key)])
        common = {"cross-company": "true", "$select": chosen}
        targets = [
            f"{table.name}?{query({**common, '$filter': text})}" for text in key_filters(table, keys, _LIMITS)
        ]
        parts = get_parts(self.client, self._executor, "find", targets, size=READ_BATCH, longest=4_000_000)
        rows = [
            row
            for part, target in zip(parts, targets, strict=True)
            for row in all_rows(self.client, "find", part, target)
        ]
        return matches(keys, rows, table)

    def _incomplete(self, table: Table, what: str) -> NoReturn:
        raise IncompleteRead(
            f"the read of {table.name} is incomplete: {what}",
            code="incomplete_read",
            remedy="it is read again at the next run; if this repeats, check the entity's key in F&O",
            side="fno",
            table=table.name,
        )


def _key(table: Table, address: Address) -> Mapping[str, Any]:
    if isinstance(address, str):
        raise TypeError(f"an address in {table.name} is a mapping of its key, not text")
    return address


def _has_star(key: Mapping[str, Any]) -> bool:
    return any(isinstance(value, str) and "*" in value for value in key.values())


def _untracked(table: str) -> NoReturn:
    raise FatalError(
        f"F&O has no change tracking for {table}",
        code="not_tracked",
        remedy="use one of the entity's other feeds",
        side="fno",
        table=table,
    )
