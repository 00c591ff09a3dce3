"""The page of a plan: readable, complete, and safe whatever the rows hold."""

from __future__ import annotations

from flows.plan_report import ROWS, html, summary
from tasks.sync.planning import Plan, PlannedLane, PlannedWrite


def a_plan(key: str = "C1", writes: int = 1) -> Plan:
    lane = PlannedLane("Customers", "usmf", "ok", "", create_fno=writes)
    each = PlannedWrite("Customers", "usmf", "fno", "CustomersV3", "create", key, key, ("Name",))
    return Plan("initial", [lane], [each] * writes, writes, requests={"fno": 2, "dataverse": 3})


def test_one_line_says_what_matters() -> None:
    assert summary(a_plan()) == "1 lanes: 1 new in F&O; requests: about 2 to F&O and 3 to Dataverse"


def test_what_rows_hold_is_shown_and_never_run() -> None:
    page = html(a_plan("<script>alert(1)</script>"))
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page


def test_a_long_plan_is_cut_and_says_so() -> None:
    page = html(a_plan(writes=ROWS + 7))
    assert page.count("<td>C1</td>") == ROWS
    assert "7 more; --json has them" in page
