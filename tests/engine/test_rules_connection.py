"""First connection: four modes, rows on one side, on both, without key or company, outside the filter; never a twin."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.trade import Trade, customers_map

FILTERED = {
    "fno": {"filter": "Kind eq 'Organization'", "filter_fields": ["Kind"]},
    "dataverse": {"filter": "new_type eq 3", "filter_fields": ["new_type"]},
    "more": [{"fno": "Kind", "constant": "Organization"}, {"dataverse": "new_type", "constant": "3"}],
}


def filtered(**changes: Any) -> dict[str, Any]:
    """Customers whose constants are their filters, as in the published maps."""
    return customers_map(
        **{key: (dict(value) if isinstance(value, dict) else list(value)) for key, value in FILTERED.items()},
        **changes,
    )


def start(w: Trade) -> None:
    """Rows on one side, on both, equal and different."""
    w.customer("F1", Name="only F&O", Kind="Organization")
    w.contact("D1", name="only Dataverse", type=3)
    w.customer("B1", Name="same", Kind="Organization")
    w.contact("b1 ", name="same", status=1, type=3)
    w.customer("B2", Name="in F&O", Kind="Organization")
    w.contact("B2", name="in Dataverse", status=1, type=3)


def names(w: Trade) -> tuple[dict[str, str], dict[str, str]]:
    """Names by account, of both sides."""
    fno = {
        row.values["Account"]: row.values.get("Name") or "" for row in w.fno_memory.of("Customers").values()
    }
    dataverse = {
        str(row.values["new_account"]).strip().upper(): row.values.get("new_name") or ""
        for row in w.dataverse_memory.of("new_customers").values()
    }
    return fno, dataverse


@pytest.mark.parametrize("master", ["fno", "dataverse"])
def test_both(master: str) -> None:
    w = Trade(master=master)
    start(w)
    w.connect("Customers", mode="both")
    winner = "in F&O" if master == "fno" else "in Dataverse"
    expected = {"F1": "only F&O", "D1": "only Dataverse", "B1": "same", "B2": winner}
    assert names(w) == (expected, expected)
    (record,) = w.conflicts(kind="no_base")
    assert (record.key, record.winner) == ("B2", master)
    w.writes()
    w.sync("Customers")
    assert w.writes() == []


def test_to_dataverse_writes_nothing_to_fno() -> None:
    w = Trade(master="dataverse")
    start(w)
    w.initial("Customers", mode="to-dataverse")
    fno, dataverse = names(w)
    assert fno == {"F1": "only F&O", "B1": "same", "B2": "in F&O"}
    assert dataverse == {"F1": "only F&O", "D1": "only Dataverse", "B1": "same", "B2": "in F&O"}


def test_to_fno_writes_nothing_to_dataverse() -> None:
    w = Trade(master="fno")
    start(w)
    w.initial("Customers", mode="to-fno")
    fno, dataverse = names(w)
    assert dataverse == {"D1": "only Dataverse", "B1": "same", "B2": "in Dataverse"}
    assert fno == {"F1": "only F&O", "D1": "only Dataverse", "B1": "same", "B2": "in Dataverse"}


def test_link_pairs_reports_and_writes_nothing() -> None:
    w = Trade()
    start(w)
    (summary, _) = w.initial("Customers", mode="link")
    assert w.writes() == []
    assert summary.counts["paired"] == 2
    (record,) = w.conflicts(status="open")
    assert (record.key, record.kind) == ("B2", "no_base")
    # what was only reported is settled when somebody says so
    w.initial("Customers", mode="both")
    assert names(w)[0] == names(w)[1]
    assert w.conflicts(status="open") == []


@pytest.mark.parametrize("mode", ["both", "to-dataverse", "to-fno", "link"])
def test_a_second_run_of_any_mode_makes_no_twin(mode: str) -> None:
    w = Trade()
    start(w)
    w.initial("Customers", mode=mode)
    before = len(w.fno_memory.of("Customers")), len(w.dataverse_memory.of("new_customers"))
    w.writes()
    w.initial("Customers", mode=mode)
    assert (len(w.fno_memory.of("Customers")), len(w.dataverse_memory.of("new_customers"))) == before
    assert w.writes() == []


@pytest.mark.parametrize("answer", ["keep", "overwrite"])
def test_the_masters_empty_value_blanks_only_where_the_map_says_so(answer: str) -> None:
    w = Trade(customers_map(empty=answer))
    w.customer("C1", Name="")
    w.contact("C1", name="filled", status=1)
    w.connect("Customers")
    expected = "filled" if answer == "keep" else ""
    assert [name["C1"] for name in names(w)] == [expected, expected]


# rows without a key, without a company, of another company


def test_a_row_without_company_is_paired_by_key_and_stamped() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    contact = w.contact("C1", None, name="one", status=1)
    w.connect("Customers")
    assert len(w.dataverse_memory.of("new_customers")) == 1
    assert contact.values["new_company"] == w.company["usmf"]


def test_a_row_without_company_that_two_companies_could_claim_is_claimed_by_neither() -> None:
    w = Trade()
    w.customer("C1", "usmf", Name="of usmf")
    w.customer("C1", "demf", Name="of demf")
    contact = w.contact("C1", None, name="whose?")
    w.connect("Customers")
    w.sync("Customers")
    assert contact.values["new_company"] is None and contact.values["new_name"] == "whose?"
    assert {w.in_dataverse("C1", c).values["new_name"] for c in ("usmf", "demf")} == {"of usmf", "of demf"}  # type: ignore[union-attr]


def test_rows_of_companies_out_of_scope_are_counted_and_left_alone() -> None:
    w = Trade(companies=("usmf",))
    w.customer("C1", "demf", Name="theirs")
    theirs = w.contact("C2", "demf", name="theirs too")
    blank = w.contact("C3", None, name="nobody's")
    w.connect("Customers")
    w.sync("Customers")
    assert w.writes() == []
    assert theirs.by == blank.by == "user"


def test_a_company_that_dataverse_lacks_stops_its_lane_with_a_remedy() -> None:
    w = Trade(companies=("usmf", "frmf"))
    w.customer("C1", Name="one")
    first, second = w.initial("Customers")
    assert first.verdict == "ok"
    assert second.verdict == "failed" and "frmf" in second.message and "Legal entities" in second.message


# match rules


def test_rows_without_key_pair_by_a_unique_match_and_get_key_and_company() -> None:
    w = Trade(customers_map(match=[["new_name", "new_amount"]]))
    w.customer("C1", Name="Contoso", Amount="10.00")
    contact = w.contact(None, name="contoso ", amount="10.00", status=1)
    w.connect("Customers")
    assert len(w.dataverse_memory.of("new_customers")) == 1
    assert contact.values["new_account"] == "C1"
    w.writes()
    w.sync("Customers")
    assert w.writes() == []


@pytest.mark.parametrize("twice_in", ["fno", "dataverse"])
def test_an_ambiguous_match_pairs_nobody(twice_in: str) -> None:
    w = Trade(customers_map(match=[["new_name"]]))
    w.customer("C1", Name="Contoso")
    contacts = [w.contact(None, name="Contoso")]
    if twice_in == "fno":
        w.customer("C2", Name="CONTOSO")
    else:
        contacts.append(w.contact(None, name="contoso"))
    w.connect("Customers")
    assert all(contact.values["new_account"] is None and contact.by == "user" for contact in contacts)


# outside the filter


@pytest.mark.parametrize("outside", ["fno", "dataverse"])
def test_existence_is_looked_up_without_the_filter(outside: str) -> None:
    """The other side has the key in a row that the map's filter leaves out: no twin, somebody has to look."""
    w = Trade(filtered(), unique=False)
    w.fno_memory.unique["Customers"] = ()
    if outside == "dataverse":
        w.customer("C1", Name="one", Kind="Organization")
        stranger = w.contact("C1", name="a person", type=1)
    else:
        w.contact("C1", name="one", type=3)
        stranger = w.customer("C1", Name="a person", Kind="Person")
    w.fno_memory.unique["Customers"] = ("dataAreaId", "Account")
    w.connect("Customers")
    w.sync("Customers")
    assert w.parked() == [("C1", "key_taken")]
    assert w.writes() == [] and stranger.by == "user"


def test_adopt_takes_over_the_row_outside_the_filter() -> None:
    w = Trade(filtered(adopt=True))
    w.customer("C1", Name="one", Kind="Organization")
    stranger = w.contact("C1", name="a person", type=1)
    w.connect("Customers")
    w.sync("Customers")
    assert w.parked() == []
    assert stranger.values["new_type"] == 3 and stranger.values["new_name"] == "one"


def test_rows_outside_the_filter_on_both_sides_are_no_business_of_this_map() -> None:
    w = Trade(filtered())
    w.customer("C1", Name="a person", Kind="Person")
    w.contact("C2", name="a person", type=1)
    w.connect("Customers")
    w.sync("Customers")
    assert w.writes() == [] and w.parked() == []


# tokens, crashes


def test_what_changes_while_the_first_sync_reads_is_named_by_the_feed() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    w.contact("C2", name="two", status=1)
    edited: list[bool] = []

    def edit(kind: str) -> None:
        if kind == "batch" and not edited:
            edited.append(True)
            for contact in w.dataverse_memory.of("new_customers").values():
                w.change(contact, new_name="edited")

    w.fno.before = edit
    w.initial("Customers")
    w.sync("Customers")
    assert edited
    assert w.in_fno("C2").values["Name"] == "edited"  # type: ignore[union-attr]
