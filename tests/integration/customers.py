"""Customers that are in sync, and how users of either side find, change and delete them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.integration.installation import CORE, CUSTOMER_CONTACTS, VENDOR_CONTACTS, Installation, failed
from tests.integration.trading import account, company_ids, customer, customer_binds, person, reference_data
from tests.local_services import Services, Side

Row = dict[str, Any]

MAPS = (*CORE, VENDOR_CONTACTS, CUSTOMER_CONTACTS)
"""The core and everything else that shares a table or an entity set with it."""

AWKWARD = (
    *("US*", "US", "USX"),
    *("A%", "A", "AB"),
    *("O'x", "O", "O'xy"),
    *("a/b", "b", "a/bc"),
    *("C_1", "CC1"),
    *("[D]", "D"),
    *("E F", "E", "E  F"),
    *("Größe", "Große", "Gr", "日本"),
    *("#7?&+\\", "#7"),
)
"""Keys with characters that mean something to one of the services or to a URL, beside keys that a pattern would take for them."""

SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}
NAME: dict[Side, str] = {"fno": "OrganizationName", "dataverse": "name"}
PHONE: dict[Side, str] = {"fno": "PrimaryContactPhone", "dataverse": "telephone1"}


def in_sync(installation: Installation) -> None:
    """Customers of two companies, connected and at rest; the same numbers in both."""
    services = installation.services
    reference_data(services)
    for company in ("usmf", "demf"):
        services.load("fno", "CustomersV3", [customer(company, key) for key in AWKWARD])
        services.load("fno", "CustomersV3", [person(company, key) for key in ("P-1", "P*")])
    assert failed(installation.initial()) == []
    installation.quiet()


def wrote(installation: Installation) -> list[tuple[str, str, str, list[str]]]:
    """Our writes of customers: side, kind, key, fields."""
    return [
        (
            each["side"],
            each["kind"],
            each["key"].get("CustomerAccount") or each["key"]["accountnumber"],
            each["fields"],
        )
        for each in installation.ours()
    ]


class Customers:
    """The customers of one company that are organizations, as users of either side work with them."""

    def __init__(self, services: Services, company: str = "usmf") -> None:
        self._services = services
        self.company = company
        self._ids: dict[str, str] = {}

    # what is stored

    def fno(self, key: str) -> Row:
        """The row of F&O.

        Raises:
            KeyError: there is none.
        """
        return self.rows("fno")[key]

    def dataverse(self, key: str) -> Row:
        """The row of Dataverse.

        Raises:
            KeyError: there is none.
        """
        return self.rows("dataverse")[key]

    def rows(self, side: Side) -> dict[str, Row]:
        """All rows of a side by their number."""
        if side == "fno":
            return {
                row["CustomerAccount"]: row
                for row in self._services.dump("fno", "CustomersV3")
                if row["dataAreaId"] == self.company and row["PartyType"] == "Organization"
            }
        company = company_ids(self._services)[self.company]
        found = {
            row["accountnumber"]: row
            for row in self._services.dump("dataverse", "accounts")
            if row["_msdyn_company_value"] == company
        }
        self._ids |= {key: row["accountid"] for key, row in found.items()}
        return found

    # what users do

    def path(self, side: Side, key: str) -> str:
        """Where a row is, by its service's root; an account that is gone keeps the place it had."""
        if side == "fno":
            quoted = quote(key.replace("'", "''"), safe="")
            return f"CustomersV3(dataAreaId='{self.company}',CustomerAccount='{quoted}')?cross-company=true"
        if key not in self._ids:
            self.rows("dataverse")
        return f"accounts({self._ids[key]})"

    def change(self, side: Side, key: str, **values: Any) -> None:
        self._services.edit(side, "PATCH", self.path(side, key), values)

    def delete(self, side: Side, key: str) -> None:
        self._services.edit(side, "DELETE", self.path(side, key))

    def add(self, side: Side, key: str, **values: Any) -> None:
        if side == "fno":
            self._services.edit("fno", "POST", "CustomersV3", customer(self.company, key, **values))
        else:
            self._services.edit("dataverse", "POST", "accounts", self.new_account(key, **values))

    def new_account(self, key: str, **values: Any) -> Row:
        """A customer of Dataverse that F&O accepts, as a body."""
        binds = customer_binds(company_ids(self._services)[self.company])
        return account(self.company, key, **{**binds, **values})
