"""Checks of a map's lookups: where they point, whether they can be bound, whether the column behind them exists."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.findings import Finding, Reporter
from mappings.live.metadata import Live
from mappings.lookup import Lookup
from mappings.metadata import Column, Table
from mappings.model import FieldPair, Map
from mappings.validation import near


def check(each: Map, live: Live) -> Iterator[Finding]:
    """Every lookup of a map, and every path through one."""
    table = live.dataverse.get(each.dataverse.table)
    if table is None:
        return
    report = Reporter(each)
    for name, lookup in each.lookups.items():
        column = table.columns.get(name)
        if column is not None and column.kind == "lookup":
            yield from _targets(name, lookup, column, live, report)
        if lookup.type is not None and lookup.type not in table.columns:
            yield report(
                "DIPV1025",
                f"lookups.{name}.type",
                f"{table.name} has no column {lookup.type}",
                side="dataverse",
                expected=lookup.type,
                remedy=near(lookup.type, table.columns),
            )
    for index, pair in enumerate(each.fields):
        if pair.lookup:
            yield from _path(index, pair, each, live, report)


def end_of(each: Map, pair: FieldPair, live: Live) -> Column | None:
    """The column in which the path of a lookup pair ends; None if it can't be followed."""
    lookup = each.lookups.get(pair.lookup or "")
    table = live.dataverse.get(lookup.table) if lookup else None
    for depth, name in enumerate(pair.path[1:], start=2):
        column = table.columns.get(name) if table is not None else None
        if column is None or depth == len(pair.path):
            return column
        table = _behind(column, live)
    return None


def _targets(name: str, lookup: Lookup, column: Column, live: Live, report: Reporter) -> Iterator[Finding]:
    for target in lookup.targets:
        table = live.dataverse.get(target)
        field = f"lookups.{name}.tables.{target}" if lookup.tables else f"lookups.{name}.table"
        if table is None:
            yield report(
                "DIPV1020",
                field,
                f"Dataverse has no table {target}, which {name} is to point at",
                side="dataverse",
                expected=target,
                remedy=near(target, live.names.get("dataverse", ())),
            )
        elif column.targets and table.logical not in column.targets:
            yield report(
                "lookup_target",
                field,
                f"{name} does not point at {table.logical}, but at {', '.join(column.targets)}",
                side="dataverse",
                expected=table.logical,
                found=", ".join(column.targets),
            )
        elif table.logical not in column.navigation:
            yield report(
                "navigation",
                field,
                f"{name} has no navigation property to {table.logical}",
                side="dataverse",
                expected=table.logical,
                found=", ".join(column.navigation),
            )


def _path(index: int, pair: FieldPair, each: Map, live: Live, report: Reporter) -> Iterator[Finding]:
    lookup = each.lookups.get(pair.lookup or "")
    if lookup is None:
        return
    for target in lookup.targets:
        table = live.dataverse.get(target)
        rest = (lookup.tables[target],) if lookup.tables else pair.path[1:]
        for depth, name in enumerate(rest, start=1):
            if table is None:
                break
            column = table.columns.get(name)
            if column is None or (depth < len(rest) and column.kind != "lookup"):
                has = "no lookup" if depth < len(rest) else "no column"
                yield report(
                    "DIPV1028",
                    f"lookups.{pair.lookup}.tables.{target}"
                    if lookup.tables
                    else f"fields.{index}.dataverse",
                    f"{table.name}, behind {pair.lookup}, has {has} {name}",
                    side="dataverse",
                    expected=name,
                    found=column.kind if column else "",
                    remedy=near(name, table.columns),
                )
                break
            table = _behind(column, live)


def _behind(column: Column, live: Live) -> Table | None:
    """The table that a lookup in the midst of a path points at; None if there is not exactly one."""
    return live.by_logical.get(column.targets[0]) if len(column.targets) == 1 else None
