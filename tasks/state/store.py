"""The store: the one way to the state.

    store = Store.open("sqlite:///.dualflow/state.db")
    pair = store.pair("contoso.operations.dynamics.com", "2c3f…")
    lease = store.acquire(pair, "lane:Customer groups:USMF", owner, 60)
    with store.transaction(lease) as tx:      # fenced: the first statement checks the lease's epoch
        tx.insert_links(links)
        tx.drop_inbox(entries)
    with store.read() as state:               # a snapshot
        state.links_by_key(pair, "Customer groups", "USMF", keys)

What can be asked and changed is said in one module a subject: `links`, `lanes`, `events`, `inbox`, `parked`, `conflicts`, `runs`,
`deletes`, `sightings`.
"""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Self

from sqlalchemy import Connection, Engine, insert, select

from mappings.errors import FatalError, LeaseLost, RetriableError
from tasks.state import leases, models
from tasks.state.budgets import BudgetReads, BudgetWrites
from tasks.state.conflicts import ConflictReads, ConflictWrites
from tasks.state.database import HOST_VARIABLE, WRITER, connect, explained, host_name, in_memory, parse_url
from tasks.state.deletes import DeleteReads, DeleteWrites
from tasks.state.events import EventReads, EventWrites
from tasks.state.inbox import InboxReads, InboxWrites
from tasks.state.lanes import LaneReads, LaneWrites
from tasks.state.leases import Lease
from tasks.state.parked import ParkedReads, ParkedWrites
from tasks.state.runs import RunReads, RunWrites
from tasks.state.schema import upgrade
from tasks.state.sightings import SightingReads, SightingWrites
from tasks.state.tables import TableReads, TableWrites

SECRET_LETTERS = string.ascii_letters + string.digits
SECRET_LENGTH = 16
"""The hash function takes a key of exactly so many bytes."""


class Reader(
    SightingReads,
    LaneReads,
    BudgetReads,
    EventReads,
    InboxReads,
    ParkedReads,
    ConflictReads,
    RunReads,
    DeleteReads,
    TableReads,
):
    """Everything that can be asked, in one snapshot."""


class Transaction(
    Reader,
    SightingWrites,
    LaneWrites,
    BudgetWrites,
    EventWrites,
    InboxWrites,
    ParkedWrites,
    ConflictWrites,
    RunWrites,
    DeleteWrites,
    TableWrites,
):
    """Everything that can be changed; all of it is committed when the `with` block ends without an error, or nothing."""


def _utc_now() -> datetime:
    return datetime.now(UTC)


class Store:
    """The state of one installation; may be used from several threads."""

    def __init__(
        self, engine: Engine, *, clock: Callable[[], datetime], monotonic: Callable[[], float], alone: bool
    ) -> None:
        self._engine = engine
        self._now = clock
        self._monotonic = monotonic
        self._one_connection = alone
        # SQLite has one writer: threads of this process queue here instead of polling for the file's lock
        self._writing = threading.RLock() if engine.dialect.name == "sqlite" else None
        self._busy = threading.local()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        clock: Callable[[], datetime] = _utc_now,
        monotonic: Callable[[], float] = leases.since_boot,
        host: str | None = None,
        durable: bool = False,
    ) -> Self:
        """Open the state, make or update its tables.

        Args:
            url: SQLAlchemy URL: `sqlite:///folder/state.db`, `sqlite://` (in memory, gone with the process), or
                `postgresql://…`.
            clock: time of records that bring none; leases always use the database's.
            monotonic: seconds that only grow, for the time that a lease has left.
            durable: on SQLite, wait for the disk at each commit: it then outlasts a power failure too. Runs need not: what
                they forget they do again.
            host: name of this machine, checked for SQLite files; default `DUALFLOW_STATE_HOST` or the host name.

        Raises:
            FatalError: bad URL or file, a schema newer than this version, or a SQLite file that another machine uses.
        """
        parsed = parse_url(url)
        engine = connect(parsed, durable=durable)
        try:
            with explained():
                upgrade(engine)
            alone = in_memory(parsed)
            store = cls(engine, clock=clock, monotonic=monotonic, alone=alone)
            if engine.dialect.name == "sqlite" and not alone:
                store._claim_host(host or host_name(), str(parsed.database))
        except RetriableError as error:
            # at the start there is nothing to go on with later
            engine.dispose()
            raise FatalError(error.message, code=error.code, remedy=error.remedy) from error
        except BaseException:
            engine.dispose()
            raise
        return store

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # environments

    def pair(self, fno_environment: str, dataverse_environment: str) -> int:
        """Number of a pair of environments, with a digest key of its own; made when it is first seen."""
        at = (models.pair.c.fno == fno_environment) & (models.pair.c.dataverse == dataverse_environment)
        query = select(models.pair.c.id).where(at)
        with self._reading() as connection:
            found = connection.execute(query).scalar_one_or_none()
        if found is not None:
            return int(found)
        with self.unfenced() as tx:
            tx._insert(
                models.pair,
                ("fno", "dataverse", "made_at"),
                [(fno_environment, dataverse_environment, self._now())],
                key=("fno", "dataverse"),
                keep=True,
            )
            number = int(tx._connection.execute(query).scalar_one())
            key = "".join(secrets.choice(SECRET_LETTERS) for _ in range(SECRET_LENGTH))
            tx._insert(
                models.secret,
                ("pair", "value", "made_at"),
                [(number, key, self._now())],
                key=("pair",),
                keep=True,
            )
        return number

    def pairs(self) -> dict[int, tuple[str, str]]:
        """All pairs: number → (F&O environment, Dataverse environment)."""
        with self._reading() as connection:
            rows = connection.execute(select(models.pair.c.id, models.pair.c.fno, models.pair.c.dataverse))
            return {id_: (fno, dataverse) for id_, fno, dataverse in rows}

    def secret(self, pair: int) -> str:
        """Key of this pair's digests, 16 characters: without it values can't be guessed from digests."""
        with self._reading() as connection:
            query = select(models.secret.c.value).where(models.secret.c.pair == pair)
            return str(connection.execute(query).scalar_one())

    # leases

    def acquire(self, pair: int, name: str, owner: str, seconds: float) -> Lease:
        """Take a lease that is free or has run out.

        Args:
            owner: who asks; one that nobody else uses (host, process and run).
            seconds: how long it lasts unless renewed.

        Raises:
            LeaseHeld: somebody holds it.
        """
        with self._reading() as connection:
            # polling for a held lease need not take SQLite's one write lock
            leases.refuse_held(connection, pair, name)
        with self._changing() as connection:
            return leases.acquire(connection, pair, name, owner, seconds, self._monotonic)

    def renew(self, *held: Lease) -> None:
        """Let leases run their full time again from now; all that can be renewed are, then the first lost one is raised.

        Raises:
            LeaseLost: another took one over.
        """
        lost: LeaseLost | None = None
        with self._changing() as connection:
            for lease in sorted(held, key=lambda lease: (lease.pair, lease.name)):
                try:
                    leases.renew(connection, lease)
                except LeaseLost as error:
                    lost = lost or error
        if lost is not None:
            raise lost

    def release(self, *held: Lease) -> None:
        """Give leases back at once; those that were taken over are left alone."""
        if not held:
            return
        with self._changing() as connection:
            for lease in sorted(held, key=lambda lease: (lease.pair, lease.name)):
                leases.release(connection, lease)

    def request(self, pair: int, name: str, by: str) -> bool:
        """Ask the holder of a lease to hand over; False if nobody holds it."""
        with self._changing() as connection:
            return leases.request(connection, pair, name, by)

    def requested(self, lease: Lease) -> str | None:
        """Who asks for a lease of ours, if anybody."""
        with self._reading() as connection:
            return leases.requested(connection, lease)

    def wanted(self, pair: int, owner: str) -> set[str]:
        """Names of the leases of an owner that others ask for."""
        with self._reading() as connection:
            return leases.wanted(connection, pair, owner)

    # transactions

    @contextmanager
    def read(self) -> Iterator[Reader]:
        """A snapshot to ask."""
        with self._reading() as connection:
            yield Reader(connection, self._now)

    @contextmanager
    def transaction(self, lease: Lease) -> Iterator[Transaction]:
        """A transaction under a lease.

        Raises:
            LeaseLost: the lease is another's by now; nothing was or will be written.
        """
        with self._changing() as connection:
            leases.check(connection, lease)
            yield Transaction(connection, self._now)

    @contextmanager
    def unfenced(self) -> Iterator[Transaction]:
        """A transaction without a lease: for what people decide and for what no lane owns (runs, approvals, requests)."""
        with self._changing() as connection:
            yield Transaction(connection, self._now)

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        open_here: Connection | None = getattr(self._busy, "connection", None)
        if self._one_connection and open_here is not None:
            yield open_here  # in memory there is one connection; a read inside a transaction sees what it wrote
            return
        if self._one_connection and self._writing is not None:
            with self._writing, explained(), self._engine.connect() as connection:
                yield connection
            return
        with explained(), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":
                connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            yield connection

    @contextmanager
    def _changing(self) -> Iterator[Connection]:
        if getattr(self._busy, "connection", None) is not None:
            raise RuntimeError("a state transaction is open in this thread already; close it first")
        if self._writing is None:
            with self._transacting() as connection:
                yield connection
            return
        with self._writing, self._transacting() as connection:
            yield connection

    @contextmanager
    def _transacting(self) -> Iterator[Connection]:
        with (
            explained(),
            self._engine.connect().execution_options(**WRITER) as connection,
            connection.begin(),
        ):
            self._busy.connection = connection
            try:
                yield connection
            finally:
                self._busy.connection = None

    # host

    def _claim_host(self, host: str, path: str) -> None:
        """Refuse a SQLite file that another machine uses: file locks don't reach across network drives."""
        at = models.installation.c.name == "host"
        with self._reading() as connection:
            if connection.execute(select(models.installation.c.value).where(at)).scalar_one_or_none() == host:
                return
        with self._changing() as connection:
            found = connection.execute(select(models.installation.c.value).where(at)).scalar_one_or_none()
            if found is None:
                connection.execute(insert(models.installation).values(name="host", value=host))
            elif found != host:
                raise FatalError(
                    f"the state file {path} belongs to the machine {found!r}, and this is {host!r};"
                    " a SQLite file can't be shared between machines",
                    code="state_host",
                    remedy=f"use a PostgreSQL state for several machines; if this machine was renamed or replaced that"
                    f" one, set {HOST_VARIABLE}={found}",
                    host=host,
                    owner=found,
                )


__all__ = ["Reader", "Store", "Transaction"]
