"""Deletes: nothing is deleted that isn't proven gone, and no number of deletes that nobody expects."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Literal

import pytest

from mappings.errors import FatalError
from mappings.metadata import Column
from tasks.connectors.side import IncompleteRead, Row
from tasks.sync.approval import approve, held
from tasks.sync.verify import verify
from tasks.sync.work import delta_sync, poll
from tests.engine.memory import MemorySide, Stored
from tests.engine.test_rules_connection import filtered
from tests.engine.trade import Trade, customers_map

Side = Literal["fno", "dataverse"]
SIDES: tuple[Side, Side] = ("fno", "dataverse")
TABLES: dict[Side, str] = {"fno": "Customers", "dataverse": "new_customers"}
OTHER: dict[Side, Side] = {"fno": "dataverse", "dataverse": "fno"}


def stocked(customers: int = 12, customers_of: dict[str, Any] | None = None, **settings: Any) -> Trade:
    """Both companies with a group and so many customers each, in sync."""
    w = Trade(customers_of, **settings)
    for company in ("usmf", "demf"):
        w.group("G", "group", company)
        for number in range(customers):
            w.customer(f"C{number:03}", company, Name=f"{company} {number}")
    w.connect()
    assert w.lane_state("Customers") == "running" and w.parked() == []
    w.writes()
    return w


def service(w: Trade, side: Side) -> MemorySide:
    return w.fno if side == "fno" else w.dataverse


def rows(w: Trade, side: Side, company: str = "usmf") -> list[Stored]:
    """The customers of a company on one side, in the order of their accounts."""
    memory = service(w, side).memory
    names, own = (
        (("dataAreaId", "Account"), company)
        if side == "fno"
        else (("new_company", "new_account"), w.company[company])
    )
    found = [row for row in memory.of(TABLES[side]).values() if row.values.get(names[0]) == own]
    return sorted(found, key=lambda row: str(row.values[names[1]]))


def group(w: Trade, side: Side, company: str) -> Stored:
    """The group of a company."""
    found = w.in_fno("G", company, "Groups") if side == "fno" else w.in_dataverse("G", company, "new_groups")
    assert found is not None
    return found


def hide(w: Trade, side: Side, *hidden: Stored) -> None:
    """The integration user can't see these rows any more."""
    memory = service(w, side).memory
    memory.hidden |= {
        (table, row.id) for table, own in memory.rows.items() for row in hidden if row.id in own
    }


def show_all(w: Trade, side: Side) -> None:
    service(w, side).memory.hidden.clear()


def void_tokens(w: Trade) -> None:
    """The change tokens of Dataverse are too old."""
    w.dataverse_memory.expired_before = w.dataverse_memory.version + 1


def states(w: Trade) -> dict[str, str]:
    return {company: w.lane_state("Customers", company) for company in ("usmf", "demf")}


def let_go(w: Trade, company: str = "usmf", hours: float = 24) -> list[Any]:
    return approve(w.store, w.session.pair, "Customers", company, timedelta(hours=hours), w.clock())


def deletes(w: Trade) -> list[str]:
    """Tables in which the engine deleted something since this was last asked."""
    return [table for table, kind, _ in w.writes() if kind == "delete"]


# lost sight


@pytest.mark.parametrize("side", SIDES)
def test_a_company_out_of_sight_is_not_deleted(side: Side) -> None:
    w = stocked()
    hide(w, side, *rows(w, side, "demf"), group(w, side, "demf"))
    void_tokens(w)
    w.change(rows(w, "fno")[0], Name="still flows")
    w.sync("Customers")
    assert deletes(w) == []
    assert states(w) == {"usmf": "running", "demf": "error"}
    assert w.in_dataverse("C000").values["new_name"] == "still flows"  # type: ignore[union-attr]
    with w.store.read() as state:
        lane = state.lane(w.session.pair, "Customers", "demf")
        assert "lost access" in lane.reason and "dualflow deletes approve" in lane.reason
        assert {row.code for row in state.parked(w.session.pair)} == {"not_visible"}

    # somebody says "go on" although we still see nothing: that is not his to say
    let_go(w, "demf")
    w.sync("Customers")
    assert deletes(w) == [] and states(w)["demf"] == "error"

    # sight alone sets nothing going
    show_all(w, side)
    w.change(rows(w, "fno", "demf")[0], Name="waits")
    for _ in range(2):
        w.sync("Customers")
    assert w.writes() == []
    let_go(w, "demf")
    for _ in range(2):
        w.sync("Customers")
    assert deletes(w) == [] and states(w)["demf"] == "running" and w.parked() == []
    assert w.in_dataverse("C000", "demf").values["new_name"] == "waits"  # type: ignore[union-attr]


@pytest.mark.parametrize("side", SIDES)
def test_rows_out_of_sight_are_held_like_deletes(side: Side) -> None:
    w = stocked()
    hide(w, side, *rows(w, side)[:5])
    void_tokens(w)
    w.sync("Customers")
    assert deletes(w) == []
    assert states(w) == {"usmf": "error", "demf": "running"}
    assert sorted(w.parked()) == [(f"C{number:03}", "delete_brake") for number in range(5)]
    show_all(w, side)
    let_go(w)
    w.sync("Customers")
    assert w.writes() == [] and w.parked() == [] and states(w)["usmf"] == "running"


@pytest.mark.parametrize("side", SIDES)
def test_a_table_that_looks_empty_needs_another_table_to_be_seen(side: Side) -> None:
    """The only customer of a company is gone; whether we still see the company, its group can say."""
    w = stocked(1)
    for company in ("usmf", "demf"):
        w.remove(rows(w, side, company)[0])
    hide(w, side, group(w, side, "demf"))
    w.sync("Customers")
    assert deletes(w) == [TABLES[OTHER[side]]], "in the company whose group is seen"
    assert rows(w, OTHER[side], "usmf") == [] and len(rows(w, OTHER[side], "demf")) == 1
    assert states(w) == {"usmf": "running", "demf": "error"}


# lists that aren't whole


@pytest.mark.parametrize("shown", [0, 5])
@pytest.mark.parametrize("side", SIDES)
def test_a_list_cut_short_deletes_nothing(side: Side, shown: int) -> None:
    """Not even where the service says that this was all: who was not listed is looked for."""
    w = stocked()
    service(w, side).cut_after = shown
    void_tokens(w)
    found = poll(w.session, [w.catalogue.maps["Customers"]])
    assert sum(each.missing for each in found) == 2 * 12 - shown
    w.sync("Customers")
    assert w.writes() == [] and w.parked() == []
    assert set(states(w).values()) == {"running"}
    service(w, side).cut_after = None
    w.change(rows(w, "fno")[11], Name="goes on")
    w.sync("Customers")
    assert w.in_dataverse("C011").values["new_name"] == "goes on"  # type: ignore[union-attr]


@pytest.mark.parametrize("side", SIDES)
def test_a_list_known_to_be_cut_names_nobody(side: Side) -> None:
    w = stocked()
    w.remove(rows(w, side)[0])
    whole = service(w, side).pages

    def cut(*arguments: Any, **options: Any) -> Iterator[list[Row]]:
        yield next(whole(*arguments, **options))[:4]
        raise IncompleteRead("4 rows came, 24 were counted")

    service(w, side).pages = cut  # type: ignore[method-assign]
    void_tokens(w)
    with pytest.raises(IncompleteRead):
        poll(w.session, [w.catalogue.maps["Customers"]])
    with w.store.read() as state:
        assert state.count_inbox(w.session.pair) == 0
    service(w, side).pages = whole  # type: ignore[method-assign]
    w.sync("Customers")
    assert deletes(w) == [TABLES[OTHER[side]]]


# tokens


def test_an_expired_token_is_made_up_for_by_a_scan_that_finds_deletes_on_evidence() -> None:
    w = stocked()
    first, second, third = rows(w, "dataverse")[:3]
    w.change(first, new_name="edited unseen")
    w.remove(second)
    w.remove(third)
    again = w.contact("C002", name="usmf 2", status=1)  # deleted and made again: not gone
    w.contact("N1", name="new", status=1)
    void_tokens(w)
    found = poll(w.session, [w.catalogue.maps["Customers"]])
    assert [each.expired for each in found if each.table == "new_customers"] == [True]
    w.sync("Customers")
    assert deletes(w) == ["Customers"]
    assert w.in_fno("C001") is None and w.in_fno("C002") is not None
    assert w.in_fno("C000").values["Name"] == "edited unseen"  # type: ignore[union-attr]
    assert w.in_fno("N1") is not None
    assert set(states(w).values()) == {"running"} and w.parked() == []
    # the row that was made again is the link's now
    w.change(again, new_name="new edit")
    w.sync("Customers")
    assert w.in_fno("C002").values["Name"] == "new edit"  # type: ignore[union-attr]
    assert len(rows(w, "fno")) == len(rows(w, "dataverse"))


def test_the_token_after_a_scan_was_taken_before_it() -> None:
    """What changes while the scan reads is named by the next poll."""
    w = stocked()
    void_tokens(w)
    late = rows(w, "dataverse")[0]

    def first_page(kind: str) -> None:
        if kind == "page":
            w.dataverse_memory.expired_before = 0  # the new token is good
            w.dataverse.before = second_page

    def second_page(kind: str) -> None:
        if kind == "page":
            w.dataverse.before = lambda _: None
            w.remove(late)

    w.dataverse.page_size = 4
    w.dataverse.before = first_page
    poll(w.session, [w.catalogue.maps["Customers"]])
    w.sync("Customers")
    assert w.in_fno("C000") is None


@pytest.mark.parametrize("side", SIDES)
def test_a_row_made_again_before_anybody_looks_is_no_delete(side: Side) -> None:
    """The feed has told of the delete already, and nothing of the new row."""
    w = stocked()
    kept = rows(w, OTHER[side])[0]
    w.remove(rows(w, side)[0])
    poll(w.session, [w.catalogue.maps["Customers"]])
    if side == "fno":
        w.customer("C000", Name="usmf 0")
    else:
        w.contact("C000", name="usmf 0", status=1)
    for _ in range(2):
        delta_sync(w.session, "Customers")
    assert deletes(w) == []
    w.sync("Customers")
    assert rows(w, OTHER[side])[0] is kept and w.writes() == []
    w.change(rows(w, side)[0], **{"Name" if side == "fno" else "new_name": "edited"})
    w.sync("Customers")
    assert "edited" in kept.values.values()


# the brake


@pytest.mark.parametrize("side", SIDES)
def test_three_deletes_a_day_pass_and_the_fourth_waits(side: Side) -> None:
    w = stocked()
    for row in rows(w, side)[:3]:
        w.remove(row)
        w.sync("Customers")  # in runs of their own: a day is counted, not a run
    assert deletes(w) == [TABLES[OTHER[side]]] * 3
    w.clock.forward(hours=23)
    w.remove(rows(w, side)[0])
    w.remove(rows(w, side, "demf")[0])  # another company has an allowance of its own
    w.sync("Customers")
    assert deletes(w) == [TABLES[OTHER[side]]]
    assert states(w) == {"usmf": "error", "demf": "running"}
    assert w.parked() == [("C003", "delete_brake")]
    with w.store.read() as state:
        assert "3 in the last 24 hours" in state.lane(w.session.pair, "Customers", "usmf").reason


def test_a_day_later_three_more_pass() -> None:
    w = stocked()
    for _ in range(2):
        for row in rows(w, "fno")[:3]:
            w.remove(row)
        w.sync("Customers")
        assert deletes(w) == ["new_customers"] * 3
        w.clock.forward(hours=24, seconds=1)
    assert states(w)["usmf"] == "running"


def test_deletes_of_one_side_dont_use_up_the_others_allowance() -> None:
    w = stocked()
    for row in rows(w, "fno")[:3]:
        w.remove(row)
    for row in rows(w, "dataverse")[3:6]:
        w.remove(row)
    w.sync("Customers")
    assert sorted(deletes(w)) == ["Customers"] * 3 + ["new_customers"] * 3
    assert states(w)["usmf"] == "running"


@pytest.mark.parametrize(("gone", "passes"), [(5, True), (6, False)])
def test_one_row_in_a_hundred_may_go(gone: int, passes: bool) -> None:
    w = stocked(500)
    for row in rows(w, "fno")[:gone]:
        w.remove(row)
    w.sync("Customers")
    assert len(deletes(w)) == (gone if passes else 0)
    assert states(w)["usmf"] == ("running" if passes else "error")


def test_rows_that_were_never_a_pair_delete_nobody() -> None:
    """A row that waits for its create, or that a mode left out, is on one side only: nobody deleted it on the other."""
    w = stocked(0, customers_map(missing="wait"))
    w.customer("C1", Name="canary")
    w.sync("Customers")
    w.customer("C2", GroupId="LATE")
    w.contact("D1", name="of Dataverse", group=w.dataverse_group("ALSO LATE").id)
    for _ in range(2):
        w.sync("Customers")
    void_tokens(w)
    w.sync("Customers")
    assert deletes(w) == []
    assert w.in_fno("C2") is not None and w.in_dataverse("D1") is not None
    assert w.in_dataverse("C2") is None and w.in_fno("D1") is None


# updates by the hundred


@pytest.mark.parametrize(("share", "passes"), [(30, True), (31, False)])
@pytest.mark.parametrize("side", SIDES)
def test_a_scan_that_finds_too_many_rows_changed_stops_the_lane(side: Side, share: int, passes: bool) -> None:
    w = stocked(100, update_brake_share=0.3)
    for row in rows(w, side)[:share]:
        w.change(row, **{"Name" if side == "fno" else "new_name": "as of yesterday"})
    for row in rows(w, "dataverse")[share:]:
        w.change(row, new_plugin="no map has this")
    void_tokens(w)
    for _ in range(2):
        w.sync("Customers")
    assert len(w.writes()) == (share if passes else 0)
    assert states(w) == {"usmf": "running" if passes else "error", "demf": "running"}
    if passes:
        return
    (stopped,) = held(w.store, w.session.pair)
    assert (stopped.company, stopped.gone_from, stopped.rows) == ("usmf", None, 0)
    assert "31 of 100" in stopped.reason and "dualflow deletes approve" in stopped.reason
    let_go(w)
    w.sync("Customers")
    assert len(w.writes()) == share and states(w)["usmf"] == "running"


def test_small_tables_may_change_as_a_whole() -> None:
    w = stocked(19, update_brake_share=0.3)
    for row in rows(w, "fno"):
        w.change(row, Name="renamed")
    w.sync("Customers")
    assert len(w.writes()) == 19 and states(w)["usmf"] == "running"


def test_what_a_feed_names_is_no_finding_of_a_scan() -> None:
    """Users may edit as many rows as they like where each edit is told."""
    w = stocked(100, update_brake_share=0.3)
    for row in rows(w, "dataverse"):
        w.change(row, new_name="edited")
    w.sync("Customers")
    assert len(w.writes()) == 100 and states(w)["usmf"] == "running"


def test_a_person_who_let_changes_go_on_permitted_no_deletes() -> None:
    w = stocked(100, update_brake_share=0.3)
    for row in rows(w, "fno")[:40]:
        w.change(row, Name="as of yesterday")
    w.sync("Customers")
    let_go(w)
    for row in rows(w, "fno")[50:54]:
        w.remove(row)
    w.sync("Customers")
    assert deletes(w) == [] and states(w)["usmf"] == "error"


# a person's word


@pytest.fixture
def stopped() -> Trade:
    """Five of twelve customers of a company were deleted in F&O: its lane is in error."""
    w = stocked()
    for row in rows(w, "fno")[:5]:
        w.remove(row)
    w.sync("Customers")
    assert states(w) == {"usmf": "error", "demf": "running"}
    w.writes()
    return w


def test_a_lane_in_error_does_nothing_until_it_is_approved(stopped: Trade) -> None:
    w = stopped
    w.change(rows(w, "fno")[0], Name="edited")
    w.change(rows(w, "dataverse")[11], new_name="edited")
    w.clock.forward(days=3)  # time is no approval
    assert w.sync("Customers") == ["error", "ok"]
    # nor is starting over
    assert [each.verdict for each in w.initial("Customers")] == ["error", "ok"]
    assert w.writes() == [] and states(w)["usmf"] == "error"
    (listed,) = held(w.store, w.session.pair)
    assert (listed.map, listed.company, listed.gone_from, listed.rows) == ("Customers", "usmf", "fno", 5)
    assert sorted(listed.keys) == [f"C{number:03}" for number in range(5)]
    (released,) = let_go(w)
    assert released == listed
    w.sync("Customers")
    w.sync("Customers")
    assert sorted(table for table, _, _ in w.writes()) == ["Customers", *["new_customers"] * 6]
    assert states(w)["usmf"] == "running" and w.parked() == [] and held(w.store, w.session.pair) == []


def test_a_row_that_is_back_before_the_word_is_given_stays(stopped: Trade) -> None:
    w = stopped
    w.customer("C000", Name="back again")
    let_go(w)
    for _ in range(2):
        w.sync("Customers")
    assert deletes(w) == ["new_customers"] * 4
    assert w.in_dataverse("C000").values["new_name"] == "back again"  # type: ignore[union-attr]


def test_an_approval_is_for_that_many_rows_that_lane_and_that_time(stopped: Trade) -> None:
    w = stopped
    for row in rows(w, "fno", "demf")[:5]:
        w.remove(row)
    let_go(w)
    w.sync("Customers")
    assert deletes(w) == ["new_customers"] * 5
    assert states(w) == {"usmf": "running", "demf": "error"}, "who was not asked about stays held"
    # five were shown, five may go
    w.remove(rows(w, "fno")[0])
    w.sync("Customers")
    assert deletes(w) == [] and states(w)["usmf"] == "error"
    # and a word of yesterday's counts no more
    let_go(w, "demf", hours=1)
    w.clock.forward(hours=2)
    w.sync("Customers")
    assert deletes(w) == [] and states(w)["demf"] == "error"


def test_a_word_for_one_company_is_none_for_another(stopped: Trade) -> None:
    w = stopped
    let_go(w)
    for row in rows(w, "fno", "demf")[:5]:
        w.remove(row)
    poll(w.session, [w.catalogue.maps["Customers"]])
    (summary,) = delta_sync(w.session, "Customers", ["demf"])
    assert summary.verdict == "error" and deletes(w) == []


def test_nothing_held_is_nothing_to_approve(stopped: Trade) -> None:
    with pytest.raises(FatalError, match="nothing is held"):
        let_go(stopped, "demf")
    with pytest.raises(FatalError, match="nothing is held"):
        approve(stopped.store, stopped.session.pair, "Groups", None, timedelta(hours=1), stopped.clock())


def test_what_is_held_on_one_side_keeps_its_changes_on_the_other(stopped: Trade) -> None:
    """Somebody works on in Dataverse with a customer whose delete is held: his edit beats the delete."""
    w = stopped
    contact = w.in_dataverse("C000")
    assert contact is not None
    w.change(contact, new_name="still wanted")
    let_go(w)
    for _ in range(2):
        w.sync("Customers")
    assert w.in_fno("C000").values["Name"] == "still wanted"  # type: ignore[union-attr]
    (record,) = w.conflicts(kind="delete")
    assert (record.key, record.winner) == ("C000", "dataverse")


# parents


@pytest.mark.parametrize("side", SIDES)
def test_a_parent_that_rows_still_name_is_parked_and_goes_when_they_are_gone(side: Side) -> None:
    w = Trade()
    w.dataverse.keeps_referred = True
    group, other = w.group("G1", "one"), w.group("G2", "two")
    child = w.customer("C1", GroupId="G1")
    w.customer("C2", GroupId="G2")
    w.connect()
    w.remove(group)
    for _ in range(2):
        w.sync("Groups")
    parent = w.in_dataverse("G1", table="new_groups")
    assert parent is not None, "refused by Dataverse"
    assert w.parked() == [("G1", "referred")]
    with w.store.read() as state:
        (parked,) = state.parked(w.session.pair)
    assert "1 record(s)" in parked.message and "refused the delete" in parked.message
    assert w.lane_state("Groups") == "running"
    # the others go on
    w.change(other, Name="renamed")
    w.sync("Groups")
    assert w.in_dataverse("G2", table="new_groups").values["new_name"] == "renamed"  # type: ignore[union-attr]
    # it is tried again by itself
    if side == "fno":
        w.change(child, GroupId="G2")
    else:
        contact = w.in_dataverse("C1")
        assert contact is not None
        w.change(contact, new_group=w.in_dataverse("G2", table="new_groups").id)  # type: ignore[union-attr]
    w.sync("Customers")
    w.clock.forward(days=2)
    w.sync("Groups")
    assert w.in_dataverse("G1", table="new_groups") is None and w.parked() == []


# other policies than propagate


def test_deletes_that_a_map_ignores_leave_the_row_alone_for_good() -> None:
    w = stocked(customers_of=customers_map(delete={"to-dataverse": "ignore", "to-fno": "ignore"}))
    in_fno, in_dataverse = rows(w, "fno"), rows(w, "dataverse")
    for row in in_fno[:5]:  # no brake: nothing is written
        w.remove(row)
    for row in in_dataverse[5:10]:
        w.remove(row)
    for _ in range(2):
        w.sync("Customers")
    # what is left is nobody's copy any more: it may be edited, and makes nothing again
    w.change(in_dataverse[0], new_name="an archive")
    w.change(in_fno[5], Name="an archive")
    for _ in range(2):
        w.sync("Customers")
    assert w.writes() == [] and w.parked() == [] and w.conflicts() == []
    assert len(rows(w, "fno")) == len(rows(w, "dataverse")) == 7
    assert set(states(w).values()) == {"running"}
    asked = w.fno.requests["read"]
    w.sync("Customers")
    assert w.fno.requests["read"] == asked, "nobody looks for what was given up"
    found = verify(w.session, ["Customers"])
    assert (found.differences, found.out_of_scope) == (0, 10)

    # made again under its key, it is a pair once more
    w.customer("C000", Name="back")
    w.contact("C005", name="back too", status=1)
    for _ in range(2):
        w.sync("Customers")
    assert in_dataverse[0].values["new_name"] == "back"
    assert {in_fno[5].values["Name"], w.in_dataverse("C005").values["new_name"]} <= {"an archive", "back too"}  # type: ignore[union-attr]
    assert in_fno[5].values["Name"] == w.in_dataverse("C005").values["new_name"]  # type: ignore[union-attr]


def deactivating(customers: int = 12, **changes: Any) -> Trade:
    """Customers that are deactivated in Dataverse when they go in F&O."""
    state = Column("statecode", "option", members=("0", "1"))
    changes = {"delete": {"to-dataverse": "deactivate"}, **changes}
    w = stocked(customers, customers_map(**changes), more=[state])
    for row in (*rows(w, "dataverse"), *rows(w, "dataverse", "demf")):
        row.values["statecode"] = 0
    w.writes()
    return w


def active(w: Trade) -> list[str]:
    """Accounts of a company that are in use in Dataverse."""
    return [row.values["new_account"] for row in rows(w, "dataverse") if row.values["statecode"] == 0]


def test_a_row_that_goes_is_deactivated_where_the_map_says_so() -> None:
    w = deactivating()
    w.remove(rows(w, "fno")[0])
    w.sync("Customers")
    (write,) = w.dataverse_memory.writes()
    assert write.had_version and write.kind == "update" and write.values == {"statecode": 1}
    w.writes()
    contact = rows(w, "dataverse")[0]
    assert contact.values["new_name"] == "usmf 0", "what it holds stays"
    with w.store.read() as state:
        assert state.count_links(w.session.pair, "Customers", "usmf", "detached") == 1
        assert state.deleted_since(w.session.pair, "Customers", "usmf", "dataverse", w.clock.now) == 1
    # somebody's edit of it makes nothing in F&O
    w.change(contact, new_name="an archive")
    for _ in range(2):
        w.sync("Customers")
    assert w.writes() == [] and w.in_fno("C000") is None and w.parked() == []
    found = verify(w.session, ["Customers"])
    assert (found.differences, found.out_of_scope) == (0, 1)


@pytest.mark.parametrize("as_it_was", [True, False])
def test_a_row_that_is_restored_is_active_again(as_it_was: bool) -> None:
    w = deactivating()
    w.remove(rows(w, "fno")[0])
    w.sync("Customers")
    assert "C000" not in active(w)
    contact = rows(w, "dataverse")[0]
    w.writes()
    w.customer("C000", Name="usmf 0" if as_it_was else "restored")
    w.sync("Customers")
    assert "C000" in active(w)
    assert contact.values["new_name"] == ("usmf 0" if as_it_was else "restored")
    assert len(w.writes()) == 1
    w.change(contact, new_name="edited")
    w.sync("Customers")
    assert w.in_fno("C000").values["Name"] == "edited"  # type: ignore[union-attr]


def test_deactivating_stands_behind_the_same_brake_and_evidence() -> None:
    w = deactivating()
    for row in rows(w, "fno")[:4]:
        w.remove(row)
    hide(w, "fno", *rows(w, "fno", "demf"), group(w, "fno", "demf"))
    w.sync("Customers")
    assert w.writes() == [] and set(states(w).values()) == {"error"}
    let_go(w)
    w.sync("Customers")
    assert len(w.writes()) == 4 and len(active(w)) == 8
    assert states(w) == {"usmf": "running", "demf": "error"}


def test_an_edit_beats_a_deactivation() -> None:
    w = deactivating()
    w.remove(rows(w, "fno")[0])
    w.change(rows(w, "dataverse")[0], new_name="edited")
    w.sync("Customers")
    assert len(active(w)) == 12 and w.in_fno("C000").values["Name"] == "edited"  # type: ignore[union-attr]

    # also one that comes between our look and our write
    w.remove(rows(w, "fno")[1])

    def meanwhile(point: str) -> None:
        if point == "intent":
            w.failpoint = lambda _: None
            w.change(rows(w, "dataverse")[1], new_name="just now")

    w.failpoint = meanwhile
    w.sync("Customers")
    assert len(active(w)) == 12 and w.in_fno("C001").values["Name"] == "just now"  # type: ignore[union-attr]


@pytest.mark.parametrize("point", ["intent", "written"])
def test_a_crash_while_deactivating_changes_nothing_about_the_end(point: str) -> None:
    w = deactivating()
    w.remove(rows(w, "fno")[0])
    with w.dying_at(point):
        w.sync("Customers")
    for _ in range(2):
        w.sync("Customers")
    assert len(active(w)) == 11 and len(w.writes()) == 1
    with w.store.read() as state:
        (link,) = [
            each
            for each in state.iterate_links(w.session.pair, "Customers", "usmf", 0, 100)
            if each.state == "detached"
        ]
    assert link.intent_dataverse is None and link.fno_key is None


@pytest.mark.parametrize("states", [None, ("0", "1", "2")])
def test_a_table_whose_states_mean_something_else_is_refused(states: tuple[str, ...] | None) -> None:
    more = [] if states is None else [Column("statecode", "option", members=states)]
    w = Trade(customers_map(delete={"to-dataverse": "deactivate"}), more=more)
    w.customer("C1")
    (one, _) = w.initial("Customers")
    assert (one.verdict, one.code) == ("failed", "no_inactive_state") and "new_customers" in one.message
    assert w.writes() == []


# leaving the filter


def leaving(on_leave: str, **changes: Any) -> Trade:
    """Organizations; persons leave the filter."""
    w = Trade(
        filtered(on_leave=on_leave, **changes), more=[Column("statecode", "option", members=("0", "1"))]
    )
    for number in range(12):
        w.customer(f"C{number:03}", Name=f"usmf {number}", Kind="Organization")
    w.connect("Customers")
    for row in rows(w, "dataverse"):
        row.values["statecode"] = 0
    w.writes()
    return w


@pytest.mark.parametrize("on_leave", ["detach", "deactivate", "delete"])
def test_a_row_that_leaves_its_filter_in_fno(on_leave: str) -> None:
    w = leaving(on_leave)
    row = rows(w, "fno")[0]
    w.change(row, Kind="Person")
    for _ in range(2):
        w.sync("Customers")
    written = w.writes()
    left = rows(w, "dataverse")
    if on_leave == "delete":
        assert [(table, kind) for table, kind, _ in written] == [("new_customers", "delete")]
        assert len(left) == 11
    elif on_leave == "deactivate":
        assert written == [("new_customers", "update", {"statecode": 1})] and "C000" not in active(w)
    else:
        assert written == [] and len(active(w)) == 12
    w.change(row, Name="edited outside")
    w.sync("Customers")
    assert w.writes() == []
    w.change(row, Kind="Organization")
    for _ in range(2):
        w.sync("Customers")
    contact = w.in_dataverse("C000")
    assert contact is not None and contact.values["new_name"] == "edited outside"
    assert not contact.values.get("statecode") and w.parked() == []


@pytest.mark.parametrize("on_leave", ["detach", "deactivate", "delete"])
def test_a_row_that_leaves_its_filter_in_dataverse(on_leave: str) -> None:
    """F&O knows no inactive rows: there only `delete` writes anything."""
    w = leaving(on_leave)
    w.change(rows(w, "dataverse")[0], new_type=1)
    for _ in range(2):
        w.sync("Customers")
    assert deletes(w) == (["Customers"] if on_leave == "delete" else [])
    assert len(rows(w, "fno")) == (11 if on_leave == "delete" else 12)
    assert len(active(w)) == 12


def test_an_edit_of_the_other_side_keeps_a_row_that_leaves() -> None:
    w = leaving("delete")
    w.change(rows(w, "fno")[0], Kind="Person")
    w.change(rows(w, "dataverse")[0], new_name="still in use")
    for _ in range(2):
        w.sync("Customers")
    assert w.writes() == [] and len(rows(w, "dataverse")) == 12


def test_a_row_that_left_takes_nobody_along_when_it_is_deleted() -> None:
    w = leaving("detach")
    row, contact = rows(w, "fno")[0], rows(w, "dataverse")[0]
    w.change(row, Kind="Person")
    w.sync("Customers")
    w.remove(row)
    for _ in range(2):
        w.sync("Customers")
    w.change(contact, new_name="edited")
    w.sync("Customers")
    assert w.writes() == [] and rows(w, "dataverse")[0] is contact and w.in_fno("C000") is None


@pytest.mark.parametrize("gone", [True, False])
def test_what_a_person_deactivated_stays_so(gone: bool) -> None:
    """The map deactivates nothing: a row that is back finds its Dataverse row as somebody left it."""
    w = leaving("detach", delete={"to-dataverse": "ignore"})
    row, contact = rows(w, "fno")[0], rows(w, "dataverse")[0]
    if gone:
        w.remove(row)
    else:
        w.change(row, Kind="Person")
    w.sync("Customers")
    w.change(contact, statecode=1)
    w.sync("Customers")
    if gone:
        w.customer("C000", Name="back", Kind="Organization")
    else:
        w.change(row, Kind="Organization", Name="back")
    w.sync("Customers")
    assert (contact.values["statecode"], contact.values["new_name"]) == (1, "back")


@pytest.mark.parametrize("on_leave", ["deactivate", "delete"])
def test_many_rows_that_leave_wait_for_a_word(on_leave: str) -> None:
    w = leaving(on_leave)
    for row in rows(w, "fno")[:4]:
        w.change(row, Kind="Person")
    w.sync("Customers")
    assert w.writes() == [] and w.lane_state("Customers") == "error"
    assert sorted(w.parked()) == [(f"C{number:03}", "delete_brake") for number in range(4)]
    let_go(w)
    for _ in range(2):
        w.sync("Customers")
    assert len(w.writes()) == 4 and w.lane_state("Customers") == "running"


def test_rows_that_leave_count_for_the_brake() -> None:
    w = leaving("delete")
    for row in rows(w, "fno")[:2]:
        w.change(row, Kind="Person")
    for row in rows(w, "fno")[2:4]:
        w.remove(row)
    w.sync("Customers")
    assert w.writes() == [] and w.lane_state("Customers") == "error"
    let_go(w)
    for _ in range(2):
        w.sync("Customers")
    assert deletes(w) == ["new_customers"] * 4 and w.lane_state("Customers") == "running"


@pytest.mark.parametrize("mode", ["link", "to-fno"])
def test_starting_over_deletes_nothing_that_its_mode_does_not_write(mode: str) -> None:
    w = stocked()
    w.remove(rows(w, "dataverse")[0])
    w.remove(rows(w, "fno")[1])
    w.initial("Customers", mode=mode)
    assert "new_customers" not in deletes(w)
    if mode == "link":
        assert len(rows(w, "fno")) == 11
