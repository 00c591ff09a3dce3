"""Empty states: the tables are made once in a process, and copied from then on."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from tasks.state.database import connect, parse_url
from tasks.state.leases import since_boot
from tasks.state.store import Store


def in_memory(clock: Callable[[], datetime]) -> Store:
    """A state that is gone with the process."""
    engine = connect(parse_url("sqlite://"))
    _tables().backup(_driver(engine))
    return Store(engine, clock=clock, monotonic=since_boot, alone=True)


def at(path: Path) -> str:
    """The URL of a state in a file that isn't there yet."""
    with closing(sqlite3.connect(path)) as file:
        _tables().backup(file)
    return f"sqlite:///{path}"


@cache
def _tables() -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", check_same_thread=False)
    with Store.open("sqlite://") as made:
        _driver(made._engine).backup(copy)
    return copy


def _driver(engine: Any) -> Any:
    return engine.raw_connection().driver_connection
