"""Parties that F&O founds: a customer, vendor or contact person without a party number gets a party of its own."""

from __future__ import annotations

from collections.abc import Collection

from deployments.sandbox.schema.model import FnoEntity
from deployments.sandbox.store.index import Row

PARTIES = "CDSParties"

_PERSON = {f"Person{name}": f"Person{name}" for name in ("FirstName", "MiddleName", "LastName")}
_FOUNDS: dict[str, tuple[str, dict[str, str]]] = {
    "CustomersV3": (
        "PartyNumber",
        {
            "PartyType": "PartyType",
            "OrganizationName": "OrganizationName",
            "LanguageId": "LanguageId",
            **_PERSON,
        },
    ),
    "VendorsV2": (
        "VendorPartyNumber",
        {
            "PartyType": "VendorPartyType",
            "OrganizationName": "VendorOrganizationName",
            "LanguageId": "LanguageId",
            **_PERSON,
        },
    ),
    "CDSContactPersonsV2": (
        "ContactPersonPartyNumber",
        {name: name.removeprefix("Person") for name in _PERSON},
    ),
}
"""Entity set → the property that names the party, and the party's properties with those that they are taken from."""


def founded(entity: FnoEntity, row: Row, numbered: Collection[str], parties: FnoEntity) -> Row | None:
    """The party that a new row founds.

    Args:
        numbered: properties of the row that a number sequence filled.
        parties: the entity of the parties.

    Returns:
        None if the row names its party, or is of an entity without any.
    """
    number, taken = _FOUNDS.get(entity.set, ("", {}))
    if number not in numbered:
        return None
    party: Row = {"PartyNumber": row[number], "PartyType": "Person"}
    for name, own in taken.items():
        if name in parties.columns and own in row:
            value = row[own]
            party[name] = value[: parties.columns[name].length] if isinstance(value, str) else value
    return party
