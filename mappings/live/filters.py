"""Checks of filters and match rules against the live columns."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.errors import MapError
from mappings.filters import comparisons, fields_of, parse
from mappings.findings import Finding, Reporter
from mappings.live.metadata import Live
from mappings.live.types import holds
from mappings.metadata import Column, SideName, Table
from mappings.model import Map
from mappings.validation import near


def check(each: Map, live: Live) -> Iterator[Finding]:
    """Both filters, and what else names columns without being a field pair."""
    report = Reporter(each)
    fno, dataverse = live.fno.get(each.fno.set), live.dataverse.get(each.dataverse.table)
    if fno is not None:
        yield from _filter(each.fno.filter, fno, "fno", report)
        yield from _fields(each.fno.filter_fields, fno, "fno", report)
    if dataverse is not None:
        yield from _filter(each.dataverse.filter, dataverse, "dataverse", report)
        yield from _fields(each.dataverse.filter_fields, dataverse, "dataverse", report)
        for index, rule in enumerate(each.match):
            for column in rule:
                name = column.split(".")[0]
                if name not in dataverse.columns:
                    yield report(
                        "unknown_match_field",
                        f"match.{index}",
                        f"{dataverse.name} has no column {name}",
                        side="dataverse",
                        expected=name,
                        remedy=near(name, dataverse.columns),
                    )


def _filter(text: str | None, table: Table, side: SideName, report: Reporter) -> Iterator[Finding]:
    if text is None:
        return
    try:
        condition = parse(text)
    except MapError:
        return  # said by the checks of the map alone
    code = "900" if side == "fno" else "DIPV1012"
    for name in sorted(fields_of(condition)):
        if _column(table, name) is None:
            yield report(
                code,
                f"{side}.filter",
                f"the filter names {name}, which {table.name} doesn't have",
                side=side,
                expected=name,
                remedy=near(name, table.columns),
            )
    for name, value in comparisons(condition):
        column = _column(table, name)
        if column is None or column.kind not in ("enum", "option", "boolean") or holds(column, value):
            continue
        yield report(
            code,
            f"{side}.filter",
            f"the filter compares {name} with “{value}”, which it never is",
            side=side,
            expected=value,
            found=", ".join(column.members) or column.kind,
        )


def _fields(names: tuple[str, ...], table: Table, side: SideName, report: Reporter) -> Iterator[Finding]:
    for index, name in enumerate(names):
        if _column(table, name) is None:
            yield report(
                "900" if side == "fno" else "DIPV1012",
                f"{side}.filter_fields.{index}",
                f"{table.name} has no {name}",
                side=side,
                expected=name,
                remedy=near(name, table.columns),
            )


def _column(table: Table, name: str) -> Column | None:
    """The column of a name in a filter; lookups stand there as ``_x_value``."""
    if name.startswith("_") and name.endswith("_value"):
        return table.columns.get(name[1:-6])
    return table.columns.get(name)
