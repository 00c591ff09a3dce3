"""Data events name rows, whatever they tell of them; what they can't name, a scan finds."""

from __future__ import annotations

import itertools
import json
from typing import Any

import pytest

from tasks.state.records import InboxEntry
from tasks.sync.feed_events import poll_events
from tasks.sync.feeds import Poll, feed_lease
from tasks.sync.polling import feeds_of, poll_feed
from tasks.sync.receiving import Reception
from tasks.sync.work import delta_sync
from tests.engine.memory import Stored
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table
from tests.engine.trade import COMPANIES, COMPANY
from tests.engine.world import World, thing_map
from tests.receiving import context, data_event


def groups() -> Shop:
    """A world of one entity with companies, connected."""
    fields = [("Number", "new_number"), ("Name", "new_name")]
    world = Shop(
        [a_map("Groups", "Groups", ["dataAreaId", "Number"], "new_groups", ["new_number"], fields=fields)],
        [fno_table("Groups", ["dataAreaId", "Number"], "Name")],
        [dataverse_table("new_groups", ["new_number"], "new_name", COMPANY)],
    )
    world.connect()
    return world


def id_of(stored: Stored) -> str:
    """The id that Dataverse has for an F&O row: table number and record id, the lowest byte first."""
    record = int(stored.id.replace("-", ""), 16).to_bytes(8, "little").hex()
    return f"0000007b-0000-0000-{record[:4]}-{record[4:]}"


def receive(world: World, *notices: dict[str, Any]) -> int:
    """What the receiver does; returns how many it stored."""
    reception = Reception(world.store, world.catalogue, lambda: world.session.pair, now=world.clock)
    events, _ = reception.read(json.dumps(list(notices)).encode())
    reception.put(events)
    return len(events)


def route(world: World, name: str = "Things") -> Poll:
    lanes = world.session.lanes([world.catalogue.get(name)])
    with world.session.leased(feed_lease("fno", lanes[0].map.fno.set)) as lease:
        return poll_events(lanes, lease)


def inbox(world: World, company: str = "") -> list[InboxEntry]:
    (name,) = world.catalogue.maps
    with world.store.read() as state:
        return state.take_inbox(world.session.pair, name, company, 100)


def scan_wanted(world: World, table: str = "Things") -> bool:
    with world.store.read() as state:
        cursor = state.cursor(world.session.pair, "fno", table, "scan")
    return cursor is not None and cursor.state == "wanted"


def told(message: str, stored: Stored, *names: str) -> dict[str, Any]:
    values = {name: stored.values[name] for name in names}
    return data_event(message, "ThingEntity", id_of(stored), **values)


@pytest.fixture
def world() -> World:
    world = World()
    world.add_fno("a", A="1")
    world.add_fno("b", A="1")
    world.initial()
    world.settle()
    assert world.equal()
    return world


def stored(world: World, code: str) -> Stored:
    found = world.fno_memory.by_key("Things", {"Code": code})
    assert found is not None
    return found


def test_what_is_made_changed_and_deleted_arrives_by_events_alone(world: World) -> None:
    gone, made = stored(world, "b"), world.add_fno("c", A="new")
    world.set_fno("a", A="2")
    world.delete_fno("b")
    receive(
        world,
        told("Create", made, "Code", "A"),
        told("Update", stored(world, "a"), "Code", "A"),
        data_event("Delete", "mserp_thingentity", id_of(gone)),
    )
    assert route(world).named == 3
    delta_sync(world.session, "Things")
    assert world.equal()
    assert not scan_wanted(world)
    with world.store.read() as state:
        assert state.tables_with_events(world.session.pair) == {}


@pytest.mark.parametrize("keyed", [True, False], ids=["by key", "by id"])
def test_any_order_and_any_repetition_ends_the_same(world: World, keyed: bool) -> None:
    for number, order in enumerate(itertools.permutations(["Create", "Update", "Delete"])):
        row = world.add_fno(f"n{number}")
        world.fno_memory.delete("Things", row.id)
        for message in (*order, order[0]):
            receive(world, told(message, row, *(["Code"] if keyed and message != "Delete" else [])))
            route(world)
            delta_sync(world.session, "Things")
    world.delta()
    assert world.equal()
    assert len(world.dataverse_memory.of("new_things")) == 2


def test_a_change_told_by_id_alone_finds_its_link(world: World) -> None:
    world.set_fno("a", A="2")
    receive(world, context("Update", "ThingEntity", id_of(stored(world, "a"))))
    route(world)
    delta_sync(world.session, "Things")
    assert world.equal()
    assert not scan_wanted(world)


def test_a_new_row_told_by_id_alone_is_left_to_a_scan(world: World) -> None:
    receive(world, context("Create", "ThingEntity", id_of(world.add_fno("c"))))
    assert route(world).named == 0
    assert scan_wanted(world)
    world.settle()
    assert world.equal()
    assert not scan_wanted(world)


def test_a_delete_of_a_row_that_nobody_knows_asks_for_a_scan_until_ids_are_understood(world: World) -> None:
    other = world.add_fno("x")
    world.fno_memory.delete("Things", other.id)
    receive(world, told("Delete", other))
    route(world)
    assert scan_wanted(world)
    world.delta()
    assert not scan_wanted(world)
    # from here on an event shows that its id is the record's
    receive(world, told("Update", stored(world, "a"), "Code"), told("Delete", other))
    route(world)
    receive(world, told("Delete", other))
    route(world)
    assert not scan_wanted(world)


def test_ids_of_another_form_lead_to_scans_and_to_no_row(world: World) -> None:
    row = stored(world, "a")
    world.delete_fno("a")
    for id_ in ("", "no guid", "12345678-1234-1234-1234-123456789012", row.id):
        receive(world, data_event("Delete", "ThingEntity", id_))
        assert route(world).named == 0
        assert scan_wanted(world)
        world.clock.forward(hours=1)
    world.settle()
    assert world.equal()


def test_a_renamed_row_is_told_by_its_new_key(world: World) -> None:
    row = stored(world, "a")
    world.fno_memory.update("Things", row.id, {"Code": "z"})
    receive(world, told("Update", stored(world, "z"), "Code"))
    route(world)
    delta_sync(world.session, "Things")
    assert world.equal()
    assert len(world.dataverse_memory.writes()) == 3  # two creates, one rename


def test_one_row_in_two_spellings_is_one_row(world: World) -> None:
    made = world.add_fno("Case", A="1")
    receive(world, told("Create", made, "Code"))
    receive(world, data_event("Update", "ThingEntity", "", Code="CASE"))
    assert route(world).named == 2
    delta_sync(world.session, "Things")
    assert world.equal()
    with world.store.read() as state:
        assert state.parked(world.session.pair) == []
    assert inbox(world) == []


def test_an_event_that_comes_while_its_row_is_routed_stays(world: World) -> None:
    world.set_fno("a", A="2")
    receive(world, told("Update", stored(world, "a"), "Code"))

    def once(point: Any) -> None:
        if point == "polled":
            world.failpoint = lambda _: None
            world.set_fno("a", A="3")
            receive(world, told("Update", stored(world, "a"), "Code"))

    world.failpoint = once
    route(world)
    delta_sync(world.session, "Things")
    assert route(world).seen == 1
    delta_sync(world.session, "Things")
    assert world.equal()


def test_a_crash_between_reading_and_routing_loses_nothing(world: World) -> None:
    class Crash(BaseException):
        pass

    def crash(point: Any) -> None:
        raise Crash

    world.set_fno("a", A="2")
    receive(world, told("Update", stored(world, "a"), "Code"))
    world.failpoint = crash
    with pytest.raises(Crash):
        route(world)
    world.failpoint = lambda _: None
    assert route(world).named == 1


def test_the_company_of_an_event_decides_whose_it_is() -> None:
    world = groups()
    mine = world.in_fno("Groups", Number="1")
    attributes = {"mserp_number": "1", "mserp_dataareaid": COMPANIES[0].upper()}
    assert receive(world, data_event("Create", "mserp_groups", id_of(mine), **attributes)) == 1
    foreign = data_event("Update", "mserp_groups", "", mserp_number="1", mserp_dataareaid="elsewhere")
    gone = data_event("Delete", "mserp_groups", "0000007b-0000-0000-ff00-000000000000")
    gone["PreEntityImages"] = [
        {"key": "PreImage", "value": {"Attributes": [{"key": "mserp_dataareaid", "value": "elsewhere"}]}}
    ]
    receive(world, foreign, gone)
    route(world, "Groups")
    assert [len(inbox(world, company)) for company in COMPANIES] == [1, *[0] * (len(COMPANIES) - 1)]
    delta_sync(world.session, "Groups")
    assert [row["new_number"] for row in world.rows("new_groups")] == ["1"]


def test_a_business_event_names_rows_of_the_entity_that_it_is_set_to() -> None:
    world = groups()
    for company in COMPANIES:
        world.in_fno("Groups", Number="7", dataAreaId=company)
    reception = Reception(
        world.store,
        world.catalogue,
        lambda: world.session.pair,
        {"GroupPostedBusinessEvent": "Groups"},
        now=world.clock,
    )
    posted = {
        "BusinessEventId": "GroupPostedBusinessEvent",
        "BusinessEventLegalEntity": COMPANIES[0],
        "ControlNumber": 5637144576,
        "Number": "7",
    }
    events, unknown = reception.read(json.dumps([posted, {"BusinessEventId": "Other"}]).encode())
    assert unknown == 1
    reception.put(events)
    assert route(world, "Groups").named == 1
    delta_sync(world.session, "Groups")
    assert [row["new_number"] for row in world.rows("new_groups")] == ["7"]


def test_events_that_no_run_wants_for_a_day_make_way_for_a_scan(world: World) -> None:
    receive(world, told("Update", stored(world, "a"), "Code"))
    world.clock.forward(hours=25)
    receive(world, told("Update", stored(world, "b"), "Code"))
    assert scan_wanted(world)
    with world.store.read() as state:
        (left,) = state.take_events(world.session.pair, "fno", "Things", 10)
    assert left.row == '["b"]'


@pytest.mark.parametrize("kind", ["data_events", "scan"])
def test_events_that_no_lane_listens_to_are_let_go_and_one_that_comes_later_lacks_nothing(kind: str) -> None:
    made = thing_map()
    world = World([{**made, "fno": {**made["fno"], "feeds": [kind]}}], data_events=("all",))
    receive(world, told("Create", world.add_fno("a"), "Code"))
    (feed,) = (each for each in feeds_of(world.session, world.session.selected()) if each.side == "fno")
    assert (feed.kind, poll_feed(world.session, feed)) == (kind, [])
    with world.store.read() as state:
        assert state.tables_with_events(world.session.pair) == {}
    world.initial()
    world.add_fno("b")  # before anybody listens: its event is lost
    poll_feed(world.session, feed)
    delta_sync(world.session, "Things")
    assert world.equal()
