"""`$batch` of both services."""

from __future__ import annotations

import re

import pytest
import requests

from tests.local_services import Services, Side
from tests.sandbox.given import Dataverse, Fno, change_set, multipart, operation

ACCOUNTS = "/api/data/v9.2/accounts"


def send(
    services: Services, side: Side, *parts: str, go_on: bool = False, body: bytes | None = None
) -> requests.Response:
    headers = {"Content-Type": 'multipart/mixed; boundary="batch_1"'}
    if go_on:
        headers["Prefer"] = "odata.continue-on-error"
    data = multipart(*parts) if body is None else body
    return services.request(side, "POST", "$batch", data=data, headers=headers)


def statuses(response: requests.Response) -> list[int]:
    return [int(found) for found in re.findall(r"HTTP/1\.1 (\d+)", response.text)]


def test_operations_run_in_order_and_are_answered_in_order(services: Services) -> None:
    response = send(
        services,
        "dataverse",
        operation("POST", ACCOUNTS, '{"name": "A"}'),
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nGET {ACCOUNTS}?$select=name HTTP/1.1\r\n\r\n",
        operation(
            "POST", f"{services.dataverse_url}{ACCOUNTS}", '{"name": "B"}', Prefer="return=representation"
        ),
    )
    assert response.status_code == 200
    assert re.match(r"multipart/mixed; boundary=batchresponse_", response.headers["Content-Type"])
    assert statuses(response) == [204, 200, 201]
    assert response.text.count('"name":"A"') == 1 and "OData-EntityId" in response.text
    assert response.text.endswith("--\r\n")


def test_dataverse_stops_at_the_first_failure_with_its_status(
    services: Services, dataverse: Dataverse
) -> None:
    parts = [
        operation("POST", ACCOUNTS, '{"name": "A"}'),
        operation("POST", ACCOUNTS, '{"nonsense": 1}'),
        operation("POST", ACCOUNTS, '{"name": "C"}'),
    ]
    stopped = send(services, "dataverse", *parts)
    assert stopped.status_code == 400 and statuses(stopped) == [204, 400]
    assert [row["name"] for row in dataverse.rows("accounts?$select=name")] == ["A"]
    gone_on = send(services, "dataverse", *parts, go_on=True)
    assert gone_on.status_code == 200 and statuses(gone_on) == [204, 400, 204]


def test_a_change_set_is_all_or_nothing_and_answers_with_one_error(
    services: Services, dataverse: Dataverse
) -> None:
    bad = change_set(
        operation("POST", ACCOUNTS, '{"name": "A"}', "1"),
        operation("POST", ACCOUNTS, '{"nonsense": 1}', "2"),
        operation("POST", ACCOUNTS, '{"name": "C"}', "3"),
    )
    good = change_set(operation("POST", ACCOUNTS, '{"name": "D"}', "1"))
    response = send(services, "dataverse", bad, good, go_on=True)
    assert statuses(response) == [400, 204]
    assert "changesetresponse_" in response.text and "Content-ID: 1" in response.text
    assert [row["name"] for row in dataverse.rows("accounts?$select=name")] == ["D"]
    assert services.write_count() == 1


def test_content_ids_stand_for_what_was_created(services: Services, dataverse: Dataverse) -> None:
    response = send(
        services,
        "dataverse",
        change_set(
            operation("POST", ACCOUNTS, '{"name": "parent"}', "1"),
            operation("POST", ACCOUNTS, '{"name": "child", "parentaccountid@odata.bind": "$1"}', "2"),
            operation("PATCH", "$1", '{"fax": "1"}', "3"),
        ),
    )
    assert statuses(response) == [204, 204, 204]
    child = dataverse.rows("accounts?$filter=name eq 'child'&$expand=parentaccountid($select=fax)")[0]
    assert child["parentaccountid"]["fax"] == "1"
    unknown = change_set(operation("PATCH", "$7", '{"fax": "1"}', "1"))
    assert "'$7' does not exist in the batch context" in send(services, "dataverse", unknown).text


def test_content_ids_are_needed_in_change_sets(services: Services) -> None:
    part = change_set(operation("POST", ACCOUNTS, '{"name": "A"}'))
    assert statuses(send(services, "dataverse", part)) == [400]
    services.switch(content_id_required=False)
    assert statuses(send(services, "dataverse", part)) == [204]


@pytest.mark.parametrize(
    "body",
    [
        b"--batch_1\nContent-Type: application/http\n\nGET /x HTTP/1.1\n\n--batch_1--\n",
        b"--batch_1\r\nContent-Type: application/http\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"nonsense",
    ],
    ids=["line ends", "no end", "no batch"],
)
def test_unreadable_batches(services: Services, body: bytes) -> None:
    response = send(services, "dataverse", body=body)
    assert response.status_code == 400 and "Stream was not readable" in response.text


def test_a_batch_has_a_limit(services: Services) -> None:
    parts = [operation("GET", f"{ACCOUNTS}?$select=name")] * 1001
    assert send(services, "dataverse", *parts).status_code == 400
    assert send(services, "fno", *[operation("GET", "Currencies")] * 1001).status_code == 200


def test_delta_links_in_a_batch_are_a_switch(services: Services) -> None:
    tracked = operation("GET", f"{ACCOUNTS}?$select=name", Prefer="odata.track-changes")
    link = re.search(r'deltaLink":"([^"]+)"', send(services, "dataverse", tracked).text)
    assert link is not None
    part = operation("GET", link.group(1).removeprefix(services.dataverse_url))
    assert statuses(send(services, "dataverse", part)) == [200]
    services.switch(tracking_in_batch=False)
    assert statuses(send(services, "dataverse", part)) == [400]


def test_fno_change_sets_commit_one_by_one(services: Services, fno: Fno) -> None:
    fno.chain("usmf")

    def customer(number: str, group: str) -> str:
        body = f'{{"dataAreaId": "usmf", "CustomerAccount": "{number}", "CustomerGroupId": "{group}"}}'
        return change_set(
            operation("POST", "CustomersV3?cross-company=true", body, "1"), boundary=f"c{number}"
        )

    response = send(
        services, "fno", customer("1", "10"), customer("2", "none"), customer("3", "10"), go_on=True
    )
    assert response.status_code == 200 and statuses(response) == [201, 400, 201]
    rows = fno.rows("CustomersV3?cross-company=true&$select=CustomerAccount&$orderby=CustomerAccount")
    assert [row["CustomerAccount"] for row in rows] == ["1", "3"]


def test_fno_updates_and_reads_in_a_batch(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "A/1")
    address = "CustomersV3(dataAreaId='usmf',CustomerAccount='A%2F1')?cross-company=true"
    response = send(
        services,
        "fno",
        change_set(
            operation("PATCH", f"/data/{address}", '{"SalesMemo": "x"}', "1", Prefer="return=representation")
        ),
        operation("GET", address),
        operation("GET", address.replace("A%2F1", "none")),
        go_on=True,
    )
    assert statuses(response) == [200, 200, 404]
    assert response.text.count('"SalesMemo":"x"') == 2


def test_the_trace_shows_what_a_batch_held(services: Services) -> None:
    send(
        services,
        "dataverse",
        operation("PATCH", f"{ACCOUNTS}(11111111-1111-1111-1111-111111111111)", "{}", If_Match='W/"1"'),
    )
    entry = services.trace()[-1]
    assert entry["url"].endswith("/$batch")
    assert [(o["method"], o["if_match"], o["status"]) for o in entry["operations"]] == [
        ("PATCH", 'W/"1"', 404)
    ]
