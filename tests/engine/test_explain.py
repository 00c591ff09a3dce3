"""What `explain` tells about a row, for every way that a row can stand; and that telling it changes nothing."""

from __future__ import annotations

import re
from typing import Any

import pytest

from mappings.errors import FatalError
from tasks.sync.control import lanes_of, pause, stop
from tasks.sync.explaining import STANDINGS, Story, explain
from tests.engine.trade import Trade, customers_map


def told(w: Trade, key: str, name: str = "Customers", company: str = "usmf") -> Story:
    """The story of one row; nothing was written for it."""
    before = w.engine_writes()
    (story,) = explain(w.session, name, key, company)
    assert w.engine_writes() == before
    assert story.standing in STANDINGS
    return story


def fields(story: Story) -> dict[str, str]:
    return {re.split("[=<>]", each.name)[0].strip(): each.verdict for each in story.fields}


def connected(*maps: dict[str, Any], **options: Any) -> Trade:
    w = Trade(*maps, **options)
    w.customer("C1", Name="Contoso", Note="n")
    w.connect()
    return w


def test_a_row_that_both_sides_hold_alike() -> None:
    w = connected()
    w.customer("C2", Name="Fabrikam")
    w.sync("Customers")
    story = told(w, "c2")
    assert (story.standing, story.link, story.next) == ("synced", "paired", [])
    assert set(fields(story).values()) == {"equal"}
    assert [(each.action, each.side) for each in story.changes] == [("create", "dataverse")]


def test_a_change_names_what_the_next_sync_sends() -> None:
    w = connected()
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_name="Fabrikam")
    story = told(w, "C1")
    assert (story.standing, story.next) == ("changed", ["update in F&O: Name"])
    (name,) = [each for each in story.fields if each.name.startswith("Name")]
    assert (name.fno, name.dataverse, name.fno_moved, name.dataverse_moved, name.verdict) == (
        "Contoso",
        "Fabrikam",
        False,
        True,
        "to-fno",
    )
    w.sync("Customers")
    assert told(w, "C1").standing == "synced"


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_a_new_row_will_be_created(side: str) -> None:
    w = connected()
    if side == "fno":
        w.customer("C2", Name="New")
    else:
        w.contact("C2", Name="New")
    story = told(w, "C2")
    assert story.standing == "new"
    assert story.next[0].startswith("create in Dataverse" if side == "fno" else "create in F&O")


def test_a_row_outside_the_filter() -> None:
    w = connected(customers_map(fno={"filter": "Kind eq 'Person'"}))
    story = told(w, "C1")
    assert (story.standing, story.next) == ("filtered_out", [])
    assert story.reasons == ["F&O's filter does not take it: Kind eq 'Person'"]


def test_a_row_that_left_the_filter() -> None:
    w = Trade(customers_map(fno={"filter": "Kind eq 'Person'"}))
    row = w.customer("C1", Kind="Person")
    w.connect()
    w.change(row, Kind="Organization")
    assert told(w, "C1").next == ["detach it: nothing flows while it is outside the filter"]
    w.sync("Customers")
    story = told(w, "C1")
    assert (story.standing, story.link, story.next) == ("detached", "detached", [])


def test_a_row_of_no_company_in_scope() -> None:
    w = connected(companies=("usmf",))
    story = told(w, "C1", company="demf")
    assert story.standing == "out_of_scope"
    assert "usmf" in story.reasons[0]


def test_a_row_that_waits_for_its_parent() -> None:
    w = connected(customers_map(missing="wait"))
    w.customer("C2", GroupId="G9")
    for settled in (False, True):
        story = told(w, "C2")
        assert story.standing == "waiting", settled
        assert story.reasons == ["'g9' is missing in new_groups"]
        assert story.lookups["new_group"] == "g9: missing in new_groups"
        w.sync("Customers")
    w.group("G9")
    w.sync("Groups", "Customers")
    assert told(w, "C2").standing == "synced"


def test_a_conflict_that_a_person_has_to_settle() -> None:
    w = connected(customers_map(conflict="hold"))
    row, contact = w.in_fno("C1"), w.in_dataverse("C1")
    assert row is not None and contact is not None
    w.change(row, Name="ours")
    w.change(contact, new_name="theirs")
    w.sync("Customers")
    story = told(w, "C1")
    assert (story.standing, story.next) == ("conflicting", [])
    assert fields(story)["Name"] == "conflict"
    assert [(each.status, each.kind) for each in story.conflicts] == [("open", "conflict")]


def test_a_row_that_could_not_be_written() -> None:
    w = connected()
    row = w.in_fno("C1")
    assert row is not None
    w.change(row, Name="x" * 51)
    w.sync("Customers")
    story = told(w, "C1")
    assert story.standing == "parked"
    assert "Name" in story.parked[0].field and "51" in story.reasons[0]


def test_a_target_that_was_changed_on_its_own() -> None:
    w = connected()
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_note="scribbled")
    story = told(w, "C1")
    assert (story.standing, fields(story)["Note"]) == ("drifted", "drift")
    assert story.next == ["update in Dataverse: new_note"]


def test_a_value_that_a_service_made_something_of() -> None:
    def cut(column: str, value: Any) -> Any:
        return value[:5] if column == "new_name" and isinstance(value, str) else value

    w = connected(normalize_dataverse=cut)
    row = w.in_fno("C1")
    assert row is not None
    w.change(row, Name="Fabrikam")
    w.sync("Customers")
    story = told(w, "C1")
    assert (story.standing, story.next) == ("normalized", [])
    assert fields(story)["Name"] == "normalized"


def test_a_row_that_nobody_has() -> None:
    story = told(connected(), "C404")
    assert (story.standing, story.fno.there, story.dataverse.there) == ("unknown_key", False, False)


def test_a_row_that_is_gone() -> None:
    w = connected()
    for account in ("C2", "C3"):
        w.customer(account)
    w.sync("Customers")
    row = w.in_fno("C1")
    assert row is not None
    w.remove(row)
    story = told(w, "C1")
    assert (story.standing, story.next) == ("gone", ["delete in Dataverse"])
    w.sync("Customers")
    assert told(w, "C1").standing == "gone"


@pytest.mark.parametrize("ever", [True, False], ids=["stopped", "never started"])
def test_a_map_that_is_not_running_says_how_to_start_it(ever: bool) -> None:
    w = Trade()
    w.customer("C1", Name="Contoso")
    if ever:
        w.connect()
        stop(w.store, w.catalogue, lanes_of(w.store, w.session.pair, w.catalogue, ["Customers"]))
        w.customer("C2", Name="Fabrikam")
    story = told(w, "C2" if ever else "C1")
    (line,) = story.next
    assert story.standing == "new"
    assert (
        line.startswith("nothing; the map is not running") and "`dualflow sync initial 'Customers'`" in line
    )


def test_a_paused_map_says_so() -> None:
    w = connected()
    row = w.in_fno("C1")
    assert row is not None
    pause(w.store, lanes_of(w.store, w.session.pair, w.catalogue, ["Customers"]))
    w.change(row, Name="later")
    assert told(w, "C1").next[0].startswith("nothing before the map goes on; it is paused")


def test_a_key_of_other_parts_is_refused_with_their_names() -> None:
    w = connected()
    with pytest.raises(FatalError, match=r"has 2 parts, and the key of map .Customers. has 1: Account"):
        explain(w.session, "Customers", '["C1", "x"]', "usmf")


def test_a_key_may_hold_what_separates_keys() -> None:
    w = connected()
    w.customer("a/b")
    assert told(w, "a/b").standing == "new"


def test_the_story_is_plain_data() -> None:
    found = told(connected(), "C1").to_json()
    assert found["standing"] == "synced"
    assert {"fields", "lookups", "next", "changes"} <= found.keys()
