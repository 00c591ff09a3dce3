"""Delta in both directions: what users change on either side arrives on the other, once, and nothing else is written."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tests.integration.conftest import Install, Prepare, on_both_databases
from tests.integration.customers import MAPS, NAME, OTHER, PHONE, SIDES, Customers, in_sync, wrote
from tests.integration.installation import (
    ACCOUNTS,
    Installation,
    altered,
    failed,
    total,
)
from tests.integration.trading import (
    company_ids,
    contact,
    customer_binds,
    of,
    person,
    vendor,
    vendor_binds,
)
from tests.local_services import Services, Side


@pytest.fixture
def installation(prepare: Prepare) -> Installation:
    return prepare(in_sync, maps=MAPS)


# both directions


@on_both_databases
def test_what_users_make_change_and_delete_on_either_side_arrives(
    services: Services, install: Install, state_url: str | None
) -> None:
    installation, ours = install(maps=MAPS, state_url=state_url), Customers(services)
    in_sync(installation)
    vendors = [vendor("usmf", f"V/{number}") for number in range(4)]
    services.load("fno", "VendorsV2", vendors)
    installation.settle()
    installation.forget_writes()

    ids = company_ids(services)
    us = of("usmf")
    # new
    ours.add("fno", "N/2", PaymentTerms="net 30 ")
    ours.add("fno", "N/1", InvoiceAccount="N/2")
    ours.add("dataverse", "N/3", description="new")
    services.load("fno", "CustomersV3", [person("usmf", "P-2")])
    services.load("dataverse", "contacts", [contact("usmf", "P-3", **customer_binds(ids["usmf"]))])
    new_vendor = {"msdyn_vendoraccountnumber": "V/9", "msdyn_name": "new", **us, **vendor_binds(ids["usmf"])}
    services.load("dataverse", "msdyn_vendors", [new_vendor])
    services.load("fno", "Currencies", [{"CurrencyCode": "CHF", "Name": "Swiss franc", "Symbol": "Fr."}])
    services.load("dataverse", "msdyn_paymentterms", [{"msdyn_name": "D/45", "msdyn_days": 45, **us}])
    # changed
    ours.change("fno", "US*", OrganizationName="from F&O", PaymentTerms="Net 30")
    ours.change("dataverse", "A%", name="from Dataverse", creditlimit=12.5)
    services.change("fno", "CustomersV3", {"PersonFirstName": "Zoe"}, "CustomerAccount eq 'P-1'")
    terms = "msdyn_name eq '1% & rest'"
    assert services.change("dataverse", "msdyn_paymentterms", {"msdyn_days": 3}, terms) == 2
    # gone
    ours.delete("fno", "O")
    ours.delete("dataverse", "b")
    services.edit(
        "fno", "DELETE", "VendorsV2(dataAreaId='usmf',VendorAccountNumber='V%2F1')?cross-company=true"
    )
    services.change("dataverse", "msdyn_vendors", None, "msdyn_vendoraccountnumber eq 'V/2'")
    assert failed(installation.settle()) == []

    assert installation.stored().differences(MAPS) == []
    assert installation.stored().twins(MAPS) == []
    for side in SIDES:
        assert ours.rows(side)["US*"][NAME[side]] == "from F&O"
        assert ours.rows(side)["A%"][NAME[side]] == "from Dataverse"
        assert {"N/1", "N/2", "N/3"} <= ours.rows(side).keys()
        assert ours.rows(side).keys().isdisjoint({"O", "b"})
    billing = ours.dataverse("N/1")["_msdyn_billingaccount_value"]
    assert billing == ours.dataverse("N/2")["accountid"]
    assert ours.dataverse("US*")["_msdyn_paymentterm_value"] is not None
    held = {row["VendorAccountNumber"] for row in services.dump("fno", "VendorsV2")}
    assert held == {row["msdyn_vendoraccountnumber"] for row in services.dump("dataverse", "msdyn_vendors")}
    assert held == {"V/0", "V/3", "V/9"}
    assert len(installation.ours("delete")) == 4
    assert installation.parked() == []
    assert installation.waiting() == []
    assert installation.conflicts() == []
    installation.at_rest()
    assert installation.open_intents() == []


def test_a_company_s_rows_reach_that_company_s_rows_only(
    services: Services, installation: Installation
) -> None:
    usmf, demf = Customers(services, "usmf"), Customers(services, "demf")
    usmf.change("fno", "A", OrganizationName="of usmf")
    demf.change("dataverse", "A", name="of demf")
    usmf.delete("dataverse", "D")
    installation.settle()
    for side in SIDES:
        assert usmf.rows(side)["A"][NAME[side]] == "of usmf"
        assert demf.rows(side)["A"][NAME[side]] == "of demf"
        assert "D" in demf.rows(side).keys() - usmf.rows(side).keys()


# merging


def test_edits_of_different_fields_of_one_row_merge(installation: Installation, ours: Customers) -> None:
    ours.change("fno", "A", CreditRating="good", OrganizationName="New name")
    ours.change("dataverse", "A", telephone1="0123", description="a memo")
    (summary,) = [each for each in installation.delta() if each.written]
    assert summary.counts["conflicts"] == 0
    # each side gets what it lacks and nothing more, in one write
    assert [(side, kind, key, sorted(fields)) for side, kind, key, fields in wrote(installation)] == [
        ("dataverse", "update", "A", ["msdyn_creditrating", "name"]),
        ("fno", "update", "A", ["PrimaryContactPhone", "SalesMemo"]),
    ]
    fno, dataverse = ours.fno("A"), ours.dataverse("A")
    assert (fno["PrimaryContactPhone"], fno["SalesMemo"]) == ("0123", "a memo")
    assert (dataverse["msdyn_creditrating"], dataverse["name"]) == ("good", "New name")
    assert installation.conflicts() == []
    installation.at_rest()


def test_the_same_edit_on_both_sides_is_no_conflict_and_no_write(
    installation: Installation, ours: Customers
) -> None:
    for side in SIDES:
        ours.change(side, "A", **{NAME[side]: "Both agree"})
    installation.settle()
    assert installation.ours() == []
    assert installation.conflicts() == []
    # and is the base of what comes: a change of one side is one
    ours.change("dataverse", "A", name="Changed later")
    installation.settle()
    assert ours.fno("A")[NAME["fno"]] == "Changed later"
    assert installation.conflicts() == []


@pytest.mark.parametrize("winner", SIDES)
def test_a_conflict_is_decided_by_the_map_s_policy_and_recorded(
    services: Services, prepare: Prepare, catalogue: Catalogue, ours: Customers, winner: Side
) -> None:
    installation = prepare(in_sync, maps=MAPS, catalogue=altered(catalogue, ACCOUNTS, conflict=winner))
    for side in SIDES:
        ours.change(side, "A", **{NAME[side]: f"by {side}"})
    ours.change("fno", "A", CreditRating="fine")  # not in question
    summaries = installation.settle()
    assert [ours.rows(side)["A"][NAME[side]] for side in SIDES] == [f"by {winner}"] * 2
    assert ours.dataverse("A")["msdyn_creditrating"] == "fine"
    (found,) = installation.conflicts()
    assert (found.map, found.company, found.key, found.kind) == (ACCOUNTS, "usmf", "A", "conflict")
    assert (found.fields, found.winner, found.loser) == (["OrganizationName=name"], winner, OTHER[winner])
    assert found.status == "decided"
    assert total(summaries, "conflicts") == 1
    installation.at_rest()


@pytest.mark.parametrize("ahead", SIDES)
def test_clocks_that_are_days_apart_decide_nothing(
    services: Services, prepare: Prepare, ours: Customers, ahead: Side
) -> None:
    installation = prepare(in_sync, maps=MAPS)
    services.switch(**{f"{ahead}_clock_offset": 2 * 86_400, f"{OTHER[ahead]}_clock_offset": -2 * 86_400})
    for side in SIDES:
        ours.change(side, "A", **{NAME[side]: f"by {side}"})
        ours.change(side, "AB", **{PHONE[side] if side == "fno" else NAME[side]: f"only {side}"})
    ours.change("fno", "O", **{NAME["fno"]: "first"})
    installation.settle()
    ours.change("dataverse", "O", **{NAME["dataverse"]: "last"})
    ours.delete("dataverse", "C_1")
    installation.settle()
    assert [ours.rows(side)["A"][NAME[side]] for side in SIDES] == ["by fno"] * 2
    assert (
        ours.dataverse("AB")[PHONE["dataverse"]] == "only fno"
        and ours.fno("AB")[NAME["fno"]] == "only dataverse"
    )
    assert ours.fno("O")[NAME["fno"]] == "last" and "C_1" not in ours.rows("fno")
    assert [each.winner for each in installation.conflicts()] == ["fno"]
    installation.at_rest()


def test_a_held_conflict_keeps_both_values_until_somebody_settles_it(
    services: Services, prepare: Prepare, catalogue: Catalogue, ours: Customers
) -> None:
    installation = prepare(in_sync, maps=MAPS, catalogue=altered(catalogue, ACCOUNTS, conflict="hold"))
    for side in SIDES:
        ours.change(side, "A", **{NAME[side]: f"by {side}"})
    ours.change("fno", "A", CreditRating="fine")
    installation.settle()
    assert [ours.rows(side)["A"][NAME[side]] for side in SIDES] == ["by fno", "by dataverse"]
    assert ours.dataverse("A")["msdyn_creditrating"] == "fine"  # the rest goes on
    assert [found.status for found in installation.conflicts()] == ["open"]
    # it is one conflict, however often the row is looked at
    ours.change("dataverse", "A", telephone1="1")
    installation.settle()
    assert ours.fno("A")["PrimaryContactPhone"] == "1"
    assert [found.status for found in installation.conflicts()] == ["open"]
    # somebody gives in
    ours.change("fno", "A", OrganizationName="by dataverse")
    installation.settle()
    assert [ours.rows(side)["A"][NAME[side]] for side in SIDES] == ["by dataverse"] * 2
    assert [found.status for found in installation.conflicts()] == ["decided"]
    installation.at_rest()


def test_an_address_merges_as_a_whole(installation: Installation, ours: Customers) -> None:
    ours.change("fno", "A", InvoiceAddressCity="Ghent", InvoiceAddressZipCode="9000")
    installation.settle()
    ours.change("fno", "A", InvoiceAddressCity="Bruges", InvoiceAddressZipCode="8000")
    ours.change("dataverse", "A", address2_line1="Korenmarkt 1")
    installation.settle()
    dataverse = ours.dataverse("A")
    # a street in Ghent with a city and a code of Bruges is nobody's address
    assert (dataverse["address2_city"], dataverse["address2_postalcode"]) == ("Bruges", "8000")
    assert not dataverse["address2_line1"] and not ours.fno("A")["InvoiceAddressStreet"]
    (found,) = installation.conflicts()
    assert {"InvoiceAddressCity=address2_city", "InvoiceAddressStreet=address2_line1"} <= set(found.fields)
    assert found.loser == "dataverse"


# what must not come back


@pytest.mark.parametrize("side", SIDES)
def test_what_we_wrote_is_not_sent_back(
    services: Services, installation: Installation, ours: Customers, side: Side
) -> None:
    ours.change(side, "A", **{NAME[side]: "Once"})
    ours.add(side, "N", **{NAME[side]: "New"})
    ours.delete(side, "D")
    installation.delta()
    # what F&O fills in by itself in a new row flows back
    assert len(installation.ours()) == 3 + (side == "dataverse")
    if side == "dataverse":
        installation.at_rest()  # F&O tells no versions in advance: what we wrote there is looked at once
    # what is known to be our own is not even read again
    since = services.trace()[-1]["seq"]
    installation.at_rest()
    assert [each["url"] for each in services.trace(since) if "$batch" in each["url"]] == []
    assert installation.conflicts() == []


def test_a_change_that_is_taken_back_arrives_too(installation: Installation, ours: Customers) -> None:
    before = ours.fno("A")[NAME["fno"]]
    for name in ("first", "second", before):
        ours.change("fno", "A", OrganizationName=name)
        installation.delta()
        assert ours.dataverse("A")["name"] == name
    assert len(installation.ours()) == 3
    assert installation.conflicts() == []


@pytest.mark.parametrize("side", SIDES)
def test_a_value_that_is_cleared_is_cleared_on_the_other_side(
    installation: Installation, ours: Customers, side: Side
) -> None:
    number = {"fno": "OrganizationNumberOfEmployees", "dataverse": "numberofemployees"}
    empty: dict[Side, dict[str, Any]] = {
        "fno": {PHONE["fno"]: "", number["fno"]: 0},
        "dataverse": {PHONE["dataverse"]: None, number["dataverse"]: None},
    }
    ours.change(side, "A", **{PHONE[side]: "1", number[side]: 7})
    installation.settle()
    assert ours.rows(OTHER[side])["A"][number[OTHER[side]]] == 7
    ours.change(side, "A", **empty[side])
    installation.settle()
    assert not ours.rows(OTHER[side])["A"][PHONE[OTHER[side]]]
    assert not ours.rows(OTHER[side])["A"][number[OTHER[side]]]
    assert installation.stored().differences((ACCOUNTS,)) == []
    installation.at_rest()
