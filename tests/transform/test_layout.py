"""Layouts: what is read, what merges as one, what the stored digests mean, and what doesn't fit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mappings.errors import FatalError
from mappings.metadata import Column, Kind
from tasks.transform.canonical import canonical_dataverse, canonical_fno
from tasks.transform.layout import Layout, compile_layout
from tests.transform.sample import (
    DATAVERSE,
    FIELDS,
    FNO,
    dataverse_table,
    fno_table,
    pair_index,
    pair_layout,
    sample_layout,
    sample_map,
)


def fields_layout(*fields: dict[str, Any], **changes: Any) -> Layout:
    """A layout of text pairs; whatever is followed by a dot is a lookup."""
    left = {field["fno"]: Column(field["fno"], "text") for field in fields if "fno" in field}
    right = {
        (name := field["dataverse"].split(".")[0]): Column(
            name, "lookup" if "." in field["dataverse"] else "text"
        )
        for field in fields
        if "dataverse" in field
    }
    end = {"table": "accounts", "key": [fields[0]["dataverse"]]}
    return compile_layout(
        sample_map(fields, **({"dataverse": end} | changes)),
        fno_table(*left.values()),
        dataverse_table(*right.values()),
    )


def test_what_is_selected() -> None:
    layout = sample_layout(
        fno={
            "set": "Customers",
            "entity": "CustEntity",
            "key": ["dataAreaId", "Account"],
            "filter": "Kind eq 'Organization'",
            "modified": "ChangedAt",
        },
        dataverse={
            "table": "accounts",
            "key": ["number", "line"],
            "company": "company",
            "filter": "typecode eq 3 and _group_value ne null",
        },
        match=[["country", "terms.msdyn_name"]],
    )
    assert layout.fno_columns[:2] == ("dataAreaId", "Account")
    assert {"Kind", "ChangedAt", "Name"} <= set(layout.fno_columns)
    assert {"company", "typecode", "statecode", "group", "terms"} <= set(layout.dataverse_columns)
    for names in (layout.fno_columns, layout.dataverse_columns, layout.raw_fno, layout.raw_dataverse):
        assert len(set(names)) == len(names)
    assert "ChangedAt" not in layout.raw_fno
    assert {"_company_value", "_group_value", "number", "typecode"} <= set(layout.raw_dataverse)
    assert "company" not in layout.raw_dataverse


def test_key_pairs_follow_the_key() -> None:
    layout = sample_layout(dataverse={"table": "accounts", "key": ["line", "number"], "company": "company"})
    assert [layout.pairs[p].fno.name for p in layout.key_pairs] == ["Line", "Account"]
    assert [plan.fno.name for plan in layout.pairs if plan.key] == ["Account", "Line"]


def test_a_key_may_go_through_a_lookup() -> None:
    layout = fields_layout(
        {"fno": "Day", "dataverse": "day.msdyn_name"},
        {"fno": "Line", "dataverse": "line"},
        dataverse={"table": "accounts", "key": ["line", "day"]},
    )
    assert [layout.pairs[p].fno.name for p in layout.key_pairs] == ["Line", "Day"]


def test_pairs_of_one_lookup_and_of_one_property_are_units() -> None:
    layout = fields_layout(
        {"fno": "A", "dataverse": "a"},
        {"fno": "Hierarchy", "dataverse": "category.msdyn_hierarchy"},
        {"fno": "B", "dataverse": "b"},
        {"fno": "Category", "dataverse": "category.msdyn_name"},
        {"fno": "Category", "dataverse": "label", "direction": "to-dataverse"},
    )
    assert layout.units == ((0,), (1, 3, 4), (2,))
    assert layout.unit_of.tolist() == [0, 1, 2, 1, 1]
    assert [plan.part for plan in layout.pairs] == [0, 0, 0, 1, 0]


def test_declared_groups_are_units_and_units_grow_together() -> None:
    layout = fields_layout(
        {"fno": "Key", "dataverse": "key"},
        {"fno": "Street", "dataverse": "street"},
        {"fno": "City", "dataverse": "city"},
        {"fno": "Amount", "dataverse": "amount"},
        {"fno": "Currency", "dataverse": "currency.isocurrencycode"},
        {"fno": "Currency", "dataverse": "code", "direction": "to-dataverse"},
        groups={"address": ["street", "City"], "money": ["amount", "currency"]},
    )
    assert layout.units == ((0,), (1, 2), (3, 4, 5))


def test_a_unit_flows_wherever_one_of_its_pairs_flows() -> None:
    layout = fields_layout(
        {"fno": "A", "dataverse": "a", "direction": "to-dataverse"},
        {"fno": "B", "dataverse": "b", "direction": "to-fno"},
        {"fno": "C", "dataverse": "c", "direction": "to-dataverse"},
        {"fno": "C", "dataverse": "d"},
    )
    assert layout.unit_to_dataverse.tolist() == [True, False, True]
    assert layout.unit_to_fno.tolist() == [False, True, True]
    assert layout.unit_to_fno.dtype == np.bool_


def test_constants_have_the_type_of_their_column() -> None:
    layout = sample_layout()
    assert layout.constants_to_dataverse == {"typecode": 3, "sellable": True}
    assert layout.always_to_dataverse == {"sellable": True}
    assert layout.constants_to_fno == {"Kind": "Organization"}
    assert layout.always_to_fno == {}


def test_everything_absent_is_listed_at_once() -> None:
    fields = (
        *FIELDS,
        {"fno": "Acount", "dataverse": "nam"},
        {"dataverse": "salable", "constant": True},
        {"fno": "OnHold", "dataverse": "typecode"},
    )
    with pytest.raises(FatalError) as caught:
        compile_layout(sample_map(fields), fno_table(*FNO), dataverse_table(*DATAVERSE))
    said = str(caught.value)
    assert "Customers has no Acount (near: Account" in said
    assert "accounts has no nam (near: name" in said
    assert "accounts has no salable (near: sellable" in said
    assert "OnHold=typecode: needs `values`" in said
    assert caught.value.code == "map_misfit"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataverse": {"table": "accounts", "key": ["typecode"]}}, "key column typecode has no field pair"),
        (
            {"dataverse": {"table": "accounts", "key": ["number"], "filter": "typ eq 1"}},
            "the filter: accounts has no typ",
        ),
    ],
)
def test_ends_that_do_not_fit(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(FatalError, match=said):
        sample_layout(**changes)


@pytest.mark.parametrize(
    ("fno", "dataverse", "said"),
    [
        ("text", "lookup", "follow it with a dot"),
        ("integer", "date", "have no form in common"),
        ("decimal", "guid", "have no form in common"),
        ("decimal", "options", "have no form in common"),
    ],
)
def test_types_that_cannot_meet(fno: Kind, dataverse: Kind, said: str) -> None:
    with pytest.raises(FatalError, match=said):
        pair_layout(fno, dataverse)


def type_id(fno: Kind | Column, dataverse: Kind | Column, **pair: Any) -> str:
    return pair_layout(fno, dataverse, **pair).pairs[0].type_id


def test_a_type_id_changes_with_what_the_text_depends_on() -> None:
    yes_no = Column("F", "enum", members=("No", "Yes"))
    different = [
        type_id("text", "text"),
        type_id("text", "text", key=True),
        type_id("decimal", Column("d", "decimal", scale=2)),
        type_id("decimal", Column("d", "decimal", scale=4)),
        type_id("datetime", "date"),
        type_id("datetime", "datetime"),
        type_id(yes_no, "boolean"),
        type_id(yes_no, "option", values={"No": 0, "Yes": 1}),
        type_id(yes_no, "option", values={"No": 0, "Yes": 2}),
        type_id(yes_no, "option", values={"Yes": 1}),
        type_id(yes_no, "option", values={"No": 0, "Yes": 1}, else_="pass"),
    ]
    assert len(set(different)) == len(different)


def test_a_type_id_does_not_change_with_anything_else() -> None:
    assert type_id("text", Column("d", "text", max_length=10)) == type_id("memo", "memo")
    assert type_id("decimal", Column("d", "decimal", scale=2)) == type_id(
        "decimal", Column("d", "double", scale=2)
    )
    held = {"No": 0, "Yes": 1}
    assert type_id(Column("F", "enum", members=("No", "Yes")), "option", values=held) == type_id(
        Column("F", "enum", members=("No", "Yes", "Maybe")), "option", values=held
    )


def test_the_types_of_a_layout_name_its_pairs() -> None:
    layout = sample_layout()
    assert layout.types[0] == ("Account=number", layout.pairs[0].type_id)
    assert len(layout.types) == len(layout.pairs)


def test_the_column_behind_a_lookup_decides_where_it_is_known() -> None:
    fields = ({"fno": "Key", "dataverse": "key"}, {"fno": "Date", "dataverse": "invoice.msdyn_date"})
    made = sample_map(fields, dataverse={"table": "accounts", "key": ["key"]})
    left = fno_table(Column("Key", "text"), Column("Date", "datetime"))
    right = dataverse_table(Column("key", "text"), Column("invoice", "lookup"))
    row = {"Key": "a", "Date": "2016-08-15T12:00:00Z"}
    days = compile_layout(made, left, right)
    instants = compile_layout(
        made, left, right, behind={"invoice.msdyn_date": Column("msdyn_date", "datetime")}
    )
    assert canonical_fno(days, [row]).texts[0, 1] == "2016-08-15"
    assert canonical_fno(instants, [row]).texts[0, 1] == "2016-08-15T12:00:00Z"
    found = canonical_dataverse(days, [{"key": "a"}], {"invoice": [("2016-08-15T12:00:00Z",)]})
    assert found.texts[0, 1] == "2016-08-15"


def test_an_index_of_every_pair() -> None:
    layout = sample_layout()
    assert [plan.index for plan in layout.pairs] == list(range(len(layout.pairs)))
    assert layout.pairs[pair_index(layout, "TermsLine")].part == 1
