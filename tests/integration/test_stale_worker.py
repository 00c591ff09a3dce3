"""Workers that are suspended until their leases have run out and another one has done their work.

When they go on they still believe that the rows are as they read them. The state refuses them by the epoch of the lease; the
services know of no lease, and refuse them by the versions of the rows.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine, select

from tests.integration.conftest import Install, on_both_databases
from tests.integration.installation import (
    ACCOUNTS,
    CORE,
    CUSTOMER_GROUPS,
    PERSONS,
    TERMS,
    VENDOR_GROUPS,
    VENDORS,
    Installation,
    failed,
)
from tests.integration.trading import customer, person, reference_data, vendor
from tests.integration.worker import LOST, Workers
from tests.local_services import Services, Side

LEASE = 5
"""Seconds; the shortest that the settings allow."""


@dataclass(frozen=True)
class Edit:
    """What a user does to one row: changes a column of it, or deletes it."""

    side: Side
    table: str
    key: str
    body: dict[str, Any] | None

    def make(self, services: Services) -> None:
        assert services.change(self.side, self.table, self.body, self.key) == 1


@dataclass(frozen=True)
class Sleeper:
    """A worker that falls asleep over a map.

    Attributes:
        where: the step at which it does; a request is on its way already, and can't be called back.
        before: what it was about to bring to the other side.
        first: what users do when it sleeps, before the other worker comes.
        later: what they do afterwards; the other worker brings that over as well.
        shown: where to look: side, entity set or table, key, column; the value that has to stand there.
    """

    map: str
    where: str
    before: Edit
    first: tuple[Edit, ...] = ()
    later: tuple[Edit, ...] = ()
    shown: tuple[tuple[Side, str, str, str, Any], ...] = ()


REQUEST = "request after intent"
SLEEPERS = (
    Sleeper(
        ACCOUNTS,
        REQUEST,  # an update in Dataverse
        Edit("fno", "CustomersV3", "CustomerAccount eq 'C-1'", {"OrganizationName": "read"}),
        later=(Edit("dataverse", "accounts", "accountnumber eq 'C-1'", {"name": "user's"}),),
        shown=(
            ("fno", "CustomersV3", "C-1", "OrganizationName", "user's"),
            ("dataverse", "accounts", "C-1", "name", "user's"),
        ),
    ),
    Sleeper(
        TERMS,
        REQUEST,  # an update in F&O
        Edit("dataverse", "msdyn_paymentterms", "msdyn_name eq 'Net 30'", {"msdyn_description": "read"}),
        later=(Edit("fno", "PaymentTerms", "Name eq 'Net 30'", {"Description": "user's"}),),
        shown=(
            ("fno", "PaymentTerms", "Net 30", "Description", "user's"),
            ("dataverse", "msdyn_paymentterms", "Net 30", "msdyn_description", "user's"),
        ),
    ),
    Sleeper(
        VENDOR_GROUPS,
        REQUEST,  # a delete in Dataverse
        Edit("fno", "VendorGroups", "VendorGroupId eq 'V'", None),
        first=(
            Edit(
                "dataverse", "msdyn_vendorgroups", "msdyn_vendorgroup eq 'V'", {"msdyn_description": "user's"}
            ),
        ),
        shown=(
            ("fno", "VendorGroups", "V", "Description", "user's"),
            ("dataverse", "msdyn_vendorgroups", "V", "msdyn_description", "user's"),
        ),
    ),
    Sleeper(
        CUSTOMER_GROUPS,
        REQUEST,  # a delete in F&O
        Edit("dataverse", "msdyn_customergroups", "msdyn_groupid eq 'C'", None),
        first=(Edit("fno", "CustomerGroups", "CustomerGroupId eq 'C'", {"Description": "user's"}),),
        shown=(
            ("fno", "CustomerGroups", "C", "Description", "user's"),
            ("dataverse", "msdyn_customergroups", "C", "msdyn_description", "user's"),
        ),
    ),
    Sleeper(
        VENDORS,
        "intent",  # nothing is on its way yet, and nothing must set out
        Edit("fno", "VendorsV2", "VendorAccountNumber eq 'V-1'", {"VendorOrganizationName": "read"}),
        later=(
            Edit(
                "dataverse", "msdyn_vendors", "msdyn_vendoraccountnumber eq 'V-1'", {"msdyn_name": "user's"}
            ),
        ),
        shown=(
            ("fno", "VendorsV2", "V-1", "VendorOrganizationName", "user's"),
            ("dataverse", "msdyn_vendors", "V-1", "msdyn_name", "user's"),
        ),
    ),
    Sleeper(
        PERSONS,
        "polled",  # what the feed said is known to nobody else
        Edit("dataverse", "contacts", "msdyn_contactpersonid eq 'P-1'", {"lastname": "read"}),
        later=(Edit("dataverse", "contacts", "msdyn_contactpersonid eq 'P-1'", {"lastname": "user's"}),),
        shown=(("fno", "CustomersV3", "P-1", "PersonLastName", "user's"),),
    ),
)
KEYS = {
    "CustomersV3": "CustomerAccount",
    "accounts": "accountnumber",
    "PaymentTerms": "Name",
    "msdyn_paymentterms": "msdyn_name",
    "VendorGroups": "VendorGroupId",
    "msdyn_vendorgroups": "msdyn_vendorgroup",
    "CustomerGroups": "CustomerGroupId",
    "msdyn_customergroups": "msdyn_groupid",
    "VendorsV2": "VendorAccountNumber",
    "msdyn_vendors": "msdyn_vendoraccountnumber",
}


@pytest.fixture
def installation(services: Services, install: Install, state_url: str | None) -> Installation:
    """One company with a row or two for each sleeper, in sync."""
    reference_data(services, ["usmf"])
    own = {"dataAreaId": "usmf"}
    services.load("fno", "VendorGroups", [{**own, "VendorGroupId": "V"}])
    services.load("fno", "CustomerGroups", [{**own, "CustomerGroupId": "C"}])
    services.load(
        "fno", "CustomersV3", [customer("usmf", "C-1"), customer("usmf", "C-2"), person("usmf", "P-1")]
    )
    services.load("fno", "VendorsV2", [vendor("usmf", "V-1"), vendor("usmf", "V-2")])
    made = install(maps=CORE, companies=["usmf"], state_url=state_url, lease_seconds=LEASE)
    assert failed(made.initial()) == []
    made.quiet()
    made.forget_writes()
    return made


def content(installation: Installation) -> dict[str, list[tuple[Any, ...]]]:
    """Everything in the state but the leases and what was used of the budgets, by table."""
    engine = create_engine(installation.settings.state_url)
    tables = MetaData()
    tables.reflect(engine)
    with engine.connect() as connection:
        found = {
            table.name: sorted(map(tuple, connection.execute(select(table))), key=repr)
            for table in tables.sorted_tables
            if table.name not in ("lease", "budget")  # what was sent counts, whoever sent it
        }
    engine.dispose()
    assert found["link"]
    return found


def value(services: Services, side: Side, table: str, key: str, column: str) -> Any:
    (row,) = [row for row in services.dump(side, table) if row[KEYS[table]] == key]
    return row[column]


def writes(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations of a request that are no reads."""
    return [each for each in request["operations"] if each["method"] != "GET"]


@on_both_databases
def test_workers_that_slept_past_their_leases_change_nothing(
    services: Services, installation: Installation, workers: Workers
) -> None:
    for sleeper in SLEEPERS:
        sleeper.before.make(services)
    with ExitStack() as all_asleep:
        endings = [
            all_asleep.enter_context(
                workers.stopped(installation.settings, [sleeper.map], failpoint=sleeper.where)
            )
            for sleeper in SLEEPERS
        ]
        for sleeper in SLEEPERS:
            for edit in sleeper.first:
                edit.make(services)
            with installation.session.leased(f"lane:{sleeper.map}:usmf", wait=3 * LEASE):
                pass  # it has run out
        assert failed(installation.settle()) == []
        for sleeper in SLEEPERS:
            for edit in sleeper.later:
                edit.make(services)
        assert failed(installation.settle()) == []
        before, asked = content(installation), services.trace()[-1]["seq"]
        written = services.write_count()

    assert endings == [[LOST]] * len(SLEEPERS)
    assert services.write_count() == written
    assert content(installation) == before
    # every request that was on its way arrived, and none that was not
    arrived = [each for request in services.trace(asked) for each in writes(request)]
    assert len(arrived) == sum(sleeper.where == REQUEST for sleeper in SLEEPERS)
    assert {each["status"] for each in arrived} <= {404, 412}
    for sleeper in SLEEPERS:
        for side, table, key, column, wanted in sleeper.shown:
            assert value(services, side, table, key, column) == wanted, sleeper.map
    installation.at_rest()
    assert installation.parked() == []


def test_a_worker_that_wakes_up_amid_its_writes_sends_no_more_of_them(
    services: Services, installation: Installation, workers: Workers
) -> None:
    Edit("fno", "CustomersV3", "CustomerAccount eq 'C-1'", {"OrganizationName": "read"}).make(services)
    services.load("fno", "CustomersV3", [customer("usmf", "C-3", OrganizationName="new")])
    Edit("dataverse", "accounts", "accountnumber eq 'C-2'", {"name": "read"}).make(services)
    with workers.stopped(installation.settings, [ACCOUNTS], failpoint=REQUEST) as ended:
        # while its lease lasts nobody else works on its rows
        assert {each.map: each.code for each in installation.delta()} == {ACCOUNTS: "lease_held"}
        assert installation.ours() == []
        with installation.session.leased(f"lane:{ACCOUNTS}:usmf", wait=3 * LEASE):
            pass
        asked = services.trace()[-1]["seq"]
    assert ended == [LOST]
    assert len([request for request in services.trace(asked) if writes(request)]) == 1
    # what arrived is recognized, and what did not is sent by the next one
    assert failed(installation.settle()) == []
    assert installation.stored().differences(CORE) == []
    assert installation.stored().twins(CORE) == []
    assert len(installation.ours()) == 3
    assert installation.conflicts(ACCOUNTS) == []
