"""Parents: rows that need others first, whoever makes those and whenever they come."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.trade import Trade, customers_map


def test_a_self_reference_is_right_in_one_run() -> None:
    w = Trade()
    w.customer("C1", InvoiceAccount="C9")
    w.customer("C9", InvoiceAccount="C1")
    w.contact("D1", name="d")
    for summary in w.initial("Customers"):
        assert summary.verdict == "ok"
    one, nine = w.in_dataverse("C1"), w.in_dataverse("C9")
    assert one is not None and nine is not None
    assert one.values["new_invoice"] == nine.id and nine.values["new_invoice"] == one.id
    assert w.waiting() == [] and w.parked() == []


def test_a_self_reference_made_in_dataverse_is_right_in_one_run() -> None:
    w = Trade()
    w.customer("C0", Name="canary")
    w.connect("Customers")
    parent = w.contact("D9", name="parent", status=1)
    w.contact("D1", name="child", invoice=parent.id, status=1)
    w.sync("Customers")
    assert w.in_fno("D1").values["InvoiceAccount"] == "D9"  # type: ignore[union-attr]
    assert w.waiting() == []


@pytest.mark.parametrize("point", ["intent", "written", "recorded"])
def test_a_crash_between_a_row_and_its_patch_leaves_the_patch_to_the_next_run(point: str) -> None:
    w = Trade()
    w.customer("C1", InvoiceAccount="C9")
    w.customer("C9")
    with w.dying_at(point):
        w.initial("Customers")
    w.connect("Customers")
    w.sync("Customers")
    one, nine = w.in_dataverse("C1"), w.in_dataverse("C9")
    assert one is not None and nine is not None and one.values["new_invoice"] == nine.id
    assert w.in_fno("C1").values["InvoiceAccount"] == "C9", "Dataverse's missing reference never blanks F&O's"  # type: ignore[union-attr]


@pytest.mark.parametrize("missing", ["defer", "wait", "skip-row"])
def test_a_missing_parent(missing: str) -> None:
    w = Trade(customers_map(missing=missing))
    w.customer("C1", Name="one", GroupId="LATE")
    w.customer("C2", Name="two")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert w.in_dataverse("C2") is not None, "one row's parent is no other row's business"
    if missing == "defer":
        assert contact is not None and contact.values.get("new_group") is None
    else:
        assert contact is None
    assert len(w.waiting()) == (0 if missing == "skip-row" else 1)
    w.group("LATE", "Late")
    w.connect("Groups")
    w.sync("Customers")
    contact, parent = w.in_dataverse("C1"), w.in_dataverse("LATE", table="new_groups")
    assert contact is not None and parent is not None and contact.values["new_group"] == parent.id
    assert w.waiting() == [] and w.parked() == []
    assert w.in_fno("C1").values["GroupId"] == "LATE"  # type: ignore[union-attr]


@pytest.mark.parametrize("order", [("group", "invoice"), ("invoice", "group")], ids="-then-".join)
@pytest.mark.parametrize("missing", ["defer", "wait"])
def test_a_row_that_waits_for_several_parents_goes_on_with_each(missing: str, order: tuple[str, str]) -> None:
    w = Trade(customers_map(missing=missing))
    w.customer("C1", Name="one", GroupId="LATE", InvoiceAccount="PAYER")
    w.connect()
    assert len(w.waiting()) == (2 if missing == "defer" else 1), (
        "while a parent of the whole row lacks, the others don't matter"
    )
    for number, parent in enumerate(order, 1):
        if parent == "group":
            w.group("LATE", "Late")
        else:
            w.customer("PAYER")
        w.sync("Groups")
        w.sync("Customers")
        contact = w.in_dataverse("C1")
        if missing == "defer":
            assert contact is not None and len(w.waiting()) == 2 - number
        else:
            assert (contact is not None) is ("group" in order[:number])
    contact, group, payer = (
        w.in_dataverse("C1"),
        w.in_dataverse("LATE", table="new_groups"),
        w.in_dataverse("PAYER"),
    )
    assert contact is not None and group is not None and payer is not None
    assert (contact.values["new_group"], contact.values["new_invoice"]) == (group.id, payer.id)
    assert w.waiting() == [] and w.parked() == []
    w.writes()
    w.sync()
    assert w.writes() == []


@pytest.mark.parametrize("missing", ["defer", "wait"])
def test_a_parent_made_by_hand_releases_its_children(missing: str) -> None:
    """Nobody calls anybody: the parent is there, so the next run goes on."""
    w = Trade(customers_map(missing=missing))
    w.customer("C1", Name="one", GroupId="HAND")
    w.connect("Groups", "Customers")
    assert len(w.waiting()) == 1
    w.group("HAND", "made in F&O by hand")
    parent = w.dataverse_group("HAND", "made in F&O by hand")
    w.sync("Groups", "Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and contact.values["new_group"] == parent.id
    assert w.waiting() == []


def test_a_parent_that_no_link_knows_is_found_live() -> None:
    """Made by hand in Dataverse, its map not even running."""
    w = Trade(customers_map(missing="wait"))
    parent = w.dataverse_group("HAND", "made by hand")
    w.customer("C1", Name="one", GroupId="hand ")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and contact.values["new_group"] == parent.id


@pytest.mark.parametrize("moment", range(12))
def test_a_parent_that_comes_while_its_child_is_being_parked_is_not_missed(moment: int) -> None:
    """At every request of the child's run, the parent is made and recorded by another one."""
    w = Trade(customers_map(missing="wait"))
    w.customer("C0", Name="canary")
    w.connect()
    w.customer("C1", Name="one", GroupId="NEW")
    w.group("NEW", "New")
    other = w.open(companies="usmf,demf")
    seen = [0]

    def meanwhile(_: str) -> None:
        seen[0] += 1
        if seen[0] == moment + 1:
            from tasks.sync.work import delta_sync, poll

            w.fno.before = w.dataverse.before = lambda kind: None
            poll(other, [w.catalogue.maps["Groups"]])
            delta_sync(other, "Groups")

    w.fno.before = w.dataverse.before = meanwhile
    w.sync("Customers")
    w.fno.before = w.dataverse.before = lambda kind: None
    w.sync("Groups", "Customers")
    w.sync("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None and contact.values["new_group"] is not None
    assert w.waiting() == []


def test_a_parent_of_another_company_is_no_parent() -> None:
    w = Trade(customers_map(missing="wait"))
    w.group("G", "theirs", "demf")
    w.customer("C1", GroupId="G")
    w.connect()
    assert w.in_dataverse("C1") is None
    (waiting,) = w.waiting()
    assert (waiting.parent_table, waiting.parent_company) == ("new_groups", "usmf")


def test_a_reference_that_fno_does_not_know_waits_and_does_not_blank() -> None:
    """A Dataverse row points at a parent that F&O doesn't have: the other fields go on."""
    w = Trade()
    row = w.customer("C1", Name="one", GroupId="")
    w.connect()
    group = w.dataverse_group("ONLYD", "x")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_group=group.id, new_name="two")
    w.sync("Customers")
    assert row.values["Name"] == "two" and row.values["GroupId"] == ""
    w.sync("Groups")
    w.sync("Customers")
    assert row.values["GroupId"] == "ONLYD" and w.waiting() == []


def test_emptied_and_changed_references_travel() -> None:
    w = Trade()
    w.group("A", "a")
    w.group("B", "b")
    row = w.customer("C1", GroupId="A")
    w.connect()
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(row, GroupId="B")
    w.sync("Customers")
    assert contact.values["new_group"] == w.in_dataverse("B", table="new_groups").id  # type: ignore[union-attr]
    w.change(contact, new_group=None)
    w.sync("Customers")
    assert row.values["GroupId"] == ""
    w.writes()
    w.sync()
    assert w.writes() == []


def test_a_row_that_is_gone_waits_for_nothing() -> None:
    w = Trade(customers_map(missing="wait"))
    row = w.customer("C1", GroupId="NEVER")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    assert len(w.waiting()) == 1
    w.remove(row)
    w.group("NEVER", "now it is there")
    w.connect("Groups")
    w.sync("Customers")
    assert w.waiting() == [] and w.parked() == []


def counts(summaries: list[Any]) -> dict[str, float]:
    """Counts of the first lane."""
    return dict(summaries[0].counts)


def test_waiting_rows_are_counted() -> None:
    w = Trade(customers_map(missing="wait"))
    w.customer("C1", GroupId="LATE")
    assert counts(w.initial("Customers"))["waiting"] == 1


# a parent that a link knows, and Dataverse has no more


@pytest.mark.parametrize("missing", ["defer", "wait"])
@pytest.mark.parametrize("known", [False, True], ids=["new row", "known row"])
def test_a_parent_deleted_in_dataverse_meanwhile_is_a_missing_one(missing: str, known: bool) -> None:
    """Its own map may be long in finding out, or not be allowed to delete it in F&O: the rows that name it don't fail whole."""
    w = Trade(customers_map(missing=missing))
    w.group("G1", "Retail")
    w.group("G2", "Wholesale")
    row = w.customer("C1", Name="one", GroupId="G2") if known else None
    w.connect("Groups", "Customers")
    parent = w.in_dataverse("G1", table="new_groups")
    assert parent is not None
    w.remove(parent)
    if row is None:
        w.customer("C1", Name="one", GroupId="G1")
    else:
        w.change(row, Name="changed", GroupId="G1")
    w.sync("Customers")
    found = w.in_dataverse("C1")
    assert w.parked() == [("C1", "parent_gone")] and w.waiting() == []
    if known:
        other = w.in_dataverse("G2", table="new_groups")
        assert found is not None and other is not None
        assert found.values["new_name"] == "changed" and found.values["new_group"] == other.id
    elif missing == "defer":
        assert found is not None and found.values.get("new_group") is None
    else:
        assert found is None
    w.writes()
    w.sync("Customers")
    assert w.writes() == []  # nobody tries again at once, over and over
    again = w.dataverse_group("G1", "Retail")
    w.clock.forward(hours=1)
    w.sync("Customers")
    found = w.in_dataverse("C1")
    assert found is not None and found.values["new_group"] == again.id and w.parked() == []
