"""Checks of value maps, constants and defaults against the values that the live columns can have."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mappings import deviations
from mappings.findings import Finding, Reporter, Side
from mappings.live.pairs import Pair
from mappings.live.types import holds, member_meant
from mappings.metadata import SIDE_NAMES, Column
from mappings.model import Map


def check(each: Map, pairs: list[Pair]) -> Iterator[Finding]:
    """Every value that a map spells out."""
    report = Reporter(each)
    for bound in pairs:
        pair = bound.pair
        if pair.values is not None:
            yield from _values(each, bound, report)
        if pair.constant is not None:
            end: Side = "fno" if pair.fno else "dataverse"
            yield from _fixed(
                bound.fno or bound.dataverse, pair.constant, f"{bound.place}.constant", end, report
            )
        if pair.default is not None and pair.values is None and not pair.lookup:
            for side, flows, column in (
                ("dataverse", pair.to_dataverse, bound.dataverse),
                ("fno", pair.to_fno, bound.fno),
            ):
                if flows:
                    yield from _fixed(
                        column,
                        pair.default,
                        f"{bound.place}.default",
                        "fno" if side == "fno" else "dataverse",
                        report,
                    )


def _values(each: Map, bound: Pair, report: Reporter) -> Iterator[Finding]:
    pair = bound.pair
    assert pair.values is not None
    ends: tuple[tuple[Side, Column | None, Iterable[str]], ...] = (
        ("fno", bound.fno, pair.values.keys()),
        ("dataverse", None if pair.lookup else bound.end, pair.values.values()),
    )
    for side, column, values in ends:
        wrong = [value for value in values if column is not None and not holds(column, value)]
        if column is not None and wrong:
            yield _outside(column, wrong, f"{bound.place}.values", side, report)
    if pair.else_ not in ("park", "pass"):
        for side, flows, column in (
            ("dataverse", pair.to_dataverse, bound.end),
            ("fno", pair.to_fno, bound.fno),
        ):
            if flows and column is not None and not holds(column, pair.else_):
                end: Side = "fno" if side == "fno" else "dataverse"
                yield _outside(column, [pair.else_], f"{bound.place}.else", end, report)
    if pair.else_ == "park":
        yield from _incomplete(each, bound, report)


def _fixed(column: Column | None, value: str, field: str, side: Side, report: Reporter) -> Iterator[Finding]:
    if column is not None and not holds(column, value):
        yield _outside(column, [value], field, side, report)


def _outside(column: Column, values: list[str], field: str, side: Side, report: Reporter) -> Finding:
    """Values that the column can't have."""
    named = _listed([f"“{value}”" for value in values])
    if column.kind == "enum":
        message = f"{column.enum or column.name} has no member {named}"
    elif column.kind in ("option", "options"):
        message = f"{column.name} has no option {named}"
    else:
        message = f"{column.name} ({column.kind}) can't be {named}"
    code = {"enum": "unknown_member", "option": "unknown_option", "options": "unknown_option"}
    return report(
        code.get(column.kind, "bad_value"),
        field,
        f"{message} in {SIDE_NAMES[side]}",
        side=side,
        expected=", ".join(values),
        found=", ".join(column.members),
    )


def _incomplete(each: Map, bound: Pair, report: Reporter) -> Iterator[Finding]:
    """Values that rows can have and that would park them."""
    pair = bound.pair
    assert pair.values is not None
    known = any(
        entry.map == each.name and entry.field in (pair.fno, pair.dataverse) for entry in deviations.load()
    )
    if pair.to_dataverse and bound.fno is not None and bound.fno.kind == "enum":
        named = {member_meant(bound.fno, member) for member in pair.values}
        # the first member is F&O's empty value: it is as good as named
        left = [member for member in bound.fno.members[1:] if member not in named]
        if left:
            yield report(
                "incomplete_values",
                f"{bound.place}.values",
                f"rows whose {bound.fno.name} is {_listed(left)} are parked: the value map doesn't name it",
                side="fno",
                expected=", ".join(left),
                found=", ".join(pair.values),
                severity="note" if known else None,
            )
    if pair.to_fno and bound.end is not None and bound.end.kind == "option":
        options = [option for option in bound.end.members if option not in pair.values.values()]
        if options:
            yield report(
                "incomplete_values",
                f"{bound.place}.values",
                f"rows whose {bound.end.name} is {_listed(options)} are parked: the value map doesn't name it",
                side="dataverse",
                expected=", ".join(options),
                found=", ".join(pair.values.values()),
                # options of other applications never meet a map's filter, mostly
                severity="note",
            )


def _listed(values: list[str]) -> str:
    shown = values[:5] + (["…"] if len(values) > 5 else [])
    return ", ".join(shown[:-1]) + f" or {shown[-1]}" if len(shown) > 1 else shown[0]
