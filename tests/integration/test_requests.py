"""What a delta asks of both services: each table once, each row by its own identity, no write without the version that was read."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest

from tests.integration.conftest import Prepare
from tests.integration.customers import AWKWARD, MAPS, Customers, in_sync
from tests.integration.installation import Installation, failed
from tests.local_services import Services, Side

GUID = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture
def installation(prepare: Prepare) -> Installation:
    return prepare(in_sync, maps=MAPS)


DELETED = ("US*", "a/b")
ADDED = ("US**", "US+", "[US]")


class Requests:
    """What the application has asked since this was made."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._since = max((each["seq"] for each in services.trace()), default=0)

    def sent(self) -> list[dict[str, Any]]:
        """Requests as they came over the wire."""
        found = self._services.trace(self._since)
        return [each for each in found if each["caller"] == "application"]

    def operations(self, *methods: str) -> list[tuple[str, dict[str, Any]]]:
        """(side, operation) inside batches and outside of them."""
        found = []
        for request in self.sent():
            inside = request["operations"] if "/$batch" in request["url"] else [request]
            found += [(request["side"], each) for each in inside if each["method"] in methods]
        return found

    def lists(self) -> Counter[tuple[str, str]]:
        """How often each table and entity set was read as a list, by side and name."""
        return Counter(
            (each["side"], name)
            for each in self.sent()
            if each["method"] == "GET" and "$skiptoken" not in each["url"]
            for name in re.findall(r"/data/(?:v9\.2/)?(\w+)\?", each["url"])
        )


def everything_at_once(services: Services) -> None:
    """On each side a user changes some of the awkward customers, deletes one and adds new ones."""
    ours = Customers(services)
    for number, key in enumerate(key for key in AWKWARD if key not in DELETED):
        if number % 2:
            ours.change("fno", key, CreditRating=f"F {key}")
        else:
            ours.change("dataverse", key, telephone1=f"D {key}")
    ours.delete("fno", DELETED[0])
    ours.delete("dataverse", DELETED[1])
    for key in ADDED:
        ours.add("fno", key)
    ours.add("dataverse", "A%%")


def test_nothing_is_written_without_the_version_that_was_read(
    services: Services, installation: Installation
) -> None:
    everything_at_once(services)
    requests = Requests(services)
    assert failed(installation.settle()) == []

    changes = requests.operations("PATCH", "DELETE")
    assert {(side, each["method"]) for side, each in changes} == {
        (side, method) for side in ("fno", "dataverse") for method in ("PATCH", "DELETE")
    }
    assert [each["url"] for _, each in changes if not each["if_match"] or each["if_match"] == "*"] == []
    # a version that any row would have is none
    assert len({each["if_match"] for _, each in changes}) == len(changes)
    assert all(each["status"] < 300 for _, each in changes)


def test_a_delta_sends_no_bulk_message_and_no_upsert(services: Services, installation: Installation) -> None:
    everything_at_once(services)
    requests = Requests(services)
    installation.settle()

    sent = requests.operations("POST", "PATCH", "PUT", "MERGE")
    assert [each["url"] for _, each in sent if re.search(r"Multiple|Microsoft\.Dynamics", each["url"])] == []
    # a PATCH of a row that is not there would make one: all of ours name a row by its id, and its version
    created = [(side, each) for side, each in sent if each["method"] == "POST"]
    assert Counter(side for side, _ in created) == {"fno": 1, "dataverse": len(ADDED)}
    assert all(re.search(r"/(accounts|CustomersV3)(\?|$)", each["url"]) for _, each in created)
    writes = Counter((write["side"], write["kind"]) for write in installation.ours())
    assert (writes["dataverse", "create"], writes["fno", "create"]) == (len(ADDED), 1)
    assert writes["dataverse", "delete"] == writes["fno", "delete"] == 1


def test_rows_are_addressed_by_their_own_identity(services: Services, installation: Installation) -> None:
    everything_at_once(services)
    requests = Requests(services)
    installation.settle()

    for side, each in requests.operations("GET", "PATCH", "DELETE"):
        path, _, query = each["url"].partition("?")
        if side == "dataverse":
            # an alternate key can't hold half of these values
            assert re.search(rf"/\w+(\({GUID}\))?$", path), path
        elif "(" in path:
            assert re.search(r"/\w+\(dataAreaId='\w+',\w+='[^']*(''[^']*)*'\)$", path), path
            assert "cross-company=true" in query


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_row_is_found_beside_keys_that_look_like_patterns_for_it(
    services: Services, installation: Installation, side: Side
) -> None:
    ours = Customers(services)
    column = {"fno": "CreditRating", "dataverse": "msdyn_creditrating"}
    other: Side = "dataverse" if side == "fno" else "fno"
    for number, key in enumerate(AWKWARD):
        ours.change(side, key, **{column[side]: f"Rating {number}"})
        if number == len(AWKWARD) // 2:
            # all at once would make the scan of F&O stop the lane
            installation.settle()
    assert failed(installation.settle()) == []
    assert {key: row[column[other]] for key, row in ours.rows(other).items()} == {
        key: f"Rating {number}" for number, key in enumerate(AWKWARD)
    }
    assert len(installation.ours("update")) == len(AWKWARD) == len(installation.ours())
    untouched = Customers(services, "demf").rows(other)
    assert {row[column[other]] or "" for row in untouched.values()} == {""}
    assert installation.parked() == []


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_new_row_is_not_taken_for_one_that_its_key_is_a_pattern_of(
    services: Services, installation: Installation, side: Side
) -> None:
    ours = Customers(services)
    other: Side = "dataverse" if side == "fno" else "fno"
    new = ("U*", "G%", "_", "Gr%", "O''", "E   F", "*", "[A-Z]", "#7?", "a/", "%41")
    before = {key: row["@odata.etag"] for key, row in ours.rows(other).items()}
    for key in new:
        ours.add(side, key)
    assert failed(installation.settle()) == []
    rows = ours.rows(other)
    assert rows.keys() == {*AWKWARD, *new}
    # nobody else's row was written, or paired
    assert {key: rows[key]["@odata.etag"] for key in before} == before
    assert installation.parked() == []
    assert installation.stored().twins(MAPS) == []
    assert installation.stored().differences(MAPS) == []


def test_deletes_reach_the_row_with_that_key_and_no_other(
    services: Services, installation: Installation
) -> None:
    ours = Customers(services)
    for key in ("US*", "Gr"):
        ours.delete("fno", key)
    ours.delete("dataverse", "a/b")
    installation.settle()
    left = set(AWKWARD) - {"US*", "Gr", "a/b"}
    assert ours.rows("fno").keys() == ours.rows("dataverse").keys() == left
    assert Customers(services, "demf").rows("dataverse").keys() == set(AWKWARD)


def test_every_table_is_asked_once_whatever_the_number_of_its_maps(
    services: Services, installation: Installation
) -> None:
    maps = [installation.catalogue.get(name) for name in MAPS]
    assert Counter(sync.dataverse.table for sync in maps)["contacts"] == 3
    installation.delta()  # looks the companies up as well
    everything_at_once(services)
    requests = Requests(services)
    installation.delta()
    assert requests.lists() == {
        **{("dataverse", sync.dataverse.table): 1 for sync in maps},
        **{("fno", sync.fno.set): 1 for sync in maps},
    }


def test_a_delta_with_nothing_to_do_asks_each_feed_and_nothing_else(
    services: Services, installation: Installation
) -> None:
    everything_at_once(services)
    installation.settle()
    installation.delta()
    requests = Requests(services)
    installation.delta()
    tables = {("dataverse", installation.catalogue.get(name).dataverse.table) for name in MAPS}
    sets = {("fno", installation.catalogue.get(name).fno.set) for name in MAPS}
    assert requests.lists().keys() == tables | sets
    assert len(requests.sent()) == len(tables) + len(sets)
