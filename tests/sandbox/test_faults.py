"""Scripted faults, gates, limits and latency."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests

from tests.local_services import Refused, Services, Side
from tests.sandbox.given import Dataverse, Fno, code, multipart, operation


def ask(services: Services, side: Side, method: str, path: str, body: Any = None) -> requests.Response:
    """A request as the application."""
    return services.request(side, method, path, body, caller="application")


def test_a_status_hits_the_nth_request_only(services: Services) -> None:
    services.fault(side="dataverse", method="GET", match="accounts", nth=2, status=429, retry_after=7)
    found = [ask(services, "dataverse", "GET", "accounts") for _ in range(3)]
    assert [response.status_code for response in found] == [200, 429, 200]
    assert found[1].headers["Retry-After"] == "7" and code(found[1])[1] == "0x80072322"
    fault = services.faults()[0]
    assert (fault["seen"], fault["hit"]) == (3, 1)


def test_faults_can_last_and_be_cleared(services: Services) -> None:
    services.admin("POST", "faults", {"faults": [{"side": "fno", "action": "status 503", "times": 0}]})
    assert [ask(services, "fno", "GET", "Currencies").status_code for _ in range(2)] == [503, 503]
    assert ask(services, "dataverse", "GET", "accounts").status_code == 200
    services.clear_faults()
    assert ask(services, "fno", "GET", "Currencies").status_code == 200


def test_users_are_not_hit(services: Services) -> None:
    services.fault(times=0)
    assert services.request("fno", "GET", "Currencies").status_code == 200


@pytest.mark.parametrize(("action", "stored"), [("lose_before", 0), ("lose_after", 1)])
def test_an_answer_is_lost_before_or_after_the_commit(
    services: Services, dataverse: Dataverse, action: str, stored: int
) -> None:
    services.fault(side="dataverse", method="POST", action=action)
    with pytest.raises(requests.ConnectionError):
        ask(services, "dataverse", "POST", "accounts", {"name": "A"})
    assert len(dataverse.rows("accounts?$select=name")) == stored
    assert services.trace()[-2]["status"] == 0


def test_tokens_expire_on_command(services: Services) -> None:
    services.fault(side="dataverse", action="expire_token")
    assert ask(services, "dataverse", "GET", "accounts").status_code == 401
    assert ask(services, "dataverse", "GET", "accounts").status_code == 401  # until a new one is asked for
    services._tokens.clear()
    assert ask(services, "dataverse", "GET", "accounts").status_code == 200


def test_slow_answers(services: Services) -> None:
    services.fault(side="dataverse", action="delay", seconds=0.05)
    started = time.perf_counter()
    assert ask(services, "dataverse", "GET", "accounts").status_code == 200
    assert time.perf_counter() - started >= 0.05


def test_pages_can_be_empty_or_end_early_or_lead_elsewhere(services: Services) -> None:
    services.load("fno", "ProductColors", [{"ColorId": str(number)} for number in range(3)])
    path = "ProductColors?$orderby=ColorId&$count=true"

    def read() -> dict[str, Any]:
        response = services.request(
            "fno", "GET", path, caller="application", headers={"Prefer": "odata.maxpagesize=2"}
        )
        found: dict[str, Any] = response.json()
        return found

    services.fault(side="fno", action="empty")
    assert (read()["value"], read()["@odata.count"]) == ([], 3)
    services.fault(side="fno", action="cut_pages")
    cut = read()
    assert len(cut["value"]) == 2 and cut["@odata.count"] == 3 and "@odata.nextLink" not in cut
    services.fault(side="fno", action="foreign_link")
    assert read()["@odata.nextLink"].startswith("https://elsewhere.example/")
    services.fault(side="fno", action="truncate")
    with pytest.raises(requests.exceptions.JSONDecodeError):
        read()
    services.fault(side="fno", action="redirect")
    with pytest.raises((requests.ConnectionError, AssertionError)):
        read()


def test_single_operations_of_a_batch_can_fail(services: Services, dataverse: Dataverse) -> None:
    services.fault(side="dataverse", parts=True, match='"B"', status=503)
    parts = [operation("POST", "/api/data/v9.2/accounts", f'{{"name": "{name}"}}') for name in "ABC"]
    response = services.request(
        "dataverse",
        "POST",
        "$batch",
        data=multipart(*parts),
        caller="application",
        headers={"Content-Type": "multipart/mixed; boundary=batch_1", "Prefer": "odata.continue-on-error"},
    )
    assert "503 Service Unavailable" in response.text
    assert sorted(row["name"] for row in dataverse.rows("accounts?$select=name")) == ["A", "C"]


@pytest.mark.parametrize("fault", [{"action": "explode"}, {"colour": "red"}, {"match": "("}])
def test_unknown_faults_are_refused(services: Services, fault: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="fault"):
        services.fault(**fault)


# gates


def test_a_gate_edits_just_before_the_nth_request(services: Services, dataverse: Dataverse) -> None:
    row_id = dataverse.create("accounts", {"name": "A"})
    edit = {"side": "dataverse", "method": "PATCH", "path": f"accounts({row_id})", "body": {"name": "user"}}
    services.gate([edit], side="dataverse", match="^GET .*accounts", nth=2)

    def name() -> str:
        return str(ask(services, "dataverse", "GET", f"accounts({row_id})").json()["name"])

    assert [name(), name()] == ["A", "user"]
    gate = services.gates()[0]
    assert gate["opened"] and gate["answers"][0]["status"] == 204
    assert services.writes(caller="user")[-1]["fields"] == ["name"]


def test_a_gate_can_open_after_the_request(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "A")
    key = "CustomersV3(dataAreaId='usmf',CustomerAccount='A')?cross-company=true"
    services.gate([{"side": "fno", "method": "DELETE", "path": key}], side="fno", match="^GET", when="after")
    assert ask(services, "fno", "GET", key).status_code == 200
    assert ask(services, "fno", "GET", key).status_code == 404


def test_a_gate_matches_the_body_of_a_batch(services: Services, dataverse: Dataverse) -> None:
    edit = {"side": "dataverse", "method": "POST", "path": "accounts", "body": {"name": "user"}}
    services.gate([edit], match=r"(?s)POST .*\$batch.*PATCH ")
    headers = {"Content-Type": "multipart/mixed; boundary=batch_1"}
    for method in ("GET", "PATCH"):
        part = operation(
            method, "/api/data/v9.2/accounts(11111111-1111-1111-1111-111111111111)", "{}", If_Match="*"
        )
        services.request(
            "dataverse", "POST", "$batch", data=multipart(part), caller="application", headers=headers
        )
        assert services.gates()[0]["opened"] == (method == "PATCH")
    services.clear_gates()
    assert services.gates() == []


# limits and latency


def test_protection_limits_act_when_switched_on(services: Services) -> None:
    services.switch(limits=True, limit_requests=2)
    found = [ask(services, "dataverse", "GET", "accounts") for _ in range(3)]
    assert [response.status_code for response in found] == [200, 200, 429]
    assert code(found[2])[1] == "0x80072322" and int(found[2].headers["Retry-After"]) > 0
    assert found[0].headers["x-ms-ratelimit-burst-remaining-xrm-requests"] == "1"
    assert found[0].headers["x-ms-dop-hint"] == "8"
    assert services.request("dataverse", "GET", "accounts").status_code == 200  # counted per caller


def test_latency_is_per_kind_of_request(services: Services) -> None:
    services.switch(latency_page=60, latency_batch=20, latency_batch_operation=20)
    started = time.perf_counter()
    ask(services, "fno", "GET", "Currencies")
    page = time.perf_counter() - started
    started = time.perf_counter()
    ask(services, "dataverse", "GET", "WhoAmI")
    assert page >= 0.06
    started = time.perf_counter()
    services.request(
        "dataverse",
        "POST",
        "$batch",
        data=multipart(*[operation("GET", "/api/data/v9.2/WhoAmI")] * 2),
        headers={"Content-Type": "multipart/mixed; boundary=batch_1"},
    )
    assert time.perf_counter() - started >= 0.06


def test_unknown_switches_are_refused_and_the_known_ones_listed(services: Services) -> None:
    with pytest.raises(Refused, match="normalize_trim"):
        services.switch(nonsense=1)


def test_slow_requests_are_served_at_the_same_time(services: Services) -> None:
    services.switch(latency_preset="realistic", latency_request=400)
    services.token("dataverse")
    before = services.admin("GET", "trace")["count"]
    with ThreadPoolExecutor(16) as pool:
        asked = pool.map(lambda _: services.request("dataverse", "GET", "WhoAmI").status_code, range(16))
        assert set(asked) == {200}
    trace = services.admin("GET", "trace", since=before)["requests"]
    begun = [entry["time"] - entry["milliseconds"] / 1000 for entry in trace]
    first_end = min(entry["time"] for entry in trace)
    assert sum(start < first_end for start in begun) >= 8
