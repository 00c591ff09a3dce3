"""Lanes: a changed map, two workers, two pairs of environments, several maps on one table."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import LeaseLost
from mappings.model import Map
from tasks.state.store import Store
from tasks.sync.work import delta_sync, initial_sync, poll
from tests.engine.memory import text
from tests.engine.trade import Trade, customers_map, groups_map
from tests.engine.world import World

# changed maps


def changed(w: Trade, *maps: dict[str, Any]) -> None:
    """The next process reads other maps."""
    w.catalogue = Catalogue([Map.model_validate(each) for each in maps])
    w.session = w.open(companies="usmf,demf")


EXTRA = {"fno": "Reference", "dataverse": "new_plugin"}


def with_fields(*order: int, more: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    """The customers' map with its fields in another order."""
    made = customers_map()
    return {**made, "fields": [made["fields"][n] for n in order] + list(more)}


@pytest.fixture
def synced() -> Trade:
    """Two rows, equal on both sides but for a field that no map has yet."""
    w = Trade()
    w.group("G", "group")
    w.customer("C1", Name="one", GroupId="G", Amount="1.5", Note="n")
    w.contact("D1", name="two", status=2)
    w.connect()
    w.sync()
    assert w.parked() == [] and w.waiting() == []
    w.writes()
    return w


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param(with_fields(6, 5, 4, 3, 2, 1, 0), id="reordered"),
        pytest.param(with_fields(0, 1, 2, 3, 4, 5), id="one fewer"),
        pytest.param(with_fields(0, 1, 2, 3, 4, 5, 6, more=(EXTRA,)), id="one more"),
        pytest.param(
            {**with_fields(0, 1, 2, 3, 4, 5, 6), "fields": [EXTRA, *customers_map()["fields"]]},
            id="one before all",
        ),
        pytest.param(customers_map(groups={"money": ["new_amount", "new_status"]}), id="grouped"),
    ],
)
def test_a_changed_map_writes_nothing_for_what_did_not_change(synced: Trade, fields: dict[str, Any]) -> None:
    changed(synced, groups_map(), fields)
    synced.sync()
    for stored in list(synced.fno_memory.of("Customers").values()):
        synced.change(stored, Note=str(stored.values.get("Note") or "") + " ")  # looked at, and no different
    for stored in list(synced.dataverse_memory.of("new_customers").values()):
        synced.change(stored, new_plugin=stored.values.get("new_plugin"))
    synced.sync()
    assert synced.writes() == []
    assert synced.conflicts() == []


def test_edits_made_while_the_map_changed_are_still_told_apart(synced: Trade) -> None:
    row, contact = synced.in_fno("C1"), synced.in_dataverse("C1")
    assert row is not None and contact is not None
    synced.change(contact, new_name="edited")
    synced.change(row, Amount="2.5")
    changed(synced, groups_map(), with_fields(6, 5, 4, 3, 2, 1, 0, more=(EXTRA,)))
    synced.sync()
    assert row.values["Name"] == "edited" and float(contact.values["new_amount"]) == 2.5
    assert synced.conflicts() == []


def test_a_new_field_pair_is_settled_by_the_master_and_says_so(synced: Trade) -> None:
    row, contact = synced.in_fno("C1"), synced.in_dataverse("C1")
    assert row is not None and contact is not None
    synced.change(row, Reference="of F&O")
    synced.change(contact, new_plugin="of Dataverse")
    synced.sync()
    changed(synced, groups_map(), with_fields(0, 1, 2, 3, 4, 5, 6, more=(EXTRA,)))
    synced.change(row, Name="looked at")
    synced.sync()
    assert contact.values["new_plugin"] == row.values["Reference"] == "of F&O"
    (record,) = synced.conflicts(kind="no_base")
    assert list(record.fields) == ["Reference=new_plugin"]


def test_a_retyped_column_settles_alone(synced: Trade) -> None:
    from dataclasses import replace

    tables = synced.dataverse_memory.tables
    shape = tables["new_customers"]
    columns = {**shape.columns, "new_note": text("new_note", max_length=50)}
    columns["new_amount"] = replace(shape.columns["new_amount"], scale=1)
    tables["new_customers"] = replace(shape, columns=columns, fingerprint="2")
    changed(synced, groups_map(), customers_map())
    synced.sync()
    for stored in list(synced.fno_memory.of("Customers").values()):
        synced.change(stored, Name=stored.values["Name"] + "!")
    synced.sync()
    assert {tuple(values) for _, _, values in synced.writes()} == {("new_name",)}
    assert synced.conflicts() == []


def test_an_intent_of_an_older_layout_is_still_understood() -> None:
    """Killed after the write, restarted with another map, the source set back meanwhile: the user's value stands."""
    w = Trade()
    row = w.customer("C1", Name="a0")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    w.change(row, Name="f1")
    with w.dying_at("written"):
        w.sync("Customers")
    w.change(row, Name="a0")
    changed(w, groups_map(), with_fields(6, 5, 4, 3, 2, 1, 0, more=(EXTRA,)))
    w.sync("Customers")
    w.sync("Customers")
    assert row.values["Name"] == "a0"
    assert w.in_dataverse("C1").values["new_name"] == "a0"  # type: ignore[union-attr]


# two workers


def test_who_lost_the_lease_changes_nothing() -> None:
    """Suspended between read and write past its lease; another run syncs, a user edits; it wakes up."""
    w = Trade(lease_seconds=5)
    row = w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    other = w.open(companies="usmf,demf")
    w.change(row, Name="two")
    before: dict[str, Any] = {}

    def suspended(point: str) -> None:
        if point != "intent" or before:
            return
        before["asleep"] = True
        _expire(w.store)
        poll(other, [w.catalogue.maps["Customers"]])
        (summary, _) = delta_sync(other, "Customers")
        assert summary.verdict == "ok"
        w.change(contact, new_name="the user's")
        with w.store.read() as state:
            before["links"] = state.iterate_links(w.session.pair, "Customers", "usmf", 0, 10)

    w.failpoint = suspended
    poll(w.session, [w.catalogue.maps["Customers"]])
    (summary, _) = delta_sync(w.session, "Customers")
    assert before["asleep"]
    assert summary.verdict == "failed" and "lease" in summary.message
    assert contact.values["new_name"] == "the user's"
    with w.store.read() as state:
        assert state.iterate_links(w.session.pair, "Customers", "usmf", 0, 10) == before["links"]
    w.failpoint = lambda _: None
    w.sync("Customers")
    assert row.values["Name"] == contact.values["new_name"] == "the user's"


def _expire(store: Store) -> None:
    """All leases have run out, by the database's clock."""
    from sqlalchemy import update

    from tasks.state import models

    with store._changing() as connection:
        connection.execute(update(models.lease).values(expires=0.0))


def test_a_transaction_under_a_lost_lease_is_rolled_back() -> None:
    store = Store.open("sqlite://")
    pair = store.pair("a", "b")
    old = store.acquire(pair, "lane:x:", "one", 60)
    _expire(store)
    new = store.acquire(pair, "lane:x:", "two", 60)
    with pytest.raises(LeaseLost), store.transaction(old) as tx:
        tx.save_lane_state(pair, "x", "", "error", "stale")
    with store.transaction(new) as tx:
        assert tx.lane(pair, "x", "").state == "not_running"


def test_two_runs_of_one_lane_dont_work_on_it_together() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    w.connect("Customers")
    w.change(row, Name="two")
    other = w.open(companies="usmf,demf")
    poll(w.session, [w.catalogue.maps["Customers"]])
    verdicts: list[list[str]] = []

    def meanwhile(point: str) -> None:
        if point == "read" and not verdicts:
            verdicts.append([s.verdict for s in delta_sync(other, "Customers")])

    w.failpoint = meanwhile
    (summary, _) = delta_sync(w.session, "Customers")
    assert summary.verdict == "ok"
    assert verdicts == [["failed", "ok"]], "one lane is held, the other company goes on"


def test_an_initial_sync_that_starts_while_a_delta_works_writes_nothing_and_the_reverse() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    w.connect("Customers")
    other = w.open(companies="usmf")
    found: list[tuple[str, str]] = []

    def meanwhile(point: str) -> None:
        if point == "intent" and not found:
            for run in (initial_sync, delta_sync):
                found.extend((summary.verdict, summary.code) for summary in run(other, "Customers"))

    for run in (delta_sync, initial_sync):
        w.change(row, Name=f"by {run.__name__}")
        poll(w.session, [w.catalogue.maps["Customers"]])
        found.clear()
        w.writes()
        w.failpoint = meanwhile
        (summary, _) = run(w.session, "Customers")
        w.failpoint = lambda _: None
        assert summary.verdict == "ok"
        assert set(found) == {("failed", "lease_held")}
        assert [values for _, _, values in w.writes()] == [{"new_name": f"by {run.__name__}"}]


# two pairs of environments


def test_two_pairs_in_one_state_know_nothing_of_each_other() -> None:
    store = Store.open("sqlite://")
    one = World(store=store)
    two = World(store=store)
    two.fno.environment, two.dataverse.environment = "other.test", "other org"
    two.session = two.open()
    assert one.session.pair != two.session.pair and one.session.secret != two.session.secret
    one.add_fno("K", A="one")
    one.add_fno("C", A="canary")
    two.add_fno("K", A="two")
    two.add_fno("C", A="canary")
    for world in (one, two):
        assert [s.verdict for s in world.initial()] == ["ok"]
    one.set_fno("K", A="one!")
    one.delete_fno("C")
    two.set_dataverse("K", A="two!")
    for world in (one, two):
        world.settle()
    assert one.equal() and two.equal()
    assert (one.fno_row("K") or {})["A"] == "one!" and (two.fno_row("K") or {})["A"] == "two!"
    assert one.fno_row("C") is None and two.dataverse_row("C") is not None
    with store.read() as state:
        assert state.count_links(one.session.pair, "Things") == 1
        assert state.count_links(two.session.pair, "Things") == 2


# several maps on one table


def persons_and_organizations() -> list[dict[str, Any]]:
    """Two maps on one table and one set, told apart by their filters."""
    maps = []
    for name, kind, number in (("Organizations", "Organization", "3"), ("Persons", "Person", "1")):
        made = customers_map(
            fno={"filter": f"Kind eq '{kind}'", "filter_fields": ["Kind"]},
            dataverse={"filter": f"new_type eq {number}", "filter_fields": ["new_type"]},
            more=[{"fno": "Kind", "constant": kind}, {"dataverse": "new_type", "constant": number}],
        )
        made["lookups"]["new_invoice"]["table"] = "new_customers"
        maps.append({**made, "map": name})
    return maps


def test_maps_that_share_a_table_share_its_feed_and_touch_only_their_rows() -> None:
    w = Trade(maps=[groups_map(), *persons_and_organizations()])
    w.customer("O1", Name="org", Kind="Organization")
    w.customer("P1", Name="person", Kind="Person")
    w.connect()
    w.writes()
    asked = w.dataverse.requests.get("delta", 0)
    for account in ("O1", "P1"):
        contact = w.in_dataverse(account)
        assert contact is not None
        w.change(contact, new_name=contact.values["new_name"] + "!")
    names = ["Organizations", "Persons"]
    poll(w.session, [w.catalogue.maps[name] for name in names])
    assert w.dataverse.requests["delta"] == asked + 1, "one poll a table"
    for name in names:
        delta_sync(w.session, name)
    assert {r.values["Name"] for r in w.fno_memory.of("Customers").values()} == {"org!", "person!"}
    assert len(w.writes()) == 2


def test_a_lane_that_did_not_run_yet_keeps_nothing_from_its_neighbours() -> None:
    w = Trade(maps=[groups_map(), *persons_and_organizations()])
    w.customer("O1", Name="org", Kind="Organization")
    w.customer("P1", Name="person", Kind="Person")
    w.connect("Organizations")
    w.sync("Organizations")
    assert w.in_dataverse("P1") is None
    w.connect("Persons")
    assert w.in_dataverse("P1") is not None


def test_an_initial_sync_that_was_killed_goes_on_where_it_was() -> None:
    w = Trade(page_size=50)
    for n in range(120):
        w.customer(f"C{n:03}", Name=str(n))
    with w.dying_at("written", nth=2):
        initial_sync(w.session, "Customers", ["usmf"])
    created = len(w.dataverse_memory.of("new_customers"))
    assert 0 < created < 120
    w.connect("Customers")
    accounts = [row.values["new_account"] for row in w.dataverse_memory.of("new_customers").values()]
    assert len(accounts) == len(set(accounts)) == 120
    w.writes()
    w.sync("Customers")
    assert w.writes() == []
