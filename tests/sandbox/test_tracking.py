"""Change tracking: what a delta link brings, and when it is void."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

import pytest

from tests.local_services import Services
from tests.sandbox.given import Dataverse, code, message

TRACK = {"Prefer": "odata.track-changes"}


def start(dataverse: Dataverse, **headers: str) -> str:
    """A delta link that stands for everything until now."""
    document = dataverse("GET", "accounts?$select=name", **(headers or TRACK)).json()
    while "@odata.nextLink" in document:
        document = dataverse("GET", document["@odata.nextLink"]).json()
    link: str = document["@odata.deltaLink"]
    return link


def delta(dataverse: Dataverse, link: str) -> tuple[list[Any], str]:
    """Names and ids of deleted rows, and the next link."""
    document = dataverse("GET", link).json()
    assert document["@odata.context"].endswith("/$delta")
    found = [entry.get("name") or entry["id"] for entry in document["value"]]
    return found, document["@odata.deltaLink"]


def test_a_delta_brings_changed_rows_once_by_version_and_deletes_last(dataverse: Dataverse) -> None:
    first, second, third = (dataverse.create("accounts", {"name": name}) for name in "ABC")
    link = start(dataverse)
    assert re.search(r"\$deltatoken=\d+!\d\d/\d\d/\d{4} \d\d:\d\d:\d\d$", unquote(link))
    dataverse("DELETE", f"accounts({third})")
    dataverse("PATCH", f"accounts({second})", {"name": "B1"})
    dataverse("PATCH", f"accounts({first})", {"name": "A1"})
    dataverse("PATCH", f"accounts({second})", {"name": "B2"})
    found, link = delta(dataverse, link)
    assert found == ["A1", "B2", third]
    for name in ("A2", "A3"):
        dataverse("PATCH", f"accounts({first})", {"name": name})
    found, link = delta(dataverse, link)
    assert found == ["A3"]
    assert delta(dataverse, link)[0] == []


def test_a_row_made_and_deleted_in_between_comes_as_deleted(dataverse: Dataverse) -> None:
    link = start(dataverse)
    row_id = dataverse.create("accounts", {"name": "A"})
    dataverse("DELETE", f"accounts({row_id})")
    document = dataverse("GET", link).json()
    entry = document["value"][0]
    assert entry["id"] == row_id and entry["reason"] == "deleted"
    assert entry["@odata.context"].endswith("#accounts/$deletedEntity")


def test_the_first_read_brings_live_rows_only(dataverse: Dataverse) -> None:
    dataverse("DELETE", f"accounts({dataverse.create('accounts', {'name': 'A'})})")
    dataverse.create("accounts", {"name": "B"})
    document = dataverse("GET", "accounts?$select=name", **TRACK).json()
    assert [entry["name"] for entry in document["value"]] == ["B"]
    assert (
        "odata.track-changes"
        in dataverse("GET", "accounts?$select=name", **TRACK).headers["Preference-Applied"]
    )


def test_what_changes_while_the_first_read_pages_is_in_the_first_delta(dataverse: Dataverse) -> None:
    ids = [dataverse.create("accounts", {"name": name}) for name in "ABC"]
    headers = {"Prefer": "odata.track-changes,odata.maxpagesize=2"}
    first = dataverse("GET", "accounts?$select=name", **headers).json()
    assert "@odata.deltaLink" not in first
    dataverse("PATCH", f"accounts({first['value'][0]['accountid']})", {"name": "changed"})
    last = dataverse("GET", first["@odata.nextLink"]).json()
    assert len(ids) == 3
    assert delta(dataverse, last["@odata.deltaLink"])[0] == ["changed"]


def test_deltas_page(dataverse: Dataverse) -> None:
    link = start(dataverse)
    ids = [dataverse.create("accounts", {"name": name}) for name in "ABCDE"]
    dataverse("DELETE", f"accounts({ids[4]})")
    headers = {"Prefer": "odata.maxpagesize=2"}
    sizes, document = [], dataverse("GET", link, **headers).json()
    seen = list(document["value"])
    while "@odata.nextLink" in document:
        sizes.append(len(document["value"]))
        assert "@odata.deltaLink" not in document
        dataverse.create("accounts", {"name": "later"})  # belongs to the next delta
        document = dataverse("GET", document["@odata.nextLink"], **headers).json()
        seen += document["value"]
    assert sizes == [2, 2] and [entry.get("name", "-") for entry in seen] == ["A", "B", "C", "D", "-"]
    assert delta(dataverse, document["@odata.deltaLink"])[0] == ["later", "later"]


def test_count_of_a_delta(dataverse: Dataverse) -> None:
    link = start(dataverse)
    dataverse.create("accounts", {"name": "A"})
    token = link.partition("$deltatoken=")[2]
    assert dataverse("GET", f"accounts/$count?$deltatoken={token}").content.decode() == "\ufeff1"


@pytest.mark.parametrize("option", ["filter", "orderby", "expand", "top"])
def test_options_that_tracking_refuses(dataverse: Dataverse, option: str) -> None:
    value = {"filter": "name eq 'a'", "orderby": "name", "expand": "msdyn_company", "top": "1"}[option]
    response = dataverse("GET", f"accounts?${option}={value}", **TRACK)
    assert message(response) == (
        f'The "${option}" query parameter isn\'t supported when Change Tracking is enabled.'
    )


def test_some_tables_are_not_tracked(dataverse: Dataverse) -> None:
    assert code(dataverse("GET", "systemusers?$select=fullname", **TRACK)) == (400, "0x80072491")


def test_tokens_expire_after_the_retention(services: Services, dataverse: Dataverse) -> None:
    link = start(dataverse)
    services.switch(dataverse_clock_offset=6.9 * 86_400)
    assert dataverse("GET", link).status_code == 200
    services.switch(dataverse_clock_offset=7.1 * 86_400)
    assert code(dataverse("GET", link)) == (400, "0x80044352")


def test_tokens_are_void_once_the_metadata_changed(services: Services, dataverse: Dataverse) -> None:
    link = start(dataverse)
    services.void_tokens("accounts")
    response = dataverse("GET", link)
    assert message(response) == (
        "Version stamp associated with the client has expired. Please perform a full sync."
    )
    assert delta(dataverse, start(dataverse))[0] == []


def test_a_malformed_token_is_refused(dataverse: Dataverse) -> None:
    assert dataverse("GET", "accounts?$select=name&$deltatoken=nonsense").status_code == 400


def test_a_restored_database_steps_back_in_versions(services: Services, dataverse: Dataverse) -> None:
    dataverse.create("accounts", {"name": "A"})
    services.snapshot("before")
    version = dataverse.rows("accounts")[0]["versionnumber"]
    dataverse.create("accounts", {"name": "B"})
    services.restore("before")
    assert [row["versionnumber"] for row in dataverse.rows("accounts")] == [version]
    row_id = dataverse.create("accounts", {"name": "C"})
    assert dataverse("GET", f"accounts({row_id})").json()["versionnumber"] == version + 1
