"""Races that the search for interleavings found, each told by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import pytest

from tasks.sync.seams import Crash
from tests.engine.memory import Refused
from tests.engine.trade import Trade
from tests.engine.world import World

Kind = Literal["read", "batch"]


def once(w: World, kind: Kind, act: Callable[[], object]) -> None:
    """A user acts right before F&O's next request of a kind."""

    def before(asked: str) -> None:
        if asked == kind:
            w.fno.before = lambda _: None
            act()

    w.fno.before = before


def dies_after_writing(w: World) -> None:
    """A run whose process dies between the writes and their record."""

    def die(point: object) -> None:
        if point == "written":
            w.failpoint = lambda _: None
            raise Crash

    w.failpoint = die
    with pytest.raises(Crash):
        w.delta()


@pytest.mark.parametrize("edited", ["fno", "dataverse"])
def test_a_row_renamed_after_it_was_named_is_not_taken_for_deleted(edited: str) -> None:
    w = World()
    w.add_fno("A1", A="one")
    w.initial()
    w.settle()
    before = w.dataverse_memory.by_key("new_things", {"new_code": "A1"})
    assert before is not None
    if edited == "fno":
        w.set_fno("A1", A="two")
    else:
        w.set_dataverse("A1", A="two")
    once(w, "read", lambda: w.set_fno("A1", Code="B1"))
    w.settle()
    (row,) = w.dataverse_memory.of("new_things").values()
    assert row.id == before.id and row.values["new_code"] == "B1" and w.equal()
    assert len(w.fno_memory.of("Things")) == 1
    assert not [write for write in w.dataverse_memory.writes() if write.kind == "delete"]


def test_a_row_that_a_user_makes_while_ours_was_lost_is_a_conflict_on_record() -> None:
    """Most of both rows is alike, so that content can't tell whose the row in F&O is."""
    w = World()
    w.add_fno("C")
    w.initial()
    w.add_dataverse("A1", A="Dataverse", B="same")

    def die() -> None:
        raise Crash

    once(w, "batch", die)
    with pytest.raises(Crash):
        w.delta()
    w.clock.forward(hours=1)
    w.add_fno("A1", A="F&O", B="same")
    w.settle()
    row = w.dataverse_row("A1")
    assert row is not None and row["new_a"] == "F&O" and w.equal()
    with w.store.read() as state:
        (record,) = state.conflicts(w.session.pair, kind="no_base")
    assert (record.winner, list(record.fields)) == ("fno", ["A=new_a"])


def test_a_first_connection_that_comes_upon_a_row_twice_makes_it_once() -> None:
    """What F&O has and what Dataverse has meet under a link that an earlier attempt noted before it died."""
    w = World()
    w.add_fno("A1", A="F&O")
    with w.dying_at("intent"):
        w.initial()
    w.clock.forward(hours=1)
    w.add_dataverse("A1", A="Dataverse")

    def before(asked: str) -> None:
        if asked == "batch":
            w.dataverse.before = lambda _: None
            w.delete_dataverse("A1")

    w.dataverse.before = before
    w.initial()
    made = [each for each in w.dataverse_memory.writes() if each.kind == "create"]
    assert len(made) == 1
    with w.store.read() as state:
        assert len(state.conflicts(w.session.pair, kind="delete")) == 1


def test_a_row_that_moved_in_fno_while_dataverse_lost_it_is_not_forgotten() -> None:
    """Read under its old key F&O has it no more, and Dataverse neither: it comes back, but as a change against a delete."""
    w = World()
    w.add_fno("A1", A="one")
    w.add_fno("B9")
    w.initial()
    w.settle()
    w.set_dataverse("A1", Code="A2")

    def moved() -> None:
        w.set_fno("A1", Code="A2")
        w.delete_dataverse("A2")

    once(w, "read", moved)
    w.settle()
    assert w.dataverse_row("A2") is not None and w.equal()
    with w.store.read() as state:
        (record,) = state.conflicts(w.session.pair, kind="delete")
    assert record.winner == "fno"


def test_a_row_made_again_under_another_key_is_known_by_it_after_a_crash() -> None:
    """Deleted in F&O, renamed in Dataverse: its link is that of the new key from the moment of the intent on."""
    w = World()
    w.add_fno("A1", A="one")
    w.add_fno("B9")
    w.initial()
    w.settle()
    w.delete_fno("A1")
    w.set_dataverse("A1", Code="A2")

    dies_after_writing(w)
    w.clock.forward(hours=1)
    w.settle()
    with w.store.read() as state:
        links = [link for link in state.iterate_links(w.session.pair, "Things", "", 0, 9) if link.fno_key]
        assert sorted(str((link.fno_key or {})["Code"]) for link in links) == ["A2", "B9"]
        assert sorted(link.key or "" for link in links) == ["\x1fa2", "\x1fb9"]


def at_intent(w: Trade, act: Callable[[], object]) -> None:
    """A user acts when a write is noted and not sent yet."""

    def point(name: str) -> None:
        if name == "intent":
            w.failpoint = lambda _: None
            act()

    w.failpoint = point


@pytest.mark.parametrize("what", ["reference", "text"])
def test_who_sets_something_shorter_while_we_write_is_not_taken_for_the_service(what: str) -> None:
    """The other customer's key, and the other name, are the beginning of what we were about to write."""
    w = Trade()
    w.customer("US", Name="one")
    row = w.customer("US*", Name="three")
    w.connect()
    contact, other = w.in_dataverse("US*"), w.in_dataverse("US")
    assert contact is not None and other is not None
    if what == "reference":
        w.change(row, InvoiceAccount="US*")
        at_intent(w, lambda: w.change(contact, new_invoice=other.id))
    else:
        w.change(row, Name="Contoso Trading Company")
        at_intent(w, lambda: w.change(contact, new_name="Contoso Trading"))
    for _ in range(3):
        w.sync("Customers")
    invoices = {"US*": contact.id, "US": other.id}
    assert contact.values.get("new_invoice") == invoices.get(str(row.values.get("InvoiceAccount") or ""))
    assert contact.values["new_name"] == row.values["Name"]
    assert [each.kind for each in w.conflicts()] == ["conflict"]


@pytest.mark.parametrize("last", ["ONE", "three", "tw o"])
@pytest.mark.parametrize("new", [False, True])
def test_the_last_word_stands_though_a_crash_left_a_write_that_the_service_recased(
    last: str, new: bool
) -> None:
    """What was sent stands nowhere any more: F&O has made something else of it, and Dataverse's user says something else."""

    def shouted(name: str, value: Any) -> Any:
        return value.upper() if name == "A" and isinstance(value, str) else value

    w = World(normalize_fno=shouted)
    w.add_fno("C")
    if not new:
        w.add_fno("A1", A="ONE", B="b")
    w.initial()
    w.settle()
    if new:
        w.add_dataverse("A1", A="two", B="b")
    else:
        w.set_dataverse("A1", A="two")

    dies_after_writing(w)
    w.set_dataverse("A1", A=last)
    w.clock.forward(hours=1)
    w.settle()
    fno, dataverse = w.fno_row("A1"), w.dataverse_row("A1")
    assert fno is not None and dataverse is not None
    assert (fno["A"], dataverse["new_a"]) == (last.upper(), last)
    with w.store.read() as state:
        assert not state.conflicts(w.session.pair, kind="conflict")


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_row_made_again_is_wanted_even_if_its_counterpart_is_refused_at_first(side: str) -> None:
    """Deleted on both sides and made again on one, as it was: nobody may take that for a row that only one side has deleted."""
    w = World()
    w.add_fno("A1", A="one")
    w.add_fno("C")
    w.initial()
    w.settle()
    w.delete_fno("A1")
    w.delete_dataverse("A1")
    own, other = (w.fno_memory, w.dataverse_memory) if side == "fno" else (w.dataverse_memory, w.fno_memory)

    def refuse(_: str, value: Any) -> Any:
        if value == "one":
            raise Refused(400, "0x80060891", "not now")
        return value

    keep, other.normalize = other.normalize, refuse
    if side == "fno":
        w.add_fno("A1", A="one")
    else:
        w.add_dataverse("A1", A="one")
    for _ in range(2):
        w.delta()
        w.clock.forward(hours=1)
    assert not [write for write in own.writes() if write.kind == "delete"]
    other.normalize = keep
    w.settle()
    assert w.fno_row("A1") is not None and w.dataverse_row("A1") is not None and w.equal()
