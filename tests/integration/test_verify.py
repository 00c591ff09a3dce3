"""`verify` finds what differs between the systems, all of it and nothing else."""

from __future__ import annotations

from tasks.sync.verify import Difference, verify
from tests.integration.conftest import Install
from tests.integration.installation import ACCOUNTS, CORE, CUSTOMER_GROUPS, Installation
from tests.integration.trading import customer, reference_data
from tests.local_services import Services


def synced(install: Install, services: Services) -> Installation:
    reference_data(services)
    services.load(
        "fno", "CustomersV3", [customer("usmf", f"US-{i}", OrganizationName=f"Org {i}") for i in range(6)]
    )
    one = install(maps=CORE)
    one.initial()
    one.settle()
    return one


def account_of(services: Services, number: str) -> str:
    return next(
        str(r["accountid"]) for r in services.dump("dataverse", "accounts") if r["accountnumber"] == number
    )


def found(one: Installation) -> set[tuple[str, str, str, tuple[str, ...]]]:
    return {(d.map, d.key, d.kind, d.fields) for d in verify(one.session).details}


def test_nothing_is_found_after_a_sync(install: Install, services: Services) -> None:
    one = synced(install, services)
    result = verify(one.session)
    assert (result.differences, result.details) == (0, [])
    assert result.rows_compared >= 6
    assert result.maps == len(CORE)
    assert sum(each.rows for each in result.by_map) == result.rows_compared


def test_each_kind_of_difference_is_found_with_its_row_and_field(
    install: Install, services: Services
) -> None:
    one = synced(install, services)
    services.edit("dataverse", "PATCH", f"accounts({account_of(services, 'US-1')})", {"name": "Other"})
    services.edit("dataverse", "DELETE", f"accounts({account_of(services, 'US-2')})")
    services.edit("fno", "DELETE", "CustomersV3(dataAreaId='usmf',CustomerAccount='US-3')?cross-company=true")
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true"
    services.edit("fno", "PATCH", group, {"Description": "Changed"})

    assert found(one) == {
        (ACCOUNTS, "us-1", "different", ("OrganizationName=name",)),
        (ACCOUNTS, "us-2", "missing_in_dataverse", ()),
        (ACCOUNTS, "us-3", "missing_in_fno", ()),
        (CUSTOMER_GROUPS, "10", "different", ("Description=msdyn_description",)),
    }


def test_a_wrong_link_hides_nothing(install: Install, services: Services) -> None:
    """Links are what the engine believes; a comparison that trusted them would repeat its errors."""
    one = synced(install, services)
    services.edit("dataverse", "PATCH", f"accounts({account_of(services, 'US-1')})", {"name": "Other"})
    with one.session.store.unfenced() as tx:
        tx.delete_links([link.id for link in one.links(ACCOUNTS, "usmf")])
    assert found(one) == {(ACCOUNTS, "us-1", "different", ("OrganizationName=name",))}


def test_the_list_may_be_shorter_than_the_count(install: Install, services: Services) -> None:
    one = synced(install, services)
    services.change("dataverse", "accounts", {"name": "Same for all"})
    result = verify(one.session, [ACCOUNTS], limit=2)
    assert result.differences == 6
    assert len(result.details) == 2
    assert all(isinstance(each, Difference) for each in result.details)
    assert result.to_json()["details"][0]["map"] == ACCOUNTS
