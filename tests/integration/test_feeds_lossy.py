"""Feeds of F&O that see no deletes or can lose a change: what they name, and that a scan finds the rest."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from tasks.state.records import Event
from tasks.sync.control import pause, resume
from tasks.sync.feeds import Poll
from tasks.sync.polling import poll_feed
from tasks.sync.work import poll
from tests.integration.feeding import GROUPS, Fed, Feeding
from tests.integration.installation import CUSTOMER_GROUPS, LEGAL_ENTITIES
from tests.integration.trading import reference_data
from tests.local_services import Services

# modified times

JOBS = "Compensation job type"


@pytest.fixture
def stamped(services: Services, fed: Feeding, whole: Catalogue) -> Fed:
    services.switch(fno_clock_offset=-90)
    services.load("fno", "JobTypes", [{"JobTypeId": f"J{n}", "Description": f"Job {n}"} for n in range(5)])
    # clients that know no other clock
    return fed(catalogue=whole, maps=(JOBS,), alone=True)


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


# data events

ORGANIZATIONS = "Legal entities to msdyn_internalorganizations"


@pytest.fixture
def evented(services: Services, fed: Feeding, whole: Catalogue) -> Fed:
    rows = [{"LegalEntityId": code, "Name": code, "PartyNumber": f"P-{code}"} for code in ("USMF", "DEMF")]
    services.load("fno", "LegalEntities", rows)
    return fed(catalogue=whole, maps=(LEGAL_ENTITIES, ORGANIZATIONS), data_events="all")


def _rename(evented: Fed, code: str, name: str, *, told: bool = True) -> None:
    services, session = evented.services, evented.session
    services.edit("fno", "PATCH", f"LegalEntities('{code}')", {"Name": name})
    if told:
        event = Event(session.pair, "fno", "LegalEntities", code, "upsert", {"key": {"LegalEntityId": code}})
        with session.store.unfenced() as tx:
            tx.put_events([event])


def test_an_event_that_got_lost_is_found_by_the_safety_scan(evented: Fed) -> None:
    session = evented.session
    poll(session, session.selected())
    _rename(evented, "USMF", "told")
    _rename(evented, "DEMF", "lost", told=False)
    before = evented.services.trace()[-1]["seq"]
    poll(session, session.selected())
    assert [kind for _, kind, _ in evented.work()] == ["update", "update"]
    assert evented.scanned(before) == []
    evented.later = timedelta(minutes=16)
    poll(session, session.selected())
    assert [kind for _, kind, _ in evented.work()] == ["update", "update"]


def test_of_two_maps_on_an_entity_the_paused_one_is_told_too(evented: Fed) -> None:
    session = evented.session
    poll(session, session.selected())
    lanes = [evented.installation.lane(ORGANIZATIONS)]
    pause(session.store, lanes)
    _rename(evented, "USMF", "new name")
    poll(session, session.selected())
    assert len(evented.work()) == 1
    before = evented.services.trace()[-1]["seq"]
    resume(session.store, lanes)
    poll(session, session.selected())
    assert len(evented.work()) == 1
    assert evented.scanned(before) == []
