"""What users of the soak know about the maps: which rows they work on, which fields they edit, what they may put there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from tests.integration.installation import (
    ACCOUNTS,
    CURRENCIES,
    CUSTOMER_GROUPS,
    LEGAL_ENTITIES,
    PERSONS,
    TERMS,
)
from tests.integration.stored import documents

COMPANY = "usmf"
OTHER_COMPANY = "demf"
"""Its rows are in both systems and in nobody's scope."""

TRACKED = frozenset({"Currencies", "CustomerGroups"})
"""Entity sets of F&O whose changes are told by row versions; the others are scanned."""

UPPER = frozenset({"Description", "InvoiceAddressZipCode", "Symbol"})
"""Properties that F&O keeps in upper case, which nothing in its metadata says."""

REFERRED = 5
"""Slots of a map that others refer to: the first ones."""

Kind = Literal["text", "number", "choice", "lookup", "yes"]


@dataclass(frozen=True)
class Input:
    """A field that users edit.

    Attributes:
        fno, dataverse: property and column.
        choices: what there is to choose from, F&O member → Dataverse option.
        target: map of the row that it refers to.
        needed: F&O refuses a row without it.
        only: the one side whose users edit it; both, if empty.
    """

    fno: str
    dataverse: str
    kind: Kind = "text"
    choices: Mapping[str, Any] = field(default_factory=dict)
    target: str = ""
    needed: bool = False


@dataclass(frozen=True)
class Shape:
    """A map as its users see it.

    Attributes:
        key: F&O property of the key; `column` is Dataverse's.
        slots: keys of the rows that users work on; the first `present` of them are there at the start.
        fno_extra, dataverse_extra: what a new row needs besides.
    """

    map: str
    set: str
    table: str
    id_column: str
    key: str
    column: str
    slots: tuple[str, ...]
    inputs: tuple[Input, ...]
    company: bool = True
    present: int = 4
    fno_extra: Mapping[str, Any] = field(default_factory=dict)
    dataverse_extra: Mapping[str, Any] = field(default_factory=dict)
    flip: tuple[str, Any, Any] | None = None
    """Dataverse column that the map's filter reads, with the value that it takes and one that it doesn't."""
    renames: bool = False

    @property
    def lookups(self) -> list[tuple[int, Input]]:
        """Fields that refer to rows, with their numbers."""
        return [(n, each) for n, each in enumerate(self.inputs) if each.kind == "lookup"]


YES = {"No": False, "Yes": True}
HOLD = {"No": 806380000, "Invoice": 806380001, "All": 806380002, "Payment": 806380003}
METHODS = {"Net": 806380991, "CurrentMth": 806380992, "COD": 806380996}

SHAPES: tuple[Shape, ...] = (
    Shape(
        CURRENCIES,
        "Currencies",
        "transactioncurrencies",
        "transactioncurrencyid",
        "CurrencyCode",
        "isocurrencycode",
        ("USD", "EUR", "SEK", "CHF", "JPY", "XTS"),
        (Input("Name", "currencyname"), Input("Symbol", "currencysymbol")),
        company=False,
        dataverse_extra={"exchangerate": 1},
    ),
    Shape(
        TERMS,
        "PaymentTerms",
        "msdyn_paymentterms",
        "msdyn_paymenttermid",
        "Name",
        "msdyn_name",
        ("Net 30", "1% & rest", "C+D", "n/a", "O'Neil", "#7"),
        (
            Input("Description", "msdyn_description"),
            Input("NumberOfDays", "msdyn_days", "number"),
            Input("PaymentMethodType", "msdyn_paymentmethodtype", "choice", METHODS),
        ),
        renames=True,
    ),
    Shape(
        CUSTOMER_GROUPS,
        "CustomerGroups",
        "msdyn_customergroups",
        "msdyn_customergroupid",
        "CustomerGroupId",
        "msdyn_groupid",
        ("10", "R&D", "g 3", "G4", "50%", "Größe"),
        (
            Input("Description", "msdyn_description"),
            Input("IsSalesTaxIncludedInPrice", "msdyn_issalestaxincludedinprice", "choice", YES),
            Input("PaymentTermId", "msdyn_paymenttermid", "lookup", target=TERMS),
        ),
    ),
    Shape(
        ACCOUNTS,
        "CustomersV3",
        "accounts",
        "accountid",
        "CustomerAccount",
        "accountnumber",
        ("us/002", "A&B", "US*", "US", "日本-1", "a b", "C7", "C8"),
        (
            Input("OrganizationName", "name"),
            Input("CreditLimit", "creditlimit", "number"),
            Input("PrimaryContactPhone", "telephone1"),
            Input("OnHoldStatus", "msdyn_onholdstatus", "choice", HOLD),
            Input("InvoiceAccount", "msdyn_billingaccount", "lookup", target=ACCOUNTS),
            Input("PaymentTerms", "msdyn_paymentterm", "lookup", target=TERMS),
            Input("CustomerGroupId", "msdyn_customergroupid", "lookup", target=CUSTOMER_GROUPS, needed=True),
            Input("SalesCurrencyCode", "transactioncurrencyid", "lookup", target=CURRENCIES, needed=True),
            Input("InvoiceAddressCity", "address2_city"),
            Input("InvoiceAddressZipCode", "address2_postalcode"),
            Input("SalesMemo", "description"),
        ),
        present=5,
        dataverse_extra={"customertypecode": 3},
        flip=("customertypecode", 3, 1),
    ),
    Shape(
        PERSONS,
        "CustomersV3",
        "contacts",
        "contactid",
        "CustomerAccount",
        "msdyn_contactpersonid",
        ("P-1", "P*", "p/3", "P4"),
        (
            Input("PersonFirstName", "firstname"),
            Input("PersonLastName", "lastname"),
            Input("PrimaryContactPhone", "telephone1"),
            Input("CustomerGroupId", "msdyn_customergroupid", "lookup", target=CUSTOMER_GROUPS, needed=True),
            Input("SalesCurrencyCode", "transactioncurrencyid", "lookup", target=CURRENCIES, needed=True),
        ),
        present=2,
        fno_extra={"PartyType": "Person"},
        dataverse_extra={"msdyn_sellable": True},
        flip=("msdyn_sellable", True, False),
    ),
)
BY_MAP = {shape.map: shape for shape in SHAPES}
MAPS = (LEGAL_ENTITIES, *BY_MAP)

DOCUMENTS = {name: documents()[name] for name in MAPS}
