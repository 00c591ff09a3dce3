"""Short ways to what the tests of the sandbox start from, and to what its answers say."""

from __future__ import annotations

from typing import Any

import requests

from tests.local_services import Services

Headers = dict[str, str]
REPRESENTATION: Headers = {"Prefer": "return=representation"}


class Dataverse:
    """The Web API as a user sees it.

    Args:
        services: a running sandbox.
    """

    def __init__(self, services: Services) -> None:
        self.services = services

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A request; header names with underscores for dashes."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.services.request("dataverse", method, path, body, headers=names)

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        response = self("GET", path, **headers)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["value"]
        return found

    def create(self, table: str, body: dict[str, Any]) -> str:
        """A new row; its guid."""
        response = self("POST", table, body)
        assert response.status_code == 204, response.text
        return response.headers["OData-EntityId"].rpartition("(")[2].rstrip(")")

    def company(self, code: str = "usmf") -> str:
        """A company; its guid."""
        return self.create("cdm_companies", {"cdm_companycode": code, "cdm_name": f"Company {code}"})


class Fno:
    """F&O's /data as a user sees it."""

    def __init__(self, services: Services) -> None:
        self.services = services

    def __call__(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """A request; header names with underscores for dashes."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self.services.request("fno", method, path, body, headers=names)

    def rows(self, path: str, **headers: str) -> list[dict[str, Any]]:
        response = self("GET", path, **headers)
        assert response.status_code == 200, response.text
        found: list[dict[str, Any]] = response.json()["value"]
        return found

    def create(self, entity_set: str, body: dict[str, Any]) -> dict[str, Any]:
        """A new row, as answered."""
        response = self("POST", entity_set, body)
        assert response.status_code == 201, response.text
        found: dict[str, Any] = response.json()
        return found

    def chain(self, *companies: str) -> None:
        """Companies with a currency, a customer group 10 and a vendor group 10 each."""
        load = self.services.load
        load("fno", "LegalEntities", [{"LegalEntityId": each, "Name": each} for each in companies])
        load("fno", "Currencies", [{"CurrencyCode": "USD", "Name": "Dollar"}])
        for each in companies:
            load("fno", "CustomerGroups", [{"dataAreaId": each, "CustomerGroupId": "10"}])
            load("fno", "VendorGroups", [{"dataAreaId": each, "VendorGroupId": "10"}])

    def customers(self, company: str, *accounts: str, **values: Any) -> None:
        """Customers of group 10."""
        base = {"dataAreaId": company, "CustomerGroupId": "10", "SalesCurrencyCode": "USD", **values}
        self.services.load("fno", "CustomersV3", [{**base, "CustomerAccount": each} for each in accounts])


def code(response: requests.Response) -> tuple[int, str]:
    """Status and error code of a Dataverse refusal."""
    return response.status_code, response.json()["error"]["code"]


def message(response: requests.Response) -> str:
    """The message of a Dataverse refusal."""
    return str(response.json()["error"]["message"])


def infolog(response: requests.Response) -> str:
    """The useful text of an F&O refusal."""
    return str(response.json()["error"]["innererror"]["message"])


def multipart(*parts: str, boundary: str = "batch_1") -> bytes:
    """A batch body of complete parts."""
    return ("".join(f"--{boundary}\r\n{part}" for part in parts) + f"--{boundary}--\r\n").encode()


def operation(method: str, url: str, body: str = "", content_id: str = "", **headers: str) -> str:
    """One operation of a batch."""
    mime = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n"
    if content_id:
        mime += f"Content-ID: {content_id}\r\n"
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    return f"{mime}\r\n{method} {url} HTTP/1.1\r\nContent-Type: application/json\r\n{lines}\r\n{body}\r\n"


def change_set(*operations: str, boundary: str = "changeset_1") -> str:
    """Operations as one change set."""
    inner = "".join(f"--{boundary}\r\n{each}" for each in operations) + f"--{boundary}--\r\n"
    return f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n{inner}\r\n"
