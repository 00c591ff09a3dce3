"""Links: they come back as they went in, are found by every name, and no key is linked twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event

from mappings.errors import RowError
from tasks.state.leases import Lease
from tasks.state.records import Link, LinkState
from tasks.state.store import Store, Transaction
from tests.state.samples import COMPANY, MAP, TABLE, link


def stored(store: Store, lease: Lease, links: list[Link]) -> list[Link]:
    with store.transaction(lease) as tx:
        ids = tx.insert_links(links)
    return [replace(one, id=id_) for one, id_ in zip(links, ids, strict=True)]


def test_a_link_comes_back_as_it_was(store: Store, pair: int, lease: Lease) -> None:
    full = link(pair, 1)
    bare = Link(0, pair, MAP, COMPANY, TABLE, None)
    links = stored(store, lease, [full, bare])
    with store.read() as state:
        assert state.links_of([one.id for one in links]) == links


def test_ids_are_new_and_in_order(store: Store, pair: int, lease: Lease) -> None:
    first = stored(store, lease, [link(pair, n) for n in range(3)])
    with store.transaction(lease) as tx:
        tx.delete_links([one.id for one in first])
        again = tx.insert_links([link(pair, n) for n in range(3)])
    ids = [one.id for one in first] + again
    assert ids == sorted(set(ids))  # an id is never used twice, so a stale one can't name another row


def test_found_by_every_name(store: Store, pair: int, lease: Lease) -> None:
    links = stored(store, lease, [link(pair, n) for n in range(5)])
    one = links[3]
    assert one.key and one.dataverse_id and one.fno_row
    with store.read() as state:
        assert state.links_by_key(pair, MAP, COMPANY, [one.key, "other"]) == {one.key: one}
        assert state.links_by_id(pair, MAP, COMPANY, [one.dataverse_id, "other"]) == {one.dataverse_id: one}
        assert state.links_by_fno_row(pair, MAP, COMPANY, [one.fno_row, "other"]) == {one.fno_row: one}
        assert state.parents_by_key(pair, TABLE, COMPANY, [one.key]) == {one.key: [one]}
        assert state.parents_by_dataverse_id(pair, TABLE, [one.dataverse_id]) == {one.dataverse_id: [one]}
        assert state.links_by_key(pair, MAP, COMPANY, []) == {}
        assert state.links_by_key(pair, "no map", COMPANY, [one.key]) == {}


def test_parents_are_found_whatever_map_linked_them(store: Store, pair: int, lease: Lease) -> None:
    customer, vendor = stored(store, lease, [link(pair, 1), link(pair, 1, map="Vendors", fno_row="9")])
    assert customer.key
    with store.read() as state:
        found = state.parents_by_key(pair, TABLE, COMPANY, [customer.key])
        assert {one.map for one in found[customer.key]} == {"Customers", "Vendors"}
        assert state.parents_by_key(pair, TABLE, "DEMF", [customer.key]) == {}
        assert state.parents_by_key(pair, "contacts", COMPANY, [customer.key]) == {}
        assert state.links_by_key(pair, "Vendors", COMPANY, [customer.key]) == {vendor.key: vendor}


def test_pairs_of_environments_are_apart(store: Store, pair: int, lease: Lease) -> None:
    other = store.pair("another", "pair")
    mine, _ = stored(store, lease, [link(pair, 1), link(other, 1, dataverse_id=link(pair, 1).dataverse_id)])
    assert mine.key and mine.dataverse_id
    with store.read() as state:
        assert state.links_by_key(pair, MAP, COMPANY, [mine.key]) == {mine.key: mine}
        assert state.parents_by_dataverse_id(pair, TABLE, [mine.dataverse_id]) == {mine.dataverse_id: [mine]}
        assert state.count_links(pair, MAP) == 1
        tidy = [one.id for one in state.iterate_links(other, MAP, COMPANY, 0, 10)]
    with store.transaction(lease) as tx:
        tx.delete_links(tidy)


def test_keys_may_hold_any_character(store: Store, pair: int, lease: Lease) -> None:
    keys = [
        "usmf\x1f\x00guid",
        "usmf\x1f'; DROP TABLE link --",
        "usmf\x1f%_[]*",
        'usmf\x1f"{}\\',
        "usmf\x1fé\U0001f600",
    ]
    links = stored(store, lease, [link(pair, n, key=key) for n, key in enumerate(keys)])
    with store.read() as state:
        assert state.links_by_key(pair, MAP, COMPANY, keys) == {one.key: one for one in links}


def test_iterating_passes_each_link_once(store: Store, pair: int, lease: Lease) -> None:
    states: list[LinkState] = ["paired", "half", "paired", "detached", "half", "paired", "detached"]
    links = stored(store, lease, [link(pair, n, state=state) for n, state in enumerate(states)])
    stored(store, lease, [link(pair, 1, company="DEMF")])
    passed: list[Link] = []
    with store.read() as state:
        while page := state.iterate_links(pair, MAP, COMPANY, passed[-1].id if passed else 0, 2):
            passed += page
        assert passed == links
        assert state.count_links(pair, MAP, COMPANY, "paired") == 3
        assert state.count_links(pair, MAP, COMPANY) == 7
        assert state.count_links(pair, MAP) == 8


def test_whole_links_are_updated(store: Store, pair: int, lease: Lease) -> None:
    one, other = stored(store, lease, [link(pair, 1), link(pair, 2)])
    changed = replace(one, state="detached", base_dataverse=None, raw_fno=None, key="usmf\x1fnew", kept=None)
    with store.transaction(lease) as tx:
        tx.update_links([changed])
        tx.update_links([])
    with store.read() as state:
        assert state.links_of([one.id, other.id]) == [changed, other]


def test_patches_leave_the_rest(store: Store, pair: int, lease: Lease) -> None:
    one, two, three = stored(store, lease, [link(pair, n) for n in range(3)])
    with store.transaction(lease) as tx:
        tx.patch_links(
            [
                {"id": one.id, "raw_fno": None, "intent_fno": b"new"},
                {"id": two.id, "state": "half"},
                {"id": three.id, "intent_fno": None, "raw_fno": 5},
            ]
        )
    with store.read() as state:
        assert state.links_of([one.id, two.id, three.id]) == [
            replace(one, raw_fno=None, intent_fno=b"new"),
            replace(two, state="half"),
            replace(three, raw_fno=5, intent_fno=None),
        ]
    with (
        pytest.raises(ValueError, match=r"company can't be patched; possible: .*raw_fno"),
        store.transaction(lease) as tx,
    ):
        tx.patch_links([{"id": one.id, "company": "DEMF"}])


def test_created_rows_are_confirmed_by_their_intent(store: Store, pair: int, lease: Lease) -> None:
    half = [link(pair, n, state="half", base_fno=None, intent_dataverse=bytes([n] * 16)) for n in range(3)]
    one, two, three = stored(store, lease, half)
    with store.transaction(lease) as tx:
        tx.confirm_created([(one.id, -7), (three.id, 8)])
        tx.confirm_created([])
    with store.read() as state:
        assert state.links_of([one.id, two.id, three.id]) == [
            replace(one, state="paired", base_fno=one.intent_dataverse, raw_fno=-7),
            two,
            replace(three, state="paired", base_fno=three.intent_dataverse, raw_fno=8),
        ]


def test_deleted_links_are_gone(store: Store, pair: int, lease: Lease) -> None:
    one, two = stored(store, lease, [link(pair, 1), link(pair, 2)])
    with store.transaction(lease) as tx:
        tx.delete_links([one.id])
    with store.read() as state:
        assert state.links_of([one.id, two.id]) == [two]


def test_a_key_is_linked_once(store: Store, pair: int, lease: Lease) -> None:
    stored(store, lease, [link(pair, 1)])
    with (
        pytest.raises(RowError, match=r"linked already.*Customers") as caught,
        store.transaction(lease) as tx,
    ):
        tx.insert_links([link(pair, 2), link(pair, 1)])
    assert caught.value.code == "duplicate_link"
    with store.read() as state:
        assert state.count_links(pair, MAP) == 1  # nothing of the failed transaction stays


def test_a_key_twice_in_one_batch_is_named(store: Store, pair: int, lease: Lease) -> None:
    with pytest.raises(RowError, match=r"c-1' occurs twice"), store.transaction(lease) as tx:
        tx.insert_links([link(pair, 1), link(pair, 1, dataverse_id="other")])


def test_renaming_onto_a_linked_key_is_refused(store: Store, pair: int, lease: Lease) -> None:
    one, _ = stored(store, lease, [link(pair, 1), link(pair, 2)])
    with pytest.raises(RowError, match=r"linked already"), store.transaction(lease) as tx:
        tx.update_links([replace(one, key=link(pair, 2).key)])
    with pytest.raises(RowError, match=r"linked already"), store.transaction(lease) as tx:
        tx.patch_links([{"id": one.id, "key": link(pair, 2).key}])


def test_rows_without_key_do_not_collide(store: Store, pair: int, lease: Lease) -> None:
    assert len(stored(store, lease, [link(pair, n, key=None) for n in range(3)])) == 3


@contextmanager
def statements(store: Store) -> Iterator[list[str]]:
    sent: list[str] = []

    def note(_: object, __: object, statement: str, *___: object) -> None:
        sent.append(statement)

    event.listen(store._engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(store._engine, "before_cursor_execute", note)


def test_bulk_takes_a_statement_for_hundreds_of_rows(store: Store, pair: int, lease: Lease) -> None:
    with store.transaction(lease) as tx, statements(store) as sent:
        ids = tx.insert_links([link(pair, n) for n in range(2000)])
        assert len(sent) <= 5 + 2000 // 250  # SQLite takes them in blocks
        sent.clear()
        found = tx.links_of(ids)
        tx.update_links(found)
        tx.patch_links([{"id": id_, "state": "half"} for id_ in ids])
        assert len(found) == 2000
        assert len(sent) == 3
        sent.clear()
        assert len(tx.links_by_key(pair, MAP, COMPANY, [str(one.key) for one in found])) == 2000
        assert len(sent) <= 2


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufdd0"), max_size=8)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=TEXT,
    parts=st.lists(TEXT, max_size=3),
    digests=st.none() | st.binary(max_size=40),
    raw=st.none() | st.integers(-(1 << 63), (1 << 63) - 1),
    address=st.none()
    | st.dictionaries(TEXT, TEXT | st.integers(-(1 << 53), 1 << 53) | st.booleans(), max_size=3),
)
def test_any_values_come_back(
    store: Store,
    pair: int,
    lease: Lease,
    name: str,
    parts: list[str],
    digests: bytes | None,
    raw: int | None,
    address: dict[str, object] | None,
) -> None:
    one = link(
        pair,
        0,
        key=name,
        key_text=parts,
        base_fno=digests,
        intent_fno=digests,
        raw_fno=raw,
        fno_key=address,
        fno_row=name,
    )

    class Undo(Exception):
        pass

    def there_and_back(tx: Transaction) -> None:
        (id_,) = tx.insert_links([one])
        assert tx.links_by_key(pair, MAP, COMPANY, [name]) == {name: replace(one, id=id_)}
        raise Undo

    with pytest.raises(Undo), store.transaction(lease) as tx:
        there_and_back(tx)
