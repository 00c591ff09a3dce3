"""Checks of a map's field pairs: do both ends exist, can they be written, do their types and sizes fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mappings.findings import Finding, Reporter, Side
from mappings.live.lookups import end_of
from mappings.live.metadata import Live
from mappings.live.types import misfit, narrower, shorter
from mappings.metadata import SIDE_NAMES, Column, SideName, Table
from mappings.model import FieldPair, Map
from mappings.validation import COMPANY_PROPERTY, near


@dataclass(frozen=True, slots=True)
class Pair:
    """A field pair between its live columns.

    Attributes:
        index: position in the map.
        pair: the row of the map.
        fno, dataverse: the columns; None where there is none, or where the pair has no such end.
        end: the Dataverse column that names the value: that behind a lookup, else `dataverse`; None if unknown.
    """

    index: int
    pair: FieldPair
    fno: Column | None
    dataverse: Column | None
    end: Column | None

    @property
    def place(self) -> str:
        return f"fields.{self.index}"


def bound(each: Map, live: Live) -> list[Pair]:
    """The field pairs of a map with what the live tables have of them."""
    fno, dataverse = live.fno.get(each.fno.set), live.dataverse.get(each.dataverse.table)
    found = []
    for index, pair in enumerate(each.fields):
        column = dataverse.columns.get(pair.path[0]) if dataverse is not None and pair.path else None
        found.append(
            Pair(
                index,
                pair,
                fno.columns.get(pair.fno) if fno is not None and pair.fno else None,
                column,
                end_of(each, pair, live) if pair.lookup else column,
            )
        )
    return found


def check(each: Map, pairs: list[Pair], live: Live) -> Iterator[Finding]:
    """Every field pair, and what no pair fills."""
    report = Reporter(each)
    fno, dataverse = live.fno.get(each.fno.set), live.dataverse.get(each.dataverse.table)
    for pair in pairs:
        yield from _exists(pair, fno, dataverse, report)
        yield from _writable(pair, each, report)
        if pair.fno is not None and pair.dataverse is not None:
            yield from _fits(pair, report)
    if dataverse is not None and each.to_dataverse:
        yield from _required(each, pairs, "dataverse", dataverse, report)
    if fno is not None and each.to_fno:
        yield from _required(each, pairs, "fno", fno, report)


def _exists(bound: Pair, fno: Table | None, dataverse: Table | None, report: Reporter) -> Iterator[Finding]:
    pair = bound.pair
    if pair.fno and fno is not None and bound.fno is None:
        source = pair.to_dataverse and pair.constant is None
        yield _missing(
            "fno", pair.fno, fno, "DIPV1022" if source else "DIPV1025", f"{bound.place}.fno", report
        )
    if pair.path and dataverse is not None and bound.dataverse is None:
        source = pair.to_fno and not pair.to_dataverse
        code = "DIPV1022" if source else "DIPV1025"
        yield _missing("dataverse", pair.path[0], dataverse, code, f"{bound.place}.dataverse", report)


def _missing(side: SideName, name: str, table: Table, code: str, field: str, report: Reporter) -> Finding:
    what = "property" if side == "fno" else "column"
    return report(
        code,
        field,
        f"{table.name} has no {what} {name} in {SIDE_NAMES[side]}",
        side=side,
        expected=name,
        remedy=near(name, table.columns),
    )


def _writable(bound: Pair, each: Map, report: Reporter) -> Iterator[Finding]:
    pair = bound.pair
    ways: list[tuple[Side, bool, Column | None, bool]] = [
        ("dataverse", pair.to_dataverse, bound.dataverse, pair.dataverse in each.dataverse.key),
        # a key is never changed, whatever F&O would allow
        ("fno", pair.to_fno, bound.fno, pair.fno in each.fno.key),
    ]
    for side, flows, column, key in ways:
        if not flows or column is None or (column.creatable and column.updatable):
            continue
        field = f"{bound.place}.{side}"
        if not column.creatable and not column.updatable:
            message = f"{column.name} is read-only in {SIDE_NAMES[side]}"
            yield report("DIPV1011", field, message, side=side, expected="writable", found="read-only")
        elif not column.creatable:
            message = f"{column.name} can't be set on a new row in {SIDE_NAMES[side]}"
            yield report("created_only", field, message, side=side, found="can be changed, not created")
        elif not key and pair.constant is None:
            message = f"{column.name} can be set on a new row only in {SIDE_NAMES[side]}"
            yield report("created_only", field, message, side=side, found="can be created, not changed")


def _fits(bound: Pair, report: Reporter) -> Iterator[Finding]:
    pair, fno, dataverse = bound.pair, bound.fno, bound.dataverse
    assert fno is not None and dataverse is not None
    field = f"{bound.place}.dataverse"
    if pair.lookup and dataverse.kind != "lookup":
        yield report(
            "DIPV1030",
            field,
            f"{dataverse.name} is no lookup, so nothing is behind it",
            side="dataverse",
            expected="lookup",
            found=dataverse.kind,
            remedy=f"map {dataverse.name} itself",
        )
        return
    end = bound.end
    if end is None:
        return
    problem = misfit(pair, fno, end)
    if problem:
        message = (
            problem if problem.startswith(("is ", "needs ")) else f"{fno.name} and {end.name}: {problem}"
        )
        yield report(
            "DIPV1030",
            field,
            message if message != problem else f"{end.name} {problem}",
            side="dataverse",
            expected=fno.kind,
            found=end.kind,
        )
        return
    if pair.values is not None or pair.lookup:
        return
    ways: list[tuple[Side, bool, Column, Column]] = [
        ("dataverse", pair.to_dataverse, fno, end),
        ("fno", pair.to_fno, end, fno),
    ]
    for side, flows, source, target in ways:
        if flows and shorter(source, target):
            yield report(
                "shorter",
                field,
                f"{target.name} holds {target.max_length} characters in {SIDE_NAMES[side]}, "
                f"{source.name} on the other side {source.max_length}",
                side=side,
                expected=str(source.max_length),
                found=str(target.max_length),
            )
        if flows and narrower(source, target):
            yield report(
                "narrower",
                field,
                f"{target.name} holds numbers to {_largest(target)} in {SIDE_NAMES[side]}, "
                f"{source.name} on the other side to {_largest(source)}",
                side=side,
                expected=_largest(source),
                found=_largest(target),
            )


def _largest(column: Column) -> str:
    return f"{column.maximum:,}" if column.maximum is not None else f"the end of {column.kind}"


FILLED: Mapping[str, frozenset[str]] = {
    "products": frozenset({"productnumber", "defaultuomscheduleid"}),
    "uoms": frozenset({"uomscheduleid", "quantity", "baseuom"}),
    "accounts": frozenset({"name"}),
    "annotations": frozenset({"objectid"}),
}
"""Required columns that plug-ins of the solutions fill."""

_BY_SERVICE = frozenset({"ownerid", "owneridtype", "statecode", "statuscode", "organizationid"})


def _required(
    each: Map, pairs: list[Pair], side: SideName, table: Table, report: Reporter
) -> Iterator[Finding]:
    """Required columns of a target that nothing fills, or that may get nothing."""
    filled: dict[str, list[Pair]] = {}
    for bound in pairs:
        name = bound.pair.fno if side == "fno" else (bound.pair.path or (None,))[0]
        flows = bound.pair.to_fno if side == "fno" else bound.pair.to_dataverse
        if name and flows:
            filled.setdefault(name, []).append(bound)
    keyed = set(each.fno.key) if side == "fno" else {part.split(".")[0] for part in each.dataverse.key}
    known = {table.id_column, *_by_service(each, side), *FILLED.get(table.name, ())}
    for column in table.columns.values():
        # a yes or no always has a default
        if not column.required or column.name in known or not column.creatable or column.kind == "boolean":
            continue
        if column.name not in filled:
            yield report(
                "DIPV1010",
                "fno.set" if side == "fno" else "dataverse.table",
                f"{SIDE_NAMES[side]} requires {column.name} of {table.name}, and the map doesn't fill it",
                side=side,
                expected=column.name,
                # F&O fills some of what it requires from its parameters, Dataverse choices from their defaults
                severity="warning" if side == "fno" or column.kind == "option" else None,
            )
        # a row without its key waits for it, or is numbered
        elif not keyed & {column.name} and not any(_always(bound, side) for bound in filled[column.name]):
            bound = filled[column.name][0]
            other: SideName = "dataverse" if side == "fno" else "fno"
            yield report(
                "DIPV1031",
                bound.place,
                f"{SIDE_NAMES[side]} requires {column.name}, and its source may be empty in {SIDE_NAMES[other]}",
                side=side,
                severity="note" if bound.pair.lookup else None,
            )


def _by_service(each: Map, side: SideName) -> frozenset[str]:
    if side == "dataverse":
        return _BY_SERVICE | ({each.dataverse.company} if each.dataverse.company else frozenset())
    # the company goes with the row; a key that F&O numbers is nobody's to fill
    return frozenset({COMPANY_PROPERTY, *(each.fno.key if each.number is not None else ())})


def _always(bound: Pair, side: SideName) -> bool:
    """The pair gives a value to every new row."""
    pair = bound.pair
    if pair.constant is not None or pair.default is not None:
        return True
    source = bound.fno if side == "dataverse" else bound.end
    if source is None or source.required or source.recommended:
        return True
    # numbers, booleans, enums and dates are never null in F&O
    return side == "dataverse" and source.kind not in ("text", "memo", "date", "datetime", "guid")
