"""Data events of F&O: what activations send, when, and everything that can go wrong on the way."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from tests.local_services import Refused, Services
from tests.sandbox.given import Fno
from tests.sandbox.receiver import Receiver, attributes, receiving

PATH = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-1')?cross-company=true"
GROUP = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true"


@pytest.fixture
def fno(services: Services, fno: Fno) -> Fno:
    fno.chain("usmf", "usrt")
    services.switch(event_retry_seconds=0)
    return fno


def activate(services: Services, receiver: Receiver, entity_set: str, **more: Any) -> None:
    document = {"set": entity_set, "url": f"{receiver.url}/in?code=secret", **more}
    services.admin("POST", "data-events", {"data-events": [document], "replace": True})


def settled(services: Services) -> dict[str, int]:
    """The counts, once everything is out."""
    while True:
        told = services.admin("GET", "deliveries")
        if not told["pending"]:
            found: dict[str, int] = told["events"]
            return found


def edits(fno: Fno, number: int) -> None:
    for each in range(number):
        assert fno("PATCH", GROUP, {"Description": f"{each}"}).status_code == 204


def test_create_update_and_delete_name_the_virtual_row_and_hold_the_record(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    activate(services, receiver, "CustomersV3", headers={"X-Key": "k"})
    fno.customers("usmf", "US-1", OnHoldStatus="Invoice")
    (created,) = receiver.wait(1)
    assert created.path == "/in?code=secret" and created.headers["X-Key"] == "k"
    body = created.body
    assert (body["MessageName"], body["PrimaryEntityName"]) == ("Create", "mserp_custcustomerv3entity")
    assert body["OperationCreatedOn"].startswith("/Date(") and body["ControlNumber"] > 0
    assert {"BusinessEventId", "EventId", "EventTime", "MajorVersion", "MinorVersion"} <= body.keys()
    shown = created.attributes
    assert (shown["mserp_customeraccount"], shown["mserp_dataareaid"]) == ("US-1", "usmf")
    assert shown["mserp_onholdstatus"]["__type"].startswith("OptionSetValue:")
    assert shown["mserp_modifieddatetime1"].startswith("/Date(")
    fno("PATCH", PATH, {"CreditLimit": 5})
    updated = receiver.wait(2)[1]
    assert updated.attributes["mserp_creditlimit"] == 5
    assert attributes(updated.parameters["PreImage"])["mserp_creditlimit"] == 0
    fno("DELETE", PATH)
    deleted = receiver.wait(3)[2]
    assert deleted.target["__type"].startswith("EntityReference:")
    assert attributes(deleted.parameters["PreImage"])["mserp_customeraccount"] == "US-1"
    ids = {each.body["PrimaryEntityId"] for each in receiver.got}
    assert len(ids) == 1 and ids == {shown["mserp_custcustomerv3entityid"]}


def test_names_can_be_those_of_the_entity_and_empty_dates_are_left_out(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    services.switch(event_names="properties")
    activate(services, receiver, "JobTypes")
    services.load("fno", "JobTypes", [{"JobTypeId": "A"}])
    (created,) = receiver.wait(1)
    assert created.body["PrimaryEntityName"] == "HcmJobTypeEntity"
    assert created.attributes["JobTypeId"] == "A"
    assert "System_CreatedDateTime" not in created.attributes


def test_only_committed_writes_of_the_chosen_company_and_message(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    activate(services, receiver, "CustomerGroups", company="USMF", messages=["Update"])
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "20"}])
    fno("PATCH", GROUP.replace("usmf", "usrt"), {"Description": "other company"})
    assert fno("PATCH", GROUP, {"Description": "x" * 500}).status_code == 400
    edits(fno, 1)
    assert settled(services)["raised"] == 1
    assert receiver.wait(1)[0].attributes["mserp_description"] == "0"


def test_a_failed_delivery_is_tried_four_times_then_listed_and_sent_again_on_demand(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    activate(services, receiver, "CustomerGroups")
    receiver.answers = [500, 401, 503, 500]
    edits(fno, 1)
    assert settled(services) == {
        "raised": 1,
        "delivered": 0,
        "failed": 1,
        "retried": 3,
        "dropped": 0,
        "duplicated": 0,
        "over_limit": 0,
        "lost": 0,
    }
    (error,) = services.admin("GET", "data-events")["errors"]
    assert error["error"] == "status 500" and "mserp_custcustomergroupentity" in error["body"]
    assert services.admin("POST", "data-events/resend", {}) == {"sent": 1}
    assert settled(services)["delivered"] == 1 and len(receiver.got) == 5
    assert services.admin("GET", "data-events")["errors"] == []


def test_a_receiver_with_a_foreign_certificate_gets_nothing(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    elsewhere = services.admin("POST", "certificate", {"names": ["elsewhere.example"]})["file"]
    with receiving(elsewhere) as stranger:
        activate(services, stranger, "CustomerGroups")
        edits(fno, 1)
        settled(services)
    (error,) = services.admin("GET", "data-events")["errors"]
    assert "SSLCertVerificationError" in error["error"] and stranger.got == []


@pytest.mark.parametrize(
    ("switches", "arrive"),
    [
        ({"event_drop_every": 2}, 2),
        ({"event_duplicate_every": 2}, 6),
        ({"event_limit_5_minutes": 3, "event_overload": "lost"}, 3),
        ({"event_limit_hour": 1, "event_overload": "sent"}, 4),
    ],
)
def test_events_get_lost_or_doubled(
    services: Services, fno: Fno, receiver: Receiver, switches: dict[str, Any], arrive: int
) -> None:
    services.switch(**switches)
    activate(services, receiver, "CustomerGroups")
    edits(fno, 4)
    counts = settled(services)
    assert len(receiver.got) == arrive and counts["delivered"] == arrive
    limits = [value for name, value in switches.items() if name.startswith("event_limit")]
    assert counts["over_limit"] == (4 - limits[0] if limits else 0)


def test_events_come_in_another_order_and_all_of_them(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    services.switch(event_reorder=10)
    activate(services, receiver, "CustomerGroups")
    edits(fno, 25)  # two whole groups, and what is left over
    numbers = [int(each.attributes["mserp_description"]) for each in receiver.wait(25)]
    assert numbers != sorted(numbers) and sorted(numbers) == list(range(25))


def test_events_beyond_the_limit_are_late(services: Services, fno: Fno, receiver: Receiver) -> None:
    services.switch(event_limit_5_minutes=1, event_overload="late", event_late_seconds=1000)
    activate(services, receiver, "CustomerGroups")
    edits(fno, 2)
    while not (told := services.admin("GET", "deliveries"))["events"]["delivered"]:
        pass
    assert told["pending"] == 1 and told["events"]["over_limit"] == 1


def test_a_reset_ends_activations_and_a_seed_raises_nothing(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    activate(services, receiver, "CustomerGroups")
    services.admin("POST", "seed", {"seed": "tiny"})
    assert settled(services)["raised"] == 0
    services.reset()
    assert services.admin("GET", "data-events")["active"] == []


def test_a_restore_keeps_activations_and_raises_nothing(
    services: Services, fno: Fno, receiver: Receiver
) -> None:
    services.snapshot("before")
    activate(services, receiver, "CustomerGroups")
    edits(fno, 1)
    services.restore("before")
    edits(fno, 1)
    assert settled(services)["raised"] == 2


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"set": "Nothing", "url": "https://x"}, "no set"),
        ({"set": "Currencies", "company": "usmf", "url": "https://x"}, "not company-specific"),
        ({"set": "Currencies", "messages": ["Create", "Merge"], "url": "https://x"}, "messages are"),
        ({"set": "Currencies", "url": "http://x"}, "is https"),
    ],
)
def test_an_activation_that_makes_no_sense_is_refused(
    services: Services, document: dict[str, Any], why: str
) -> None:
    with pytest.raises(Refused, match=why):
        services.admin("POST", "data-events", {"data-events": [document]})


def test_a_dead_receiver_does_not_keep_the_sandbox_from_stopping(tmp_path: Any) -> None:
    script = (
        "import threading, time\n"
        "from deployments.sandbox.deliveries import Deliveries, Delivery\n"
        "from deployments.sandbox.switches import Switches\n"
        "deliveries = Deliveries(Switches(), None, time.time)\n"
        "started = threading.Event()\n"
        "def make():\n"
        "    started.set()\n"
        "    time.sleep(1000)\n"
        "deliveries.submit([Delivery('event', 'https://localhost:1/', make, 3)])\n"
        "assert started.wait(10)\n"
        "deliveries.close()\n"
    )
    subprocess.run([sys.executable, "-c", script], timeout=20, check=True)
