"""Bodies: what each kind of value becomes on the other side."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from mappings.metadata import Column, Kind
from tasks.transform.layout import compile_layout
from tasks.transform.payload import to_dataverse, to_fno, updates_to_dataverse, updates_to_fno
from tests.transform.sample import (
    CLASSES,
    NO_YES,
    dataverse_table,
    fno_table,
    pair_index,
    pair_layout,
    sample_layout,
    sample_map,
)

YES_NO = Column("F", "enum", members=NO_YES, enum="NoYes")
CLASS = Column("F", "enum", members=CLASSES, enum="UnitOfMeasureClass")
MONEY = Column("d", "decimal", scale=2)


@pytest.mark.parametrize(
    ("fno", "dataverse", "cell", "sent"),
    [
        pytest.param("text", "text", "Contoso ", "Contoso", id="trailing blanks"),
        pytest.param("text", "text", "", None, id="empty text is null"),
        pytest.param("memo", "memo", "a\nb", "a\nb", id="line ends as they are"),
        pytest.param(
            "decimal", MONEY, "12345678901234567.885", Decimal("12345678901234567.89"), id="19 digits"
        ),
        pytest.param("decimal", MONEY, "0.125", Decimal("0.13"), id="half up"),
        pytest.param("decimal", MONEY, 0, 0, id="zero is zero"),
        pytest.param("decimal", MONEY, "-0.001", 0, id="no negative zero"),
        pytest.param("decimal", "double", "1E-7", Decimal("0.0000001"), id="no exponent"),
        pytest.param("decimal", "integer", "2.5", 3, id="to integer"),
        pytest.param("bigint", "bigint", 9007199254740993, 9007199254740993, id="beyond 2^53"),
        pytest.param(YES_NO, "boolean", "Yes", True, id="NoYes"),
        pytest.param("boolean", "boolean", False, False, id="boolean"),
        pytest.param(CLASS, "text", "MASS", "Mass", id="member in live spelling"),
        pytest.param(CLASS, "text", "Quantity", "Quantity", id="first member by its name"),
        pytest.param("integer", "option", 3, 3, id="option"),
        pytest.param("datetime", "date", "2016-08-15T12:00:00Z", "2016-08-15", id="day"),
        pytest.param("datetime", "datetime", "2016-08-15T08:22:26Z", "2016-08-15T08:22:26Z", id="instant"),
        pytest.param("datetime", "date", "1900-01-01T00:00:00Z", None, id="no day"),
        pytest.param("guid", "guid", "00000000-0000-0000-0000-000000000000", None, id="no guid"),
    ],
)
def test_towards_dataverse(fno: Kind | Column, dataverse: Kind | Column, cell: Any, sent: Any) -> None:
    layout = pair_layout(fno, dataverse)
    assert to_dataverse(layout, [{"F": cell, "Account": "a"}], [0]) == [{"d": sent}]


@pytest.mark.parametrize(
    ("fno", "dataverse", "cell", "sent"),
    [
        pytest.param("text", "text", None, "", id="null is empty text"),
        pytest.param("text", "text", "Contoso ", "Contoso", id="trailing blanks"),
        pytest.param("integer", "integer", None, 0, id="null is zero"),
        pytest.param("decimal", MONEY, None, 0, id="null is zero money"),
        pytest.param(Column("F", "decimal", scale=2), "double", "1.005", Decimal("1.01"), id="half up"),
        pytest.param("boolean", "boolean", None, False, id="null is false"),
        pytest.param(YES_NO, "boolean", None, "No", id="null is the first member"),
        pytest.param(YES_NO, "boolean", True, "Yes", id="NoYes"),
        pytest.param(CLASS, "text", "mass", "Mass", id="member in live spelling"),
        pytest.param(CLASS, "text", None, "Quantity", id="null member"),
        pytest.param("integer", "option", None, 0, id="null option"),
        pytest.param("datetime", "date", "2016-08-15", "2016-08-15T12:00:00Z", id="noon"),
        pytest.param("datetime", "date", None, "1900-01-01T12:00:00Z", id="no day"),
        pytest.param("datetime", "datetime", None, "1900-01-01T00:00:00Z", id="no instant"),
        pytest.param(
            "date", "datetime", "2016-08-15T08:22:26Z", "2016-08-15T12:00:00Z", id="day of an instant"
        ),
        pytest.param("guid", "guid", None, "00000000-0000-0000-0000-000000000000", id="no guid"),
    ],
)
def test_towards_fno(fno: Kind | Column, dataverse: Kind | Column, cell: Any, sent: Any) -> None:
    layout = pair_layout(fno, dataverse)
    assert to_fno(layout, [{"d": cell, "number": "a"}], [0]) == [{"F": sent}]


def test_numbers_are_written_digit_by_digit() -> None:
    layout = pair_layout("decimal", MONEY)
    bodies = to_dataverse(layout, [{"F": "12345678901234567.885", "Account": "a"}], [0])
    assert msgspec.json.Encoder(decimal_format="number").encode(bodies) == b'[{"d":12345678901234567.89}]'


def fno_row(**cells: Any) -> dict[str, Any]:
    row: dict[str, Any] = {column: "" for column in sample_layout().fno_columns}
    return row | {"Line": 1, "Mandatory": "No", "OneTime": "No", "OnHold": "No"} | cells


def dataverse_row(**cells: Any) -> dict[str, Any]:
    return {column: None for column in sample_layout().dataverse_columns} | {"line": 1} | cells


def test_a_new_row_has_constants_and_defaults() -> None:
    layout = sample_layout()
    (body,) = to_dataverse(layout, [fno_row(Account="US-1", Employees=0)], create=True)
    assert (body["typecode"], body["sellable"], body["employees"]) == (3, True, 1)
    (body,) = to_dataverse(layout, [fno_row(Account="US-1", Employees=5)], create=True)
    assert body["employees"] == 5
    (body,) = to_dataverse(layout, [fno_row(Account="US-1", Employees=0)])
    assert "typecode" not in body and body["employees"] == 0
    (body,) = to_fno(layout, [dataverse_row(number="US-1")], create=True)
    assert (body["Kind"], body["Employees"]) == ("Organization", 1)


def test_only_pairs_that_flow_there_go() -> None:
    layout = sample_layout()
    (body,) = to_fno(layout, [dataverse_row(number="a", latitude="1.5")])
    assert "Latitude" not in body
    (body,) = to_dataverse(layout, [fno_row(Account="a", Latitude="1.5")])
    assert body["latitude"] == Decimal("1.5")
    assert "group" not in body


def test_lookups_towards_fno_keep_the_stored_spelling() -> None:
    layout = sample_layout()
    rows = [dataverse_row(number="a"), dataverse_row(number="b"), dataverse_row(number="c")]
    lookups = {"group": [("Retail",), None, ("\x00guid",)]}
    bodies = to_fno(layout, rows, lookups=lookups)
    assert [body.get("Group") for body in bodies] == ["Retail", "", None]
    assert "Group" not in bodies[2]
    # nobody said what the other lookup holds
    assert all("Terms" not in body for body in bodies)


def test_a_number_behind_a_lookup_arrives_as_a_number() -> None:
    layout = sample_layout()
    (body,) = to_fno(layout, [dataverse_row(number="a")], lookups={"terms": [("N30", "2")]})
    assert (body["Terms"], body["TermsLine"]) == ("N30", 2)


def test_a_value_without_image_is_left_out_of_its_row_only() -> None:
    layout = sample_layout()
    bodies = to_dataverse(layout, [fno_row(Account="a", OnHold="PurchOrder"), fno_row(Account="b")])
    assert "onhold" not in bodies[0]
    assert bodies[1]["onhold"] == 806380000


def test_updates_carry_their_own_pairs_and_what_always_goes() -> None:
    layout = sample_layout()
    name, active = pair_index(layout, "Name"), pair_index(layout, "Active")
    rows = [fno_row(Name="A", Active=True), fno_row(Name="B", Active=False), fno_row(Name="C", Active=True)]
    assert updates_to_dataverse(layout, rows, [(name,), (name, active), (name,)]) == [
        {"sellable": True, "name": "A"},
        {"sellable": True, "name": "B", "active": False},
        {"sellable": True, "name": "C"},
    ]
    group = pair_index(layout, "Group")
    found = updates_to_fno(
        layout,
        [dataverse_row(name="A"), dataverse_row(name="B")],
        [(name,), (name, group)],
        lookups={"group": [("X",), ("Y",)]},
    )
    assert found == [{"Name": "A"}, {"Name": "B", "Group": "Y"}]


def test_a_plain_pair_wins_over_a_lookup_of_the_same_property() -> None:
    fields: tuple[dict[str, Any], ...] = (
        {"fno": "Calendar", "dataverse": "year.msdyn_calendar"},
        {"fno": "Calendar", "dataverse": "calendar"},
    )
    layout = compile_layout(
        sample_map(fields, dataverse={"table": "accounts", "key": ["calendar"]}),
        fno_table(Column("Calendar", "text"), Column("dataAreaId", "text"), Column("Account", "text")),
        dataverse_table(Column("calendar", "text"), Column("year", "lookup")),
    )
    rows = [{"calendar": "Fiscal"}]
    assert to_fno(layout, rows, lookups={"year": [("Other",)]}) == [{"Calendar": "Fiscal"}]
    assert to_fno(layout, rows, [0], lookups={"year": [("Other",)]}) == [{"Calendar": "Other"}]


def test_no_rows_and_no_pairs() -> None:
    layout = sample_layout()
    assert to_dataverse(layout, []) == []
    assert to_dataverse(layout, [fno_row()], []) == [{}]
    assert to_dataverse(layout, [fno_row()], [], create=True) == [{"typecode": 3, "sellable": True}]
