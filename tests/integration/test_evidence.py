"""What looks like deletes and may be something else: lost rights, expired tokens, flipped filters, half read lists, bulk deletes.

Nothing is deleted before it is proven gone, and a number of deletes that nobody expects waits for a person's word.
"""

from __future__ import annotations

from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import RetriableError
from tasks.sync.work import poll
from tests.integration.conftest import Install
from tests.integration.installation import (
    ACCOUNTS,
    CORE,
    CUSTOMER_GROUPS,
    TERMS,
    Installation,
    altered,
    failed,
    total,
)
from tests.integration.trading import company_ids, customer, reference_data
from tests.local_services import Services, Side

CUSTOMERS = 12


@pytest.fixture
def connected(services: Services, install: Install) -> Installation:
    """Two companies with a dozen customers each, in sync."""
    return connect(services, install, CUSTOMERS)


def connect(services: Services, install: Install, customers: int, **settings: Any) -> Installation:
    reference_data(services)
    for code in ("usmf", "demf"):
        services.load(
            "fno",
            "CustomersV3",
            [customer(code, f"C-{number:03}", CreditLimit=number) for number in range(customers)],
        )
    installation = install(maps=CORE, **settings)
    assert failed(installation.initial()) == []
    installation.quiet()
    return installation


def rename_customer(services: Services, company: str, account: str, name: str) -> None:
    """A user gives a customer another name in F&O."""
    services.edit("fno", "PATCH", fno_customer(company, account), {"OrganizationName": name})


def fno_customer(company: str, account: str) -> str:
    return f"CustomersV3(dataAreaId='{company}',CustomerAccount='{account}')?cross-company=true"


def names(services: Services) -> dict[tuple[str, str], str]:
    """Names of the accounts in Dataverse by company's name and number."""
    companies = {
        row["cdm_companyid"]: row["cdm_companycode"] for row in services.dump("dataverse", "cdm_companies")
    }
    return {
        (companies[row["_msdyn_company_value"]], row["accountnumber"]): row["name"]
        for row in services.dump("dataverse", "accounts")
    }


def states(installation: Installation) -> set[tuple[str, str]]:
    """The lanes that are in error."""
    with installation.session.store.read() as state:
        return {(lane.map, lane.company) for lane in state.lanes(installation.pair) if lane.state == "error"}


# rights


def test_a_company_that_we_lose_sight_of_is_not_deleted(services: Services, connected: Installation) -> None:
    before = names(services)
    services.switch(hide_companies=["demf"])
    rename_customer(services, "usmf", "C-001", "still flows")
    summaries = connected.delta()

    assert connected.ours("delete") == []
    assert states(connected) == {
        (name, "demf") for name in (ACCOUNTS, TERMS, CUSTOMER_GROUPS, "Vendor groups")
    }
    (told,) = [s.message for s in summaries if (s.map, s.company) == (ACCOUNTS, "demf")]
    assert "lost access" in told and "rights" in told and "dualflow deletes approve" in told
    assert names(services) == before | {("usmf", "C-001"): "still flows"}

    # sight alone brings nothing back: a person has to say so
    services.switch(hide_companies=[])
    rename_customer(services, "demf", "C-001", "waits")
    connected.settle()
    assert names(services)["demf", "C-001"] == before["demf", "C-001"]
    for name in (ACCOUNTS, TERMS, CUSTOMER_GROUPS, "Vendor groups"):
        connected.approve(name, "demf")
    connected.settle()
    assert connected.ours("delete") == []
    assert states(connected) == set()
    assert names(services)["demf", "C-001"] == "waits"
    assert connected.stored().differences(CORE) == []


def test_an_approval_given_while_we_still_see_nothing_deletes_nothing(
    services: Services, connected: Installation
) -> None:
    services.switch(hide_companies=["demf"])
    connected.delta()
    connected.approve(ACCOUNTS, "demf")
    connected.settle()
    assert connected.ours("delete") == []
    assert (ACCOUNTS, "demf") in states(connected)


def test_rows_hidden_by_security_are_held_like_deletes(services: Services, connected: Installation) -> None:
    hidden = " or ".join(f"CustomerAccount eq 'C-{number:03}'" for number in range(5))
    services.switch(hide_rows=[{"side": "fno", "set": "CustomersV3", "filter": hidden}])
    connected.delta()
    assert connected.ours("delete") == []
    assert states(connected) == {(ACCOUNTS, "usmf"), (ACCOUNTS, "demf")}
    assert {row.code for row in connected.parked(ACCOUNTS)} == {"delete_brake"}
    assert len(connected.parked(ACCOUNTS)) == 10


def test_accounts_hidden_in_dataverse_are_not_deleted_in_fno(
    services: Services, connected: Installation
) -> None:
    services.switch(hide_rows=[{"side": "dataverse", "set": "accounts", "filter": "customertypecode eq 3"}])
    services.void_tokens("accounts")  # so that the table is read, and nothing is found in it
    connected.delta()
    assert connected.ours("delete") == []
    assert states(connected) == {(ACCOUNTS, "usmf"), (ACCOUNTS, "demf")}
    assert len(connected.parked(ACCOUNTS)) == 2 * CUSTOMERS


# feeds that fail


def test_an_expired_token_is_made_up_for_by_a_scan(services: Services, connected: Installation) -> None:
    accounts = {
        row["accountnumber"]: row for row in services.dump("dataverse", "accounts") if row["creditlimit"]
    }
    services.edit(
        "dataverse", "PATCH", f"accounts({accounts['C-003']['accountid']})", {"name": "edited unseen"}
    )
    services.edit("dataverse", "DELETE", f"accounts({accounts['C-004']['accountid']})")
    company = {
        row["cdm_companyid"]: row["cdm_companycode"] for row in services.dump("dataverse", "cdm_companies")
    }
    home = company[accounts["C-004"]["_msdyn_company_value"]]
    services.void_tokens()
    polls = poll(connected.session, connected.session.selected())
    assert any(found.expired for found in polls if found.table == "accounts")
    connected.settle()
    assert [write["key"] for write in connected.ours("delete")] == [
        {"dataAreaId": home, "CustomerAccount": "C-004"}
    ]
    assert connected.stored().differences(CORE) == []
    assert "edited unseen" in {row["OrganizationName"] for row in services.dump("fno", "CustomersV3")}
    assert states(connected) == set()


@pytest.mark.parametrize("action", ["empty", "cut_pages"])
@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_list_that_breaks_off_deletes_nothing(
    services: Services, connected: Installation, side: Any, action: str
) -> None:
    services.void_tokens()
    services.switch(fno_page_size_preference=True)
    services.fault(side=side, match="GET .*(CustomersV3|accounts)\\?", action=action, times=0)
    try:
        connected.settle()
    except RetriableError as error:
        assert "counted" in str(error)
    services.clear_faults()
    connected.settle()
    assert connected.ours("delete") == []
    assert states(connected) == set()
    assert connected.stored().differences(CORE) == []


# flipped filters


@pytest.mark.parametrize("customers", [5, 25], ids=["a few customers", "many customers"])
def test_a_filter_flipped_for_all_rows_stops_the_lane(
    services: Services, install: Install, customers: int
) -> None:
    installation = connect(services, install, customers)
    before = services.dump("dataverse", "accounts")
    services.change("fno", "CustomersV3", {"PartyType": "Person"}, "dataAreaId eq 'usmf'")
    summaries = installation.settle()
    assert installation.ours("delete") == []
    assert states(installation) == {(ACCOUNTS, "usmf")}
    (told,) = {s.message for s in summaries if (s.map, s.company) == (ACCOUNTS, "usmf")}
    assert str(customers) in told
    assert services.dump("dataverse", "accounts") == before
    # nor do they turn up as persons meanwhile
    assert services.dump("dataverse", "contacts") == []

    # starting over is no way around a person's word
    assert failed(installation.initial(ACCOUNTS)) != []
    assert states(installation) == {(ACCOUNTS, "usmf")}

    installation.approve(ACCOUNTS, "usmf")
    installation.settle()
    assert installation.ours("delete") == []
    assert services.dump("dataverse", "accounts") == before
    assert {link.state for link in installation.links(ACCOUNTS, "usmf")} == {"detached"}

    services.change("fno", "CustomersV3", {"PartyType": "Organization"}, "dataAreaId eq 'usmf'")
    installation.settle()
    assert {link.state for link in installation.links(ACCOUNTS, "usmf")} == {"paired"}
    assert services.dump("dataverse", "accounts") == before


# many deletes


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_bulk_delete_waits_for_a_word(services: Services, connected: Installation, side: Any) -> None:
    gone = [f"C-{number:03}" for number in range(6)]
    ids = {
        code: guid
        for guid, code in (
            (row["cdm_companyid"], row["cdm_companycode"])
            for row in services.dump("dataverse", "cdm_companies")
        )
    }
    if side == "fno":
        condition = " or ".join(f"CustomerAccount eq '{number}'" for number in gone)
        assert services.change("fno", "CustomersV3", None, f"dataAreaId eq 'usmf' and ({condition})") == 6
    else:
        condition = " or ".join(f"accountnumber eq '{number}'" for number in gone)
        company = f"_msdyn_company_value eq {ids['usmf']}"
        assert services.change("dataverse", "accounts", None, f"{company} and ({condition})") == 6
    summaries = connected.settle()
    assert connected.ours("delete") == []
    assert states(connected) == {(ACCOUNTS, "usmf")}
    held = connected.parked(ACCOUNTS, "usmf")
    assert {row.key for row in held} == set(gone)
    assert {row.kind for row in held} == {"held_delete"}
    assert total(summaries, "held") == 6

    # one of them was a mistake, and somebody makes it again before the word is given
    if side == "fno":
        services.load("fno", "CustomersV3", [customer("usmf", "C-000", OrganizationName="Back again")])
    released = connected.approve(ACCOUNTS, "usmf")
    assert sum(each.rows for each in released) == 6
    connected.settle()
    assert len(connected.ours("delete")) == (5 if side == "fno" else 6)
    assert states(connected) == set()
    assert connected.parked() == []
    assert connected.stored().differences(CORE) == []
    if side == "fno":
        assert names(services)["usmf", "C-000"] == "Back again"


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_an_approval_is_for_what_was_held_and_for_no_more(
    services: Services, install: Install, side: Side
) -> None:
    connected = connect(services, install, 130, page_size=50)
    other: Side = "dataverse" if side == "fno" else "fno"
    if side == "fno":
        table, condition = "CustomersV3", "CustomerAccount ge 'C-010' and dataAreaId eq 'usmf'"
    else:
        company = f"_msdyn_company_value eq {company_ids(services)['usmf']}"
        table, condition = "accounts", f"accountnumber ge 'C-010' and {company}"
    assert services.change(side, table, None, condition) == 120
    connected.delta()
    connected.delta()
    (held,) = connected.approve(ACCOUNTS, "usmf")
    # the lane stopped at the first page, and yet all is said at once: Dataverse's feed names a delete once, and what is held
    # stays named
    assert (held.gone_from, held.rows) == (side, 120)
    connected.settle()
    assert len(connected.ours("delete", other)) == 120
    assert states(connected) == set()

    gone = [f"C-{number:03}" for number in range(4)]
    if side == "fno":
        condition = " or ".join(f"CustomerAccount eq '{number}'" for number in gone)
        assert services.change("fno", table, None, f"dataAreaId eq 'usmf' and ({condition})") == 4
    else:
        condition = " or ".join(f"accountnumber eq '{number}'" for number in gone)
        assert services.change("dataverse", table, None, f"{company} and ({condition})") == 4
    connected.settle()
    assert len(connected.ours("delete", other)) == 120
    assert states(connected) == {(ACCOUNTS, "usmf")}


def test_a_few_deletes_pass(services: Services, connected: Installation) -> None:
    for number in range(3):
        services.edit("fno", "DELETE", fno_customer("usmf", f"C-{number:03}"))
    connected.settle()
    assert len(connected.ours("delete", "dataverse")) == 3
    services.edit("fno", "DELETE", fno_customer("usmf", "C-003"))  # the fourth within a day
    connected.settle()
    assert len(connected.ours("delete", "dataverse")) == 3
    assert states(connected) == {(ACCOUNTS, "usmf")}


@pytest.mark.parametrize("action", ["empty", "cut_pages"])
def test_a_list_that_breaks_off_at_the_first_connection_makes_no_twin(
    services: Services, install: Install, action: str
) -> None:
    reference_data(services)
    services.load("fno", "CustomersV3", [customer("usmf", f"C-{number:03}") for number in range(CUSTOMERS)])
    install(maps=CORE).initial()
    # the same two systems again, with nothing remembered and nothing in Dataverse that would refuse a twin
    services.switch(alternate_keys=False)
    second = install(maps=CORE, dataverse_page_size=5)
    made = second.ours("create")
    services.fault(side="dataverse", match=r"GET .*accounts\?.*filter", action=action, times=1)
    second.initial()
    services.clear_faults()
    assert failed(second.initial()) == []
    assert second.stored().twins(CORE) == []
    assert second.ours("create") == made


# deactivated instead of deleted


@pytest.fixture
def deactivating(services: Services, install: Install, catalogue: Catalogue) -> Installation:
    """Accounts are taken out of use when their customer goes or becomes a person."""
    policy = catalogue.get(ACCOUNTS).delete.model_copy(update={"to_dataverse": "deactivate"})
    changed = altered(catalogue, ACCOUNTS, delete=policy, on_leave="deactivate")
    return connect(services, install, CUSTOMERS, catalogue=changed)


def account(services: Services, company: str, number: str) -> dict[str, Any]:
    """An account as Dataverse stores it."""
    ids = {
        row["cdm_companyid"]: row["cdm_companycode"] for row in services.dump("dataverse", "cdm_companies")
    }
    (found,) = [
        row
        for row in services.dump("dataverse", "accounts")
        if row["accountnumber"] == number and ids[row["_msdyn_company_value"]] == company
    ]
    return found


def test_a_map_may_deactivate_and_brings_back_what_is_restored(
    services: Services, deactivating: Installation
) -> None:
    services.edit("fno", "DELETE", fno_customer("usmf", "C-001"))
    services.edit("fno", "PATCH", fno_customer("usmf", "C-002"), {"PartyType": "Person"})
    deactivating.settle()
    assert deactivating.ours("delete") == []
    for number in ("C-001", "C-002"):
        row = account(services, "usmf", number)
        assert (row["statecode"], row["statuscode"]) == (1, 2)
    assert account(services, "usmf", "C-003")["statecode"] == 0
    assert deactivating.parked() == [] and states(deactivating) == set()
    deactivating.quiet()

    services.load("fno", "CustomersV3", [customer("usmf", "C-001", OrganizationName="Back again")])
    services.edit("fno", "PATCH", fno_customer("usmf", "C-002"), {"PartyType": "Organization"})
    deactivating.settle()
    for number in ("C-001", "C-002"):
        row = account(services, "usmf", number)
        assert (row["statecode"], row["statuscode"]) == (0, 1)
    assert account(services, "usmf", "C-001")["name"] == "Back again"
    assert deactivating.stored().differences([ACCOUNTS]) == []
