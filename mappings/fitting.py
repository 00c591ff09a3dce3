"""Checks of a map against the other maps: company, lookups, order.

Each check is a generator of errors, so that one run reports everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from mappings.errors import MapError
from mappings.graph import COMPANIES
from mappings.lookup import Lookup
from mappings.model import FieldPair, Map
from mappings.validation import COMPANY_PROPERTY, near, problem


@dataclass(frozen=True, slots=True)
class Inactive:
    """A map that was read and does not run.

    Attributes:
        map: the map.
        reason: why, and which setting turns it on.
    """

    map: Map
    reason: str


class Maps(Protocol):
    """What the checks need to know of the other maps."""

    @property
    def maps(self) -> Mapping[str, Map]: ...

    @property
    def inactive(self) -> Mapping[str, Inactive]: ...

    def of_table(self, table: str) -> tuple[Map, ...]: ...


def misfits(each: Map, others: Maps) -> Iterator[MapError]:
    """Everything about one map that doesn't fit the others."""
    yield from _company(each, others)
    yield from _lookups(each, others)
    yield from _after(each, others)
    yield from _shares(each, others)


def pairs_in_key_order(each: Map, column: str, targets: Iterable[Map]) -> tuple[FieldPair, ...]:
    """The pairs behind a lookup, in the order of the integration key of the table looked up.

    Args:
        each: the map with the lookup.
        column: the lookup column.
        targets: the maps of the table looked up.

    Returns:
        One pair per key part; the pairs in the map's order if no target has exactly this key.
    """
    by_rest = {".".join(pair.path[1:]): pair for pair in each.compared if pair.lookup == column}
    for target in targets:
        if set(target.dataverse.key) == set(by_rest):
            return tuple(by_rest[part] for part in target.dataverse.key)
    return tuple(by_rest.values())


def _company(each: Map, others: Maps) -> Iterator[MapError]:
    """Both sides have a company or neither; the companies themselves are mapped."""
    in_fno = COMPANY_PROPERTY in each.fno.key
    if in_fno and not each.company_specific:
        yield problem(
            each,
            "dataverse",
            f"the F&O key has {COMPANY_PROPERTY}, but dataverse.company names no company lookup",
            "name the company lookup column, msdyn_company mostly",
            "company_mismatch",
        )
    if each.company_specific and not in_fno:
        yield problem(
            each,
            "dataverse.company",
            f"names a company, but the F&O key has no {COMPANY_PROPERTY}",
            "remove it: the map is global",
            "company_mismatch",
        )
    if each.company_specific and not others.of_table(COMPANIES):
        yield problem(
            each, "dataverse.company", f"no map fills {COMPANIES}", "load the legal entities' map too"
        )
    if each.company_specific and each.owner:
        yield problem(
            each, "owner", "only a global map names its owner", "rows get their company's default owning team"
        )
    for index, pair in enumerate(each.fields):
        if each.company_specific and (
            pair.fno == COMPANY_PROPERTY or pair.path[:1] == (each.dataverse.company,)
        ):
            yield problem(
                each, f"fields.{index}", "the company is part of the key, never a field pair", "remove it"
            )


def _lookups(each: Map, others: Maps) -> Iterator[MapError]:
    """Each lookup names a table with a map, and its pairs give every part of that table's key."""
    used = {pair.lookup for pair in each.compared if pair.lookup}
    for index, pair in enumerate(each.fields):
        if pair.lookup and pair.lookup not in each.lookups:
            yield problem(
                each,
                f"fields.{index}.dataverse",
                f"goes through {pair.lookup}, which `lookups` doesn't name",
                f"add `{pair.lookup}: {{table: …}}` to lookups",
                "unknown_lookup",
            )
    for column, lookup in each.lookups.items():
        place = f"lookups.{column}"
        if column not in used:
            yield problem(
                each,
                place,
                "no field pair goes through this lookup",
                f"used are: {', '.join(sorted(used)) or 'none'}",
                "unused_lookup",
            )
            continue
        yield from _lookup(each, column, lookup, others)
        in_key = any(part.split(".")[0] == column for part in each.dataverse.key)
        if in_key and lookup.missing == "defer":
            yield problem(
                each,
                place,
                "is part of the key, so the row can't be written without it and patched later",
                "missing: wait or missing: skip-row, and no cycle",
            )


def _lookup(each: Map, column: str, lookup: Lookup, others: Maps) -> Iterator[MapError]:
    place = f"lookups.{column}"
    for name in lookup.maps:
        meant = others.maps.get(name)
        if meant is None or not lookup.means(meant):
            writing = [other.name for table in lookup.targets for other in others.of_table(table)]
            yield problem(
                each,
                f"{place}.maps",
                f"no active map “{name}” writes {' or '.join(lookup.targets)}",
                f"{near(name, writing)} {_off(name, others)} writing it: {', '.join(writing) or 'none'}".strip(),
                "no_such_map",
            )
            return
    paths = {".".join(pair.path[1:]) for pair in each.compared if pair.lookup == column}
    if lookup.tables and paths != {lookup.tables[lookup.table]}:
        yield problem(
            each,
            place,
            f"points at one of several tables, so its pairs name the row by {lookup.tables[lookup.table]} alone, "
            f"not by {', '.join(sorted(paths))}",
            f"map {column}.{lookup.tables[lookup.table]}",
            "lookup_key",
        )
        return
    for table in lookup.targets:
        wanted = {lookup.tables[table]} if lookup.tables else paths
        yield from _target(each, column, table, wanted, others)


def _target(each: Map, column: str, table: str, paths: set[str], others: Maps) -> Iterator[MapError]:
    """One table behind a lookup has a map, and a row of it is named by these columns."""
    lookup = each.lookups[column]
    place = f"lookups.{column}.tables.{table}" if lookup.tables else f"lookups.{column}"
    targets = [target for target in others.of_table(table) if lookup.means(target)]
    if not targets:
        tables = {other.dataverse.table for other in others.maps.values()}
        off = [name for name, other in others.inactive.items() if other.map.dataverse.table == table]
        yield problem(
            each,
            place if lookup.tables else f"{place}.table",
            f"no map writes the table {table}",
            _off(off[0], others) if off else near(table, tables),
            "unknown_table",
        )
        return
    if not each.company_specific and all(target.company_specific for target in targets):
        yield problem(
            each,
            place,
            f"a global map can't look up {table}: which company's row would it be?",
            "make the map company-specific (dataverse.company)",
            "company_mismatch",
        )
    if not any(paths == set(target.dataverse.key) for target in targets):
        keys = {", ".join(target.dataverse.key) for target in targets}
        yield problem(
            each,
            place,
            f"the pairs behind it give {', '.join(sorted(paths))}, but a row of {table} is named by "
            + " or by ".join(sorted(keys)),
            "map every part of that key through the lookup",
            "lookup_key",
        )


def _off(name: str, others: Maps) -> str:
    """Why a map that was read doesn't run; "" for any other name."""
    found = others.inactive.get(name)
    return f"“{name}” is off: {found.reason}" if found else ""


def _after(each: Map, others: Maps) -> Iterator[MapError]:
    for index, name in enumerate(each.after):
        if name == each.name or not (name in others.maps or name in others.inactive):
            yield problem(
                each,
                f"after.{index}",
                f"there is no other map “{name}”",
                near(name, others.maps),
                "no_such_map",
            )


def _shares(each: Map, others: Maps) -> Iterator[MapError]:
    """Only rows of one's own table can be shared."""
    for index, name in enumerate(each.shares):
        place = f"shares.{index}"
        if name == each.name or not (name in others.maps or name in others.inactive):
            yield problem(
                each, place, f"there is no other map “{name}”", near(name, others.maps), "no_such_map"
            )
            continue
        other = others.maps[name] if name in others.maps else others.inactive[name].map
        if other.dataverse.table != each.dataverse.table:
            yield problem(
                each,
                place,
                f"“{name}” writes {other.dataverse.table}, this map {each.dataverse.table}",
                "only maps of one table can share its rows",
            )
