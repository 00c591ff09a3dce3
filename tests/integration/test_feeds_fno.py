"""The feeds of F&O with a cursor: row versions, modified times, exports. What each names, what it can't, what makes up for that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from tasks.sync.control import pause, resume
from tasks.sync.feeds import Poll
from tasks.sync.polling import Feed, feeds_of, poll_feed
from tasks.sync.seams import Seams
from tasks.sync.work import LaneSummary, delta_sync, poll
from tests.integration.installation import (
    CURRENCIES,
    CUSTOMER_GROUPS,
    LEGAL_ENTITIES,
    TERMS,
    Installation,
    Sides,
    failed,
)
from tests.integration.trading import companies, reference_data
from tests.local_services import Services

MAPS = (LEGAL_ENTITIES, CURRENCIES, TERMS, CUSTOMER_GROUPS)
GROUPS = "CustomerGroups"
Feeding = Callable[..., "Fed"]


class Fed:
    """An installation at rest, one of whose entity sets has a feed of its own.

    Attributes:
        later: how far the engine's clock is ahead.
    """

    def __init__(
        self, services: Services, sides: Sides, catalogue: Catalogue, url: str, **options: Any
    ) -> None:
        self.services = services
        self.later = timedelta()
        seams = Seams(now=lambda: datetime.now(UTC) + self.later)
        options = {"maps": MAPS, **options}
        self.installation = Installation(services, sides, catalogue, url, seams=seams, **options)
        self.session = self.installation.session
        assert not failed(self.installation.initial())
        self.installation.settle()
        self.installation.forget_writes()

    def feed(self, entity_set: str = GROUPS) -> Feed:
        (found,) = [
            each
            for each in feeds_of(self.session, self.session.selected())
            if (each.side, each.table) == ("fno", entity_set)
        ]
        return found

    def poll(self, *, scan: bool = False) -> dict[str, Poll]:
        """Ask the feed of customer groups once; what its polls found, by feed."""
        return {each.feed: each for each in poll_feed(self.session, self.feed(), scan=scan)}

    def work(self) -> list[tuple[str, str, str]]:
        """Work off what was named; our writes."""
        found = [
            summary for name in self.installation.settings.maps for summary in _delta(self.installation, name)
        ]
        assert not failed(found)
        return self.wrote()

    def wrote(self) -> list[tuple[str, str, str]]:
        """Side, kind and key of what we wrote since last asked."""
        found = [(each["side"], each["kind"], _key(each["key"])) for each in self.installation.ours()]
        self.installation.forget_writes()
        return sorted(found)

    def scanned(self, since: int) -> list[str]:
        """Entity sets that were read as a whole since a request."""
        return [
            each["url"].partition("?")[0].rpartition("/")[2]
            for each in self.services.trace(since)
            if each["side"] == "fno"
            and each["caller"] == "application"
            and "$orderby" in each["url"]
            and "ModifiedDateTime" not in each["url"].partition("$filter")[2].partition("&")[0]
        ]

    def group(self, key: str, **values: Any) -> None:
        self.services.load("fno", GROUPS, [{"dataAreaId": "usmf", "CustomerGroupId": key, **values}])

    def remove(self, key: str) -> None:
        self.services.edit(
            "fno", "DELETE", f"{GROUPS}(dataAreaId='usmf',CustomerGroupId='{key}')?cross-company=true"
        )

    def in_dataverse(self) -> dict[str, Any]:
        rows = self.services.dump("dataverse", "msdyn_customergroups")
        return {row["msdyn_groupid"]: row.get("msdyn_description") for row in rows}


def _delta(installation: Installation, name: str) -> list[LaneSummary]:
    return delta_sync(installation.session, name)


def _key(key: dict[str, Any]) -> str:
    return str(key.get("msdyn_groupid") or key.get("CustomerGroupId") or "/".join(map(str, key.values())))


@pytest.fixture
def fed(services: Services, catalogue: Catalogue, tmp_path: Path) -> Iterator[Feeding]:
    made: list[tuple[Fed, Sides]] = []

    def make(companies: Sequence[str] = ("usmf",), **options: Any) -> Fed:
        # clients of our own: what virtual tables there are is read once
        sides = Sides(services)
        url = f"sqlite:///{tmp_path}/feeds-{len(made)}.db"
        maps = options.pop("catalogue", catalogue)
        found = Fed(services, sides, maps, url, companies=companies, **options)
        made.append((found, sides))
        return found

    yield make
    for each, sides in made:
        each.installation.close()
        sides.close()


@pytest.fixture
def tracked(services: Services, fed: Feeding) -> Fed:
    reference_data(services, ("usmf",))
    services.load("fno", GROUPS, [{"dataAreaId": "usmf", "CustomerGroupId": f"G{n}"} for n in range(5)])
    services.admin("POST", "virtual", {"sets": [GROUPS], "tracked": True})
    return fed()


def test_row_versions_name_what_is_new_changed_renamed_and_deleted(tracked: Fed) -> None:
    assert (tracked.feed().kind, tracked.feed("Currencies").kind) == ("row_version", "scan")
    before = tracked.services.trace()[-1]["seq"]
    tracked.group("NEW", Description="new")
    tracked.group("10", Description="changed")
    tracked.remove("G1")
    found = tracked.poll()
    assert (found["row_version"].seen, found["row_version"].named) == (3, 3)
    assert tracked.work() == [
        ("dataverse", "create", "NEW"),
        ("dataverse", "delete", "G1"),
        ("dataverse", "update", "10"),
    ]
    # our own writes to Dataverse are no change of F&O, and nothing was read as a whole
    assert tracked.poll()["row_version"].seen == 0
    assert tracked.scanned(before) == []


def test_a_key_changed_in_f_and_o_is_one_row_to_row_versions(tracked: Fed) -> None:
    path = f"{GROUPS}(dataAreaId='usmf',CustomerGroupId='G2')?cross-company=true"
    tracked.services.edit("fno", "RENAME", path, {"CustomerGroupId": "G2-new"})
    tracked.poll()
    tracked.work()
    left = set(tracked.in_dataverse())
    # moved or parked with both keys, but never deleted and made again
    assert "create" not in {kind for _, kind, _ in tracked.wrote()}
    assert ("G2-new" in left) != ("G2" in left)


def test_what_we_write_to_f_and_o_comes_back_once_and_moves_nothing(tracked: Fed) -> None:
    (row,) = [
        each
        for each in tracked.services.dump("dataverse", "msdyn_customergroups")
        if each["msdyn_groupid"] == "G3"
    ]
    path = f"msdyn_customergroups({row['msdyn_customergroupid']})"
    tracked.services.edit("dataverse", "PATCH", path, {"msdyn_description": "from Dataverse"})
    poll(tracked.session, tracked.session.selected())
    assert tracked.work() == [("fno", "update", "G3")]
    assert tracked.poll()["row_version"].seen == 1
    assert tracked.work() == []


def test_a_void_token_is_made_up_for_by_a_scan_that_finds_deletes_too(tracked: Fed) -> None:
    tracked.group("NEW")
    tracked.remove("G1")
    tracked.services.void_tokens("mserp_custcustomergroupentities")
    (scan,) = tracked.poll().values()
    assert (scan.feed, scan.expired, scan.missing) == ("scan", True, 1)
    with tracked.session.store.read() as state:
        cursor = state.cursor(tracked.session.pair, "fno", GROUPS, "scan")
    assert cursor is not None and cursor.state == "token_expired"
    assert tracked.work() == [("dataverse", "create", "NEW"), ("dataverse", "delete", "G1")]
    tracked.group("NEWER")
    assert tracked.poll()["row_version"].named == 1


def test_an_id_that_tells_no_record_asks_for_a_scan(tracked: Fed) -> None:
    tracked.services.switch(virtual_record_id="big")
    tracked.remove("G1")
    poll(tracked.session, tracked.session.selected())
    assert tracked.work() == []
    tracked.later = timedelta(minutes=2)
    poll(tracked.session, tracked.session.selected())
    assert tracked.work() == [("dataverse", "delete", "G1")]


def test_a_deleted_row_that_was_never_ours_asks_for_nothing(tracked: Fed) -> None:
    tracked.group("BRIEF")
    tracked.remove("BRIEF")
    companies(tracked.services, "demf")
    tracked.installation.settle()
    tracked.installation.forget_writes()
    tracked.services.load("fno", GROUPS, [{"dataAreaId": "demf", "CustomerGroupId": "FAR"}])
    tracked.poll()
    tracked.services.edit(
        "fno", "DELETE", f"{GROUPS}(dataAreaId='demf',CustomerGroupId='FAR')?cross-company=true"
    )
    before = tracked.services.trace()[-1]["seq"]
    tracked.later = timedelta(minutes=2)
    poll(tracked.session, tracked.session.selected())
    assert GROUPS not in tracked.scanned(before)
    assert tracked.work() == []


def test_a_paused_company_is_told_while_its_neighbour_goes_on(services: Services, fed: Feeding) -> None:
    reference_data(services)
    services.admin("POST", "virtual", {"sets": [GROUPS], "tracked": True})
    both = fed(("usmf", "demf"))
    session = both.session
    lanes = [both.installation.lane(CUSTOMER_GROUPS, "usmf")]
    both.poll()
    pause(session.store, lanes)
    for company in ("usmf", "demf"):
        services.load("fno", GROUPS, [{"dataAreaId": company, "CustomerGroupId": "NEW"}])
    both.poll()
    assert both.work() == [("dataverse", "create", "NEW")]
    before = services.trace()[-1]["seq"]
    resume(session.store, lanes)
    both.poll()
    assert both.work() == [("dataverse", "create", "NEW")]
    assert both.scanned(before) == []


def test_a_paused_company_that_heard_nothing_is_compared_when_it_goes_on(
    services: Services, fed: Feeding
) -> None:
    reference_data(services)
    services.admin("POST", "virtual", {"sets": [GROUPS], "tracked": True})
    both = fed(("usmf", "demf"))
    lanes = [both.installation.lane(CUSTOMER_GROUPS, "usmf")]
    pause(both.session.store, lanes)
    services.load("fno", GROUPS, [{"dataAreaId": "usmf", "CustomerGroupId": "NEW"}])
    services.void_tokens("mserp_custcustomergroupentities")
    both.poll()
    assert both.work() == []
    resume(both.session.store, lanes)
    both.poll()
    assert both.work() == [("dataverse", "create", "NEW")]


# modified times

JOBS = "Compensation job type"


@pytest.fixture
def stamped(services: Services, fed: Feeding, whole: Catalogue) -> Fed:
    services.switch(fno_clock_offset=-90)
    services.load("fno", "JobTypes", [{"JobTypeId": f"J{n}", "Description": f"Job {n}"} for n in range(5)])
    return fed(catalogue=whole, maps=(JOBS,))


def test_modified_times_name_what_was_stamped_by_the_clock_of_f_and_o(stamped: Fed) -> None:
    """Its clock is a minute and a half behind ours."""
    feed = stamped.feed("JobTypes")
    assert (feed.kind, feed.source) == ("modified", "System_ModifiedDateTime")
    poll_feed(stamped.session, feed)
    stamped.services.load(
        "fno", "JobTypes", [{"JobTypeId": "J1", "Description": "changed"}, {"JobTypeId": "NEW"}]
    )
    before = stamped.services.trace()[-1]["seq"]
    (found,) = poll_feed(stamped.session, feed)
    assert (found.feed, found.named) == ("modified", 2)
    assert [kind for _, kind, _ in stamped.work()] == ["create", "update"]
    # what is read again because of the overlap is known
    (found,) = poll_feed(stamped.session, feed)
    assert found.seen and not found.named
    assert stamped.scanned(before) == []


def test_a_delete_that_modified_times_do_not_show_is_found_by_the_safety_scan(stamped: Fed) -> None:
    session = stamped.session
    maps = session.selected()
    poll(session, maps)
    stamped.services.edit("fno", "DELETE", "JobTypes(JobTypeId='J2')")
    poll(session, maps)
    assert stamped.work() == []
    stamped.later = timedelta(minutes=16)
    poll(session, maps)
    assert [kind for _, kind, _ in stamped.work()] == ["delete"]


# exports


@pytest.fixture
def exported(services: Services, fed: Feeding) -> Fed:
    reference_data(services)
    services.admin("POST", "definitions", {"name": "dualflow-CustomerGroups", "entities": [GROUPS]})
    return fed(("usmf", "demf"), feeds={CUSTOMER_GROUPS: "export"})


def _until(exported: Fed, feed: str, polls: int = 8) -> Poll:
    """Poll until a feed names something."""
    for _ in range(polls):
        found = exported.poll()
        if feed in found and found[feed].named + found[feed].missing:
            return found[feed]
    raise AssertionError(f"{feed} names nothing")


def test_exports_name_what_changed_in_each_company_minutes_later(exported: Fed) -> None:
    services = exported.services
    assert exported.feed().kind == "export" and exported.feed().lag >= 60
    exported.poll()
    services.load("fno", GROUPS, [{"dataAreaId": "demf", "CustomerGroupId": "EARLY"}])
    # the first export holds every row: nothing of it is read, and all is compared once it is there
    assert _until(exported, "scan").named == 1
    assert exported.work() == [("dataverse", "create", "EARLY")]
    services.load(
        "fno", GROUPS, [{"dataAreaId": each, "CustomerGroupId": "NEW"} for each in ("usmf", "demf")]
    )
    exported.group("10", Description="changed")
    before = services.trace()[-1]["seq"]
    named = 0
    while named < 3:
        named += _until(exported, "export").named
    assert exported.work() == [
        ("dataverse", "create", "NEW"),
        ("dataverse", "create", "NEW"),
        ("dataverse", "update", "10"),
    ]
    assert exported.scanned(before) == []


def test_an_export_that_fails_is_made_up_for_by_a_scan(exported: Fed) -> None:
    for _ in range(4):
        exported.poll()
    exported.group("NEW")
    exported.services.switch(dmf_failures=9)
    for _ in range(4):
        exported.poll()
    assert exported.work() == []
    exported.later = timedelta(minutes=2)
    poll(exported.session, exported.session.selected())
    assert exported.work() == [("dataverse", "create", "NEW")]


def test_a_package_is_fetched_only_where_packages_lie(services: Services, exported: Fed) -> None:
    fno = exported.session.fno
    packages = fno._packages  # type: ignore[attr-defined]
    for url in ("http://localhost/x", "https://evil.example/x", "https://a@localhost/x"):
        with pytest.raises(FatalError, match="where none is expected"), packages._download(url, ()):
            pass
