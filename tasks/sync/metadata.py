"""The metadata of both systems, read for all maps at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from mappings.live.metadata import Live, wanted
from mappings.metadata import Table
from mappings.model import Map


class Described(Protocol):
    """A side that can describe many of its tables at once."""

    def tables(self, names: Collection[str]) -> dict[str, Table]: ...

    def sets(self) -> frozenset[str]: ...


def read(fno: Described, dataverse: Described, maps: Iterable[Map]) -> Live:
    """What both systems say about the tables of these maps; both are asked at the same time.

    Raises:
        FatalError, RetriableError: a system can't be reached or refuses.
    """
    sets, tables = wanted(maps)
    with ThreadPoolExecutor(1) as beside:
        read = beside.submit(fno.tables, sets)
        found = dataverse.tables(tables)
        return Live(read.result(), found, {"fno": fno.sets(), "dataverse": dataverse.sets()})
