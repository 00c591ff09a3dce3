"""A lane: one map in one company, with everything that its rows need to be compared and written."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar

import numpy as np

from mappings.catalogue import Catalogue
from mappings.metadata import Table
from mappings.model import Map
from tasks.connectors.side import Side, SideName
from tasks.state.store import Store
from tasks.sync.companies import Companies
from tasks.sync.diff import Directions
from tasks.sync.seams import Seams
from tasks.sync.settings import Settings
from tasks.transform.digests import EMPTY
from tasks.transform.layout import Layout

COMPANY_PROPERTY = "dataAreaId"
"""F&O's name of the company in the key of every company-specific entity."""


@dataclass
class Counts:
    """What became of the rows of a lane, per run; every row read ends in exactly one place."""

    read_fno: int = 0
    read_dataverse: int = 0
    created_fno: int = 0
    created_dataverse: int = 0
    updated_fno: int = 0
    updated_dataverse: int = 0
    deleted_fno: int = 0
    deleted_dataverse: int = 0
    paired: int = 0
    equal: int = 0
    conflicts: int = 0
    no_base: int = 0
    drift: int = 0
    normalized: int = 0
    waiting: int = 0
    parked: int = 0
    held: int = 0
    detached: int = 0
    out_of_scope: int = 0
    seconds: float = 0.0
    _counting: ClassVar[threading.Lock] = threading.Lock()

    def count(self, **numbers: int) -> None:
        """Add to the numbers named: batches are compared on one thread and recorded on another."""
        with self._counting:
            for name, number in numbers.items():
                setattr(self, name, getattr(self, name) + number)

    def add(self, other: Counts) -> None:
        """Add another's numbers to these."""
        self.count(**vars(other))

    @property
    def written(self) -> int:
        """Writes that a service acknowledged."""
        return (
            self.created_fno
            + self.created_dataverse
            + self.updated_fno
            + self.updated_dataverse
            + self.deleted_fno
            + self.deleted_dataverse
        )


@dataclass
class Lane:
    """One map and one company, bound to live sides, layout and state.

    Attributes:
        company: Company code as F&O spells it; "" for a global map.
        company_id: Id of the company's row in Dataverse; None for a global map.
        run: Number of the run that works on it, for history and counts.
        layout_id: Row of the state that says what the positions of a stored base mean.
    """

    map: Map
    company: str
    company_id: str | None
    layout: Layout
    layout_id: int
    fno: Side
    dataverse: Side
    fno_table: Table
    dataverse_table: Table
    catalogue: Catalogue
    companies: Companies
    store: Store
    pair: int
    secret: str
    settings: Settings
    seams: Seams
    run: int | None = None
    counts: Counts = field(default_factory=Counts)

    @property
    def name(self) -> str:
        """Name of the lane's lease."""
        return self.name_of(self.map.name, self.company)

    @staticmethod
    def name_of(map: str, company: str) -> str:
        """Name of the lease of a map in a company."""
        return f"lane:{map}:{company}"

    @property
    def pairs(self) -> int:
        """Number of compared field pairs."""
        return len(self.layout.pairs)

    @cached_property
    def directions(self) -> Directions:
        """Which way each pair may travel, as arrays."""
        return Directions(
            self.layout.unit_of,
            len(self.layout.units),
            np.array([pair.to_dataverse for pair in self.layout.pairs], dtype=bool),
            np.array([pair.to_fno for pair in self.layout.pairs], dtype=bool),
        )

    @cached_property
    def empty(self) -> np.uint64:
        """Digest of the empty value under this installation's key."""
        return np.uint64(EMPTY(self.secret))

    @cached_property
    def key_layout(self) -> Layout:
        """The layout of the integration key alone: its texts have a column per key part, in the key's order."""
        plans = [replace(self.layout.pairs[p], index=n) for n, p in enumerate(self.layout.key_pairs)]
        return replace(self.layout, pairs=tuple(plans))

    @cached_property
    def _needed_parts(self) -> tuple[int, ...]:
        optional = self.map.dataverse.optional
        return tuple(
            place
            for place, p in enumerate(self.layout.key_pairs)
            if self.layout.pairs[p].pair.dataverse not in optional
        )

    def keyed(self, parts: Sequence[str]) -> bool:
        """Do these texts of the integration key name a row? Parts that may be empty are a value then."""
        return all(parts) or all(parts[place] for place in self._needed_parts)

    @cached_property
    def optional_properties(self) -> frozenset[str]:
        """F&O properties of the key that may be empty."""
        optional = self.map.dataverse.optional
        return frozenset(str(pair.fno) for pair in self.map.compared if pair.dataverse in optional)

    @cached_property
    def key_properties(self) -> tuple[str, ...]:
        """F&O key without the company."""
        return tuple(name for name in self.map.fno.key if name != COMPANY_PROPERTY)

    @cached_property
    def company_value(self) -> str | None:
        """JSON name of the company lookup's value in a Dataverse row."""
        return f"_{self.map.dataverse.company}_value" if self.map.dataverse.company else None

    def side(self, name: SideName) -> Side:
        """The live side of this name."""
        return self.fno if name == "fno" else self.dataverse

    def fno_address(self, row: Mapping[str, object]) -> dict[str, object]:
        """The F&O key of a row, in its own spelling."""
        return {name: row[name] for name in self.map.fno.key}
