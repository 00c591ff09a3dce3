"""Webhooks of Dataverse: registered as rows, called after the commit, with an execution context."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, message
from tests.sandbox.receiver import Receiver, attributes

SETTINGS = '<settings><setting name="X-Key" value="a b"/></settings>'


class Registration:
    """Webhooks as an administrator's tool registers them."""

    def __init__(self, dataverse: Dataverse) -> None:
        self.dataverse = dataverse

    def endpoint(self, url: str, authtype: int = 4, authvalue: str = "s/1") -> str:
        body = {"name": "hook", "url": url, "contract": 8, "messageformat": 2}
        return self.dataverse.create(
            "serviceendpoints", {**body, "authtype": authtype, "authvalue": authvalue}
        )

    def step(self, endpoint: str, table: str, message: str, **more: Any) -> str:
        (sdk,) = self.dataverse.rows(f"sdkmessages?$filter=name eq '{message}'")
        (chosen,) = self.dataverse.rows(
            f"sdkmessagefilters?$filter=primaryobjecttypecode eq '{table}' and _sdkmessageid_value eq "
            f"{sdk['sdkmessageid']}"
        )
        body = {
            "name": f"{message} of {table}",
            "mode": 1,
            "stage": 40,
            "rank": 1,
            "supporteddeployment": 0,
            "asyncautodelete": True,
            "sdkmessageid@odata.bind": f"/sdkmessages({sdk['sdkmessageid']})",
            "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({chosen['sdkmessagefilterid']})",
            "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
            **more,
        }
        return self.dataverse.create("sdkmessageprocessingsteps", body)

    def all(self, url: str) -> None:
        endpoint = self.endpoint(url)
        for name in ("Create", "Update", "Delete"):
            self.step(endpoint, "account", name)


@pytest.fixture
def registration(services: Services, dataverse: Dataverse) -> Iterator[Registration]:
    services.switch(event_retry_seconds=0)
    yield Registration(dataverse)


def settled(services: Services) -> dict[str, int]:
    """The counts, once everything is out."""
    while True:
        told = services.admin("GET", "deliveries")
        if not told["pending"]:
            found: dict[str, int] = told["webhooks"]
            return found


def test_a_step_sends_the_columns_that_were_written(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    company = dataverse.company()
    registration.all(f"{receiver.url}/in?x=1")
    row_id = dataverse.create(
        "accounts",
        {"name": "A", "customertypecode": 3, "msdyn_company@odata.bind": f"/cdm_companies({company})"},
    )
    (created,) = receiver.wait(1)
    assert created.path == "/in?x=1&code=s%2F1"
    headers = {name.lower(): value for name, value in created.headers.items()}
    assert headers["x-ms-dynamics-entity-name"] == "account"
    assert headers["x-ms-dynamics-request-name"] == "Create"
    assert headers["x-ms-correlation-request-id"] == created.body["CorrelationId"]
    assert (created.body["PrimaryEntityId"], created.body["Stage"]) == (row_id, 40)
    shown = created.attributes
    assert shown["customertypecode"]["Value"] == 3
    assert (shown["msdyn_company"]["LogicalName"], shown["msdyn_company"]["Id"]) == ("cdm_company", company)
    dataverse("PATCH", f"accounts({row_id})", {"name": "B"})
    updated = receiver.wait(2)[1]
    assert set(updated.attributes) == {"name", "accountid", "modifiedon", "modifiedby"}
    (image,) = updated.body["PostEntityImages"]
    assert attributes(image["value"])["name"] == "B"
    dataverse("DELETE", f"accounts({row_id})")
    deleted = receiver.wait(3)[2]
    assert deleted.body["MessageName"] == "Delete" and deleted.target["Id"] == row_id


def test_authentication_by_header_and_query(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    for kind in (5, 6):
        registration.step(registration.endpoint(receiver.url, kind, SETTINGS), "account", "Create")
    dataverse.create("accounts", {"name": "A"})
    got = sorted(receiver.wait(2), key=lambda each: each.path)
    assert got[0].path == "/" and got[0].headers["X-Key"] == "a b"
    assert got[1].path == "/?X-Key=a%20b"


def test_filtering_attributes_and_switched_off_steps(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    endpoint = registration.endpoint(receiver.url)
    step = registration.step(endpoint, "account", "Update", filteringattributes="name,telephone1")
    row_id = dataverse.create("accounts", {"name": "A"})
    dataverse("PATCH", f"accounts({row_id})", {"fax": "1"})
    dataverse("PATCH", f"accounts({row_id})", {"telephone1": "1"})
    dataverse("PATCH", f"sdkmessageprocessingsteps({step})", {"statecode": 1, "statuscode": 2})
    dataverse("PATCH", f"accounts({row_id})", {"telephone1": "2"})
    assert settled(services)["raised"] == 1
    listed = dataverse.rows(f"sdkmessageprocessingsteps?$filter=_eventhandler_value eq {endpoint}")
    assert [row["sdkmessageprocessingstepid"] for row in listed] == [step]


def test_bulk_and_batches_raise_one_each_and_what_is_rolled_back_none(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    registration.all(receiver.url)
    kind = "Microsoft.Dynamics.CRM.account"
    rows = [{"@odata.type": kind, "name": name} for name in "ABC"]
    assert dataverse("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows}).ok
    rows[2]["nothing"] = "x"
    assert (
        dataverse("POST", "accounts/Microsoft.Dynamics.CRM.CreateMultiple", {"Targets": rows}).status_code
        == 400
    )
    assert settled(services)["raised"] == 3


def test_a_large_body_loses_what_makes_it_large(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    registration.all(receiver.url)
    services.alter("dataverse", "accounts", columns={"description": {"length": 1_000_000}})
    for length in (200_000, 300_000):
        dataverse.create("accounts", {"name": "A", "description": "x" * length})
    small, large = sorted(receiver.wait(2), key=lambda each: "InputParameters" not in each.body)
    assert "InputParameters" in small.body and "InputParameters" not in large.body
    assert {"x-ms-dynamics-msg-size-exceeded"} <= {name.lower() for name in large.headers}
    assert large.body["PrimaryEntityName"] == "account"


def test_only_gateway_errors_are_tried_once_more(
    services: Services, dataverse: Dataverse, registration: Registration, receiver: Receiver
) -> None:
    registration.all(receiver.url)
    receiver.answers = [503, 502]
    dataverse.create("accounts", {"name": "A"})
    counts = settled(services)
    assert (counts["retried"], counts["failed"]) == (1, 1)
    receiver.answers = [400]
    dataverse.create("accounts", {"name": "B"})
    counts = settled(services)
    assert (counts["retried"], counts["failed"]) == (1, 2)
    assert [each["error"] for each in services.admin("GET", "webhooks")["errors"]] == [
        "status 502",
        "status 400",
    ]
    assert services.admin("POST", "webhooks/resend", {})["sent"] == 2
    assert settled(services)["delivered"] == 2


def test_what_the_service_or_the_sandbox_does_not_take_is_refused(
    services: Services, dataverse: Dataverse, registration: Registration
) -> None:
    endpoint = {"name": "x", "contract": 8, "authtype": 5, "url": "https://x.example:9443/"}
    refused = dataverse("POST", "serviceendpoints", {**endpoint, "authvalue": "no xml"})
    assert refused.status_code == 400 and "not valid XML" in message(refused)
    services.switch(webhook_ports="standard")
    refused = dataverse("POST", "serviceendpoints", {**endpoint, "authvalue": SETTINGS})
    assert refused.status_code == 400 and "ports 80 and 443" in message(refused)
    assert dataverse("POST", "serviceendpoints", {**endpoint, "contract": 2}).status_code == 501
