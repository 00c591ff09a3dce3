"""Value maps: what they name, what they leave to `else`, and enum members in the live spelling."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.errors import FatalError
from mappings.metadata import Column
from tasks.transform.canonical import canonical_dataverse, canonical_fno
from tasks.transform.layout import Layout
from tasks.transform.payload import to_dataverse, to_fno
from tests.transform.sample import HOLDS, NO_YES, pair_layout

YES_NO = Column("F", "enum", members=NO_YES, enum="NoYes")
HOLD = Column("F", "enum", members=HOLDS, enum="CustVendorBlocked")
GENDER = Column("F", "enum", members=("Unknown", "Male", "NonSpecific"), enum="Gender")
EMPLOYMENT = Column("F", "enum", members=("None", "FullTime", "PartTime"), enum="HcmEmploymentStatus")
HOLD_VALUES = {"no": 806380000, "invoice": 806380001, "all": 806380002}


def from_fno(layout: Layout, cell: Any) -> tuple[str, Any]:
    """Canonical text and Dataverse value of an F&O value; "left out" where it has none."""
    row = {"F": cell, "Account": "a"}
    (body,) = to_dataverse(layout, [row], [0])
    return canonical_fno(layout, [row]).texts[0, 0], body.get("d", "left out")


def from_dataverse(layout: Layout, cell: Any) -> tuple[str, Any]:
    """Canonical text and F&O value of a Dataverse value; "left out" where it has none."""
    row = {"d": cell, "number": "a"}
    (body,) = to_fno(layout, [row], [0])
    return canonical_dataverse(layout, [row]).texts[0, 0], body.get("F", "left out")


@pytest.mark.parametrize("spelled", ["true", "True", "TRUE", True, "yes", "1"])
def test_a_boolean_is_true_however_the_map_spells_it(spelled: Any) -> None:
    layout = pair_layout(YES_NO, "boolean", values={"No": "False", "Yes": spelled})
    assert from_fno(layout, "Yes") == ("true", True)
    assert from_dataverse(layout, True) == ("true", "Yes")


def test_a_first_member_that_the_map_names_is_a_value() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES)
    assert from_fno(layout, "No") == ("806380000", 806380000)
    # so an account without status is written once
    assert from_dataverse(layout, None) == ("", "No")


def test_a_first_member_that_the_map_does_not_name_is_empty() -> None:
    layout = pair_layout(HOLD, "option", values={"Invoice": 1, "All": 2})
    assert from_fno(layout, "No") == ("", None)
    assert from_dataverse(layout, None) == ("", "No")


def test_members_match_in_any_case_and_are_written_as_the_live_system_spells_them() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES)
    assert from_fno(layout, "INVOICE") == from_fno(layout, "Invoice")
    assert from_dataverse(layout, 806380001) == ("806380001", "Invoice")
    layout = pair_layout(GENDER, "option", values={"non-specific": 3})
    assert from_dataverse(layout, 3) == ("3", "NonSpecific")


def test_blank_is_the_empty_value_unless_a_member_is_called_so() -> None:
    layout = pair_layout(EMPLOYMENT, "option", values={"fulltime": 0, "parttime": 1, "blank": 2})
    assert from_fno(layout, "None") == ("2", 2)
    assert from_dataverse(layout, 2) == ("2", "None")
    own = Column("F", "enum", members=("Total", "Blank"), enum="Kind")
    assert from_dataverse(pair_layout(own, "option", values={"blank": 2}), 2) == ("2", "Blank")


def test_what_the_map_does_not_name_is_parked() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES)
    assert from_fno(layout, "PurchOrder") == ("\x01purchorder", "left out")
    (problem,) = canonical_fno(layout, [{"F": "PurchOrder", "Account": "a"}]).problems
    assert problem.code == "value_not_mapped"
    assert "'PurchOrder' is not in the value map, which names no, invoice, all" in problem.message
    assert from_dataverse(layout, 99) == ("\x0199", "left out")
    (problem,) = canonical_dataverse(layout, [{"d": 99, "number": "a"}]).problems
    assert (problem.code, problem.towards) == ("value_not_mapped", "fno")


def test_else_gives_a_value_both_ways() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES, else_=806380002)
    assert from_fno(layout, "PurchOrder") == ("806380002", 806380002)
    assert from_dataverse(layout, 99) == ("806380002", "All")
    assert from_dataverse(layout, None) == ("", "No")


def test_else_may_be_a_value_without_a_way_back() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES, else_=5)
    assert from_fno(layout, "PurchOrder") == ("5", 5)
    # equal to what it came from, but not to be sent back
    assert from_dataverse(layout, 5) == ("5", "left out")
    assert from_dataverse(layout, 6) == ("\x016", "left out")
    assert len(canonical_dataverse(layout, [{"d": 5, "number": "a"}]).problems) == 1


def test_else_may_pass_values_on() -> None:
    values = {"us": "united states", "de": "germany"}
    layout = pair_layout("text", "text", values=values, else_="pass")
    assert from_fno(layout, "US") == ("united states", "united states")
    assert from_dataverse(layout, "United States") == ("united states", "us")
    assert from_fno(layout, "cl ") == ("cl", "cl")
    assert from_dataverse(layout, "cl") == ("cl", "cl")
    assert from_fno(layout, "") == ("", None)
    assert from_dataverse(layout, None) == ("", "")


def test_a_passed_value_that_the_map_gives_to_another_one_is_equal_to_that_one() -> None:
    layout = pair_layout("text", "text", values={"us": "united states"}, else_="pass")
    text, sent = from_fno(layout, "United States")
    assert text == from_dataverse(layout, sent)[0]
    text, sent = from_dataverse(layout, "us")
    assert text == from_fno(layout, sent)[0]


def test_members_may_pass_into_text_by_their_names() -> None:
    units = Column("F", "enum", members=("Quantity", "Mass"), enum="UnitOfMeasureClass")
    layout = pair_layout(units, "text", values={"Quantity": "Quantity"}, else_="pass")
    assert from_fno(layout, "Quantity") == ("Quantity", "Quantity")
    assert from_fno(layout, "MASS") == ("Mass", "Mass")
    assert from_dataverse(layout, "mass") == ("Mass", "Mass")
    assert from_dataverse(layout, "weight") == ("\x01weight", "left out")


def test_a_name_cannot_pass_into_an_option() -> None:
    layout = pair_layout(HOLD, "option", values=HOLD_VALUES, else_="pass")
    assert from_fno(layout, "PurchOrder") == ("\x01purchorder", "left out")


def test_text_may_stand_for_a_boolean() -> None:
    layout = pair_layout("text", "boolean", values={"person": True, "organization": False})
    assert from_fno(layout, "Person") == ("true", True)
    assert from_dataverse(layout, False) == ("false", "organization")
    assert from_dataverse(layout, None) == ("", "")


def test_text_may_stand_for_an_option() -> None:
    layout = pair_layout("text", "option", values={"person": 192350001, "none": 192350000})
    assert from_fno(layout, "Person") == ("192350001", 192350001)
    assert from_dataverse(layout, 192350000) == ("192350000", "none")


def test_a_boolean_property_takes_a_value_map_too() -> None:
    layout = pair_layout("boolean", "boolean", values={"false": "False", "true": "True"})
    assert from_fno(layout, False) == ("false", False)
    assert from_dataverse(layout, True) == ("true", True)


def test_a_map_towards_fno_reads_into_its_values() -> None:
    values = {"No": 0, "Yes": 1}
    layout = pair_layout(YES_NO, "option", direction="to-fno", values=values)
    assert from_dataverse(layout, 1) == ("yes", "Yes")
    assert canonical_fno(layout, [{"F": "YES", "Account": "a"}]).texts[0, 0] == "yes"


def test_many_values_may_go_to_one_on_the_way_to_dataverse() -> None:
    values = {"No": 1, "Invoice": 2, "All": 2}
    layout = pair_layout(HOLD, "option", direction="to-dataverse", values=values)
    assert from_fno(layout, "Invoice") == from_fno(layout, "All") == ("2", 2)


def test_a_member_that_fno_does_not_have_is_a_problem() -> None:
    layout = pair_layout(GENDER, "option", values={"Unknown": 1, "Diverse": 2})
    assert from_dataverse(layout, 2) == ("2", "left out")
    (problem,) = canonical_dataverse(layout, [{"d": 2, "number": "a"}]).problems
    assert problem.code == "not_a_member"
    assert "Unknown, Male, NonSpecific" in problem.message


def test_a_value_map_of_a_date_only_spells_out_the_empty_one() -> None:
    layout = pair_layout("datetime", "date", values={"1/1/1900": "blank"})
    assert from_fno(layout, "1900-01-01T12:00:00Z") == ("", None)
    assert from_dataverse(layout, None) == ("", "1900-01-01T12:00:00Z")


def test_a_value_that_the_column_cannot_hold_is_an_error_of_the_map() -> None:
    with pytest.raises(FatalError, match="F><d: 'often' is not a number"):
        pair_layout(YES_NO, "option", values={"No": 0, "Yes": "often"})


@pytest.mark.parametrize("dataverse", ["option", "integer", "boolean"])
def test_an_enum_needs_a_value_map_unless_it_is_yes_or_no(dataverse: Any) -> None:
    with pytest.raises(FatalError, match="needs `values`"):
        pair_layout(HOLD, dataverse)
