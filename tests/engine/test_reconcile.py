"""Reconcile: all that differs and nothing else, and a repair by the maps' own rules that touches no other row."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tasks.sync.reconcile import Reconciliation, reconcile
from tests.engine.memory import Stored
from tests.engine.trade import Trade, customers_map


def connected(*, accounts: int = 12, unique: bool = True, **changes: object) -> Trade:
    """Customers on both sides, equal, and a state that believes so."""
    w = Trade(customers_map(**changes), unique=unique)
    w.group("G1", "Retail")
    w.group("G2", "Wholesale")
    for number in range(accounts):
        w.customer(f"C{number}", Name=f"Customer {number}", GroupId="G1", Status="Open")
    w.connect("Groups", "Customers")
    w.sync("Groups", "Customers")
    w.writes()
    return w


def forget_events(w: Trade) -> None:
    """The feeds lose everything up to now: nobody will name it any more."""
    w.dataverse_memory.changes.clear()


def run(w: Trade, **options: object) -> Reconciliation:
    return reconcile(w.session, **options)  # type: ignore[arg-type]


def kinds(found: Reconciliation) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(each.key, each.kind, each.fields) for each, _ in found.details}


def stored(found: Stored | None) -> Stored:
    assert found is not None
    return found


def text_in_fno(w: Trade) -> None:
    w.change(stored(w.in_fno("C1")), Name="changed here")


def text_in_dataverse(w: Trade) -> None:
    w.change(stored(w.in_dataverse("C1")), new_name="changed there")


def number(w: Trade) -> None:
    w.change(stored(w.in_dataverse("C1")), new_amount="7.50")


def choice(w: Trade) -> None:
    w.change(stored(w.in_fno("C1")), Status="Held")


def reference(w: Trade) -> None:
    w.change(stored(w.in_fno("C1")), GroupId="G2")


def one_way(w: Trade) -> None:
    w.change(stored(w.in_dataverse("C1")), new_note="scribbled")


def gone_from_fno(w: Trade) -> None:
    w.remove(stored(w.in_fno("C1")))


def gone_from_dataverse(w: Trade) -> None:
    w.remove(stored(w.in_dataverse("C1")))


def new_in_fno(w: Trade) -> None:
    w.customer("N1", Name="new", GroupId="G1")


def new_in_dataverse(w: Trade) -> None:
    w.contact("N1", Name="new", Status=1)


PLANTED: dict[Callable[[Trade], None], tuple[str, str, tuple[str, ...]]] = {
    text_in_fno: ("c1", "different", ("Name=new_name",)),
    text_in_dataverse: ("c1", "different", ("Name=new_name",)),
    number: ("c1", "different", ("Amount=new_amount",)),
    choice: ("c1", "different", ("Status><new_status",)),
    reference: ("c1", "different", ("GroupId=new_group.new_groupid_",)),
    one_way: ("c1", "different", ("Note>new_note",)),
    gone_from_fno: ("c1", "missing_in_fno", ()),
    gone_from_dataverse: ("c1", "missing_in_dataverse", ()),
    new_in_fno: ("n1", "missing_in_dataverse", ()),
    new_in_dataverse: ("n1", "missing_in_fno", ()),
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_each_kind_of_difference_is_found_and_repaired(plant: Callable[[Trade], None]) -> None:
    w = connected()
    plant(w)
    forget_events(w)
    found = run(w)
    assert kinds(found) == {PLANTED[plant]}
    assert (found.differences, found.open, w.writes()) == (1, 1, [])

    repaired = run(w, repair=True)
    assert (repaired.differences, repaired.open) == (1, 0), repaired
    assert [fate for _, fate in repaired.details] == ["repaired"]
    assert len(w.writes()) == 1
    assert run(w).differences == 0


def test_only_listed_rows_are_repaired() -> None:
    w = connected()
    text_in_fno(w)
    w.change(stored(w.in_fno("C2")), Name="x" * 60)
    forget_events(w)
    found = run(w, repair=True)
    assert {(each.key, fate) for each, fate in found.details} == {("c1", "repaired"), ("c2", "left")}
    assert (found.differences, found.open) == (2, 1)
    assert w.parked() == [("C2", "too_long")]
    assert len(w.writes()) == 1


def test_rows_that_are_double_are_listed_and_left_to_a_person() -> None:
    w = connected(unique=False)
    w.contact("c1", Name="the same again", Status=1)
    found = run(w, repair=True)
    assert {each.kind for each, _ in found.details} == {"duplicate"}
    assert (found.differences, found.open, w.writes()) == (1, 1, [])


def test_what_is_on_its_way_is_no_difference() -> None:
    """Somebody else's sync writes between the reads of the two tables."""
    w = connected()
    text_in_fno(w)
    real = w.dataverse.pages
    done: list[bool] = []

    def pages(*args: object, **options: object) -> object:
        yield from real(*args, **options)  # type: ignore[arg-type]
        if args[0] == "new_customers" and not done:
            done.append(True)
            w.change(stored(w.in_dataverse("C1")), new_name="changed here")

    w.dataverse.pages = pages  # type: ignore[method-assign, assignment]
    found = run(w)
    assert found.differences == 0
    assert sum(lane.passing for lane in found.lanes) == 1


def test_many_deletes_are_held_back_as_ever() -> None:
    w = connected(accounts=20)
    for account in range(8):
        w.remove(stored(w.in_fno(f"C{account}")))
    found = run(w, repair=True)
    assert (found.differences, found.open, w.writes()) == (8, 8, [])
    assert w.lane_state("Customers") == "error"


def test_a_lane_that_never_ran_is_compared_and_not_repaired() -> None:
    w = Trade()
    w.customer("C1", Name="a")
    found = run(w, repair=True)
    (lane,) = [each for each in found.lanes if each.differences]
    assert "its initial sync isn't done" in lane.message
    assert (found.open, w.writes()) == (1, [])


def test_a_row_whose_key_changes_while_it_is_compared_is_not_taken_for_deleted() -> None:
    """It moves behind the reader: neither its old key nor its new one is in the pages."""
    w = connected(accounts=5)
    w.fno.page_size = 1
    row, before = stored(w.in_fno("C4")), stored(w.in_dataverse("C4"))

    def behind(kind: str) -> None:
        if kind == "page" and w.fno.asked[1] is not None:
            w.fno.before = lambda _: None
            w.change(row, Account="A0")

    w.fno.before = behind
    found = run(w, maps=["Customers"], repair=True)
    assert stored(w.in_dataverse("A0")).id == before.id
    assert [kind for _, kind, _ in w.writes()] == ["update"] and found.open == 0
