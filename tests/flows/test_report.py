"""The report of a run: what people see of it."""

from __future__ import annotations

from dataclasses import asdict

from flows.report import Report
from flows.states import states
from mappings.catalogue import Catalogue
from mappings.selection import choose
from tasks.entity import EntityResult
from tasks.state.records import LaneRecord
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


def test_states_are_named_as_in_dual_write_and_running_maps_are_one_line() -> None:
    lanes = [
        LaneRecord(1, "Vendors V2", "usmf", "running"),
        LaneRecord(1, "Vendors V2", "demf", "running"),
        LaneRecord(1, "Units", "", "not_running"),
        LaneRecord(1, "Colors", "", "error", "what to do"),
        LaneRecord(1, "Sizes", "", "initializing"),
        LaneRecord(1, "Styles", "", "paused"),
        LaneRecord(1, "Terms of payment", "usmf", "resuming"),
    ]
    assert [(row["map"], row["state"], row["why"]) for row in states(lanes)] == [
        ("Colors", "Error", "what to do"),
        ("Sizes", "Initializing", ""),
        ("Styles", "Paused", ""),
        ("Terms of payment", "Resuming", ""),
        ("Units", "Not running", ""),
        ("all others", "Running", "2 lanes"),
    ]
