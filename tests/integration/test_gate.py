"""What users do between the engine's read and its write: their value stands, or it is on record who lost.

The sandbox's gate lets a user act just before or after a chosen request of ours.
"""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tasks.sync.work import delta_sync
from tests.integration.conftest import Prepare
from tests.integration.customers import MAPS, NAME, OTHER, PHONE, Customers, in_sync
from tests.integration.installation import ACCOUNTS, PERSONS, VENDORS, Installation, altered, failed
from tests.integration.trading import customer, reference_data
from tests.local_services import Services, Side

KEY = "O'x"
SETS = {"fno": "CustomersV3", "dataverse": "accounts"}

Edits = list[dict[str, Any]]


def change(ours: Customers, side: Side, key: str = KEY, **values: Any) -> Edits:
    """A user's change of the customer, as a gate takes it; without a version Dataverse would make a row that is gone."""
    path, there = ours.path(side, key), {"If-Match": "*"}
    return [{"side": side, "method": "PATCH", "path": path, "body": values, "headers": there}]


def delete(ours: Customers, side: Side) -> Edits:
    return [{"side": side, "method": "DELETE", "path": ours.path(side, KEY)}]


def add(ours: Customers, side: Side, key: str, **values: Any) -> Edits:
    body = customer(ours.company, key, **values) if side == "fno" else ours.new_account(key, **values)
    return [{"side": side, "method": "POST", "path": SETS[side], "body": body}]


def before(services: Services, side: Side, method: str, edits: Edits) -> None:
    """Let a user do this when our first write of this kind is on its way, and the row long read."""
    services.gate(edits, side=side, match=rf"batch[\s\S]*{method} \S*{SETS[side]}\b")


def went_through(services: Services) -> bool:
    """The gate has opened, and the service took what the user did."""
    (gate,) = services.gates()
    return bool(gate["opened"]) and all(answer["status"] < 300 for answer in gate["answers"])


def refused_as_stale(services: Services, method: str) -> int:
    """How many of our writes found that somebody had been there since the row was read."""
    return sum(
        operation["method"] == method and operation["status"] == 412
        for request in services.trace()
        for operation in request["operations"]
    )


def names(ours: Customers) -> tuple[str, str]:
    return ours.fno(KEY)[NAME["fno"]], ours.dataverse(KEY)[NAME["dataverse"]]


def lost(installation: Installation, key: str = KEY) -> list[tuple[str, str, str, bool]]:
    """What is on record about a customer: kind, winner, loser, and whether the name is in question."""
    return [
        (found.kind, found.winner, found.loser, "OrganizationName=name" in found.fields)
        for found in installation.conflicts(ACCOUNTS, "usmf")
        if found.key == key
    ]


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_an_edit_of_another_field_between_read_and_write_stands(
    services: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: "New name"})
    before(services, target, "PATCH", change(ours, target, **{PHONE[target]: "user's"}))
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert refused_as_stale(services, "PATCH") == 1
    assert names(ours) == ("New name", "New name")
    assert ours.fno(KEY)[PHONE["fno"]] == ours.dataverse(KEY)[PHONE["dataverse"]] == "user's"
    assert lost(installation) == []


@pytest.mark.parametrize("winner", ["dataverse", "fno"])
@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_an_edit_of_the_same_field_between_read_and_write_is_a_conflict(
    services: Services, prepare: Prepare, catalogue: Catalogue, target: Side, winner: Side
) -> None:
    maps = altered(catalogue, ACCOUNTS, conflict=winner)
    installation, ours = prepare(in_sync, maps=MAPS, catalogue=maps), Customers(services)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: f"by {source}"})
    before(services, target, "PATCH", change(ours, target, **{NAME[target]: f"by {target}"}))
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert names(ours) == (f"by {winner}", f"by {winner}")
    assert lost(installation) == [("conflict", winner, OTHER[winner], True)]


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_held_conflict_that_comes_between_read_and_write_leaves_both_values(
    services: Services, prepare: Prepare, catalogue: Catalogue, target: Side
) -> None:
    maps = altered(catalogue, ACCOUNTS, conflict="hold")
    installation, ours = prepare(in_sync, maps=MAPS, catalogue=maps), Customers(services)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: f"by {source}"})
    before(services, target, "PATCH", change(ours, target, **{NAME[target]: f"by {target}"}))
    installation.settle()
    assert went_through(services)
    assert names(ours) == ("by fno", "by dataverse")
    assert lost(installation) == [("conflict", "", "", True)]


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_row_that_is_edited_before_our_delete_arrives_survives_on_both_sides(
    services: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    unmapped = {"dataverse": "revenue"}.get(target)
    if unmapped:
        ours.change(target, KEY, **{unmapped: 7})
        installation.settle()
    kept = ours.path(target, KEY)
    ours.delete(OTHER[target], KEY)
    before(services, target, "DELETE", change(ours, target, **{NAME[target]: "still wanted"}))
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert refused_as_stale(services, "DELETE") == 1
    assert installation.ours("delete") == []
    assert names(ours) == ("still wanted", "still wanted")
    assert ours.path(target, KEY) == kept
    if unmapped:
        assert ours.dataverse(KEY)[unmapped] == 7
    assert ("delete", target, OTHER[target], True) in lost(installation)


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_row_that_is_deleted_before_our_update_arrives_is_made_again_and_on_record(
    services: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: "changed and deleted"})
    before(services, target, "PATCH", delete(ours, target))
    assert failed(installation.delta()) == []
    # F&O finds no row by its old key: deleted, or renamed? The next look at all of its rows tells
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert names(ours) == ("changed and deleted", "changed and deleted")
    assert ("delete", source, target, True) in lost(installation)
    # whole, not just the field that was on its way
    assert installation.stored().differences(MAPS) == []


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_row_that_both_delete_at_once_is_gone(services: Services, prepare: Prepare, target: Side) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    ours.delete(OTHER[target], KEY)
    before(services, target, "DELETE", delete(ours, target))
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert KEY not in ours.rows("fno").keys() | ours.rows("dataverse").keys()
    assert installation.parked() == []
    assert KEY not in {"/".join(link.key_text or ()) for link in installation.links(ACCOUNTS, "usmf")}


@pytest.mark.parametrize("spelled", ["N*/1", "n*/1 "], ids=["same spelling", "another spelling"])
@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_rows_that_both_sides_create_at_once_pair_up(
    services: Services, prepare: Prepare, target: Side, spelled: str
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    source = OTHER[target]
    ours.add(source, "N*/1", **{NAME[source]: "ours"})
    theirs = {NAME[target]: "theirs", PHONE[target]: "only here"}
    before(services, target, "POST", add(ours, target, spelled, **theirs))
    assert failed(installation.settle()) == []
    assert went_through(services)
    assert installation.ours("create") == []
    assert installation.stored().twins(MAPS) == []
    assert installation.stored().differences(MAPS) == []
    rows = {side: {key.casefold(): row for key, row in ours.rows(side).items()} for side in OTHER}
    # F&O is the master where nobody knows what stood there before, and that is on record
    winner = "ours" if source == "fno" else "theirs"
    assert [rows[side]["n*/1"][NAME[side]] for side in OTHER] == [winner, winner]
    assert [rows[side]["n*/1"][PHONE[side]] for side in OTHER] == ["only here", "only here"]
    (about,) = [c for c in installation.conflicts(ACCOUNTS, "usmf") if "OrganizationName=name" in c.fields]
    assert (about.kind, about.winner) == ("no_base", "fno")
    assert installation.parked() == []


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_row_that_keeps_moving_is_left_for_the_next_delta(
    services: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: "New name"})
    ours.change(source, "A", **{NAME[source]: "Not in the way"})
    for number in range(3):
        before(services, target, "PATCH", change(ours, target, **{PHONE[target]: str(number)}))
    assert failed(installation.delta(ACCOUNTS)) == []
    assert [gate["opened"] for gate in services.gates()] == [True] * 3
    assert refused_as_stale(services, "PATCH") == 3
    assert names(ours)[0] != names(ours)[1]
    assert ours.rows(target)["A"][NAME[target]] == "Not in the way"
    assert installation.parked() == []
    # it is still named, though no feed tells of it again
    (summary,) = delta_sync(installation.session, ACCOUNTS, ["usmf"])
    assert summary.written
    assert names(ours) == ("New name", "New name")
    assert ours.rows(target)[KEY][PHONE[target]] == "2"
    installation.settle(ACCOUNTS)
    assert ours.rows(source)[KEY][PHONE[source]] == "2"
    assert lost(installation) == []


# at every moment


def opened(services: Services) -> bool:
    """Has it come to the gate yet?"""
    return all(gate["opened"] for gate in services.gates())


@pytest.mark.parametrize("user", ["dataverse", "fno"])
@pytest.mark.parametrize("what", ["change", "delete", "create"])
def test_a_user_may_act_after_any_of_our_requests(
    services: Services, prepare: Prepare, what: str, user: Side
) -> None:
    """On the other side something was done; the user acts on the same row while it is being brought over."""
    other, key = OTHER[user], "N%" if what == "create" else KEY

    def begin() -> tuple[Installation, Customers]:
        services.clear_gates()
        installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
        if what == "change":
            ours.change(other, KEY, **{NAME[other]: "before"})
        elif what == "delete":
            ours.delete(other, KEY)
        else:
            ours.add(other, key, **{NAME[other]: "before"})
        return installation, ours

    late = 0
    for nth in count(1):
        installation, ours = begin()
        values = {NAME[user]: "by the user"}
        edits = add(ours, user, key, **values) if what == "create" else change(ours, user, **values)
        services.gate(edits, nth=nth, when="after")
        assert failed(installation.delta(ACCOUNTS)) == [], nth
        if not opened(services):
            break  # it makes fewer requests than that
        assert failed(installation.settle(ACCOUNTS)) == [], nth
        found = [ours.rows(side).get(key, {}).get(NAME[side]) for side in OTHER]
        assert found[0] == found[1], (nth, found)
        if not went_through(services):
            # the row was gone, or there, by then: what was done first stands
            late += 1
            assert found[0] == {"delete": None, "create": "before"}[what], nth
        elif found[0] != "by the user":
            assert any(loser == user and named for _, _, loser, named in lost(installation, key)), nth
        assert installation.stored().twins((ACCOUNTS,)) == []
        assert installation.open_intents() == []
        assert installation.parked() == []
    assert late < nth - 4
    assert late or what == "change"


CUSTOMER_MAPS = (ACCOUNTS, PERSONS, VENDORS)


def about_to_connect(installation: Installation) -> None:
    """Reference data in sync; a customer in F&O, one in Dataverse and one in both, not connected yet."""
    reference_data(installation.services, ["usmf"])
    others = [name for name in MAPS if name not in CUSTOMER_MAPS]
    installation.initial(*others)
    installation.quiet(*others)
    ours = Customers(installation.services)
    for key in (KEY, "F"):
        ours.add("fno", key, **{NAME["fno"]: "of F&O"})
    for key in (KEY, "D"):
        ours.add("dataverse", key, **{NAME["dataverse"]: "of Dataverse"})


@pytest.mark.parametrize("user", ["dataverse", "fno"])
def test_a_user_may_act_after_any_request_of_a_first_connection(
    services: Services, prepare: Prepare, user: Side
) -> None:
    """The user changes rows where they are, and makes them where they are not."""
    for nth in count(1):
        services.clear_gates()
        installation, ours = prepare(about_to_connect, maps=MAPS, companies=["usmf"]), Customers(services)
        values, there = {PHONE[user]: "user's"}, ours.rows(user)
        edits: Edits = []
        for key in (KEY, "F", "D"):
            edits += change(ours, user, key, **values) if key in there else add(ours, user, key, **values)
        services.gate(edits, nth=nth, when="after")
        assert failed(installation.initial(ACCOUNTS)) == [], nth
        if not opened(services):
            break
        assert failed(installation.settle(ACCOUNTS)) == [], nth
        found = installation.stored()
        assert found.differences((ACCOUNTS,)) == [], nth
        assert found.twins((ACCOUNTS,)) == [], nth
        (gate,) = services.gates()
        for key, answer in zip((KEY, "F", "D"), gate["answers"], strict=True):
            taken = answer["status"] < 300
            assert ours.fno(key)[PHONE["fno"]] == ("user's" if taken else ""), (nth, key)
            assert taken or key not in there
        assert installation.open_intents() == [], nth
        assert installation.parked() == [], nth
    assert nth > 8
