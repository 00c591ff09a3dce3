"""Leases: who may write the state of a lane or feed, and until when.

A lease is a row with an epoch that grows with every holder. The first statement of every transaction is an UPDATE that
names the epoch: it both checks the lease and locks its row, so nothing can come between check and write on either
database. A worker that slept past its lease finds no such row and changes nothing. The services know no epochs; there the
row version sent with each write is the fence, and `outlives` keeps requests from starting that could end after the lease.

Times are the database's: hosts with different clocks agree on who holds what.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Select,
    TextClause,
    Update,
    bindparam,
    literal_column,
    select,
    text,
    update,
)

from mappings.errors import LeaseLost, RetriableError
from tasks.state.models import lease as table

_NOW: dict[str, ColumnElement[float]] = {
    "sqlite": literal_column("(julianday('now') - 2440587.5) * 86400.0", Double()),
    "postgresql": literal_column("extract(epoch FROM clock_timestamp())::double precision", Double()),
}
"""The database's time now (not that of the transaction's start), in seconds since 1970."""

FREE = ""
"""Owner of a lease that nobody holds."""


class LeaseHeld(RetriableError):
    """Another run holds the lease; `retry_after` says when it runs out if it isn't renewed."""


def since_boot() -> float:
    """Seconds on a clock that nobody sets and that, where the system can, runs on while it sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.clock_gettime(clock) if clock is not None else time.monotonic()


@dataclass(slots=True, eq=False)
class Lease:
    """A lease that was granted to us.

    Attributes:
        name: what it covers, such as `lane:Customer groups:USMF`.
        epoch: number of this holding; an older one is void.
        owner: who holds it.
        expires: when it runs out, seconds since 1970 by the database's clock.
    """

    pair: int
    name: str
    epoch: int
    owner: str
    seconds: float
    expires: float
    _until: float = 0.0
    _clock: Callable[[], float] = field(default=since_boot, repr=False)

    def remaining(self) -> float:
        """Seconds that the lease lasts for certain; negative once it may have run out.

        Counted on this machine's own clock from before the lease was asked for, so it errs on the safe side.
        """
        return self._until - self._clock()

    def outlives(self, seconds: float) -> bool:
        """Does the lease last longer than a request that may take so many seconds?"""
        return self.remaining() > seconds


def acquire(
    connection: Connection, pair: int, name: str, owner: str, seconds: float, clock: Callable[[], float]
) -> Lease:
    """Take a lease that is free or has run out.

    Raises:
        LeaseHeld: another's is still running, or this owner holds it already.
    """
    if not owner:
        raise ValueError("a lease needs an owner")
    asked = clock()
    values = {"of_pair": pair, "of_name": name, "of_owner": owner, "seconds": seconds}
    row = connection.execute(_taking(connection.dialect.name), values).one_or_none()
    if row is None:
        refuse_held(connection, pair, name)
        raise LeaseHeld(f"{name} was held a moment ago", retry_after=0.0, code="lease_held", lease=name)
    return Lease(pair, name, row.epoch, owner, seconds, row.expires, asked + seconds, clock)


def refuse_held(connection: Connection, pair: int, name: str) -> None:
    """Raise `LeaseHeld` if somebody holds the lease at this moment; a look only, `acquire` decides."""
    row = connection.execute(
        _holding(connection.dialect.name), {"of_pair": pair, "of_name": name}
    ).one_or_none()
    if row is not None and row.left > 0:
        raise LeaseHeld(
            f"{name} is being worked on by {row.owner}, for {row.left:.0f} s more unless it goes on",
            retry_after=row.left,
            code="lease_held",
            remedy="wait for that run to end, or ask it to hand over; if it died, its lease runs out by itself",
            lease=name,
            owner=row.owner,
        )


def check(connection: Connection, lease: Lease) -> None:
    """First statement of a transaction: is the lease still ours? Locks it until the transaction ends.

    Raises:
        LeaseLost: another took it over; nothing may be written.
    """
    done = connection.execute(_beat(connection.dialect.name), _names(lease))
    if done.rowcount != 1:
        raise lost(connection, lease)


def renew(connection: Connection, lease: Lease) -> None:
    """Let the lease run its full time again from now.

    Raises:
        LeaseLost: another took it over.
    """
    asked = lease._clock()
    now = _database_now(connection)
    statement = update(table).where(_ours()).values(beat=now, expires=now + lease.seconds)
    row = connection.execute(statement.returning(table.c.expires), _names(lease)).one_or_none()
    if row is None:
        raise lost(connection, lease)
    lease.expires, lease._until = row.expires, asked + lease.seconds


def release(connection: Connection, lease: Lease) -> None:
    """Give the lease back; one that was taken over is left alone."""
    connection.execute(_freeing(connection.dialect.name), _names(lease))
    lease._until = lease._clock()


def request(connection: Connection, pair: int, name: str, by: str) -> bool:
    """Ask the holder to hand over at its next pause; False if nobody holds the lease."""
    now = _database_now(connection)
    done = connection.execute(
        update(table)
        .where(table.c.pair == pair, table.c.name == name, table.c.owner != FREE, table.c.expires > now)
        .values(requested_by=by, requested_at=now)
    )
    return done.rowcount == 1


def requested(connection: Connection, lease: Lease) -> str | None:
    """Who asks for this lease, if anybody."""
    return connection.execute(_REQUESTED, _names(lease)).scalar_one_or_none()


def wanted(connection: Connection, pair: int, owner: str) -> set[str]:
    """Names of the leases of an owner that others ask for."""
    query = select(table.c.name).where(
        table.c.pair == pair, table.c.owner == owner, table.c.requested_by.is_not(None)
    )
    return set(connection.execute(query).scalars())


def lost(connection: Connection, lease: Lease) -> LeaseLost:
    """The error that says who holds the lease now."""
    row = connection.execute(
        select(table.c.owner, table.c.epoch).where(table.c.pair == lease.pair, table.c.name == lease.name)
    ).one_or_none()
    who = "nobody" if row is None or row.owner == FREE else row.owner
    return LeaseLost(
        f"the lease {lease.name} (epoch {lease.epoch}) of {lease.owner} is no longer valid; {who} holds it now",
        code="lease_lost",
        remedy="nothing was written; the run that took over goes on with this work",
        lease=lease.name,
        owner=lease.owner,
        holder=who,
    )


def _ours() -> Any:
    return (
        (table.c.pair == bindparam("of_pair"))
        & (table.c.name == bindparam("of_name"))
        & (table.c.epoch == bindparam("of_epoch"))
        & (table.c.owner == bindparam("of_owner"))
    )


def _names(lease: Lease) -> dict[str, int | str]:
    return {"of_pair": lease.pair, "of_name": lease.name, "of_epoch": lease.epoch, "of_owner": lease.owner}


_REQUESTED = select(table.c.requested_by).where(_ours())


# built once for each database: every lane and feed is taken and given back at every look at it


@cache
def _taking(dialect: str) -> TextClause:
    # as text, since SQLAlchemy compiles an insert that may meet a row anew at each use; both databases know these words
    now = str(_NOW[dialect])
    return text(
        f"""
        INSERT INTO lease (pair, name, owner, epoch, beat, expires)
        VALUES (:of_pair, :of_name, :of_owner, 1, {now}, {now} + :seconds)
        ON CONFLICT (pair, name) DO UPDATE SET
            owner = excluded.owner, epoch = lease.epoch + 1, beat = excluded.beat, expires = excluded.expires,
            requested_by = NULL, requested_at = NULL
        WHERE lease.owner = '{FREE}' OR lease.expires <= {now}
        RETURNING epoch, expires
        """.replace("::", r"\:\:")
    ).bindparams(bindparam("seconds", type_=Double()))


@cache
def _holding(dialect: str) -> Select[Any]:
    left = (table.c.expires - _NOW[dialect]).label("left")
    return select(table.c.owner, left).where(
        table.c.pair == bindparam("of_pair"), table.c.name == bindparam("of_name"), table.c.owner != FREE
    )


@cache
def _freeing(dialect: str) -> Update:
    return update(table).where(_ours()).values(owner=FREE, expires=_NOW[dialect])


@cache
def _beat(dialect: str) -> Update:
    return update(table).where(_ours()).values(beat=_NOW[dialect])


def _database_now(connection: Connection) -> ColumnElement[float]:
    return _NOW[connection.dialect.name]
