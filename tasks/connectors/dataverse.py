"""Dataverse as a side: its Web API, version 9.2.

Rests on Microsoft's documents of the Web API: pages of at most 5,000 rows, `$batch` of at most 1,000
operations, 65,536 characters a URL in it, delta links.
"""

from __future__ import annotations

import random as random_numbers
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tasks.connectors.batch import Part
from tasks.connectors.batchread import all_rows, get_parts, one_row, part_error
from tasks.connectors.credentials import Credential
from tasks.connectors.dataverse_tables import Tables
from tasks.connectors.dataverse_write import BulkCreate, batch_writer, doubtful
from tasks.connectors.http import Client, OnRequest
from tasks.connectors.keyfilter import FilterLimits, key_filters
from tasks.connectors.odata import annotated, dataverse_address, matches, preference, query, select
from tasks.connectors.origin import Origin
from tasks.connectors.paging import ROW, follow
from tasks.connectors.refusals import refused
from tasks.connectors.retry import Retries
from tasks.connectors.side import (
    Address,
    ChangePage,
    Operation,
    Outcome,
    Row,
    SideName,
    Table,
)
from tasks.connectors.tracking import Tracking
from tasks.connectors.virtual import VirtualEntity, read_catalogue
from tasks.connectors.whole import Whole
from tasks.connectors.writing import check_versions, write_batch

PAGE_SIZE = 5000
READ_BATCH = 100
WRITE_BATCH = 1000
_LIMITS = FilterLimits(characters=60_000, conditions=400)
_NO_SUCH_PATH = "0x8006088a"
_HEADERS = {
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    # the literal text: no cache condition, as the documentation asks
    "If-None-Match": "null",
    "User-Agent": "Dualflow",
}


class DataverseSide:
    """A Dataverse environment.

    Args:
        url: environment address, such as https://name.crm.dynamics.com.
        credential: who we are, see `credentials.client_secret`.
        verify: True, or the file of a private certificate authority.
        connections: most requests at once; the service's own hint can lower it.
        timeout: seconds to connect, seconds without a byte of the answer.
        on_request: called with kind, method and path before each request leaves; what it raises stops the
            request.
    """

    name: SideName = "dataverse"

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
        self.client = Client(
            "dataverse",
            Origin(f"{root}/api/data/v9.2", "DUALFLOW_DATAVERSE_URL"),
            credential,
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
        self._executor = ThreadPoolExecutor(connections, thread_name_prefix="dataverse")
        self._lock = threading.Lock()
        self._tables = Tables(self.client, self._executor)
        self._without_bulk: set[str] = set()
        self._tracking = Tracking(self.client, self._executor)
        self._me: Mapping[str, Any] | None = None

    @property
    def environment(self) -> str:
        """The organization id."""
        return str(self._who_am_i()["OrganizationId"]).lower()

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
        """Our systemuserid."""
        return str(self._who_am_i()["UserId"]).lower()

    def table(self, name: str) -> Table:
        """Live metadata, read once per table and process."""
        return self._tables.one(name)

    def tables(self, names: Collection[str]) -> dict[str, Table]:
        """Live metadata of many tables in few requests; those that don't exist are left out."""
        return self._tables.many(names)

    def remember(self, tables: Iterable[Table]) -> None:
        """Take metadata as read that somebody kept."""
        self._tables.remember(tables)

    def described(self) -> list[Table]:
        """All metadata that was read so far, or remembered."""
        return self._tables.all()

    def sets(self) -> frozenset[str]:
        """Names of all tables, as entity sets."""
        return self._tables.sets()

    def set_of(self, logical: str) -> str | None:
        """Entity set of a table by its logical name."""
        return self._tables.set_of(logical)

    def logical_names(self, names: Collection[str]) -> dict[str, str]:
        """Entity set → logical name of tables; those that don't exist are left out."""
        return self._tables.logical_names(names)

    def virtual_entities(self) -> Mapping[str, VirtualEntity]:
        """F&O's entities that this environment knows, by name in lower case."""
        return read_catalogue(self.client, self._executor)

    def pages(
        self,
        table: str,
        *,
        columns: Sequence[str],
        filter: str | None = None,
        order: Sequence[str] = (),
        size: int | None = None,
    ) -> Iterator[list[Row]]:
        """Every row that passes `filter`; without `order` the service pages by primary id.

        Raises:
            IncompleteRead: the pages held fewer rows than the service counted when the read began, or, where it
                can't count so far, not the row that stood last.
        """
        known = self.table(table)
        # rows that are equal in the order could be skipped or repeated between pages
        ordered = [*order, known.id_column] if order and known.id_column not in order else order
        options = {
            "$select": select(known, [known.id_column, *columns]),
            "$filter": filter or "",
            "$orderby": ",".join(ordered),
            "$count": "true",
        }
        url = f"{known.name}?{query(options)}"
        prefer = preference(f"odata.maxpagesize={min(size or PAGE_SIZE, PAGE_SIZE)}", annotated(columns))
        doing = f"the rows of {known.name}"
        whole = Whole(self.client, self._executor, known, filter, ordered=bool(order))
        for page in follow(self.client, self._executor, "page", url, prefer=prefer, doing=doing):
            whole.note(page)
            yield page.value
        whole.check()

    def read(self, table: str, addresses: Sequence[Address], columns: Sequence[str]) -> list[Row | None]:
        """Rows by id, several batches at once."""
        known = self.table(table)
        chosen = select(known, [known.id_column, *columns])
        targets = [f"{dataverse_address(known, str(each))}?$select={chosen}" for each in addresses]
        prefer = annotated(columns)
        parts = get_parts(self.client, self._executor, "read", targets, size=READ_BATCH, prefer=prefer)
        return [
            None if _absent(part, target) else one_row(self.client, part, target)
            for part, target in zip(parts, targets, strict=True)
        ]

    def find(self, table: str, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[Row]]:
        """Rows by column values, many keys a filter and many filters a batch."""
        known = self.table(table)
        named = [name for key in keys for name in key]
        chosen = select(known, [known.id_column, *columns, *named])
        targets = [
            f"{known.name}?{query({'$select': chosen, '$filter': text})}"
            for text in key_filters(known, keys, _LIMITS)
        ]
        prefer = annotated(columns)
        parts = get_parts(
            self.client, self._executor, "find", targets, size=READ_BATCH, longest=4_000_000, prefer=prefer
        )
        rows = [
            row
            for part, target in zip(parts, targets, strict=True)
            for row in all_rows(self.client, "find", part, target, prefer)
        ]
        return matches(keys, rows, known)

    def write(
        self, table: str, operations: Sequence[Operation], *, columns: Sequence[str], bulk: bool = False
    ) -> list[Outcome]:
        """Creates by CreateMultiple where `bulk` and the table allow it, everything else by `$batch`."""
        check_versions(operations)
        known = self.table(table)
        writer = batch_writer(self.client, known, columns, looks=self.client.looks)
        outcomes: list[Outcome] = []
        size = WRITE_BATCH // 2 if self.client.looks and not bulk else WRITE_BATCH
        for start in range(0, len(operations), size):
            chunk = operations[start : start + size]
            if bulk and len(chunk) > 1 and self._takes_bulk(known, chunk):
                create = BulkCreate(self.client, known, writer, lambda: self._without_bulk.add(known.name))
                outcomes += create.run(chunk)
            else:
                outcomes += write_batch(writer, chunk)
        return self._confirmed(known, operations, outcomes)

    def track(self, table: str, columns: Sequence[str]) -> str:
        """A token from now on."""
        return self._tracking.begin(self.table(table), columns)

    def changes(self, table: str, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        """What changed since `token`; rows are whole and current, a row named twice or late does no harm."""
        yield from self._tracking.changes(self.table(table), token, columns)

    def _who_am_i(self) -> Mapping[str, Any]:
        with self._lock:
            if self._me is None:
                answer = self.client.send("metadata", "GET", "WhoAmI", decoder=ROW)
                if answer.data is None:
                    raise refused(self.client.error_of(answer), "to say who we are")
                self._me = answer.data
            return self._me

    def _takes_bulk(self, table: Table, operations: Sequence[Operation]) -> bool:
        return (
            "CreateMultiple" in table.bulk
            and table.name not in self._without_bulk
            and all(each.kind == "create" for each in operations)
        )

    def _confirmed(
        self, table: Table, operations: Sequence[Operation], outcomes: list[Outcome]
    ) -> list[Outcome]:
        """Outcomes in which no row counts as absent because one that it points to is."""
        open_ = [
            index
            for index, (operation, outcome) in enumerate(zip(operations, outcomes, strict=True))
            if doubtful(operation, outcome)
        ]
        if open_:
            addresses = [str(operations[index].address) for index in open_]
            for index, row in zip(open_, self.read(table.name, addresses, []), strict=True):
                if row is not None:
                    outcomes[index] = Outcome("refused", error=outcomes[index].error)
        return outcomes


def _absent(part: Part, target: str) -> bool:
    """True only if the service itself says that this row does not exist; a gateway's 404 proves nothing."""
    if part.status != 404:
        return False
    error = part_error("dataverse", part, target)
    return error.enveloped and error.code.lower() != _NO_SUCH_PATH
