"""The six documented start scenarios: what happens when two systems, new or lived in, are connected for the first time.

Lived-in systems hold the same rows in other spellings, rows twice, rows without a company, rows outside a map's filter and rows of
companies that are not in scope. Whatever there is: no twin is made, nothing is lost, and rows that nobody asked about stay as they
are to the byte.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.integration.conftest import Install
from tests.integration.installation import (
    ACCOUNTS,
    CORE,
    CURRENCIES,
    PERSONS,
    Installation,
    failed,
)
from tests.integration.stored import Row, Stored, documents, id_of
from tests.integration.trading import (
    NASTY,
    account,
    companies,
    company_ids,
    contact,
    customer,
    customer_binds,
    dataverse_companies,
    of,
    person,
    reference_data,
    vendor,
    vendor_binds,
)
from tests.local_services import Services

# F&O


def new_fno(services: Services) -> None:
    """A new environment: its companies, its ledger currency."""
    companies(services, "usmf", "demf")
    services.load("fno", "Currencies", [{"CurrencyCode": "USD", "Name": "US Dollar", "Symbol": "$"}])


def fno_with_data(services: Services) -> None:
    """Reference data and customers, as a migration brings them."""
    reference_data(services)
    services.load("fno", "CustomersV3", [customer(code, "US-001") for code in ("usmf", "demf")])
    services.load("fno", "CustomersV3", [customer("usmf", key) for key in NASTY])
    services.load(
        "fno", "CustomersV3", [customer("demf", "C+D"), person("usmf", "P-1"), person("demf", "P-1")]
    )
    services.load("fno", "VendorsV2", [vendor("usmf", "V/1"), vendor("usmf", "V'2"), vendor("demf", "V/1")])


def existing_fno(services: Services) -> None:
    """Years of work: more customers, references to each other, numbers from sequences, a company that is out of scope."""
    fno_with_data(services)
    services.load("fno", "PaymentTerms", [{"dataAreaId": "usmf", "Name": "US only", "NumberOfDays": 7}])
    services.load(
        "fno",
        "CustomersV3",
        [
            customer("usmf", "M-1", OrganizationName="Match me", PrimaryContactEmail="match@example.com"),
            customer("usmf", "DUP-1", InvoiceAccount="us-001 "),
            customer("usmf", "", OrganizationName="Numbered by the sequence"),
            person("usmf", "P-2"),
            person("usmf", "P-9"),
        ],
    )
    companies(services, "zzzz")
    services.load("fno", "CustomerGroups", [{"dataAreaId": "zzzz", "CustomerGroupId": "10"}])
    services.load("fno", "CustomersV3", [customer("zzzz", "Z-1")])


# Dataverse


def new_dataverse(services: Services) -> None:
    """A new environment: the base currency is there, nothing else."""
    services.load(
        "dataverse",
        "transactioncurrencies",
        [{"isocurrencycode": "USD", "currencyname": "US Dollar", "currencysymbol": "$", "exchangerate": 1}],
    )


def existing_dataverse(services: Services) -> None:
    """Years of sales: the same customers typed by hand, half of them never given a company."""
    services.switch(normalize_trim=False, alternate_keys=False)  # before somebody turned both on
    dataverse_companies(services, "USMF", "demf", "zzzz")
    ids = company_ids(services)
    us = customer_binds(ids["usmf"])
    services.load(
        "dataverse",
        "transactioncurrencies",
        [
            {"isocurrencycode": "usd", "currencyname": "Dollar", "currencysymbol": "$", "exchangerate": 1.25},
            {"isocurrencycode": "CHF", "currencyname": "Franken", "exchangerate": 0.9},
            {"isocurrencycode": "999", "currencyname": "None", "exchangerate": 1},
        ],
    )
    terms: list[Row] = [
        {"msdyn_name": "NET 30 ", "msdyn_days": 31, **of("usmf")},
        {"msdyn_name": "D45", "msdyn_days": 45, **of("usmf")},
        {"msdyn_name": "1% & rest", "msdyn_days": 1},
        {"msdyn_name": "us ONLY"},
        {"msdyn_name": "Net 30", "msdyn_days": 99, **of("zzzz")},
    ]
    services.load("dataverse", "msdyn_paymentterms", terms)
    services.load(
        "dataverse",
        "msdyn_customergroups",
        [{"msdyn_groupid": "10", **of("usmf")}, {"msdyn_groupid": "r&d", **of("usmf")}],
    )
    services.load("dataverse", "msdyn_vendorgroups", [{"msdyn_vendorgroup": "10%", **of("usmf")}])
    services.load(
        "dataverse",
        "accounts",
        [
            account("usmf", "us-001", name="Typed by hand", creditlimit=500, revenue=12.5, **us),
            account("usmf", "us/002 ", **us),
            account("usmf", "a&b", name="Customer A&B", sic="0100", **us),
            account("usmf", "50%", customertypecode=1),
            account("usmf", "D/ONLY", **us),
            account("usmf", None, name="Match me", emailaddress1="match@example.com", **us),
            account("usmf", None, name="A prospect with no number"),
            account(None, "c+d", revenue=1),
            account(None, "O'NEIL", sic="7", **us),
            account(None, "#7"),
            account(None, "#7 "),
            account("usmf", "dup-1"),
            account("usmf", "DUP-1"),
            account("usmf", "Dup-2", **us),
            account("usmf", "dup-2", **us),
            account("usmf", "P-9", **us),
            account("zzzz", "US-001", name="Out of scope"),
            account("demf", "US-001"),
        ],
    )
    services.load(
        "dataverse",
        "contacts",
        [
            contact("usmf", "p-1 ", firstname="Zoe", nickname="Z", **us),
            contact("usmf", "p-2", msdyn_sellable=False),
            contact("usmf", "C-ONLY", firstname="Only", **us),
            contact(None, "P-1", firstname="Nobody knows whose"),
            {"firstname": "A", "lastname": "Visitor", "nickname": "unmapped"},
        ],
    )
    binds = vendor_binds(ids["usmf"])
    services.load(
        "dataverse",
        "msdyn_vendors",
        [
            {
                "msdyn_vendoraccountnumber": "v/1",
                "msdyn_name": "By hand",
                "msdyn_isperson": False,
                **of("usmf"),
                **binds,
            },
            {
                "msdyn_vendoraccountnumber": "V-DV",
                "msdyn_name": "Only here",
                "msdyn_isperson": False,
                **of("usmf"),
                **binds,
            },
            {"msdyn_vendoraccountnumber": "V/1", "msdyn_name": "No company", "msdyn_isperson": False},
            {
                "msdyn_vendoraccountnumber": "v'2",
                "msdyn_name": "Vendor V'2",
                "msdyn_isperson": False,
                **binds,
            },
        ],
    )
    services.switch(normalize_trim=True)


# what has to come of it

UNTOUCHED = (
    ("accounts", "accountnumber", "c+d", None),  # two companies have this customer
    ("accounts", "accountnumber", "#7", None),  # two rows without a company: nobody can say which
    ("accounts", "accountnumber", "#7 ", None),
    ("accounts", "accountnumber", "50%", "usmf"),  # outside the map's filter
    ("accounts", "name", "A prospect with no number", "usmf"),
    ("accounts", "accountnumber", "US-001", "zzzz"),  # out of scope
    ("accounts", "accountnumber", "dup-1", "usmf"),  # twice
    ("accounts", "accountnumber", "DUP-1", "usmf"),
    ("accounts", "accountnumber", "Dup-2", "usmf"),
    ("accounts", "accountnumber", "dup-2", "usmf"),
    ("contacts", "msdyn_contactpersonid", "p-2", "usmf"),
    ("contacts", "msdyn_contactpersonid", "P-1", None),
    ("contacts", "lastname", "Visitor", None),
    ("msdyn_paymentterms", "msdyn_name", "1% & rest", None),
    ("msdyn_paymentterms", "msdyn_name", "Net 30", "zzzz"),
    ("msdyn_vendors", "msdyn_vendoraccountnumber", "V/1", None),
)
"""Rows of the lived-in Dataverse that nobody may touch, whatever F&O holds: table, column, value, company."""

UNMAPPED = {"accounts": ("revenue", "sic"), "contacts": ("nickname",)}
"""Columns that no map knows."""


@dataclass(frozen=True)
class Scenario:
    """A pair of environments before they are connected, and what a person is left to settle.

    Attributes:
        parked: (map, code, folded key).
        missing: (map, company and folded key, side that lacks the row); all of them parked.
    """

    fno: Callable[[Services], None]
    dataverse: Callable[[Services], None]
    parked: frozenset[tuple[str, str, str]] = frozenset()
    missing: frozenset[tuple[str, str, str]] = frozenset()


DUP_1, DUP_2 = (ACCOUNTS, "duplicate", "dup-1"), (ACCOUNTS, "duplicate", "dup-2")
LACKING_DUP_1, LACKING_DUP_2 = (ACCOUNTS, "usmf/dup-1", "F&O"), (ACCOUNTS, "usmf/dup-2", "F&O")
SCENARIOS = {
    "new-new": Scenario(new_fno, new_dataverse),
    "new-existing": Scenario(
        new_fno,
        existing_dataverse,
        # the account of demf has no group, and F&O wants one
        parked=frozenset({DUP_1, DUP_2, (ACCOUNTS, "refused", "us-001")}),
        missing=frozenset(
            {LACKING_DUP_1, LACKING_DUP_2, (ACCOUNTS, "demf/us-001", "F&O"), (CURRENCIES, "/999", "F&O")}
        ),
    ),
    "data-new": Scenario(fno_with_data, new_dataverse),
    "data-existing": Scenario(
        fno_with_data,
        existing_dataverse,
        parked=frozenset(
            {
                DUP_1,
                DUP_2,
                (CURRENCIES, "key_taken", "999"),
                (ACCOUNTS, "key_taken", "50%"),
                (ACCOUNTS, "ambiguous", "#7"),
            }
        ),
        missing=frozenset(
            {
                LACKING_DUP_1,
                LACKING_DUP_2,
                (CURRENCIES, "/999", "F&O"),
                (ACCOUNTS, "usmf/50%", "Dataverse"),
                (ACCOUNTS, "usmf/#7", "Dataverse"),
            }
        ),
    ),
    "existing-new": Scenario(existing_fno, new_dataverse),
    "existing-existing": Scenario(
        existing_fno,
        existing_dataverse,
        parked=frozenset(
            {
                DUP_2,
                (CURRENCIES, "key_taken", "999"),
                (ACCOUNTS, "ambiguous", "#7"),
                (ACCOUNTS, "ambiguous", "dup-1"),
                (ACCOUNTS, "key_taken", "50%"),
                (ACCOUNTS, "key_taken", "p-9"),
                (PERSONS, "key_taken", "p-2"),
            }
        ),
        missing=frozenset(
            {
                LACKING_DUP_2,
                (CURRENCIES, "/999", "F&O"),
                (ACCOUNTS, "usmf/50%", "Dataverse"),
                (ACCOUNTS, "usmf/#7", "Dataverse"),
                (ACCOUNTS, "usmf/p-9", "F&O"),
                (PERSONS, "usmf/p-2", "Dataverse"),
            }
        ),
    ),
}


@pytest.mark.parametrize(
    ("name", "state_url"),
    [*((name, "sqlite") for name in SCENARIOS), ("existing-existing", "postgresql")],
    indirect=["state_url"],
)
def test_no_start_scenario_makes_a_twin_or_loses_a_row(
    services: Services, install: Install, name: str, state_url: str | None
) -> None:
    scenario = SCENARIOS[name]
    scenario.fno(services)
    scenario.dataverse(services)
    installation = install(maps=CORE, state_url=state_url)
    before = installation.stored()
    twins_before, untouched = before.twins(CORE), rows_of(before, UNTOUCHED)
    unmapped, names = columns_of(before, UNMAPPED), identities(before)

    assert failed(installation.initial()) == []
    found = installation.stored()
    assert found.twins(CORE) == twins_before
    assert parked(installation) == scenario.parked
    assert missing(found) == scenario.missing
    disputed = tuple(f"{map}: usmf/{key}:" for map, code, key in scenario.parked if code == "ambiguous")
    assert [
        each
        for each in found.differences(CORE)
        if " is not in " not in each and not each.startswith(disputed)
    ] == []
    assert {name: rows_of(found, UNTOUCHED).get(name) for name in untouched} == untouched
    assert columns_of(found, UNMAPPED) == unmapped
    assert names <= identities(found)
    assert installation.ours("delete") == []
    # F&O's filter leaves this one out, so there is no use in making it there
    assert [
        write for write in installation.ours("create", "fno") if write["key"] == {"CurrencyCode": "999"}
    ] == []
    installation.quiet()
    assert installation.open_intents() == []


def rows_of(stored: Stored, wanted: tuple[tuple[str, str, str, str | None], ...]) -> dict[str, Any]:
    """These Dataverse rows by id, whole, version and stamps included."""
    return {
        id_of(row): row
        for table, column, value, company in wanted
        for row in stored.rows("dataverse", table)
        if row[column] == value and stored.company_of(OWN_COMPANY, row) == (company or "")
    }


OWN_COMPANY = {"dataverse": {"company": "msdyn_company"}}


def columns_of(stored: Stored, tables: Mapping[str, tuple[str, ...]]) -> dict[str, list[Any]]:
    """Values of some columns, by the rows' ids; rows where all are empty are left out."""
    found = {}
    for table, columns in tables.items():
        for row in stored.rows("dataverse", table):
            if any(row[column] is not None for column in columns):
                found[f"{table} {id_of(row)}"] = [row[c] for c in columns]
    return found


def identities(stored: Stored) -> set[str]:
    """Names of all rows of both sides: F&O's keys, Dataverse's ids."""
    found = set()
    for name in CORE:
        fno, dataverse = documents()[name]["fno"], documents()[name]["dataverse"]
        for row in stored.rows("fno", fno["set"]):
            found.add(f"{fno['set']} {[row[part] for part in fno['key']]}")
        for row in stored.rows("dataverse", dataverse["table"]):
            found.add(f"{dataverse['table']} {id_of(row)}")
    return found


def parked(installation: Installation) -> set[tuple[str, str, str]]:
    return {(row.map, row.code, row.key.rstrip().casefold()) for row in installation.parked()}


def missing(stored: Stored) -> set[tuple[str, str, str]]:
    found = set()
    for line in stored.differences(CORE):
        name, _, rest = line.partition(": ")
        key, lacks, side = rest.partition(" is not in ")
        if lacks:
            found.add((name, key, side))
    return found


# what becomes of single rows when both sides have lived


def test_rows_typed_by_hand_are_paired_and_the_master_wins_on_record(
    services: Services, install: Install
) -> None:
    existing_fno(services)
    existing_dataverse(services)
    ids = {name: the_account(services, "name", name)["accountid"] for name in ("Typed by hand", "Match me")}
    blank = the_account(services, "accountnumber", "O'NEIL")["accountid"]
    installation = install(maps=CORE)
    installation.initial()

    by_hand = account_by_id(services, ids["Typed by hand"])
    assert (by_hand["name"], by_hand["accountnumber"]) == ("Customer US-001", "us-001")
    lost = {
        field
        for row in installation.conflicts(ACCOUNTS, "usmf")
        if row.key == "US-001" and row.loser == "dataverse"
        for field in row.fields
    }
    assert "OrganizationName=name" in lost

    # what the master has nothing to say about stays, and goes the other way
    assert by_hand["creditlimit"] == 500
    customer_row = next(
        row
        for row in services.dump("fno", "CustomersV3")
        if (row["dataAreaId"], row["CustomerAccount"]) == ("usmf", "US-001")
    )
    assert customer_row["CreditLimit"] == 500

    # paired by name and e-mail, and given the number; given the company
    assert account_by_id(services, ids["Match me"])["accountnumber"] == "M-1"
    companies_now = company_ids(services)
    assert account_by_id(services, blank)["_msdyn_company_value"] == companies_now["usmf"]


def the_account(services: Services, column: str, value: str) -> dict[str, Any]:
    (row,) = [row for row in services.dump("dataverse", "accounts") if row[column] == value]
    return row


def account_by_id(services: Services, guid: str) -> dict[str, Any]:
    return the_account(services, "accountid", guid)
