"""A plan says what the run after it does, row for row, and is made without writing anything."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tasks.sync.control import pause, resume
from tasks.sync.planning import Plan, plan
from tasks.sync.reconcile import reconcile
from tests.engine.memory import Stored
from tests.engine.trade import Trade, customers_map
from tests.engine.world import World, thing_map

Written = Counter[tuple[str, str, frozenset[str]]]


def planned(w: World, *names: str, **options: Any) -> Plan:
    """A plan of some maps, all by default; neither system nor state changed for it."""
    before, remembered = w.engine_writes(), everything(w)
    found = plan(w.session, w.session.selected(names), **options)
    assert w.engine_writes() == before
    assert everything(w) == remembered
    return found


def everything(w: World) -> dict[str, list[Any]]:
    """All rows of the state, leases apart."""
    from sqlalchemy import select

    from tasks.state.models import metadata

    with w.store.read() as state:
        return {
            table.name: [tuple(row) for row in state._connection.execute(select(table))]
            for table in metadata.sorted_tables
            if table.name not in ("lease", "counter")
        }


def stored(found: Stored | None) -> Stored:
    assert found is not None
    return found


def said(found: Plan) -> Written:
    return Counter((write.table, write.kind, frozenset(write.fields)) for write in found.writes)


def done(w: Trade) -> Written:
    return Counter((table, kind, frozenset(values)) for table, kind, values in w.writes())


def ready() -> Trade:
    """Two systems before their first connection, with everything that can be in the way."""
    w = Trade(customers_map(missing="wait"))
    w.group("G1", "Retail")
    w.dataverse_group("g1 ", "Retail")
    w.group("G2", "Wholesale")
    w.customer("C1", GroupId="G1", Name="Contoso", InvoiceAccount="C2")
    w.customer("C2", GroupId="G2", Name="Fabrikam")
    w.customer("C3", GroupId="G9", Name="waits")
    w.customer("C4", GroupId="G1", Name="x" * 60)
    w.customer("C5", Name="both", Amount="1.00")
    w.contact("c5", Name="both", Amount="2.00")
    w.contact("D1", Name="only here", Status=1)
    w.contact("D2", company=None, Name="nobody's", Status=1)
    w.contact(None, Name="without key", Status=1)
    return w


def test_the_run_does_what_the_plan_says() -> None:
    w = ready()
    found = planned(w)
    parked = {(each.key, each.code) for each in found.parked}
    waiting = {(each.row, each.parent_key) for each in found.waiting if each.unit < 0}
    conflicts = {(each.key, each.kind, tuple(each.fields)) for each in found.conflicts}
    w.writes()
    w.connect("Groups", "Customers")
    assert not planned(w, what="delta").conflicts, "what earlier runs decided is over"
    assert said(found) == done(w)
    assert set(w.parked()) == parked == {("C4", "too_long")}
    assert {(each.row, each.parent_key) for each in w.waiting() if each.unit < 0} == waiting
    assert len(waiting) == 1
    assert {(each.key, each.kind, tuple(each.fields)) for each in w.conflicts()} == conflicts
    assert [key for key, kind, _ in conflicts if kind == "no_base"] == ["C5"]


def test_it_counts_what_it_lists() -> None:
    found = planned(ready())
    (customers,) = [each for each in found.lanes if (each.map, each.company) == ("Customers", "usmf")]
    assert (customers.create_dataverse, customers.create_fno, customers.no_base) == (2, 1, 1)
    assert customers.out_of_scope == 2, "without a key, and without a company"
    assert found.total_writes == len(found.writes) == sum(each.rows for each in found.costs)
    assert len(found.findings) == 3 and all(each.reads > 0 for each in found.costs)
    assert [(each.table, each.key) for each in found.ownerless] == [("new_customers", "d2")]
    for each in found.costs:
        assert sum(getattr(lane, f"requests_{each.side}") for lane in found.lanes) <= each.requests
    few = planned(ready(), listed=1)
    assert len(few.writes) < few.total_writes


def test_a_link_plan_pairs_and_writes_nothing() -> None:
    w = ready()
    found = planned(w, mode="link")
    assert (found.total_writes, sum(each.paired for each in found.lanes)) == (0, 2)
    for name in ("Groups", "Customers"):
        w.initial(name, mode="link")
    assert w.writes() == []


def test_rows_that_several_others_claim_are_shown_before_anything_is_paired() -> None:
    w = Trade(unique=False)
    w.customer("C1", Name="one")
    w.contact("C1", Name="first")
    w.contact("c1", Name="second")
    found = planned(w)
    assert found.total_writes == 0
    (unclear,) = found.unclear
    assert unclear.code == "ambiguous" and not found.parked
    ids = [contact.id for contact in w.dataverse_memory.of("new_customers").values()]
    assert len(ids) == 2 and all(each in unclear.message for each in ids), (
        "the rows that claim the key are named"
    )


@pytest.mark.parametrize("name", ["one", "x" * 51])
def test_a_delta_can_be_planned_too(name: str) -> None:
    w = Trade()
    row = w.customer("C1", Name="before")
    w.customer("C2", Name="stays")
    w.connect()
    w.change(row, Name=name)
    found = planned(w, what="delta")
    w.writes()
    w.sync()
    assert said(found) == done(w)
    assert len(found.parked) == (len(name) > 50)


def test_a_resumed_run_is_planned_from_where_it_stopped() -> None:
    w = Trade()
    for number in range(5):
        w.customer(f"C{number}")
    w.connect()
    w.customer("C9", Name="new")
    found = planned(w)
    assert [(write.kind, write.key) for write in found.writes] == [("create", "c9")]


def test_self_references_are_planned_in_their_two_steps() -> None:
    w = World([thing_map()])
    w.add_fno("A", Parent="B", A="x")
    w.add_fno("B", Parent="A", A="y")
    found = planned(w)
    kinds = Counter(write.kind for write in found.writes)
    w.initial()
    w.settle()
    assert Counter(write.kind for write in w.dataverse_memory.writes()) == kinds
    assert kinds["create"] == 2 and kinds["update"] >= 1


def test_a_map_in_error_is_planned_as_standing_still() -> None:
    w = Trade()
    rows = [w.customer(f"C{number}") for number in range(8)]
    w.connect()
    for row in rows[:6]:
        w.remove(row)
    w.sync("Customers")
    assert w.lane_state("Customers") == "error"
    found = planned(w, "Customers", what="delta")
    assert found.total_writes == 0


def test_what_is_paired_without_a_key_or_a_company_is_proposed_row_by_row() -> None:
    w = Trade(customers_map(match=[["new_name"]]))
    for account, name in (("C1", "once"), ("C2", "twice"), ("C3", "blank")):
        w.customer(account, Name=name)
    w.contact(None, Name="once")
    for _ in range(2):
        w.contact(None, Name="twice")
    w.contact("C3", company=None, Name="blank")
    w.contact("C4", company=None, Name="nobody's")
    found = planned(w)
    proposed = [(each.key, each.columns) for each in found.pairings]
    assert sorted(proposed) == [("C1", ("new_name",)), ("C3", ("new_company",))]
    assert [(each.key, each.columns) for each in found.lookalikes] == [("C2", ("new_name",))]
    twice = {
        row.id
        for row in w.dataverse_memory.of("new_customers").values()
        if row.values.get("new_name") == "twice"
    }
    assert set(found.lookalikes[0].candidates) == twice
    paired = {each.key: (each.fno, each.dataverse) for each in found.pairings}
    once = next(
        row.id
        for row in w.dataverse_memory.of("new_customers").values()
        if row.values.get("new_name") == "once"
    )
    assert paired["C1"] == ('["usmf","C1"]', once)
    assert {each.kind for each in found.findings} == {"maybe_twice", "no_company"}
    assert [each.key for each in found.ownerless] == ["c4"], "the other one gets its company in the run"
    w.connect("Groups", "Customers")
    assert said(found) == done(w)
    with w.store.read() as state:
        noted = {
            (each.action, each.key, tuple(each.fields))
            for each in state.history(w.session.pair, "Customers")
            if each.action in ("pair", "lookalike")
        }
    assert noted == {("pair", *each) for each in proposed} | {("lookalike", "C2", ("new_name",))}


def test_a_resume_is_planned_with_what_came_meanwhile() -> None:
    w = Trade()
    row = w.customer("C1", Name="before")
    w.connect()
    with w.store.read() as state:
        lanes = [lane for lane in state.lanes(w.session.pair) if lane.map == "Customers"]
    pause(w.store, lanes)
    w.change(row, Name="after")
    w.customer("C2", Name="new")
    assert planned(w, what="delta").total_writes == 0
    found = planned(w, what="resume")
    assert sorted((each.kind, each.key) for each in found.writes) == [("create", "c2"), ("update", "c1")]
    assert {lane.map for lane in found.lanes} == {"Customers"}
    w.writes()
    resume(w.store, lanes)
    w.sync("Customers")
    assert said(found) == done(w)


def test_a_repair_is_planned_from_a_comparison() -> None:
    w = Trade()
    for number in range(6):
        w.customer(f"C{number}", Name=f"Customer {number}")
    w.connect()
    w.sync()
    w.change(stored(w.in_dataverse("C1")), new_name="changed there")
    w.change(stored(w.in_fno("C2")), Name="x" * 60)
    w.remove(stored(w.in_dataverse("C3")))
    w.dataverse_memory.changes.clear()
    w.writes()
    found = planned(w, what="repair")
    (lane,) = [each for each in found.lanes if (each.map, each.company) == ("Customers", "usmf")]
    assert [(each.kind, each.key, each.field) for each in found.findings] == [
        ("parked", "C2", "Name=new_name"),
    ]
    assert lane.equal == 3 and found.total_writes == lane.update_fno + lane.delete_fno > 0
    reconcile(w.session, repair=True)
    assert said(found) == done(w)
