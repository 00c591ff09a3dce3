"""Keys and identity: what pairs two rows, how each is addressed afterwards, and what a rename is."""

from __future__ import annotations

import pytest

from tests.engine.trade import Trade, customers_map

NASTY = [
    "a/b",
    "50%",
    "R&D",
    "x<y>",
    "A*",
    "q?",
    "a:b",
    "O'x",
    "1+1",
    "#1",
    "\\n",
    "Ünïcödé",
    "US*",
    "US_",
    "[a]",
]


def test_keys_pair_without_case_and_trailing_blanks() -> None:
    w = Trade()
    w.group("Retail ", "Retail")
    w.dataverse_group("RETAIL", "Retail")
    w.connect("Groups")
    w.sync("Groups")
    assert w.writes() == []
    assert len(w.dataverse_memory.of("new_groups")) == len(w.fno_memory.of("Groups")) == 1


def test_the_company_is_part_of_the_key_and_compares_folded() -> None:
    w = Trade()
    w.group("A", "of usmf", "USMF")
    w.dataverse_group("A", "of demf", "demf")
    w.connect("Groups")
    assert {
        (r.values["new_groupid_"], r.values["new_name"]) for r in w.dataverse_memory.of("new_groups").values()
    } == {
        ("A", "of usmf"),
        ("A", "of demf"),
    }
    assert w.in_fno("A", "demf", "Groups") is not None
    assert w.in_fno("A", "usmf", "Groups").values["Name"] == "of usmf"  # type: ignore[union-attr]


def test_lookup_values_compare_folded_and_are_written_as_stored() -> None:
    w = Trade()
    group = w.dataverse_group("Retail", "Retail")
    w.group("RETAIL", "Retail")
    w.customer("C1", GroupId="retail ")
    w.contact("C2", group=group.id)
    w.connect()
    assert w.in_dataverse("C1").values["new_group"] == group.id  # type: ignore[union-attr]
    assert w.in_fno("C2").values["GroupId"] == "RETAIL"  # type: ignore[union-attr]
    w.writes()
    w.sync()
    assert w.writes() == []


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_rows_that_fold_to_one_key_are_reported_and_not_touched(side: str) -> None:
    w = Trade(unique=False)
    if side == "dataverse":
        w.contact("X1", name="one")
        w.contact("x1 ", name="two")
        w.customer("X1", Name="three")
    else:
        # F&O's own key tells the two apart, the integration key doesn't
        w = Trade(customers_map(fno={"key": ["dataAreaId", "Account", "Reference"]}))
        w.fno_memory.unique["Customers"] = ("dataAreaId", "Account", "Reference")
        w.customer("X1", Name="one")
        w.customer("x1 ", Name="two", Reference="2")
    w.connect("Customers")
    w.sync("Customers")
    if side == "dataverse":
        assert {code for _, code in w.parked()} <= {"ambiguous", "duplicate"}
        assert w.parked()
        assert w.writes() == []
    else:
        assert ("duplicate") in {code for _, code in w.parked()}
        assert len(w.dataverse_memory.of("new_customers")) <= 1


def test_a_second_row_with_a_linked_key_is_reported_and_stops_nobody() -> None:
    w = Trade(unique=False)
    w.customer("X1", Name="one")
    w.connect("Customers")
    w.contact("X1 ", name="late twin")
    w.contact("X2", name="fine")
    w.sync("Customers")
    w.sync("Customers")
    assert [code for _, code in w.parked()] == ["duplicate"]
    assert w.in_fno("X2") is not None
    assert w.in_fno("X1").values["Name"] == "one"  # type: ignore[union-attr]


def test_two_dataverse_rows_that_lead_to_one_fno_row_leave_the_first_pair_alone() -> None:
    w = Trade(customers_map(fno={"key": ["dataAreaId", "Name"]}), unique=False)
    w.fno_memory.unique["Customers"] = ("dataAreaId", "Name")
    first = w.contact("X1", name="same name")
    w.connect("Customers")
    second = w.contact("X2", name="same name")
    w.sync("Customers")
    w.sync("Customers")
    assert [code for _, code in w.parked()] == ["duplicate"]
    assert [row.values["Account"] for row in w.fno_memory.of("Customers").values()] == ["X1"]
    assert (first.values["new_account"], second.values["new_account"]) == ("X1", "X2")
    # once it has a name of its own it flows by itself
    w.change(second, new_name="another name")
    w.sync("Customers")
    w.sync("Customers")
    assert w.parked() == []
    assert sorted(row.values["Account"] for row in w.fno_memory.of("Customers").values()) == ["X1", "X2"]


def test_nasty_keys_travel_both_ways_and_are_addressed_by_identity() -> None:
    """The in-memory Dataverse takes nothing but ids as addresses, F&O nothing but its key."""
    w = Trade()
    rows = [w.customer(f"F{key}", Name=key) for key in NASTY] + [w.customer("FUS", Name="prefix")]
    contacts = [w.contact(f"D{key}", name=key) for key in NASTY]
    w.connect("Customers")
    for row in rows:
        w.change(row, Name=row.values["Name"] + "!")
    for contact in contacts:
        w.change(contact, new_name=contact.values["new_name"] + "?")
    w.sync("Customers")
    assert w.parked() == []
    for row in rows:
        assert w.in_dataverse(row.values["Account"]).values["new_name"] == row.values["Name"]  # type: ignore[union-attr]
    for contact in contacts:
        assert w.in_fno(contact.values["new_account"]).values["Name"] == contact.values["new_name"]  # type: ignore[union-attr]
    w.writes()
    w.remove(rows[0])
    w.remove(contacts[1])
    w.sync("Customers")
    assert sorted((kind, table) for table, kind, _ in w.writes()) == [
        ("delete", "Customers"),
        ("delete", "new_customers"),
    ]


# renames


def test_a_rename_in_fno_is_one_write_and_none_to_the_children() -> None:
    w = Trade()
    group = w.group("OLD", "Retail")
    for n in range(5):
        w.customer(f"C{n}", GroupId="OLD")
    w.connect()
    w.writes()
    w.change(group, GroupId="NEW")
    for row in list(w.fno_memory.of("Customers").values()):
        w.change(row, GroupId="NEW")  # F&O renames the references too
    w.sync("Customers", "Groups")  # the children first: they wait for the parent under its new key
    w.sync("Customers", "Groups")
    assert [(table, kind, values) for table, kind, values in w.writes()] == [
        ("new_groups", "update", {"new_groupid_": "NEW"})
    ]
    assert w.waiting() == [] and w.parked() == []
    w.sync()
    assert w.writes() == []


@pytest.mark.parametrize("first", ["rename", "create"])
def test_a_new_row_under_the_old_key_of_a_renamed_one(first: str) -> None:
    """The record id tells the renamed row from the new one, whichever of them is noticed first."""
    w = Trade()
    old = w.group("A", "the old one")
    w.group("Z", "canary")
    w.connect("Groups")
    original = w.in_dataverse("A", table="new_groups")
    assert original is not None
    w.change(old, GroupId="B")
    if first == "rename":
        w.sync("Groups")
    w.group("A", "the new one")
    for _ in range(3):
        w.sync("Groups")
    assert w.parked() == []
    renamed, new = w.in_dataverse("B", table="new_groups"), w.in_dataverse("A", table="new_groups")
    assert renamed is not None and renamed.id == original.id
    assert renamed.values["new_name"] == "the old one"
    assert new is not None and new.values["new_name"] == "the new one"
    w.writes()
    w.sync("Groups")
    assert w.writes() == []


@pytest.mark.parametrize("also", ["", "another"])
def test_a_row_renamed_to_before_the_page_already_read_is_not_taken_for_deleted(also: str) -> None:
    """A scan in the order of the key misses it under both keys; what it held in Dataverse alone would be lost."""
    w = Trade()
    for code in ("C1", "C5", "C9"):
        w.customer(code, Name=code)
    w.connect("Customers")
    w.fno.page_size = 1
    before = w.in_dataverse("C9")
    assert before is not None
    row, other = w.in_fno("C9"), w.in_fno("C5")
    assert row is not None and other is not None
    w.writes()
    asked: list[str] = []

    def behind(kind: str) -> None:
        asked.append(kind)
        if kind == "page" and asked.count("page") == 2:
            w.change(row, Account="A0")
            if also == "another":
                w.remove(other)

    w.fno.before = behind
    w.sync("Customers")
    w.fno.before = lambda _: None
    w.sync("Customers")
    renamed = w.in_dataverse("A0")
    assert renamed is not None and renamed.id == before.id
    assert (w.in_dataverse("C5") is None) is (also == "another")
    kinds = [kind for _, kind, _ in w.writes()]
    assert sorted(kinds) == (["delete", "update"] if also == "another" else ["update"])


def test_a_rename_that_dataverse_refuses_is_listed_with_both_keys_and_nothing_is_deleted() -> None:
    w = Trade()
    row = w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    w.contact("C9", name="in the way", plugin="not synced")
    contact = w.in_dataverse("C1")
    w.writes()
    w.change(row, Account="C9")
    w.sync("Customers")
    with w.store.read() as state:
        (parked, *_) = state.parked(w.session.pair)
    assert "'c9'" in parked.message and "'c1'" in parked.message, "both keys, folded"
    assert [kind for _, kind, _ in w.writes()] == []
    assert w.in_dataverse("C1") is contact
    # the other row out of the way, it goes by itself
    other = w.in_dataverse("C9")
    assert other is not None
    w.change(other, new_account="C8")
    for _ in range(2):
        w.clock.forward(hours=1)
        w.sync("Customers")
    assert w.in_dataverse("C9") is contact and w.in_fno("C8") is not None
    assert w.parked() == []


def test_two_rows_that_swap_their_keys_lose_nothing() -> None:
    w = Trade()
    one, two = w.group("A", "one"), w.group("B", "two")
    w.connect("Groups")
    w.change(one, GroupId="tmp")
    w.change(two, GroupId="A")
    w.change(one, GroupId="B")
    for _ in range(3):
        w.sync("Groups")
    names = {r.values["new_name"] for r in w.dataverse_memory.of("new_groups").values()}
    assert names == {"one", "two"}
    assert not [kind for _, kind, _ in w.writes() if kind == "delete"]


def test_a_key_changed_in_dataverse_is_parked_with_both_keys_and_nothing_is_deleted() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    w.writes()
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_account="C9", new_name="renamed")
    w.sync("Customers")
    with w.store.read() as state:
        (parked,) = state.parked(w.session.pair)
    assert parked.code == "key_changed"
    assert "C1" in parked.message and "c9" in parked.message.casefold()
    assert [(table, kind, values) for table, kind, values in w.writes()] == [
        ("Customers", "update", {"Name": "renamed"})
    ], "what isn't the key goes on"
    w.change(contact, new_account="C1")
    w.sync("Customers")
    assert w.parked() == [] and w.writes() == []


def test_a_row_deleted_and_made_again_in_dataverse_is_the_same_row() -> None:
    w = Trade()
    w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    w.writes()
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.remove(contact)
    again = w.contact("C1", name="one", status=1)
    w.sync("Customers")
    assert w.writes() == []
    w.change(again, new_name="two")
    w.sync("Customers")
    assert w.in_fno("C1").values["Name"] == "two"  # type: ignore[union-attr]


@pytest.mark.parametrize("notice", ["delete first", "create first", "create only"])
def test_a_key_made_again_in_fno_keeps_its_dataverse_row(notice: str) -> None:
    """Deleted and made again under the same key: the Dataverse row, its other columns and its children stay."""
    w = Trade()
    row = w.customer("C1", Name="one")
    w.customer("C2", Name="canary")
    w.connect("Customers")
    contact = w.in_dataverse("C1")
    assert contact is not None
    w.change(contact, new_plugin="kept")
    w.sync("Customers")
    w.remove(row)
    if notice != "delete first":
        w.customer("C1", Name="two")
        w.sync("Customers")
    else:
        # the scan misses the row, and it is back before the engine looks

        def back(kind: str) -> None:
            if kind == "read" and w.in_fno("C1") is None:
                w.customer("C1", Name="two")

        w.fno.before = back
        w.sync("Customers")
    w.sync("Customers")
    after = w.in_dataverse("C1")
    assert after is not None and after.id == contact.id
    assert after.values["new_plugin"] == "kept" and after.values["new_name"] == "two"
