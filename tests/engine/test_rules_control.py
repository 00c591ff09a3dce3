"""Pause, resume, stop: nothing is lost that nobody gave up, and neighbours go on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mappings.errors import FatalError
from tasks.state.records import LaneRecord
from tasks.sync.control import Moved, lanes_of, pause, resume, stop
from tasks.sync.resuming import discard
from tasks.sync.work import delta_sync, maps_with_work, poll
from tests.engine.trade import Trade, customers_map, groups_map


def running(**options: Any) -> Trade:
    """Three customers that are equal on both sides."""
    w = Trade(**options)
    for n in range(3):
        w.customer(f"C{n}", Name=f"name {n}")
    w.connect()
    w.sync()
    w.writes()
    return w


def lanes(w: Trade, *maps: str, companies: Sequence[str] = ("usmf",)) -> list[LaneRecord]:
    return lanes_of(w.store, w.session.pair, w.catalogue, maps or ("Customers",), companies=companies)


def states(moved: Sequence[Moved]) -> list[tuple[str, str]]:
    return [(each.before, each.after) for each in moved]


def name_of(w: Trade, account: str) -> tuple[Any, Any]:
    row, contact = w.in_fno(account), w.in_dataverse(account)
    return row and row.values["Name"], contact and contact.values["new_name"]


def edit(w: Trade, account: str, side: str, name: str) -> None:
    stored = w.in_fno(account) if side == "fno" else w.in_dataverse(account)
    assert stored is not None
    w.change(stored, **{"Name" if side == "fno" else "new_name": name})


def inbox(w: Trade) -> int:
    with w.store.read() as state:
        return state.count_inbox(w.session.pair, "Customers", "usmf")


def record(w: Trade) -> LaneRecord:
    with w.store.read() as state:
        return state.lane(w.session.pair, "Customers", "usmf")


def after_a_batch(w: Trade, act: Callable[[], object]) -> None:
    """As soon as the next batch is recorded, a user acts."""

    def once(point: str) -> None:
        if point == "recorded":
            w.failpoint = lambda _: None
            act()

    w.failpoint = once


def cut_short(act: Callable[[Trade], object]) -> Trade:
    """A run over 120 new rows, in which a user acts once the first 50 are done."""
    w = running(page_size=50)
    for n in range(120):
        w.customer(f"M{n:03}", Name="new")
    poll(w.session, [w.catalogue.maps["Customers"]])
    after_a_batch(w, lambda: act(w))
    delta_sync(w.session, "Customers", ["usmf"])
    return w


def busy(w: Trade) -> None:
    """Users change, make and delete rows on both sides while nobody works on them."""
    edit(w, "C0", "fno", "changed in F&O")
    edit(w, "C1", "dataverse", "changed in Dataverse")
    w.contact("N1", name="new in Dataverse", status=1)
    w.customer("N2", Name="new in F&O")
    gone = w.in_dataverse("C2")
    assert gone is not None
    w.remove(gone)
    for _ in range(2):
        w.sync()


def all_came(w: Trade) -> None:
    w.sync()
    w.sync()
    assert name_of(w, "C0") == ("changed in F&O",) * 2
    assert name_of(w, "C1") == ("changed in Dataverse",) * 2
    assert name_of(w, "N1") == ("new in Dataverse",) * 2
    assert name_of(w, "N2") == ("new in F&O",) * 2
    assert name_of(w, "C2") == (None, None)
    assert record(w).state == "running" and not record(w).rescan
    w.writes()
    w.sync()
    assert w.writes() == []


@pytest.mark.parametrize("backlog", ["catch-up", "live-first"])
@pytest.mark.parametrize("names", [100, 1])
def test_a_paused_lane_writes_nothing_and_loses_nothing(backlog: Any, names: int) -> None:
    w = running(paused_names=names)
    assert states(pause(w.store, lanes(w))) == [("running", "paused")]
    busy(w)
    assert w.writes() == []
    assert "Customers" not in maps_with_work(w.session)
    assert (inbox(w), record(w).rescan) == ((3, False) if names == 100 else (0, True))
    assert states(resume(w.store, lanes(w), backlog)) == [("paused", "resuming")]
    all_came(w)


def test_the_other_company_and_the_other_map_go_on() -> None:
    w = running()
    w.customer("D1", "demf", Name="one")
    w.group("G", "group")
    w.sync()
    pause(w.store, lanes(w))
    other, group = w.in_dataverse("D1", "demf"), w.in_dataverse("G", table="new_groups")
    assert other is not None and group is not None
    w.change(other, new_name="goes on")
    w.change(group, new_name="as well")
    edit(w, "C0", "dataverse", "waits")
    w.sync()
    row = w.in_fno("D1", "demf")
    assert row is not None and row.values["Name"] == "goes on"
    changed = w.in_fno("G", table="Groups")
    assert changed is not None and changed.values["Name"] == "as well"
    assert name_of(w, "C0") == ("name 0", "waits")


def test_a_run_under_way_honours_a_pause_after_its_batch() -> None:
    w = cut_short(lambda w: pause(w.store, lanes(w)))
    assert len(w.writes()) == 50
    assert record(w).state == "paused" and inbox(w) == 70
    resume(w.store, lanes(w))
    w.sync()
    assert len(w.writes()) == 70


def test_live_first_brings_what_is_new_before_what_waited(monkeypatch: pytest.MonkeyPatch) -> None:
    from tasks.sync import delta

    monkeypatch.setattr(delta, "BEHIND", 1)
    w = running(page_size=50)
    for n in range(60):
        w.contact(f"M{n:03}", name="old", status=1)
    pause(w.store, lanes(w))
    w.sync()
    resume(w.store, lanes(w), "live-first")
    edit(w, "C0", "dataverse", "urgent")
    w.sync()
    assert name_of(w, "C0") == ("urgent", "urgent")
    assert inbox(w) == 11 and record(w).state == "resuming"
    for _ in range(3):
        w.sync()
    assert inbox(w) == 0 and record(w).state == "running"
    assert len(w.fno_memory.of("Customers")) == 63


def test_what_is_discarded_waits_until_its_row_changes_again() -> None:
    w = running()
    pause(w.store, lanes(w))
    edit(w, "C0", "fno", "forgotten")
    edit(w, "C1", "dataverse", "forgotten")
    w.sync()
    edit(w, "C2", "dataverse", "forgotten, though no poll has named it yet")
    assert states(discard(w.session, lanes(w))) == [("paused", "running")]
    for _ in range(2):
        w.sync()
    assert w.writes() == []
    contact = w.in_dataverse("C0")
    assert contact is not None
    w.change(contact, new_status=2)
    edit(w, "C1", "dataverse", "said again")
    w.sync()
    assert name_of(w, "C0") == ("forgotten", "forgotten")
    assert name_of(w, "C1") == ("said again", "said again")


def test_nothing_came_so_it_runs_at_once() -> None:
    w = running()
    pause(w.store, lanes(w))
    assert states(resume(w.store, lanes(w))) == [("paused", "running")]
    assert states(resume(w.store, lanes(w))) == [("running", "running")]
    assert states(pause(w.store, [*lanes(w), *lanes(w)])) == [("running", "paused"), ("paused", "paused")]


def test_an_initial_sync_is_interrupted_between_two_pages_and_goes_on() -> None:
    w = Trade(fno_page_size=50)
    for n in range(120):
        w.customer(f"C{n:03}", Name="new")
    after_a_batch(w, lambda: pause(w.store, lanes(w)))
    (summary, _) = w.initial("Customers")
    assert (summary.verdict, summary.code) == ("failed", "interrupted")
    made = len(w.writes())
    assert 0 < made < 120 and record(w).state == "paused"
    (summary, _) = w.initial("Customers")
    assert summary.code == "paused" and w.writes() == []
    assert states(resume(w.store, lanes(w))) == [("paused", "initializing")]
    w.connect("Customers")
    assert len(w.writes()) == 120 - made and record(w).state == "running"


def test_a_stopped_lane_hears_nothing_and_starts_with_a_mode() -> None:
    w = running()
    assert states(stop(w.store, w.catalogue, lanes(w))) == [("running", "not_running")]
    edit(w, "C0", "dataverse", "while stopped")
    w.sync()
    assert w.writes() == [] and inbox(w) == 0
    refused = w.initial("Customers")[0]
    assert (refused.verdict, refused.code) == ("failed", "choose_mode")
    assert "link" in refused.message
    (linked, _) = w.initial("Customers", mode="link")
    assert linked.verdict == "ok" and w.writes() == []
    assert record(w).state == "running"
    edit(w, "C1", "dataverse", "live again")
    w.sync()
    assert name_of(w, "C1") == ("live again", "live again")


def cursors(w: Trade) -> set[tuple[str, str]]:
    with w.store.read() as state:
        return {(cursor.side, cursor.table) for cursor in state.cursors(w.session.pair)}


def test_the_last_one_on_a_table_takes_its_cursors_along() -> None:
    w = running()
    both = {("fno", "Customers"), ("dataverse", "new_customers")}
    before = cursors(w)
    assert both <= before
    stop(w.store, w.catalogue, lanes(w))
    assert cursors(w) == before, "the other company still listens"
    stop(w.store, w.catalogue, lanes(w, companies=("demf",)))
    assert cursors(w) == before - both


def test_stopping_under_way_ends_with_the_batch() -> None:
    w = cut_short(lambda w: stop(w.store, w.catalogue, lanes(w)))
    assert len(w.writes()) == 50 and record(w).state == "not_running"


def test_a_lane_in_error_is_left_to_whoever_looks_at_it() -> None:
    w = running()
    with w.store.unfenced() as tx:
        tx.save_lane_state(w.session.pair, "Customers", "usmf", "error", "too many rows")
    (moved,) = pause(w.store, lanes(w))
    assert moved.after == "error" and "too many rows" in moved.note
    assert states(stop(w.store, w.catalogue, lanes(w))) == [("error", "not_running")]


def test_too_much_at_once_stops_a_paused_lane_when_it_is_resumed() -> None:
    """What the brake finds while a lane is paused ends no pause, and is not forgotten either."""
    made = {**customers_map(), "dataverse": {**customers_map()["dataverse"], "filter": "new_type eq 3"}}
    made["fields"] = [*made["fields"], {"dataverse": "new_type", "constant": 3}]
    w = Trade(made, update_brake_share=0.3)
    for n in range(10):
        w.customer(f"C{n}", Name="one")
    w.connect()
    w.sync()
    w.writes()
    pause(w.store, lanes(w))
    for contact in list(w.dataverse_memory.of("new_customers").values()):
        w.change(contact, new_type=1)
    w.sync()
    assert record(w).state == "paused"
    resume(w.store, lanes(w))
    w.sync()
    assert record(w).state == "error" and "left the map's filter" in record(w).reason
    assert w.writes() == []


def test_maps_are_chosen_by_area_and_company() -> None:
    w = running()
    pair = w.session.pair
    assert {lane.map for lane in lanes_of(w.store, pair, w.catalogue, areas=["customers"])} >= {"Customers"}
    assert {lane.company for lane in lanes_of(w.store, pair, w.catalogue, companies=["DEMF"])} == {"demf"}
    with pytest.raises(FatalError, match="Nobody"):
        lanes_of(w.store, pair, w.catalogue, ["Nobody"])


def test_the_same_table_under_two_maps() -> None:
    """One of two maps on a table is paused: the other hears everything, and so does the paused one."""
    other = customers_map()
    first = {**customers_map(), "fno": {**customers_map()["fno"], "filter": "Kind eq 'Organization'"}}
    first["dataverse"] = {**first["dataverse"], "filter": "new_type eq 3"}
    second = {**other, "map": "People", "fno": {**other["fno"], "filter": "Kind eq 'Person'"}}
    second["dataverse"] = {**second["dataverse"], "filter": "new_type eq 1"}
    for each, kind, number in ((first, "Organization", 3), (second, "Person", 1)):
        each["fields"] = [
            *each["fields"],
            {"fno": "Kind", "constant": kind},
            {"dataverse": "new_type", "constant": number},
        ]
    w = Trade(maps=[groups_map(), first, second])
    w.customer("C1", Name="one", Kind="Organization")
    w.customer("P1", Name="two", Kind="Person")
    w.connect()
    w.sync()
    pause(w.store, lanes(w))
    edit(w, "C1", "dataverse", "waits")
    edit(w, "P1", "dataverse", "goes on")
    w.sync()
    assert name_of(w, "P1") == ("goes on", "goes on") and name_of(w, "C1") == ("one", "waits")
    resume(w.store, lanes(w))
    w.sync()
    assert name_of(w, "C1") == ("waits", "waits")
