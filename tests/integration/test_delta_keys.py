"""Which row is meant, in a delta: keys that change, rows that are made again, rows without a company, parents that come late."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Prepare
from tests.integration.customers import MAPS, Customers, in_sync, wrote
from tests.integration.installation import (
    ACCOUNTS,
    Installation,
)
from tests.integration.trading import (
    company_ids,
)
from tests.local_services import Services


@pytest.fixture
def installation(prepare: Prepare) -> Installation:
    return prepare(in_sync, maps=MAPS)


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
