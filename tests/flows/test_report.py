"""The report of a run: what people see of it."""

from __future__ import annotations

from dataclasses import asdict

from flows.report import Report
from mappings.catalogue import Catalogue
from mappings.selection import choose
from tasks.entity import EntityResult
from tasks.sync.lane import Counts
from tasks.sync.work import LaneSummary


def result(name: str, *companies: str) -> EntityResult:
    lanes = [LaneSummary(name, company, "ok", "", asdict(Counts())) for company in companies]
    return EntityResult(map=name, verdict="ok", lanes=[asdict(lane) for lane in lanes])


def test_the_table_goes_area_by_area_then_in_the_order_of_the_sync() -> None:
    report = Report("initial_sync", 1)
    maps = choose(Catalogue.load())
    names = [each.name for each in maps]
    assert names.index("Units") < names.index("Customer payment method") < names.index("Unit conversions")
    customers = result("Customer payment method", "usmf", "demf")
    report.add([result("Units", ""), customers, result("Unit conversions", "")])
    rows = report.table(maps)
    assert [(row["area"], row["map"], row["company"]) for row in rows] == [
        ("Units", "Units", ""),
        ("Units", "Unit conversions", ""),
        ("Customer payment methods", "Customer payment method", "demf"),
        ("Customer payment methods", "Customer payment method", "usmf"),
    ]
