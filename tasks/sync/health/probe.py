"""The write probe: one row created, read, changed and deleted on each side. It shows what no privilege and no metadata tells.

The row is a suffix of persons' names, which nothing in either system refers to. The map of these rows holds still meanwhile.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from mappings.errors import DualflowError, RetriableError
from mappings.metadata import SIDE_NAMES
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.connectors.side import Address, Operation, Outcome
from tasks.state.leases import LeaseHeld
from tasks.state.store import Store
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.lane import Lane
from tasks.sync.session import this_worker

MAP = "Name affixes"
TEXT = "DFPROBE"
SECONDS = 60.0
"""How long the map holds still for one side, at most."""
PATIENCE = 15.0
"""Seconds to wait for a run that works on the map."""


@dataclass(frozen=True, slots=True)
class Row:
    """What is written on a side.

    Attributes:
        key: columns by which it is found.
        column: the one that is changed.
    """

    table: str
    key: Mapping[str, Any]
    column: str

    @property
    def columns(self) -> list[str]:
        """All of them."""
        return [*self.key, self.column]


FNO = Row("NameAffixes", {"Type": "PersonalSuffix", "Affix": TEXT}, "Description")
DATAVERSE = Row("msdyn_nameaffixes", {"msdyn_affixtype": 806380001, "msdyn_affix": TEXT}, "msdyn_description")


class _Stopped(Exception):
    """A step failed; the ones behind it make no sense."""

    def __init__(self, step: str, found: str, remedy: str = "") -> None:
        super().__init__(found)
        self.step, self.found, self.remedy = step, found, remedy
        self.made = False  # was our row there already?


def probe(around: Surroundings) -> Iterator[Finding]:
    """Write to both sides, F&O first."""
    fno, dataverse = around.live_fno, around.live_dataverse
    done = []
    with ExitStack() as stack:
        hold = _nobody
        if around.store is not None and around.pair is not None:
            hold = stack.enter_context(_held(around.store, around.pair))
        for side, row in ((fno, FNO), (dataverse, DATAVERSE)):
            hold()
            try:
                _walk(side, row)
                done.append(f"{SIDE_NAMES[side.name]} ({row.table})")
            except _Stopped as stopped:
                yield Finding(
                    f"probe_{stopped.step}",
                    "error",
                    side.name,
                    row.table,
                    f"a row that can be {_DONE[stopped.step]}",
                    stopped.found + (_left(side, row) if stopped.made else ""),
                    stopped.remedy or "see what the service says, and give our user what it misses",
                )
    if done:
        around.told["write probe"] = f"a row created, read, changed and deleted in {' and '.join(done)}"


def _nobody() -> None:
    """There is no state, so no map that could be at work."""


@contextmanager
def _held(store: Store, pair: int) -> Iterator[Callable[[], None]]:
    """The map of these rows holds still; what is yielded makes it do so for longer."""
    name, owner, until = Lane.name_of(MAP, ""), this_worker(), time.monotonic() + PATIENCE
    while True:
        try:
            lease = store.acquire(pair, name, owner, SECONDS)
            break
        except LeaseHeld:
            if time.monotonic() >= until:
                raise
            store.request(pair, name, owner)
            time.sleep(0.2)
    try:
        yield partial(store.renew, lease)
    finally:
        store.release(lease)


_DONE = {"create": "created", "read": "read back", "change": "changed", "delete": "deleted"}


def _walk(side: FnoSide | DataverseSide, row: Row) -> None:
    """All four steps; a row that an earlier probe left is taken away first."""
    for left in _rows(side, row):
        _write(side, row, "delete", Operation("delete", {}, _address(side, row, left), left["@odata.etag"]))
    created = _write(side, row, "create", Operation("create", {**row.key, row.column: "created"}))
    try:
        _use(side, row, created.status)
    except _Stopped as stopped:
        stopped.made = True
        raise


def _use(side: FnoSide | DataverseSide, row: Row, created: str) -> None:
    """Read, change and delete the row that was created."""
    found = _rows(side, row)
    if len(found) != 1 or found[0].get(row.column) != "created":
        raise _Stopped("read", f"{len(found)} rows where one was created ({created})")
    address = _address(side, row, found[0])
    _write(
        side, row, "change", Operation("update", {row.column: "changed"}, address, found[0]["@odata.etag"])
    )
    found = _rows(side, row)
    if len(found) != 1 or found[0].get(row.column) != "changed":
        raise _Stopped("change", "what was changed is as it was before")
    _write(side, row, "delete", Operation("delete", {}, address, found[0]["@odata.etag"]))
    if _rows(side, row):
        raise _Stopped("delete", "the service said that the row is deleted, and shows it still")


def _left(side: FnoSide | DataverseSide, row: Row) -> str:
    """What the probe had to leave behind, for its message: nobody should have to guess where such a row comes from."""
    name = f"the row {', '.join(f'{column} = {value}' for column, value in row.key.items())} of {row.table}"
    try:
        if not _rows(side, row):
            return ""
    except (_Stopped, RetriableError):
        return f"; {name} may be there still: look, and delete it by hand"
    return f"; {name} is left behind: the next probe deletes it if it may, else delete it by hand"


def _rows(side: FnoSide | DataverseSide, row: Row) -> list[dict[str, Any]]:
    try:
        return side.find(row.table, [row.key], row.columns)[0]
    except DualflowError as error:
        raise _Stopped("read", error.message, error.remedy) from error


def _write(side: FnoSide | DataverseSide, row: Row, step: str, operation: Operation) -> Outcome:
    try:
        (outcome,) = side.write(row.table, [operation], columns=row.columns)
    except RetriableError:
        raise  # the service is in trouble, and says nothing about what we may do
    except DualflowError as error:
        raise _Stopped(step, error.message, error.remedy) from error
    if outcome.status != "done":
        raise _Stopped(step, str(outcome.error) if outcome.error else outcome.status)
    return outcome


def _address(side: FnoSide | DataverseSide, row: Row, found: Mapping[str, Any]) -> Address:
    if side.name == "dataverse":
        return str(found[side.table(row.table).id_column])
    return {name: found[name] for name in row.key}


CHECK = Check("probe", "Writing to both sides", probe, needs=("fno", "dataverse"), writes=True)
