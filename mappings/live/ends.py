"""Checks of a map's two ends: do the tables exist, are they keyed, tracked and writable as the map needs it."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.findings import Finding, Reporter
from mappings.graph import COMPANIES
from mappings.live.metadata import Live
from mappings.metadata import Table
from mappings.model import Map
from mappings.validation import COMPANY_PROPERTY, near


def check(each: Map, live: Live) -> Iterator[Finding]:
    """Both ends of a map."""
    report = Reporter(each)
    fno, dataverse = live.fno.get(each.fno.set), live.dataverse.get(each.dataverse.table)
    if fno is None:
        yield report(
            "DIPV1018",
            "fno.set",
            f"F&O has no entity set {each.fno.set}",
            side="fno",
            expected=each.fno.set,
            remedy=_meant(each.fno.set, live, "fno"),
        )
    else:
        yield from _fno(each, fno, report)
    if dataverse is None:
        yield report(
            "DIPV1020",
            "dataverse.table",
            f"Dataverse has no table {each.dataverse.table}",
            side="dataverse",
            expected=each.dataverse.table,
            remedy=_meant(each.dataverse.table, live, "dataverse"),
        )
    else:
        yield from _dataverse(each, dataverse, live, report)


def _meant(name: str, live: Live, side: str) -> str:
    return near(name, live.names.get("fno" if side == "fno" else "dataverse", ()))


def _fno(each: Map, table: Table, report: Reporter) -> Iterator[Finding]:
    if set(table.key) != set(each.fno.key):
        yield report(
            "entity_key",
            "fno.key",
            f"the key of {table.name} is {', '.join(table.key)}, the map says {', '.join(each.fno.key)}",
            side="fno",
            expected=", ".join(each.fno.key),
            found=", ".join(table.key),
        )
    if each.company_specific != (COMPANY_PROPERTY in table.columns) and set(table.key) == set(each.fno.key):
        has = "has companies" if COMPANY_PROPERTY in table.columns else "is the same in all companies"
        yield report(
            "DIPV1002",
            "dataverse.company" if each.company_specific else "dataverse",
            f"{table.name} {has}, the map says otherwise",
            side="fno",
        )
    if table.read_only and each.to_fno:
        yield report("read_only_entity", "fno.set", f"{table.name} is read-only", side="fno")
    for index, part in enumerate(each.fno.key):
        column = table.columns.get(part)
        if column is not None and not column.required and part != COMPANY_PROPERTY and part in table.key:
            yield report(
                "2000",
                f"fno.key.{index}",
                f"F&O takes rows whose {part} is empty, a part of the key",
                side="fno",
            )
    modified = each.fno.modified
    if modified is not None:
        column = table.columns.get(modified)
        if column is None or column.kind != "datetime":
            yield report(
                "no_modified_time",
                "fno.modified",
                f"{table.name} has no property {modified} with a time",
                side="fno",
                expected=modified,
                found=column.kind if column else "",
                remedy=near(modified, table.columns),
            )
    for index, name in enumerate(each.fno.effective):
        column = table.columns.get(name)
        if column is None or column.kind not in ("date", "datetime"):
            yield report(
                "DIPV1025",
                f"fno.effective.{index}",
                f"{table.name} has no property {name} with a date",
                side="fno",
                expected=name,
                found=column.kind if column else "",
                remedy=near(name, table.columns),
            )
    if each.number is not None and each.number.reference not in table.columns:
        reference = each.number.reference
        yield report(
            "DIPV1025",
            "number.reference",
            f"{table.name} has no property {reference}",
            side="fno",
            expected=reference,
            remedy=near(reference, table.columns),
        )


def _dataverse(each: Map, table: Table, live: Live, report: Reporter) -> Iterator[Finding]:
    if "versionnumber" not in table.columns:
        yield report("DIPV1019", "dataverse.table", f"{table.name} has no versionnumber", side="dataverse")
    if "change_tracking" in each.dataverse.feeds and not table.tracked:
        alone = len(each.dataverse.feeds) == 1
        yield report(
            "tracking_off",
            "dataverse.feeds",
            f"change tracking of {table.name} is off" + ("" if alone else "; its other feeds have to do"),
            side="dataverse",
            severity="error" if alone else "warning",
        )
    if each.to_dataverse and "CreateMultiple" not in table.bulk:
        yield report("no_bulk", "dataverse.table", f"{table.name} takes no CreateMultiple", side="dataverse")
    yield from _company(each, table, live, report)
    yield from _key(each, table, report)
    if each.owner is not None and not table.user_owned:
        message = f"rows of {table.name} belong to the organization, so {each.owner} can't own them"
        yield report("no_owner", "owner", message, side="dataverse")
    deactivates = each.delete.to_dataverse == "deactivate" or each.on_leave == "deactivate"
    if deactivates and "statecode" not in table.columns:
        field = "delete.to-dataverse" if each.delete.to_dataverse == "deactivate" else "on_leave"
        yield report("no_state", field, f"{table.name} has no statecode", side="dataverse")
    if each.conflict == "newest" and "modifiedon" not in table.columns:
        yield report("no_modified_time", "conflict", f"{table.name} has no modifiedon", side="dataverse")


def _company(each: Map, table: Table, live: Live, report: Reporter) -> Iterator[Finding]:
    name = each.dataverse.company
    if name is None:
        return
    column = table.columns.get(name)
    companies = live.dataverse.get(COMPANIES)
    if column is None:
        lookups = [
            other.name for other in table.columns.values() if companies and companies.logical in other.targets
        ]
        yield report(
            "DIPV1016",
            "dataverse.company",
            f"{table.name} has no column {name}",
            side="dataverse",
            expected=name,
            found=", ".join(lookups),
            remedy=f"companies are in {', '.join(lookups)}" if lookups else "",
        )
    elif companies is not None and companies.logical not in column.targets:
        yield report(
            "DIPV1016",
            "dataverse.company",
            f"{name} of {table.name} is no lookup to the companies",
            side="dataverse",
            expected=f"lookup to {companies.logical}",
            found=", ".join(column.targets) or column.kind,
        )


def _key(each: Map, table: Table, report: Reporter) -> Iterator[Finding]:
    """The integration key is an alternate key: what keeps two writers from making twins."""
    parts = dict.fromkeys(part.split(".")[0] for part in each.dataverse.key)
    company = [each.dataverse.company] if each.dataverse.company else []
    wanted = {*parts, *company}
    if wanted <= table.columns.keys() and not any(set(key) == wanted for key in table.alternate_keys):
        has = "; ".join(", ".join(key) for key in table.alternate_keys)
        yield report(
            "5100",
            "dataverse.key",
            f"{table.name} has no active alternate key of {', '.join(sorted(wanted))}",
            side="dataverse",
            expected=", ".join(sorted(wanted)),
            found=has or "no alternate key",
        )
    for part in parts:
        column = table.columns.get(part)
        if column is not None and not (column.required or column.recommended):
            message = f"Dataverse takes rows whose {part} is empty, a part of the integration key"
            yield report("5200", "dataverse.key", message, side="dataverse")
