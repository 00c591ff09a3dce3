"""Row versions of F&O: what they name, and what makes up for a token that is void."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mappings.errors import FatalError
from tasks.sync.control import pause, resume
from tasks.sync.keeping import Keeper
from tasks.sync.polling import due_scans
from tasks.sync.rewound import Rewound
from tasks.sync.work import poll
from tests.integration.feeding import GROUPS, Fed, Feeding
from tests.integration.installation import CUSTOMER_GROUPS
from tests.integration.trading import (
    account,
    companies,
    company_ids,
    customer_binds,
    reference_data,
)
from tests.local_services import Services


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


def test_a_delete_that_dataverse_refuses_is_tried_again_though_the_feed_tells_of_it_once(
    tracked: Fed,
) -> None:
    services, session = tracked.services, tracked.session
    binds = customer_binds(company_ids(services)["usmf"], "G2")
    services.load("dataverse", "accounts", [account("usmf", "A-1", **binds)])
    tracked.remove("G2")
    tracked.poll()
    for _ in range(3):
        assert tracked.work() == []
        with session.store.read() as state:
            assert [(row.key, row.code) for row in state.parked(session.pair)] == [("G2", "referred")]
        tracked.later += timedelta(hours=6)
    services.change("dataverse", "accounts", None, "accountnumber eq 'A-1'")
    assert tracked.work() == [("dataverse", "delete", "G2")]
    with session.store.read() as state:
        assert state.parked(session.pair) == []


def test_a_row_that_could_not_be_made_again_at_once_is_made_when_it_can_be(tracked: Fed) -> None:
    services, session = tracked.services, tracked.session
    (group,) = (
        row for row in services.dump("dataverse", "msdyn_customergroups") if row["msdyn_groupid"] == "G2"
    )
    path = f"msdyn_customergroups({group['msdyn_customergroupid']})"
    services.edit("dataverse", "PATCH", path, {"msdyn_description": "x" * 100})
    tracked.remove("G2")
    poll(session, session.selected())
    assert tracked.work() == []
    with session.store.read() as state:
        assert [(row.key, row.code) for row in state.parked(session.pair)] == [("G2", "refused")]
    services.edit("dataverse", "PATCH", path, {"msdyn_description": "short"})
    poll(session, session.selected())
    assert ("fno", "create", "G2") in tracked.work()
    (made,) = (row for row in services.dump("fno", GROUPS) if row["CustomerGroupId"] == "G2")
    assert made["Description"] == "short"


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


def test_a_company_that_was_away_is_compared_when_it_comes_back(services: Services, fed: Feeding) -> None:
    """What changed while it was being connected anew was told to its neighbour alone."""
    reference_data(services)
    services.admin("POST", "virtual", {"sets": [GROUPS], "tracked": True})
    both = fed(("usmf", "demf"))
    both.poll()
    running = both.installation.lane(CUSTOMER_GROUPS, "usmf")
    with both.session.store.unfenced() as tx:
        tx.save_lane(replace(running, state="initializing", initial="running"))
    both.group("NEW")
    both.poll()
    assert both.work() == []
    with both.session.store.unfenced() as tx:
        tx.save_lane(running)
    both.poll()
    assert both.work() == [("dataverse", "create", "NEW")]


def test_a_run_that_keeps_watch_leaves_the_scan_to_its_queue(tracked: Fed) -> None:
    session = tracked.session
    tracked.group("NEW")
    tracked.services.void_tokens("mserp_custcustomergroupentities")
    session.keeper = Keeper(session.store, session.pair, session.owner)
    assert tracked.poll()["row_version"].expired
    assert tracked.work() == []
    tracked.later = timedelta(minutes=2)
    assert [feed.table for feed in due_scans(session, [tracked.feed()])] == [GROUPS]
    tracked.poll(scan=True)
    assert tracked.work() == [("dataverse", "create", "NEW")]
    assert due_scans(session, [tracked.feed()]) == []
    with session.store.read() as state:
        scan = state.cursor(session.pair, "fno", GROUPS, "scan")
    assert scan is not None and scan.state == "token_expired"


def test_an_environment_that_tracks_no_longer_is_scanned(tracked: Fed) -> None:
    tracked.poll()
    tracked.services.alter("dataverse", "mserp_financeandoperationsentities", gone=True)
    tracked.group("NEW")
    with pytest.raises(FatalError):
        tracked.poll()
    assert tracked.feed().kind == "scan" and "row_version: " in tracked.feed().why
    tracked.poll()
    assert tracked.work() == [("dataverse", "create", "NEW")]


def test_an_f_and_o_that_was_restored_is_found_before_anything_is_written(tracked: Fed) -> None:
    tracked.services.snapshot("before")
    tracked.group("10", Description="newer")
    tracked.poll()
    assert tracked.work() == [("dataverse", "update", "10")]
    tracked.services.restore("before")
    with pytest.raises(Rewound, match=r"F&O went back in time.*dualflow relink"):
        tracked.poll()
    assert tracked.wrote() == [] and tracked.work() == []
