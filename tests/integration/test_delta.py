"""Delta in both directions: what users change on either side arrives on the other, once, and nothing else is written."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tests.integration.conftest import Install, Prepare, on_both_databases
from tests.integration.customers import MAPS, Customers, in_sync
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

SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}
NAME = {"fno": "OrganizationName", "dataverse": "name"}
PHONE = {"fno": "PrimaryContactPhone", "dataverse": "telephone1"}


@pytest.fixture
def installation(prepare: Prepare) -> Installation:
    return prepare(in_sync, maps=MAPS)


@pytest.fixture
def ours(services: Services) -> Customers:
    return Customers(services)


def wrote(installation: Installation) -> list[tuple[str, str, str, list[str]]]:
    """Our writes: side, kind, key, fields."""
    return [
        (
            each["side"],
            each["kind"],
            each["key"].get("CustomerAccount") or each["key"]["accountnumber"],
            each["fields"],
        )
        for each in installation.ours()
    ]


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


# what a service makes of a value


def test_blanks_that_one_side_keeps_and_the_other_cuts_are_left_alone(
    services: Services, installation: Installation, ours: Customers
) -> None:
    services.switch(normalize_trim=False)
    ours.change("fno", "A", OrganizationName="Blanks  ", CustomerGroupId="r&D ")
    services.switch(normalize_trim=True)
    installation.settle()
    assert ours.dataverse("A")["name"] == "Blanks"
    ours.change("dataverse", "A", telephone1="1")
    installation.settle()
    fno = ours.fno("A")
    assert (fno[NAME["fno"]], fno["CustomerGroupId"], fno[PHONE["fno"]]) == ("Blanks  ", "r&D ", "1")
    assert installation.stored().differences(MAPS) == []
    installation.at_rest()


def test_the_spelling_of_keys_and_references_is_no_change(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.change("fno", "A", CustomerGroupId="r&d")
    installation.settle()
    before = installation.ours()
    ours.change("fno", "A", CustomerGroupId="R&D", SalesCurrencyCode="usd")
    ours.change("dataverse", "b", accountnumber="B")
    services.change(
        "dataverse", "transactioncurrencies", {"isocurrencycode": "usd"}, "isocurrencycode eq 'USD'"
    )
    installation.settle()
    assert installation.ours() == before
    assert ours.fno("b")["CustomerAccount"] == "b"
    assert installation.stored().differences(MAPS) == []
    assert installation.parked() == []


def test_an_amount_that_is_rounded_keeps_its_places_where_it_was_typed(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.change("dataverse", "A", creditlimit=10.1251)
    installation.settle()
    assert float(ours.fno("A")["CreditLimit"]) == 10.13
    typed = ours.dataverse("A")["creditlimit"]
    ours.change("fno", "A", CreditRating="unrelated")
    installation.settle()
    assert ours.dataverse("A")["creditlimit"] == typed
    assert installation.conflicts() == []
    installation.at_rest()


def test_a_value_that_dataverse_can_t_hold_is_listed_and_the_rest_goes_on(
    installation: Installation, ours: Customers
) -> None:
    ours.change("fno", "A", PrimaryContactPhone="1" * 60, CreditRating="goes on")
    ours.change("fno", "AB", PrimaryContactPhone="2" * 50)
    assert failed(installation.settle()) == []
    assert ours.dataverse("AB")[PHONE["dataverse"]] == "2" * 50
    assert ours.dataverse("A")["msdyn_creditrating"] == "goes on"
    assert not ours.dataverse("A")[PHONE["dataverse"]]  # never cut
    (row,) = installation.parked()
    assert (row.map, row.company, row.key, row.code) == (ACCOUNTS, "usmf", "A", "too_long")
    assert "telephone1" in row.message and "50" in row.message
    # the shorter value of the other side is no answer to it
    ours.change("dataverse", "A", description="unrelated")
    installation.settle()
    assert ours.fno("A")[PHONE["fno"]] == "1" * 60
    ours.change("fno", "A", PrimaryContactPhone="3")
    installation.settle()
    assert ours.dataverse("A")[PHONE["dataverse"]] == "3"
    assert installation.parked() == []


def test_a_row_that_fno_refuses_is_listed_with_its_words_and_keeps_no_other_waiting(
    installation: Installation, ours: Customers
) -> None:
    # F&O's metadata tells no lengths
    ours.change("dataverse", "A", name="x" * 100 + "!")
    ours.change("dataverse", "AB", name="short")
    assert failed(installation.settle()) == []
    assert ours.fno("AB")[NAME["fno"]] == "short"
    (row,) = installation.parked()
    assert (row.map, row.company, row.key, row.code) == (ACCOUNTS, "usmf", "A", "refused")
    assert "The maximum length is 100 characters" in row.message
    # nor does what F&O still holds come back
    assert ours.dataverse("A")["name"] == "x" * 100 + "!"
    ours.change("dataverse", "A", name="fits")
    installation.settle()
    assert ours.fno("A")[NAME["fno"]] == "fits"
    assert installation.parked() == []


# one way, constants, owners


def test_a_one_way_field_that_is_edited_at_its_target_is_set_right_and_recorded(
    installation: Installation, ours: Customers
) -> None:
    ours.change("fno", "A", InvoiceAddressLatitude=10.5, InvoiceAddressLongitude=3)
    installation.settle()
    assert ours.dataverse("A")["address2_latitude"] == 10.5
    before = ours.fno("A")
    ours.change("dataverse", "A", address2_latitude=11.25, telephone1="1")
    (summary,) = [each for each in installation.delta() if each.written]
    assert ours.dataverse("A")["address2_latitude"] == 10.5  # in the same run
    assert summary.counts["drift"] == 1
    (found,) = installation.conflicts()
    assert (found.kind, found.winner, found.key) == ("drift", "fno", "A")
    assert "InvoiceAddressLatitude>address2_latitude" in found.fields
    after = ours.fno("A")
    assert after["InvoiceAddressLatitude"] == before["InvoiceAddressLatitude"]
    assert after[PHONE["fno"]] == "1"
    installation.at_rest()


def test_a_map_that_flows_one_way_is_set_right_as_a_whole(
    services: Services, installation: Installation
) -> None:
    code = "cdm_companycode eq 'usmf'"
    assert services.change("dataverse", "cdm_companies", {"cdm_name": "Renamed here"}, code) == 1
    assert services.change("fno", "LegalEntities", {"Name": "Renamed there"}, "LegalEntityId eq 'demf'") == 1
    installation.settle()
    names = {row["cdm_companycode"]: row["cdm_name"] for row in services.dump("dataverse", "cdm_companies")}
    assert names == {"usmf": "usmf Inc", "demf": "Renamed there"}
    assert installation.ours("", "fno") == []


def test_constants_are_set_on_new_rows_and_never_again(installation: Installation, ours: Customers) -> None:
    ours.add("fno", "N1", LanguageId="de")
    ours.add("dataverse", "N2", address1_addresstypecode=1)
    installation.settle()
    assert ours.fno("N2")["LanguageId"] == "en-us"
    assert (ours.dataverse("N1")["customertypecode"], ours.dataverse("N1")["address1_addresstypecode"]) == (
        3,
        2,
    )
    # what the row's own side says about itself is not the map's business
    assert (ours.fno("N1")["LanguageId"], ours.dataverse("N2")["address1_addresstypecode"]) == ("de", 1)
    ours.change("fno", "N2", LanguageId="fr", CreditRating="x")
    ours.change("dataverse", "N1", address1_addresstypecode=4, telephone1="x")
    installation.forget_writes()
    installation.settle()
    assert ours.fno("N2")["LanguageId"] == "fr"
    assert ours.dataverse("N1")["address1_addresstypecode"] == 4
    assert sorted(fields for _, _, _, fields in wrote(installation)) == [
        ["PrimaryContactPhone"],
        ["msdyn_creditrating"],
    ]


def test_a_row_that_leaves_the_filter_is_left_alone_until_it_is_back(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.change("dataverse", "A", customertypecode=1)
    installation.settle()
    ours.change("fno", "A", OrganizationName="while it was out")
    ours.change("dataverse", "A", telephone1="while it was out")
    installation.settle()
    assert installation.ours() == []
    dataverse = ours.dataverse("A")
    assert (dataverse["customertypecode"], dataverse["name"]) == (1, "Customer A")
    ours.change("dataverse", "A", customertypecode=3)
    installation.settle()
    assert ours.dataverse("A")["name"] == "while it was out"
    assert ours.fno("A")[PHONE["fno"]] == "while it was out"
    assert installation.conflicts() == []
    installation.at_rest()


def test_new_rows_belong_to_their_company_s_team_and_stay_whose_they_are(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.add("fno", "N")
    installation.settle()
    companies = {row["cdm_companycode"]: row for row in services.dump("dataverse", "cdm_companies")}
    team = companies["usmf"]["_cdm_defaultowningteam_value"]
    assert team and team != companies["demf"]["_cdm_defaultowningteam_value"]
    assert ours.dataverse("N")["_ownerid_value"] == team
    other = companies["demf"]["_cdm_defaultowningteam_value"]
    ours.change("dataverse", "N", **{"ownerid@odata.bind": f"/teams({other})"})
    ours.change("fno", "N", OrganizationName="changed")
    installation.settle()
    assert ours.dataverse("N")["name"] == "changed"
    assert ours.dataverse("N")["_ownerid_value"] == other


# keys


def test_a_rename_in_fno_changes_the_key_of_the_same_row(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.change("fno", "AB", InvoiceAccount="A")
    ours.change("dataverse", "A", revenue=7)  # a column that no map knows
    installation.settle()
    installation.forget_writes()
    id_, children = ours.dataverse("A")["accountid"], ours.dataverse("AB")["_msdyn_billingaccount_value"]
    assert children == id_
    services.edit("fno", "RENAME", ours.path("fno", "A"), {"CustomerAccount": "A-new"})
    installation.settle()
    assert "A" not in ours.rows("dataverse")
    renamed = ours.dataverse("A-new")
    assert (renamed["accountid"], renamed["revenue"]) == (id_, 7)
    # what refers to it refers to the same row: nothing to write
    assert wrote(installation) == [("dataverse", "update", "A-new", ["accountnumber"])]
    assert installation.stored().differences(MAPS) == []


def test_a_key_that_is_changed_in_dataverse_is_listed(installation: Installation, ours: Customers) -> None:
    ours.change("dataverse", "A", accountnumber="A-new")
    installation.settle()
    (row,) = installation.parked()
    assert row.code == "key_changed" and "a-new" in row.message
    assert installation.ours() == []
    assert "A" in ours.rows("fno")


def test_a_row_that_is_deleted_and_made_again_is_the_same_row(
    services: Services, installation: Installation, ours: Customers
) -> None:
    ours.change("dataverse", "A", revenue=7)
    ours.change("fno", "A", PaymentTerms="Net 30")
    installation.settle()
    installation.forget_writes()
    id_ = ours.dataverse("A")["accountid"]
    ours.delete("fno", "A")
    ours.add("fno", "A", OrganizationName="made again")
    installation.settle()
    again = ours.dataverse("A")
    assert (again["accountid"], again["name"], again["revenue"]) == (id_, "made again", 7)
    assert installation.ours("delete") == installation.ours("create") == []


# rows without a company


def test_a_new_row_takes_over_the_one_that_names_no_company(
    services: Services, installation: Installation, ours: Customers
) -> None:
    blank = ours.new_account("n*1 ", name="Nobody said whose", revenue=7)
    blank.pop("msdyn_company@odata.bind")
    services.load("dataverse", "accounts", [blank])
    installation.settle()
    assert installation.ours() == []  # nobody knows where it belongs
    ours.add("fno", "N*1", OrganizationName="Now it is known")
    installation.settle()
    (row,) = [
        row for row in services.dump("dataverse", "accounts") if row["accountnumber"].casefold() == "n*1"
    ]
    assert (row["name"], row["revenue"]) == ("Now it is known", 7)
    assert row["_msdyn_company_value"] == company_ids(services)["usmf"]
    assert installation.ours("create") == []
    assert installation.stored().differences(MAPS) == []
    installation.at_rest()


def test_a_row_that_names_no_company_and_may_be_another_s_is_nobody_s(
    services: Services, installation: Installation, ours: Customers
) -> None:
    blank = ours.new_account("N1", name="Nobody said whose")
    blank.pop("msdyn_company@odata.bind")
    services.load("dataverse", "accounts", [blank])
    Customers(services, "demf").add("fno", "N1")
    ours.add("fno", "N1")
    installation.settle()
    rows = [row for row in services.dump("dataverse", "accounts") if row["accountnumber"] == "N1"]
    ids = company_ids(services)
    assert {row["_msdyn_company_value"] for row in rows} == {ids["usmf"], ids["demf"], None}
    assert len(rows) == 3
    (left,) = [row for row in rows if row["_msdyn_company_value"] is None]
    assert left["name"] == "Nobody said whose"
    assert installation.stored().differences(MAPS) == []


# parents


def test_a_row_whose_parent_is_not_there_yet_comes_with_it(
    services: Services, installation: Installation, ours: Customers
) -> None:
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "late"}])
    ours.add("fno", "N", CustomerGroupId="LATE ", InvoiceAccount="N")
    installation.delta(ACCOUNTS)  # the groups are not looked at
    assert ours.dataverse("N")["_msdyn_customergroupid_value"] is None
    assert [row.parent_table for row in installation.waiting(ACCOUNTS)] == ["msdyn_customergroups"]
    # Dataverse's missing group is no opinion
    installation.delta(ACCOUNTS)
    assert ours.fno("N")["CustomerGroupId"].strip() == "LATE"
    installation.settle()
    (group,) = [
        row for row in services.dump("dataverse", "msdyn_customergroups") if row["msdyn_groupid"] == "late"
    ]
    assert ours.dataverse("N")["_msdyn_customergroupid_value"] == group["msdyn_customergroupid"]
    assert installation.waiting() == []
    assert installation.stored().differences(MAPS) == []
