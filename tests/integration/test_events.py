"""Events and webhooks from end to end: a user edits, the system posts it to the receiver, and it arrives on the other side.

No scan and no timer has a part in it: only feeds that the receiver woke are asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tasks.state.records import Side
from tasks.sync.polling import Feed, feeds_of, poll_feed
from tasks.sync.webhooks import register, unregister
from tasks.sync.work import delta_sync
from tests.integration.conftest import Install, Prepare
from tests.integration.installation import CUSTOMER_GROUPS, LEGAL_ENTITIES, TERMS, Installation, failed
from tests.integration.trading import reference_data
from tests.local_services import Services
from tests.receiving import SECRET, Receiver

MAPS = (LEGAL_ENTITIES, TERMS, CUSTOMER_GROUPS)
SET, TABLE = "CustomerGroups", "msdyn_customergroups"


def in_sync(installation: Installation) -> None:
    reference_data(installation.services)
    assert failed(installation.initial()) == []
    installation.quiet()


class Watched:
    """An installation whose systems post to a receiver."""

    def __init__(self, installation: Installation, receiver: Receiver) -> None:
        self.installation, self.receiver = installation, receiver
        self.services, self.session = installation.services, installation.session
        self.url = receiver.url.replace("127.0.0.1", "localhost")

    def activate(self, *sets: str) -> None:
        """What a person does in F&O's data event catalog."""
        url = f"{self.url}?code={quote(SECRET)}"
        active = [{"set": name, "url": url} for name in sets]
        self.services.admin("POST", "data-events", {"data-events": active, "replace": True})

    def delivered(self) -> None:
        """Wait until the systems have posted everything."""
        while self.services.admin("GET", "deliveries")["pending"]:
            pass

    def woken(self) -> dict[tuple[Side, str], Feed]:
        """The feeds of the tables that somebody told of."""
        with self.session.store.read() as state:
            told = state.tables_with_events(self.session.pair)
        feeds = feeds_of(self.session, self.session.selected())
        return {(feed.side, feed.table): feed for feed in feeds if (feed.side, feed.table) in told}

    def follow(self) -> set[str]:
        """Do what a run that keeps watch does when something was told: ask those feeds, and work off what they named."""
        self.delivered()
        kinds: set[str] = set()
        for feed in self.woken().values():
            kinds.add(feed.kind)
            poll_feed(self.session, feed)
        assert failed(delta_sync(self.session, CUSTOMER_GROUPS)) == []
        return kinds

    def group(self, side: Side, number: str, company: str = "usmf") -> dict[str, Any] | None:
        if side == "fno":
            rows = self.services.dump("fno", SET)
            return next(
                (r for r in rows if (r["dataAreaId"], r["CustomerGroupId"]) == (company, number)), None
            )
        rows = self.services.dump("dataverse", TABLE)
        return next((r for r in rows if r["msdyn_groupid"] == number), None)


def group_path(number: str) -> str:
    return f"CustomerGroups(dataAreaId='usmf',CustomerGroupId='{number}')?cross-company=true"


def watched(installation: Installation, folder: Path, url: str | None = None) -> Watched:
    services = installation.services
    services.switch(event_retry_seconds=0)
    receiver = Receiver(
        folder,
        url or installation.settings.state_url,
        DUALFLOW_FNO_URL=services.fno_url,
        DUALFLOW_RECEIVER_CERTIFICATE=str(services.folder / "receiver.pem"),
    )
    return Watched(installation, receiver)


@pytest.fixture
def here(prepare: Prepare, tmp_path: Path) -> Iterator[Watched]:
    found = watched(prepare(in_sync, maps=MAPS), tmp_path / "receiver")
    yield found
    found.receiver.stop()


@pytest.mark.parametrize(
    ("state_url", "names"), [("sqlite", "virtual"), ("postgresql", "properties")], indirect=["state_url"]
)
def test_what_users_do_in_fno_arrives_by_data_events(
    services: Services, install: Install, state_url: str | None, names: str, tmp_path: Path
) -> None:
    installation = install(maps=MAPS, state_url=state_url)
    in_sync(installation)
    here = watched(installation, tmp_path / "receiver", installation.settings.state_url)
    # some are told twice, and not in their order
    services.switch(event_names=names, event_duplicate_every=2, event_reorder=3)
    here.activate(SET)
    services.load("fno", SET, [{"dataAreaId": "usmf", "CustomerGroupId": "E/1", "Description": "made"}])
    here.delivered()
    assert here.follow() == {"data_events"}  # its feed, since its events come
    assert here.group("dataverse", "E/1")["msdyn_description"] == "made"  # type: ignore[index]
    services.edit("fno", "PATCH", group_path("E%2F1"), {"Description": "changed"})
    services.edit("fno", "PATCH", group_path("E%2F1"), {"Description": "changed again"})
    here.follow()
    assert here.group("dataverse", "E/1")["msdyn_description"] == "changed again"  # type: ignore[index]
    services.edit("fno", "DELETE", group_path("E%2F1"))
    here.follow()
    assert here.group("dataverse", "E/1") is None
    assert here.receiver.stop() == 0
    installation.quiet()


def test_events_that_are_lost_are_found_by_the_scan_beside_them(here: Watched) -> None:
    services, installation = here.services, here.installation
    here.activate(SET)
    services.switch(event_drop_every=1)
    services.edit("fno", "PATCH", group_path("10"), {"Description": "untold"})
    here.delivered()
    assert here.woken() == {}
    installation.delta()
    assert here.group("dataverse", "10")["msdyn_description"] == "untold"  # type: ignore[index]


def test_a_receiver_that_was_down_is_told_again(here: Watched, tmp_path: Path) -> None:
    services = here.services
    here.activate(SET)
    here.receiver.kill()
    services.edit("fno", "PATCH", group_path("10"), {"Description": "while it was down"})
    here.delivered()
    assert len(services.admin("GET", "data-events")["errors"]) == 1
    again = Receiver(
        tmp_path / "again",
        here.installation.settings.state_url,
        DUALFLOW_FNO_URL=services.fno_url,
        DUALFLOW_RECEIVER_CERTIFICATE=str(services.folder / "receiver.pem"),
        DUALFLOW_RECEIVER_PORT=str(here.receiver.port),
    )
    assert services.admin("POST", "data-events/resend", {})["sent"] == 1
    here.follow()
    assert here.group("dataverse", "10")["msdyn_description"] == "while it was down"  # type: ignore[index]
    again.stop()


def test_a_webhook_wakes_the_table_it_tells_of_and_its_notice_is_settled(here: Watched) -> None:
    services, session = here.services, here.session
    maps = session.selected()
    dataverse = here.installation.sides.dataverse
    first = register(dataverse, maps, here.url, SECRET)
    assert (first.created, first.kept, first.absent) == (9, 0, [])
    again = register(dataverse, maps, here.url, SECRET)
    assert (again.created, again.kept, again.removed) == (0, 9, 0)
    row = here.group("dataverse", "10")
    assert row is not None
    path = f"{TABLE}({row['msdyn_customergroupid']})"
    services.edit("dataverse", "PATCH", path, {"msdyn_description": "told"})
    assert here.follow() == {"change_tracking"}
    assert here.group("fno", "10")["Description"] == "told"  # type: ignore[index]
    # what we write is told as well: one more look, nothing to do
    here.follow()
    assert here.woken() == {}
    fewer = register(dataverse, [session.catalogue.get(CUSTOMER_GROUPS)], here.url, SECRET)
    assert (fewer.kept, fewer.removed) == (3, 6)
    assert unregister(dataverse).removed == 3
    assert unregister(dataverse).removed == 0
    services.edit("dataverse", "PATCH", path, {"msdyn_description": "untold"})
    here.delivered()
    assert here.woken() == {}


def test_the_command_registers_and_says_what_is_left_to_a_person(
    here: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = {
        **here.services.environment,
        "DUALFLOW_STATE_URL": here.installation.settings.state_url,
        "DUALFLOW_COMPANIES": "usmf,demf",
        "DUALFLOW_MAPS": CUSTOMER_GROUPS,
        "DUALFLOW_RECEIVER_SECRET": SECRET,
        "DUALFLOW_RECEIVER_URL": here.url,
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["receive", "--register", "--json"])
    told = json.loads(done.stdout)
    assert (told["created"], told["activate"]) == (3, ["CustCustomerGroupEntity"])
    shown = CliRunner().invoke(app, ["receive", "--register"])
    assert "Data event catalog" in shown.stdout and "CustCustomerGroupEntity" in shown.stdout
    assert SECRET not in shown.stdout
    assert json.loads(CliRunner().invoke(app, ["receive", "--unregister", "--json"]).stdout)["removed"] == 3
