"""The layout of a map between two live tables: which pairs are compared, what merges as one, what is read.

A map names fields; what their values are (types, lengths, scales, enum spelling) only the live tables say.
`compile_layout` brings both together once per run, so that the per-page work is plain column passes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappings.metadata import Column, Table
from mappings.model import FieldPair, Map


@dataclass(frozen=True, eq=False)
class PairPlan:
    """One compared pair between its two live columns.

    Attributes:
        index: position p among the compared pairs.
        pair: the row of the map.
        fno: the F&O property.
        dataverse: the Dataverse column; for a lookup pair the lookup column.
        lookup: name of the lookup column, None for a plain pair.
        part: position among the pairs of the same lookup, in map order (0 for a plain pair).
        to_dataverse, to_fno: the ways this pair flows.
        key: part of the integration key (never compared as empty by its type: 0 is a key like any other).
        type_id: hash of all that its canonical text depends on; equal type ids mean comparable digests.
    """

    index: int
    pair: FieldPair
    fno: Column
    dataverse: Column
    lookup: str | None
    part: int
    to_dataverse: bool
    to_fno: bool
    key: bool
    type_id: str


@dataclass(frozen=True, eq=False)
class Layout:
    """A map, compiled against both live tables.

    Attributes:
        map: the map.
        fno, dataverse: the live tables.
        pairs: compared pairs in map order; p indexes everything below.
        units: pairs that merge as one, each as indexes of `pairs`, in order of their first pair.
        unit_of: int array (p,), the unit of each pair.
        unit_to_dataverse, unit_to_fno: bool arrays (units,), the ways a unit flows. Both true = two-way;
            one-way pairs inside such a unit follow the others.
        key_pairs: pairs that carry the integration key, in the key's order.
        fno_columns, dataverse_columns: what to select, without duplicates: pairs, keys, company, filters, match rules,
            `statecode` and the modified time. Dataverse lookups by logical name.
        raw_fno, raw_dataverse: row properties that `raw_digests` covers (lookups as ``_x_value``, no stamps).
        constants_to_dataverse, constants_to_fno: JSON-ready constants, sent on create and adopt.
        always_to_dataverse, always_to_fno: those of them that go with every update as well.
    """

    map: Map
    fno: Table
    dataverse: Table
    pairs: tuple[PairPlan, ...]
    units: tuple[tuple[int, ...], ...]
    unit_of: np.ndarray
    unit_to_dataverse: np.ndarray
    unit_to_fno: np.ndarray
    key_pairs: tuple[int, ...]
    fno_columns: tuple[str, ...]
    dataverse_columns: tuple[str, ...]
    raw_fno: tuple[str, ...]
    raw_dataverse: tuple[str, ...]
    constants_to_dataverse: Mapping[str, Any]
    constants_to_fno: Mapping[str, Any]
    always_to_dataverse: Mapping[str, Any]
    always_to_fno: Mapping[str, Any]

    @property
    def types(self) -> tuple[tuple[str, str], ...]:
        """(pair id, type id) in order: what the stored digests of a row mean."""
        return tuple((plan.pair.id, plan.type_id) for plan in self.pairs)


def compile_layout(map: Map, fno: Table, dataverse: Table) -> Layout:
    """Compile a map against the two live tables.

    Raises:
        FatalError: lists every pair whose property or column is absent, or whose two types can't meet.
    """
    raise NotImplementedError
