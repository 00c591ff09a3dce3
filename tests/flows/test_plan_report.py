"""The page of a plan: readable, complete, and safe whatever the rows hold."""

from __future__ import annotations

import pytest

from flows.commands.plan import show
from flows.plan_page import ROWS, page
from flows.plan_report import basis, by_field, difference_rows, finding_rows, span, summary
from tasks.state.records import ConflictRecord, ParkedRow
from tasks.sync.cost import Cost, Pace
from tasks.sync.planning import Plan, PlannedLane, PlannedWrite


def a_plan(key: str = "C1", writes: int = 1) -> Plan:
    lane = PlannedLane("Customers", "usmf", "ok", "", create_fno=writes)
    each = PlannedWrite("Customers", "usmf", "fno", "CustomersV3", "create", key, key, ("Name",))
    costs = [Cost("fno", 1, 1, writes, 4000, 100_000, 0.0), Cost("dataverse", 3, 0, 0, 4000, 100_000, 600.0)]
    return Plan("initial", [lane], [each] * writes, writes, costs=costs, duration=600.0)


def test_one_line_says_what_matters() -> None:
    assert (
        summary(a_plan())
        == "1 map and company: 1 new in F&O; about 10 min, and requests: 2 to F&O and 3 to Dataverse"
    )


def test_a_resume_of_nothing_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    found = Plan("resume", costs=a_plan().costs)
    show(found)
    told = capsys.readouterr().out
    assert "None of these maps is paused" in told and "Requests" not in told


def test_what_the_time_rests_on_is_said() -> None:
    found = a_plan()
    assert "20 rows a second, which is assumed" in basis(found) and "Dataverse's limits" in basis(found)
    found.quickest = 12.0
    assert "; about 12 s to 10 min, and" in summary(found) and "12 s to 10 min" in page(found)
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
    shown = page(a_plan("<script>alert(1)</script>"))
    assert "<script>" not in shown and "&lt;script&gt;alert(1)" in shown


def test_a_long_plan_is_cut_and_says_so() -> None:
    shown = page(a_plan(writes=ROWS + 7))
    assert shown.count("<td>C1</td>") == ROWS
    assert "7 more; --json has them" in shown


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
    shown = page(a_plan())
    assert "new → F&amp;O" in shown and "changed → DV" not in shown


def parked(key: str, code: str = "ambiguous") -> ParkedRow:
    return ParkedRow(
        1, "Customers", "usmf", "fno", key, key, "duplicate", code, f"two of {key}", "merge them"
    )


def test_what_to_think_about_is_told_kind_by_kind_and_its_remedy_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    found = a_plan()
    found.lanes.append(PlannedLane("Groups", "usmf", "ok", ""))
    found.unclear = [parked("C2"), parked("C1"), parked("C3", "duplicate")]
    show(found)
    told = capsys.readouterr().out
    assert told.index("several rows could be") < told.index("two of C1") < told.index("two of C2")
    assert told.count("merge them") == 2, "once a kind"
    assert "1 maps and companies in which nothing is to do" in told and "Groups" not in told
    assert "several rows could be its counterpart<span class=soft> · merge them" in page(found)


def test_a_limit_that_the_run_exceeds_is_seen() -> None:
    found = a_plan()
    assert "class=over" not in page(found)
    found.costs = [Cost("fno", 10, 5000, 5000, 4000, 100_000, 300.0)]
    assert "class=over" in page(found) and "125% of the 4,000 left" in page(found)


def test_bars_of_both_systems_have_one_scale() -> None:
    found = a_plan(writes=20)
    found.lanes.append(PlannedLane("Groups", "", "ok", "", create_dataverse=5, delete_dataverse=5))
    shown = page(found)
    assert "minmax(0, 20fr) minmax(0, 10fr)" in shown and 'title="5 deleted in Dataverse"' in shown
