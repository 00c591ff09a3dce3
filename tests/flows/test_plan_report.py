"""The page of a plan: readable, complete, and safe whatever the rows hold."""

from __future__ import annotations

from flows.plan_report import ROWS, basis, by_field, difference_rows, finding_rows, html, span, summary
from tasks.state.records import ConflictRecord
from tasks.sync.cost import Cost, Pace
from tasks.sync.planning import Plan, PlannedLane, PlannedWrite


def a_plan(key: str = "C1", writes: int = 1) -> Plan:
    lane = PlannedLane("Customers", "usmf", "ok", "", create_fno=writes)
    each = PlannedWrite("Customers", "usmf", "fno", "CustomersV3", "create", key, key, ("Name",))
    costs = [Cost("fno", 1, 1, writes, 4000, 100_000, 0.0), Cost("dataverse", 3, 0, 0, 4000, 100_000, 600.0)]
    return Plan("initial", [lane], [each] * writes, writes, costs=costs, duration=600.0)


def test_one_line_says_what_matters() -> None:
    assert (
        summary(a_plan()) == "1 lanes: 1 new in F&O; about 10 min, and requests: 2 to F&O and 3 to Dataverse"
    )


def test_what_the_time_rests_on_is_said() -> None:
    found = a_plan()
    assert "20 rows a second, which is assumed" in basis(found) and "Dataverse's limits" in basis(found)
    found.pace = Pace(640, 12)
    assert "640 rows a second of run 12" in basis(found)
    assert [span(seconds) for seconds in (0.2, 61, 600, 9000, 400_000)] == [
        "1 s",
        "61 s",
        "10 min",
        "2.5 h",
        "4.6 days",
    ]


def test_what_rows_hold_is_shown_and_never_run() -> None:
    page = html(a_plan("<script>alert(1)</script>"))
    assert "<script>" not in page and "&lt;script&gt;alert(1)" in page


def test_a_long_plan_is_cut_and_says_so() -> None:
    page = html(a_plan(writes=ROWS + 7))
    assert page.count("<td>C1</td>") == ROWS
    assert "7 more; --json has them" in page


def test_differences_are_added_up_by_field_and_only_open_ones_need_a_person() -> None:
    found = a_plan()
    fields = ["OrganizationName=name", "CreditLimit>creditlimit"]
    found.conflicts = [
        ConflictRecord(
            1, "Customers", "usmf", key, "no_base", fields, winner, status="decided" if winner else "open"
        )
        for key, winner in (("C1", "fno"), ("C2", "fno"), ("C3", ""))
    ]
    assert by_field(found)[0] == ("Customers", "OrganizationName", 2, "F&O's value stands")
    assert {row[1]: row[2] for row in by_field(found) if "person" in str(row[3])} == {
        "OrganizationName": 1,
        "CreditLimit": 1,
    }
    assert [row[3] for row in finding_rows(found)] == ["C3"] and len(difference_rows(found)) == 3


def test_columns_in_which_nothing_stands_are_left_out() -> None:
    page = html(a_plan())
    assert "new → F&amp;O" in page and "changed → DV" not in page
