"""The edits of the demo: what a working day does to both systems, and how each shows on the other side."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import quote

from flows.rehearsal import Row, Side, User
from mappings.errors import DualflowError

COMPANY = "usmf"
LOOK_EVERY = 0.2
"""Seconds between two looks at whether an edit has arrived."""


@dataclass
class Edit:
    """Something that somebody does on one side.

    Attributes:
        make: does it.
        arrived: is it visible on the other side?
        made_at, seen_at: on the monotonic clock; `seen_at` None while it isn't there.
    """

    what: str
    side: Side
    make: Callable[[], None]
    arrived: Callable[[], bool]
    made_at: float = 0.0
    seen_at: float | None = None

    @property
    def seconds(self) -> float | None:
        """From the edit until it was visible."""
        return None if self.seen_at is None else self.seen_at - self.made_at


def make_all(edits: Sequence[Edit]) -> None:
    """Do everything, one after the other."""
    for edit in edits:
        edit.make()
        edit.made_at = time.monotonic()


@contextmanager
def watching(edits: Sequence[Edit]) -> Iterator[None]:
    """Look for the edits on their other sides, in a thread, for the length of a block."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(LOOK_EVERY) and look(edits):
            pass

    thread = threading.Thread(target=watch, name="watching the edits", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        look(edits)


def look(edits: Sequence[Edit]) -> bool:
    """Note which edits have arrived; True while any is missing."""
    for edit in edits:
        if edit.seen_at is None and edit.arrived():
            edit.seen_at = time.monotonic()
    return any(edit.seen_at is None for edit in edits)


class WorkingDay:
    """A day's edits, on rows that the seed `demo` has at any size.

    Args:
        user: must not be used by another thread meanwhile.
    """

    def __init__(self, user: User) -> None:
        self._user = user
        companies = user.rows("dataverse", "cdm_companies?$select=cdm_companyid,cdm_companycode")
        self._company = next(
            row["cdm_companyid"] for row in companies if row["cdm_companycode"].lower() == COMPANY
        )
        condition = f"dataAreaId eq '{COMPANY}' and PartyType eq 'Organization'"
        query = f"$select=CustomerAccount&$orderby=CustomerAccount&$top=6&$filter={quote(condition)}"
        rows = user.rows("fno", f"CustomersV3?cross-company=true&{query}")
        self._customers = [row["CustomerAccount"] for row in rows]

    def edits(self) -> list[Edit]:
        """All of them: creates, changes and deletes, on both sides."""
        first, second, third, fourth, fifth, sixth = self._customers
        moved = {
            "address1_line1": "12 Harbour Street",
            "address1_city": "Tacoma",
            "address1_postalcode": "98402",
        }
        return [
            self._in_fno(
                f"customer {first}: new telephone",
                self._customer(first),
                {"PrimaryContactPhone": "+1 (425) 555-0142"},
                self._account(first),
                {"telephone1": "+1 (425) 555-0142"},
            ),
            self._in_dataverse(
                f"account {second}: moved to Tacoma",
                self._account(second),
                moved,
                self._customer(second),
                {"DeliveryAddressCity": "Tacoma", "DeliveryAddressStreet": "12 Harbour Street"},
            ),
            self._in_fno(
                f"customer {third}: credit limit, and at the same time …",
                self._customer(third),
                {"CreditLimit": 77000.5},
                self._account(third),
                {"creditlimit": 77000.5},
            ),
            self._in_dataverse(
                f"account {third}: … its web site",
                self._account(third),
                {"websiteurl": "https://merged.example.com/"},
                self._customer(third),
                {"PrimaryContactURL": "https://merged.example.com/"},
            ),
            self._in_fno(
                f"customer {fourth}: invoices go to {fifth}",
                self._customer(fourth),
                {"InvoiceAccount": fifth},
                f"{self._account(fourth)}?$expand=msdyn_billingaccount($select=accountnumber)",
                {"msdyn_billingaccount": {"accountnumber": fifth}},
            ),
            self._conflict(sixth),
            self._new_customer("US-E00001"),
            self._new_account("US-E00002"),
            self._deleted_terms("Net75"),
            self._deleted_vendor("US-VD0001"),
            self._drift(),
        ]

    # kinds of edits

    def _in_fno(self, what: str, path: str, body: Row, there: str, expected: Row) -> Edit:
        return Edit(
            what,
            "fno",
            lambda: self._user.change("fno", path, body),
            lambda: _holds(self._user.get("dataverse", there), expected),
        )

    def _in_dataverse(self, what: str, path: str, body: Row, there: str, expected: Row) -> Edit:
        return Edit(
            what,
            "dataverse",
            lambda: self._user.change("dataverse", path, body),
            lambda: _holds(self._user.get("fno", there), expected),
        )

    def _conflict(self, number: str) -> Edit:
        path, there = self._customer(number), self._account(number)

        def make() -> None:
            self._user.change("dataverse", there, {"telephone1": "+1 (206) 555-0100"})
            self._user.change("fno", path, {"PrimaryContactPhone": "+1 (206) 555-0199"})

        return Edit(
            f"customer {number}: telephone changed on both sides, F&O's stands",
            "fno",
            make,
            lambda: _holds(self._user.get("dataverse", there), {"telephone1": "+1 (206) 555-0199"}),
        )

    def _new_customer(self, number: str) -> Edit:
        body = {
            "dataAreaId": COMPANY,
            "CustomerAccount": number,
            "CustomerGroupId": "30",
            "PartyType": "Organization",
            "OrganizationName": "Pier 7 Chandlery",
        }
        return Edit(
            f"customer {number}: new",
            "fno",
            lambda: self._user.create("fno", "CustomersV3", body),
            lambda: bool(self._found("accounts", "accountid", "accountnumber", number)),
        )

    def _new_account(self, number: str) -> Edit:
        group = self._one("msdyn_customergroups", "msdyn_customergroupid", "msdyn_groupid", "30")
        currency = self._user.dataverse_row(
            "transactioncurrencies", "transactioncurrencyid", "isocurrencycode eq 'USD'"
        )
        body = {
            "accountnumber": number,
            "name": "Breakwater Supplies",
            "customertypecode": 3,
            "msdyn_company@odata.bind": f"/cdm_companies({self._company})",
            "msdyn_CustomerGroupId@odata.bind": f"/{group}",
            "transactioncurrencyid@odata.bind": f"/{currency}",
        }
        return Edit(
            f"account {number}: new",
            "dataverse",
            lambda: self._user.create("dataverse", "accounts", body),
            lambda: _holds(
                self._user.get("fno", self._customer(number)), {"OrganizationName": "Breakwater Supplies"}
            ),
        )

    def _deleted_terms(self, name: str) -> Edit:
        path = self._user.fno_row("PaymentTerms", dataAreaId=COMPANY, Name=name)
        return Edit(
            f"payment term {name}: deleted",
            "fno",
            lambda: self._user.delete("fno", path),
            lambda: not self._found("msdyn_paymentterms", "msdyn_paymenttermid", "msdyn_name", name),
        )

    def _deleted_vendor(self, number: str) -> Edit:
        path = self._one("msdyn_vendors", "msdyn_vendorid", "msdyn_vendoraccountnumber", number)
        there = self._user.fno_row("VendorsV2", dataAreaId=COMPANY, VendorAccountNumber=number)
        return Edit(
            f"vendor {number}: deleted",
            "dataverse",
            lambda: self._user.delete("dataverse", path),
            lambda: self._user.get("fno", there) is None,
        )

    def _drift(self) -> Edit:
        """A value typed where the map doesn't flow from: it is set back."""
        products = self._user.rows(
            "dataverse",
            "msdyn_sharedproductdetails?$select=msdyn_sharedproductdetailid,msdyn_itemnumber,msdyn_salesprice"
            f"&$top=1&$orderby=msdyn_itemnumber&$filter=_msdyn_companyid_value eq {self._company}",
        )
        if not products:
            raise DualflowError("no released product has come to Dataverse", code="rehearsal")
        row = products[0]
        path = f"msdyn_sharedproductdetails({row['msdyn_sharedproductdetailid']})"
        price = row["msdyn_salesprice"]
        return Edit(
            f"product {row['msdyn_itemnumber']}: price typed in Dataverse, set back (prices flow from F&O only)",
            "dataverse",
            lambda: self._user.change("dataverse", path, {"msdyn_salesprice": price + 1}),
            lambda: _holds(self._user.get("dataverse", path), {"msdyn_salesprice": price}),
        )

    # addresses

    def _customer(self, number: str) -> str:
        return self._user.fno_row("CustomersV3", dataAreaId=COMPANY, CustomerAccount=number)

    def _account(self, number: str) -> str:
        return self._one("accounts", "accountid", "accountnumber", number)

    def _one(self, table: str, identity: str, column: str, value: str) -> str:
        return self._user.dataverse_row(table, identity, self._condition(column, value))

    def _found(self, table: str, identity: str, column: str, value: str) -> list[Row]:
        condition = quote(self._condition(column, value))
        return self._user.rows("dataverse", f"{table}?$select={identity}&$filter={condition}")

    def _condition(self, column: str, value: str) -> str:
        return f"{column} eq '{value}' and _msdyn_company_value eq {self._company}"


def _holds(row: Row | None, expected: Row) -> bool:
    """Does a row hold these values?"""
    if row is None:
        return False
    for name, value in expected.items():
        found = row.get(name)
        if isinstance(value, dict):
            if not isinstance(found, dict) or not _holds(found, value):
                return False
        elif found != value:
            return False
    return True
