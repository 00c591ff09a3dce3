"""The database behind the state: how a SQLite file or a PostgreSQL is opened, and how a transaction begins there.

Python's sqlite3 starts a transaction only at the first INSERT, UPDATE or DELETE, so a SELECT before it runs outside, and a
deferred BEGIN fails at once when it has to become a writer. Here the driver's own handling is off and every transaction
begins with our statement: BEGIN IMMEDIATE for writers (takes the write lock, waits for it), BEGIN for readers (a
snapshot).
"""

from __future__ import annotations

import os
import platform
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, InterfaceError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import StaticPool

from mappings.errors import FatalError, RetriableError

BUSY_SECONDS = 30.0
"""How long a SQLite writer waits for another process before it gives up."""

OLDEST_SQLITE = (3, 38)
"""RETURNING came with 3.35, json_each as a part of every build with 3.38."""

WRITER = {"dualflow_writer": True}
"""Execution options of a connection that is going to write."""

HOST_VARIABLE = "DUALFLOW_STATE_HOST"


def parse_url(url: str) -> URL:
    """The database that a URL names, with the driver that Dualflow uses.

    Raises:
        FatalError: not a URL, or a database other than SQLite and PostgreSQL.
    """
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError) as error:
        raise _bad_url(url) from error
    if backend == "sqlite":
        return parsed.set(drivername="sqlite+pysqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise _bad_url(url)


def _bad_url(url: str) -> FatalError:
    shown = url.split("://")[0] + "://…" if "://" in url else url
    return FatalError(
        f"the state can't be kept at {shown!r}",
        code="state_url",
        remedy="set DUALFLOW_STATE_URL to sqlite:///folder/state.db or postgresql://user:password@host/database",
    )


def connect(url: URL, *, durable: bool = False) -> Engine:
    """An engine whose transactions begin as this module says; makes a SQLite file and its folder if they are missing.

    Args:
        durable: on SQLite, wait for the disk at each commit.
    """
    if url.get_backend_name() != "sqlite":
        return create_engine(url, pool_pre_ping=True, pool_size=10, max_overflow=20)
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise FatalError(
            f"this Python's SQLite is {sqlite3.sqlite_version}; the state needs 3.38 or newer",
            code="sqlite_old",
            remedy="use a Python with a newer SQLite, or keep the state in PostgreSQL",
        )
    if in_memory(url):
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        _prepare_file(Path(url.database or ""))
        engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=10, max_overflow=20)
    event.listen(engine, "connect", _take_over_transactions)
    if durable:
        event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous = FULL"))
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def explained() -> Iterator[None]:
    """Turn what the database itself fails with into errors that say what can be done.

    Raises:
        RetriableError: it is busy, or can't be reached; of a commit that was under way nobody knows the outcome, which
            is why everything stored is safe to be stored again.
        FatalError: the disk is full, the file is damaged or can't be written.
    """
    try:
        yield
    except (OperationalError, InterfaceError, DatabaseError) as error:
        said = str(error.orig).strip()
        if isinstance(error.orig, sqlite3.Error):
            if "locked" in said or "busy" in said:
                raise RetriableError(
                    f"the state file is busy: {said}",
                    code="state_busy",
                    remedy="another process has been writing for long; with many workers keep the state in PostgreSQL",
                ) from error
            if any(word in said for word in _BROKEN):
                raise FatalError(
                    f"the state file can't be used: {said}",
                    code="state_file",
                    remedy="check the disk's free space and the rights on the file, or restore it from a backup",
                ) from error
        elif isinstance(error, (OperationalError, InterfaceError)):
            raise RetriableError(
                f"the state database failed: {said}",
                code="state_unreachable",
                remedy="check that PostgreSQL runs and can be reached; the next run goes on where this one stopped",
            ) from error
        raise


_BROKEN = ("full", "readonly", "unable to open", "disk I/O", "malformed", "not a database")


def in_memory(url: URL) -> bool:
    """Does this URL name a SQLite database that lives and dies with the process?"""
    return url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:")


def host_name() -> str:
    """Name under which this machine opens a SQLite state."""
    return os.environ.get(HOST_VARIABLE) or platform.node()


def _take_over_transactions(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous = NORMAL")  # with WAL: safe against crashes of the process
    connection.execute("PRAGMA foreign_keys = ON")
    connection.execute("PRAGMA cache_size = -65536")
    connection.execute("PRAGMA temp_store = MEMORY")
    # a checkpoint every 4 MB, the default, costs a bulk load a fifth of its time
    connection.execute("PRAGMA wal_autocheckpoint = 16384")


def _begin(connection: Connection) -> None:
    if connection.get_execution_options().get("dualflow_writer", False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:
        # nothing is locked yet, so nothing can fail: the driver is asked directly, as by the statements that follow
        connection.connection.cursor().execute("BEGIN")


def _prepare_file(path: Path) -> None:
    """Make the file, readable by its owner only (it holds the digest key), and switch it to WAL once."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        _switch_to_wal(path)
    except (OSError, sqlite3.Error) as error:
        raise FatalError(
            f"the state file {path} can't be opened: {error}",
            code="state_file",
            remedy="check that the folder is writable and on a local disk, or set DUALFLOW_STATE_URL to another place",
        ) from error


def _switch_to_wal(path: Path) -> None:
    # the switch needs the file alone and doesn't wait for it as other statements do
    deadline = time.monotonic() + BUSY_SECONDS
    connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        while True:
            try:
                if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                    connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
    finally:
        connection.close()
