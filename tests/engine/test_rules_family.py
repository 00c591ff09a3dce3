"""Parents and children: cascades ask the parent's map, refused deletes say who still names the row, renames cost one write."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.engine.memory import Refused, Stored
from tests.engine.trade import Trade, customers_map, groups_map

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}


def world(deletes: str, **customers: Any) -> Trade:
    """Two groups with a customer each and one customer of none, in sync."""
    w = Trade(
        maps=[groups_map(delete={"to-dataverse": deletes, "to-fno": deletes}), customers_map(**customers)]
    )
    for code in ("G1", "G2"):
        w.group(code)
        w.customer(f"C{code}", GroupId=code)
    w.customer("FREE")
    w.connect()
    w.writes()
    return w


def row(w: Trade, side: Side, key: str, table: str) -> Stored | None:
    if side == "fno":
        return w.in_fno(key, table=table)
    return w.in_dataverse(key, table={"Groups": "new_groups", "Customers": "new_customers"}[table])


def delete(w: Trade, side: Side, key: str, table: str) -> None:
    found = row(w, side, key, table)
    assert found is not None
    w.remove(found)


# cascades


@pytest.mark.parametrize("order", [("Groups", "Customers"), ("Customers", "Groups")], ids="-".join)
@pytest.mark.parametrize("side", SIDES)
def test_what_a_cascade_took_along_stays_where_its_parent_stays(side: Side, order: tuple[str, str]) -> None:
    w = world("ignore")
    delete(w, side, "CG1", "Customers")  # as the service does before the parent goes
    delete(w, side, "G1", "Groups")
    for _ in range(3):
        w.sync(*order)
    assert row(w, OTHER[side], "G1", "Groups") is not None
    assert row(w, OTHER[side], "CG1", "Customers") is not None
    assert w.writes() == [] and w.parked() == [] and w.waiting() == []


@pytest.mark.parametrize("side", SIDES)
def test_a_child_that_somebody_deletes_below_a_living_parent_goes(side: Side) -> None:
    w = world("ignore")
    delete(w, side, "CG1", "Customers")
    delete(w, side, "FREE", "Customers")
    w.sync()
    assert (
        row(w, OTHER[side], "CG1", "Customers") is None and row(w, OTHER[side], "FREE", "Customers") is None
    )


@pytest.mark.parametrize("side", SIDES)
def test_a_whole_family_goes_where_the_parents_map_says_so(side: Side) -> None:
    w = world("propagate")
    if side == "fno":
        w.dataverse.keeps_referred = True
    delete(w, side, "CG1", "Customers")
    delete(w, side, "G1", "Groups")
    w.sync("Groups", "Customers")  # the parent first: refused as long as its child is there
    w.clock.forward(minutes=2)
    w.sync("Groups", "Customers")
    assert row(w, OTHER[side], "G1", "Groups") is None and row(w, OTHER[side], "CG1", "Customers") is None
    assert w.parked() == []


# refused deletes


@pytest.mark.parametrize("target", SIDES)
def test_a_parent_that_rows_still_name_is_listed_with_their_number(target: Side) -> None:
    w = world("propagate")
    for n in range(4):
        w.customer(f"N{n}", GroupId="G1")
    w.connect()
    memory = w.dataverse_memory if target == "dataverse" else w.fno_memory

    def refuse(table: str, *_: Any, **__: Any) -> None:
        raise Refused(400, "0x80040227", "The object is associated with another object and can't be deleted.")

    delete(w, OTHER[target], "G1", "Groups")
    keep, memory.delete = memory.delete, refuse  # type: ignore[method-assign]
    w.sync("Groups")
    with w.store.read() as state:
        (parked,) = state.parked(w.session.pair)
    table = {"fno": "Customers", "dataverse": "new_customers"}[target]
    assert (
        parked.code == "referred"
        and f"5 row(s) of {'F&O' if target == 'fno' else 'Dataverse'}" in parked.message
    )
    assert f"5 of {table}" in parked.message and "associated with another object" in parked.message
    # gone they are, it goes by itself
    memory.delete = keep  # type: ignore[method-assign]
    w.clock.forward(minutes=2)
    w.sync("Groups")
    assert row(w, target, "G1", "Groups") is None and w.parked() == []


# renames


@pytest.mark.parametrize("policy", ["fno", "dataverse", "hold"])
def test_a_parents_rename_is_nobodys_change_of_its_children(policy: str) -> None:
    """A child is taken off its parent in F&O, which was renamed: nobody in Dataverse has said anything to that."""
    w = world("propagate", conflict=policy)
    for _ in range(2):
        w.sync()
    group, child = w.in_fno("G1", table="Groups"), w.in_fno("CG1")
    assert group is not None and child is not None
    w.change(group, GroupId="R1")
    w.change(child, GroupId="")
    w.sync("Groups", "Customers")
    contact = w.in_dataverse("CG1")
    assert contact is not None and contact.values["new_group"] is None
    assert child.values["GroupId"] == "" and w.conflicts() == []


def test_renaming_a_parent_of_a_thousand_children_is_one_write() -> None:
    w = Trade()
    group = w.group("OLD", "Retail")
    for n in range(1000):
        w.customer(f"C{n:04}", GroupId="OLD")
    w.connect()
    w.writes()
    w.change(group, GroupId="NEW")
    for child in list(w.fno_memory.of("Customers").values()):
        child.values["GroupId"] = "NEW"  # F&O renames the references too
    for order in (("Customers", "Groups"), ("Groups", "Customers")):
        w.sync(*order)
    assert w.writes() == [("new_groups", "update", {"new_groupid_": "NEW"})]
    assert w.waiting() == [] and w.parked() == [] and w.lane_state("Customers") == "running"


@pytest.mark.parametrize("order", [("Groups", "Customers"), ("Customers", "Groups")])
def test_a_parent_renamed_in_fno_and_edited_in_dataverse_is_followed_at_once(order: tuple[str, str]) -> None:
    """Both sides of the parent are written in one batch; who names it is not written at all, and nothing is recorded about it."""
    w = Trade()
    group = w.group("OLD", "Retail")
    for n in range(3):
        w.customer(f"C{n}", GroupId="OLD")
    w.connect()
    w.writes()
    there = w.in_dataverse("OLD", table="new_groups")
    assert there is not None
    w.change(there, new_name="Dataverse says")
    w.change(group, GroupId="NEW")
    for row in list(w.fno_memory.of("Customers").values()):
        w.change(row, GroupId="NEW")
    w.sync(*order)
    w.sync(*order)
    assert sorted(table for table, _, _ in w.writes()) == ["Groups", "new_groups"]
    assert there.values["new_groupid_"] == "NEW" and group.values["Name"] == "Dataverse says"
    assert w.conflicts() == [] and w.waiting() == [] and w.parked() == []
