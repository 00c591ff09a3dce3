"""The layout of a map between two live tables: which pairs are compared, what merges as one, what is read.

A map names fields; what their values are (types, lengths, scales, enum spelling) only the live tables say.
`compile_layout` brings both together once per run, so that the per-page work is plain column passes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

import numpy as np

from mappings.errors import FatalError
from mappings.filters import fields_of, parse
from mappings.metadata import Column, SideName, Table
from mappings.model import FieldPair, Map
from tasks.transform.defaults import default_for_dataverse, default_for_fno
from tasks.transform.forms import Form
from tasks.transform.meeting import form_of
from tasks.transform.passes import Reading, Sending
from tasks.transform.units import units_of
from tasks.transform.wire import typed

ALGORITHM = 1
"""Version of canonical text and of its digest; a new one makes every stored digest unknown."""

LOGICAL_NAME = "Microsoft.Dynamics.CRM.lookuplogicalname"
"""Annotation of a lookup's value: the logical name of the table that it points at."""


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
        key: part of the integration key (never empty by its type: 0 is a key like any other).
        type_id: hash of all that its canonical text depends on; equal type ids mean comparable digests.
        form: how the two columns meet.
        from_fno, from_dataverse: column passes to canonical text.
        for_dataverse, for_fno: column passes to values on the wire.
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
    form: Form = field(repr=False)
    from_fno: Reading = field(repr=False)
    from_dataverse: Reading = field(repr=False)
    for_dataverse: Sending = field(repr=False)
    for_fno: Sending = field(repr=False)


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
        fno_columns, dataverse_columns: what to select, without duplicates: pairs, keys, company, filters,
            match rules, states (`statecode`) and the modified time. Dataverse lookups by logical name; where a lookup
            may point at several tables, also the annotation that says which (`table_of`).
        raw_fno, raw_dataverse: row properties that `raw_digests` covers (lookups as ``_x_value``, no stamps).
        constants_to_dataverse, constants_to_fno: JSON-ready constants, sent on create and adopt.
        always_to_dataverse, always_to_fno: those of them that go with every update as well.
    """

    map: Map
    fno: Table
    dataverse: Table
    pairs: tuple[PairPlan, ...]
    units: tuple[tuple[int, ...], ...]
    unit_of: np.ndarray[tuple[int], np.dtype[np.int64]]
    unit_to_dataverse: np.ndarray[tuple[int], np.dtype[np.bool_]]
    unit_to_fno: np.ndarray[tuple[int], np.dtype[np.bool_]]
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


def compile_layout(
    map: Map, fno: Table, dataverse: Table, *, behind: Mapping[str, Column] | None = None
) -> Layout:
    """Compile a map against the two live tables.

    Args:
        behind: dotted Dataverse path of a lookup pair → the live column that it ends in. Where it is not
            given, the F&O property's type decides how the two sides of the pair compare.

    Raises:
        FatalError: lists every pair whose property or column is absent, or whose two types can't meet.
    """
    faults: list[str] = []
    pairs = tuple(_plans(map, fno, dataverse, behind or {}, faults))
    constants = {side: _constants(map, side, table, faults) for side, table in _sides(fno, dataverse)}
    filters = {"fno": _filtered(map.fno.filter), "dataverse": _filtered(map.dataverse.filter)}
    for side, table in _sides(fno, dataverse):
        faults += [_absent(table, name, "the filter") for name in filters[side] if not _has(table, name)]
    key_pairs = tuple(_key_pairs(map, pairs, faults))
    if faults:
        raise FatalError(
            f"map {map.name!r} does not fit the live tables {fno.name} and {dataverse.name}: "
            + "; ".join(faults),
            code="map_misfit",
            remedy="correct these pairs in the map, or install the solution that brings the columns",
            map=map.name,
        )
    units = units_of(map, [plan.pair for plan in pairs])
    unit_of = np.zeros(len(pairs), dtype=np.int64)
    for unit, members in enumerate(units):
        unit_of[list(members)] = unit
    fno_columns, raw_fno = _fno_columns(map, fno, pairs, filters["fno"])
    dataverse_columns, raw_dataverse = _dataverse_columns(map, dataverse, pairs, filters["dataverse"])
    return Layout(
        map=map,
        fno=fno,
        dataverse=dataverse,
        pairs=pairs,
        units=units,
        unit_of=unit_of,
        unit_to_dataverse=np.array([any(pairs[p].to_dataverse for p in unit) for unit in units], dtype=bool),
        unit_to_fno=np.array([any(pairs[p].to_fno for p in unit) for unit in units], dtype=bool),
        key_pairs=key_pairs,
        fno_columns=fno_columns,
        dataverse_columns=dataverse_columns,
        raw_fno=raw_fno,
        raw_dataverse=raw_dataverse,
        constants_to_dataverse=constants["dataverse"][0],
        constants_to_fno=constants["fno"][0],
        always_to_dataverse=constants["dataverse"][1],
        always_to_fno=constants["fno"][1],
    )


def table_of(column: str) -> str:
    """The property of a Dataverse row that says, by logical name, which table a lookup points at."""
    return f"_{column}_value@{LOGICAL_NAME}"


def row_property(table: Table, column: str) -> str:
    """The name under which a column stands in a row: Dataverse lookups come as ``_x_value``."""
    known = table.columns.get(column)
    return f"_{column}_value" if known is not None and known.kind == "lookup" else column


def _sides(fno: Table, dataverse: Table) -> tuple[tuple[SideName, Table], tuple[SideName, Table]]:
    return ("fno", fno), ("dataverse", dataverse)


def _plans(
    map: Map, fno: Table, dataverse: Table, behind: Mapping[str, Column], faults: list[str]
) -> Iterator[PairPlan]:
    parts: dict[str, int] = {}
    keys = {id(pair) for pair in _key_fields(map)}
    for index, pair in enumerate(map.compared):
        property_name, path = pair.fno or "", pair.path
        missing = [
            _absent(table, name, pair.id)
            for table, name in ((fno, property_name), (dataverse, path[0]))
            if name not in table.columns
        ]
        if missing:
            faults += missing
            continue
        left, right = fno.columns[property_name], dataverse.columns[path[0]]
        part = parts.get(path[0], 0)
        parts[path[0]] = part + 1
        key = id(pair) in keys
        ends = behind.get(pair.dataverse or "")
        try:
            if pair.lookup is not None and right.kind != "lookup":
                raise ValueError(f"{path[0]} is no lookup")
            form = form_of(pair, left, right, key=key, behind=ends)
            to_dataverse = default_for_dataverse(pair, form, right) if pair.to_dataverse else None
            to_fno = default_for_fno(pair, form, left) if pair.to_fno else None
        except ValueError as error:
            faults.append(f"{pair.id}: {error}")
            continue
        behind_lookup = pair.lookup is not None
        target = ends if behind_lookup else right
        yield PairPlan(
            index=index,
            pair=pair,
            fno=left,
            dataverse=right,
            lookup=pair.lookup,
            part=part if behind_lookup else 0,
            to_dataverse=pair.to_dataverse,
            to_fno=pair.to_fno,
            key=key,
            type_id=_type_id(form),
            form=form,
            from_fno=Reading(form, "fno", left, target, lookup=behind_lookup),
            from_dataverse=Reading(form, "dataverse", target, left, lookup=behind_lookup),
            for_dataverse=Sending(form, "dataverse", to_dataverse, lookup=behind_lookup),
            for_fno=Sending(form, "fno", to_fno, lookup=behind_lookup),
        )


def _type_id(form: Form) -> str:
    content = json.dumps([ALGORITHM, *form.signature], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _key_fields(map: Map) -> list[FieldPair]:
    """The pairs of the integration key, in its order; a bare lookup column stands for all pairs behind it."""
    found: list[FieldPair] = []
    for column in map.dataverse.key:
        exact = [pair for pair in map.compared if pair.dataverse == column]
        found += exact[:1] or [pair for pair in map.compared if pair.lookup == column]
    return found


def _key_pairs(map: Map, pairs: Sequence[PairPlan], faults: list[str]) -> Iterator[int]:
    indexes = {id(plan.pair): plan.index for plan in pairs}
    for column in map.dataverse.key:
        if not any(column in (pair.dataverse, pair.lookup) for pair in map.compared):
            faults.append(f"key column {column} has no field pair")
    for pair in _key_fields(map):
        if id(pair) in indexes:
            yield indexes[id(pair)]


def _constants(
    map: Map, side: SideName, table: Table, faults: list[str]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Constants of one side as (all, those that go with every update)."""
    whole: dict[str, Any] = {}
    always: dict[str, Any] = {}
    for pair in map.constants:
        name = pair.fno if side == "fno" else pair.dataverse
        if name is None or pair.constant is None:
            continue
        if name not in table.columns:
            faults.append(_absent(table, name, pair.id))
            continue
        try:
            whole[name] = typed(table.columns[name], pair.constant)
        except ValueError as error:
            faults.append(f"{pair.id}: {error}")
            continue
        if pair.always:
            always[name] = whole[name]
    return whole, always


def _filtered(text: str | None) -> list[str]:
    return sorted(fields_of(parse(text))) if text else []


def _has(table: Table, name: str) -> bool:
    return name in table.columns or _unwrapped(name) in table.columns


def _unwrapped(name: str) -> str:
    """Logical name of a lookup that a filter names as ``_x_value``."""
    return name[1:-6] if name.startswith("_") and name.endswith("_value") else name


def _absent(table: Table, name: str, where: str) -> str:
    near = get_close_matches(name, table.columns, n=3, cutoff=0.6)
    hint = f" (near: {', '.join(near)})" if near else ""
    return f"{where}: {table.name} has no {name}{hint}"


def _fno_columns(
    map: Map, table: Table, pairs: Sequence[PairPlan], filtered: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = [*map.fno.key, *(plan.fno.name for plan in pairs), *filtered, *map.fno.filter_fields]
    if map.number is not None:
        names.append(map.number.reference)
    covered = tuple(dict.fromkeys(names))
    stamp = map.fno.modified
    # an environment that lacks it has one feed less
    selected = (
        covered if stamp is None or stamp in covered or stamp not in table.columns else (*covered, stamp)
    )
    return selected, tuple(name for name in covered if name != stamp)


def _dataverse_columns(
    map: Map, table: Table, pairs: Sequence[PairPlan], filtered: Iterable[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    names = [plan.dataverse.name for plan in pairs]
    names += [part.split(".")[0] for part in map.dataverse.key]
    if map.dataverse.company is not None:
        names.append(map.dataverse.company)
    names += [_unwrapped(name) for name in (*filtered, *map.dataverse.filter_fields)]
    names += [column.split(".")[0] for rule in map.match for column in rule]
    # of the row, and of the parent that closes it with itself
    names += [name for name in table.columns if name.endswith("statecode")]
    selected = tuple(dict.fromkeys(names))
    told = tuple(
        table_of(column) for column, lookup in map.lookups.items() if lookup.tables and column in names
    )
    return selected + told, tuple(row_property(table, name) for name in selected)
