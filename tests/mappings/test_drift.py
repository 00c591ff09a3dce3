"""Changed metadata: what is noticed, what isn't, and which maps and field pairs a change touches."""

from __future__ import annotations

import json
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from mappings.drift import Drift, changes, document, table_of, touching
from mappings.metadata import Column, Table
from tests.mappings.live_tables import a_map, fno_things, lookup, tables

BEFORE = replace(
    tables()["new_things"],
    columns={
        **tables()["new_things"].columns,
        "new_price": Column(
            "new_price", "decimal", scale=4, minimum=Decimal("-1.5"), maximum=Decimal("1e11")
        ),
    },
)


def with_columns(table: Table, **changed: Any) -> Table:
    """A table with columns changed (mappings), added (columns) or dropped (None)."""
    columns = dict(table.columns)
    for name, what in changed.items():
        if what is None:
            del columns[name]
        else:
            columns[name] = what if isinstance(what, Column) else replace(columns[name], **what)
    return replace(table, columns=columns)


@pytest.mark.parametrize("table", [fno_things(), BEFORE, *tables().values()], ids=lambda table: table.name)
def test_a_table_comes_back_from_its_document(table: Table) -> None:
    stored = json.loads(json.dumps(document(table)))
    assert table_of(table.side, table.name, stored) == table


def test_nothing_changed() -> None:
    assert changes(BEFORE, replace(BEFORE, fingerprint="another")) == []
    turned = dict(reversed(list(BEFORE.columns.items())))
    assert changes(BEFORE, replace(BEFORE, columns=turned)) == []


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "added": ({"new_more": Column("new_more", "text")}, "new_things.new_more added (text)"),
    "added and required": (
        {"new_more": Column("new_more", "text", required=True)},
        "new_things.new_more added (text, required)",
    ),
    "removed": ({"new_name": None}, "new_things.new_name removed (text)"),
    "type": ({"new_since": {"kind": "datetime"}}, "new_things.new_since: type date → datetime"),
    "length": ({"new_name": {"max_length": 40}}, "new_things.new_name: length 100 → 40"),
    "no more length": ({"new_name": {"max_length": None}}, "new_things.new_name: length 100 → none"),
    "precision": ({"new_price": {"scale": 2}}, "new_things.new_price: precision 4 → 2"),
    "range": (
        {"new_price": {"maximum": Decimal(5)}},
        "new_things.new_price: range -1.5 to 1E+11 → -1.5 to 5",
    ),
    "option gone": ({"new_kind": {"members": ("1", "3")}}, "new_things.new_kind: values now without 2"),
    "options": (
        {"new_kind": {"members": ("1", "2", "4", "5")}},
        "new_things.new_kind: values now without 3 and with 4, 5",
    ),
    "targets": (
        {"new_party": lookup("new_party", "account")},
        "new_things.new_party: targets account, contact → account",
    ),
    "required": ({"new_name": {"required": True}}, "new_things.new_name: required no → yes"),
    "writable": (
        {"new_name": {"updatable": False}},
        "new_things.new_name: writable create and update → create",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_column_is_named(name: str) -> None:
    changed, text = CHANGES[name]
    assert [each.text for each in changes(BEFORE, with_columns(BEFORE, **changed))] == [text]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"alternate_keys": ()}, "new_things: alternate keys msdyn_company, new_id → none"),
        ({"tracked": False}, "new_things: tracking yes → no"),
        ({"bulk": frozenset()}, "new_things: bulk messages CreateMultiple → none"),
        ({"user_owned": False}, "new_things: ownership users → organization"),
        ({"read_only": True}, "new_things: read-only no → yes"),
    ],
)
def test_a_change_of_the_table_is_named(change: dict[str, Any], text: str) -> None:
    assert [each.text for each in changes(BEFORE, replace(BEFORE, **change))] == [text]


def test_a_removed_table_and_another_key() -> None:
    (drift,) = changes(fno_things(), None)
    assert drift.text == "Things removed"
    (drift,) = changes(fno_things(), replace(fno_things(), key=("ThingId",)))
    assert drift.text == "Things: key dataAreaId, ThingId → ThingId"


TOUCHES: dict[str, tuple[Drift, tuple[str, ...] | None]] = {
    "a mapped property": (Drift("fno", "Things", "type", "Name"), ("Name=new_name",)),
    "a property of the filter": (Drift("fno", "Things", "values", "Kind"), ("Kind><new_kind",)),
    "the modified time, which no pair has": (Drift("fno", "Things", "column removed", "ChangedAt"), ()),
    "a property of nobody": (Drift("fno", "Things", "type", "Other"), None),
    "a property of another set": (Drift("fno", "Others", "type", "Name"), None),
    "a lookup, by all its pairs": (
        Drift("dataverse", "new_things", "targets", "new_place"),
        ("SiteId=new_place.new_site.new_code", "PlaceId=new_place.new_code"),
    ),
    "the company": (Drift("dataverse", "new_things", "targets", "msdyn_company"), ()),
    "a column that only the filter names": (Drift("dataverse", "new_things", "values", "new_state"), ()),
    "a column behind a lookup": (
        Drift("dataverse", "new_groups", "length", "new_code"),
        ("GroupId=new_group.new_code",),
    ),
    "a lookup in the midst of a path": (
        Drift("dataverse", "new_places", "column removed", "new_site"),
        ("SiteId=new_place.new_site.new_code",),
    ),
    "the second table of a lookup": (
        Drift("dataverse", "contacts", "length", "msdyn_contactpersonid"),
        ("PartyId=new_party.accountnumber",),
    ),
    "another column of a table looked up": (Drift("dataverse", "new_groups", "length", "new_name"), None),
    "a new column": (Drift("dataverse", "new_things", "column added", "new_more", "", "text"), None),
    "a new column that is required": (
        Drift("dataverse", "new_things", "column added", "new_more", "", "text, required"),
        (),
    ),
    "the table": (Drift("dataverse", "new_things", "tracking"), ()),
    "tracking of a table looked up": (Drift("dataverse", "new_groups", "tracking"), None),
    "a table looked up is gone": (Drift("dataverse", "new_groups", "table removed"), ()),
}


@pytest.mark.parametrize("name", TOUCHES)
def test_whom_a_change_touches(name: str) -> None:
    drift, pairs = TOUCHES[name]
    assert touching(drift, [a_map()]) == ({} if pairs is None else {"Things": pairs})
