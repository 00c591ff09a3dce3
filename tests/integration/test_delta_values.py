"""What a delta makes of single values: what services change in them, what flows one way, what only new rows are given."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Prepare
from tests.integration.customers import MAPS, NAME, PHONE, Customers, in_sync, wrote
from tests.integration.installation import (
    ACCOUNTS,
    Installation,
    failed,
    total,
)
from tests.local_services import Services


@pytest.fixture
def installation(prepare: Prepare) -> Installation:
    return prepare(in_sync, maps=MAPS)


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
    assert installation.conflicts() == []  # they are no difference at all
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


def test_a_text_that_a_service_cuts_is_counted_and_never_sent_back(
    services: Services, installation: Installation, ours: Customers
) -> None:
    services.switch(fno_long_text="cut")
    long = "x" * 100 + " and more"
    ours.change("dataverse", "A", name=long)
    summaries = installation.settle()
    assert total(summaries, "normalized") == 1
    assert ours.fno("A")[NAME["fno"]] == "x" * 100
    # neither now nor when something else in the row changes, on either side
    ours.change("fno", "A", CreditRating="unrelated")
    installation.settle()
    ours.change("dataverse", "A", telephone1="unrelated")
    installation.settle()
    assert ours.dataverse("A")["name"] == long
    assert [found.kind for found in installation.conflicts()] == ["normalized"]
    assert [fields for _, _, _, fields in wrote(installation)] == [
        ["OrganizationName"],
        ["msdyn_creditrating"],
        ["PrimaryContactPhone"],
    ]
    installation.at_rest()
    # until a user changes it: there, or here
    ours.change("fno", "A", OrganizationName="shorter")
    installation.settle()
    assert ours.dataverse("A")["name"] == "shorter"


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
