"""Checks of a map against the other maps: company, lookups, order.

Each check is a generator of errors, so that one run reports everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Protocol

from mappings.errors import MapError
from mappings.graph import COMPANIES
from mappings.model import FieldPair, Lookup, Map
from mappings.validation import COMPANY_PROPERTY, near, problem


class Maps(Protocol):
    """What the checks need to know of the other maps."""

    @property
    def maps(self) -> Mapping[str, Map]: ...

    def of_table(self, table: str) -> tuple[Map, ...]: ...


def misfits(each: Map, others: Maps) -> Iterator[MapError]:
    """Everything about one map that doesn't fit the others."""
    yield from _company(each, others)
    yield from _lookups(each, others)
    yield from _after(each, others)


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
    if lookup.tables and lookup.table not in lookup.tables:
        yield problem(
            each, f"{place}.tables", f"must contain {lookup.table}", "list all tables it may point at"
        )
    targets = others.of_table(lookup.table)
    if not targets:
        tables = {other.dataverse.table for other in others.maps.values()}
        yield problem(
            each,
            f"{place}.table",
            f"no map writes the table {lookup.table}",
            near(lookup.table, tables),
            "unknown_table",
        )
        return
    if not each.company_specific and all(target.company_specific for target in targets):
        yield problem(
            each,
            place,
            f"a global map can't look up {lookup.table}: which company's row would it be?",
            "make the map company-specific (dataverse.company)",
            "company_mismatch",
        )
    paths = {".".join(pair.path[1:]) for pair in each.compared if pair.lookup == column}
    if not any(paths == set(target.dataverse.key) for target in targets):
        keys = {", ".join(target.dataverse.key) for target in targets}
        yield problem(
            each,
            place,
            f"the pairs behind it give {', '.join(sorted(paths))}, but a row of {lookup.table} is named by "
            + " or by ".join(sorted(keys)),
            "map every part of that key through the lookup",
            "lookup_key",
        )


def _after(each: Map, others: Maps) -> Iterator[MapError]:
    for index, name in enumerate(each.after):
        if name not in others.maps or name == each.name:
            yield problem(
                each,
                f"after.{index}",
                f"there is no other map “{name}”",
                near(name, others.maps),
                "no_such_map",
            )
