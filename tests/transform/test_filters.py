"""Filters: the mask against a plain evaluation, the query against the mask, and both dialects' spelling."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from odata_query import ast

from mappings.errors import FatalError
from mappings.filters import parse
from mappings.metadata import SideName, Table
from tasks.transform.filters import mask, to_odata
from tests.transform.sample import DATAVERSE, FNO, dataverse_table, fno_table

F, D = fno_table(*FNO), dataverse_table(*DATAVERSE)

GUID = "9b2f0b5c-0000-4000-8000-00000000000a"
NEVER, NOON, AFTER_NOON = "1900-01-01T12:00:00Z", "2016-08-15T12:00:00Z", "2016-08-15T12:00:01Z"


def passing(text: str, table: Table, name: str, *cells: Any) -> list[Any]:
    rows = [{name: cell} for cell in cells]
    found = mask(parse(text), rows, table)
    return [cell for cell, passes in zip(cells, found.tolist(), strict=True) if passes]


# the mask


@pytest.mark.parametrize(
    ("text", "name", "cells", "expected"),
    [
        ("PartyType eq 'Organization'", "PartyType", ["ORGANIZATION ", "Person", ""], ["ORGANIZATION "]),
        ("PartyType ne 'Person'", "PartyType", ["person", "", "Team"], ["", "Team"]),
        ("OnHold eq 'invoice'", "OnHold", ["Invoice", "All"], ["Invoice"]),
        ("OnHold ne null", "OnHold", ["No", "All"], ["All"]),
        ("Mandatory eq true", "Mandatory", ["Yes", "No"], ["Yes"]),
        ("Name eq null", "Name", ["", "a"], [""]),
        ("Name ne ''", "Name", ["", "a"], ["a"]),
        ("Employees eq null", "Employees", [0, 1], [0]),
        ("Employees lt 5", "Employees", [0, 5, 4], [0, 4]),
        ("Amount ge 1.5", "Amount", ["1.49", "1.50", 2], ["1.50", 2]),
        ("RecordId eq 9007199254740993", "RecordId", [2**53, 2**53 + 1], [2**53 + 1]),
        (
            "BirthDate eq null",
            "BirthDate",
            ["1900-01-01T12:00:00Z", "2016-08-15T12:00:00Z"],
            ["1900-01-01T12:00:00Z"],
        ),
        (
            "BirthDate le 2016-08-15",
            "BirthDate",
            ["2016-08-15T12:00:00Z", "2016-08-16T00:00:00Z"],
            ["2016-08-15T12:00:00Z"],
        ),
        (
            "ChangedAt gt 2016-08-15T12:00:00Z",
            "ChangedAt",
            ["2016-08-15T12:00:01Z", "2016-08-15T12:00:00Z"],
            ["2016-08-15T12:00:01Z"],
        ),
        ("Active eq false", "Active", [True, False], [False]),
        ("contains(Name,'TOSO')", "Name", ["Contoso", "Fabrikam", None], ["Contoso"]),
        ("not contains(Name,'toso')", "Name", ["Contoso", "Fabrikam", ""], ["Fabrikam", ""]),
        (
            "startswith(Name,'con') or endswith(Name,'AM')",
            "Name",
            ["Contoso", "Fabrikam", "x"],
            ["Contoso", "Fabrikam"],
        ),
        ("not (Name eq 'a' or Name eq 'b')", "Name", ["a", "B", "c"], ["c"]),
    ],
)
def test_the_mask_on_fno_rows(text: str, name: str, cells: list[Any], expected: list[Any]) -> None:
    assert passing(text, F, name, *cells) == expected


@pytest.mark.parametrize(
    ("text", "name", "cells", "expected"),
    [
        ("typecode eq 3", "typecode", [3, 1, None], [3]),
        ("typecode ne 3", "typecode", [3, 1, None], [1, None]),
        ("not (typecode lt 3)", "typecode", [3, 1, None], [3, None]),
        ("sellable eq true", "sellable", [True, False, None], [True]),
        ("sellable eq false", "sellable", [True, False, None], [False]),
        ("name ne null", "name", ["a", "", None], ["a"]),
        ("name ne ''", "name", ["a", "", None], ["a"]),
        ("name eq 'CONTOSO'", "name", ["Contoso ", "x", None], ["Contoso "]),
        ("amount gt 0", "amount", ["0.0000", "0.0100", None], ["0.0100"]),
        ("birthdate ge 2016-08-15", "birthdate", ["2016-08-14", "2016-08-15", None], ["2016-08-15"]),
        ("_group_value ne null", "_group_value", [None, "x"], ["x"]),
        (
            "group eq 9B2F0B5C-0000-4000-8000-00000000000A",
            "_group_value",
            ["9b2f0b5c-0000-4000-8000-00000000000a", None],
            ["9b2f0b5c-0000-4000-8000-00000000000a"],
        ),
        (
            "changedat eq 2016-08-15",
            "changedat",
            ["2016-08-15T23:59:59Z", "2016-08-16T00:00:00Z"],
            ["2016-08-15T23:59:59Z"],
        ),
    ],
)
def test_the_mask_on_dataverse_rows(text: str, name: str, cells: list[Any], expected: list[Any]) -> None:
    assert passing(text, D, name, *cells) == expected


def test_a_mask_of_no_rows() -> None:
    assert mask(parse("typecode eq 3 and name ne null"), [], D).shape == (0,)


def test_a_member_that_the_metadata_does_not_have_yet_is_just_another_one() -> None:
    assert passing("OnHold ne 'All'", F, "OnHold", "All", "Never") == ["Never"]


# the query


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PartyType eq 'Organization'", "PartyType eq 'Organization'"),
        ("OnHold eq 'invoice'", "OnHold eq Microsoft.Dynamics.DataEntities.CustVendorBlocked'Invoice'"),
        ("Mandatory eq true", "Mandatory eq Microsoft.Dynamics.DataEntities.NoYes'Yes'"),
        ("OnHold ne null", "OnHold ne Microsoft.Dynamics.DataEntities.CustVendorBlocked'No'"),
        ("Name ne null", "Name ne ''"),
        ("Employees eq null", "Employees eq 0"),
        ("not (Employees lt 5)", "Employees ge 5"),
        ("Name eq 'O''Neil'", "Name eq 'O''Neil'"),
        ("contains(Name,'US')", "Name eq '*US*'"),
        ("startswith(Name,'US')", "Name eq 'US*'"),
        ("endswith(Name,'US')", "Name eq '*US'"),
        ("Name ne 'US*'", ""),
        ("not contains(Name,'US')", ""),
        ("Name ne 'US*' and Employees gt 1", "Employees gt 1"),
        ("Name ne 'US*' or Employees gt 1", ""),
        ("not (Name eq 'a' or Employees eq 1)", "Name ne 'a' and Employees ne 1"),
        ("Name eq 'a' and (Employees eq 1 or Active eq true)", "Name eq 'a' and (Employees eq 1 or Active eq true)"),
        ("BirthDate ne null", "BirthDate ne 1900-01-01T00:00:00Z and BirthDate ne 1900-01-01T12:00:00Z"),
        ("BirthDate le 2016-08-15", "BirthDate lt 2016-08-16T00:00:00Z"),
        ("ChangedAt ge 2016-08-15T12:00:00Z", "ChangedAt ge 2016-08-15T12:00:00Z"),
    ],
)  # fmt: skip
def test_the_fno_dialect(text: str, said: str) -> None:
    assert to_odata(parse(text), "fno", F) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("typecode eq 3", "typecode eq 3"),
        ("typecode ne 3", "(typecode ne 3 or typecode eq null)"),
        ("not (typecode lt 3)", "(typecode ge 3 or typecode eq null)"),
        ("sellable eq true and name ne ''", "sellable eq true and name ne null"),
        ("name eq '50%'", "name eq '50%'"),
        ("name ne '50%'", ""),
        ("name eq 'a[b]'", "(name eq 'a[b]' or name eq 'a[[]b]')"),
        ("contains(name,'so')", "contains(name,'so')"),
        ("not contains(name,'so')", "(not contains(name,'so') or name eq null)"),
        ("company ne null", "_company_value ne null"),
        (f"_company_value eq {GUID}", f"_company_value eq {GUID}"),
        ("birthdate gt 2016-08-15", "birthdate gt 2016-08-15"),
        ("changedat eq 2016-08-15", "(changedat ge 2016-08-15T00:00:00Z and changedat lt 2016-08-16T00:00:00Z)"),
        ("amount ge 1.50", "amount ge 1.5"),
    ],
)  # fmt: skip
def test_the_dataverse_dialect(text: str, said: str) -> None:
    assert to_odata(parse(text), "dataverse", D) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PartyTyp eq 'x'", "near: PartyType"),
        ("OnHold eq 'Sometimes'", "No, Invoice, All, PurchOrder"),
        ("OnHold gt 'No'", "gt has no meaning for OnHold"),
        ("contains(Employees,'1')", "contains has no meaning for Employees"),
        ("Employees eq 'many'", "'many' is not a number"),
        ("Active eq 'perhaps'", "neither true nor false"),
        ("Employees lt null", "lt has no meaning"),
    ],
)
def test_a_filter_that_does_not_fit_the_table(text: str, said: str) -> None:
    for use in (lambda node: to_odata(node, "fno", F), lambda node: mask(node, [], F)):
        with pytest.raises(FatalError, match=said):
            use(parse(text))


# against a plain evaluation


def holds(node: Any, row: dict[str, Any]) -> bool:
    """The straightforward meaning of a filter on a Dataverse row."""
    if isinstance(node, ast.UnaryOp):
        return not holds(node.operand, row)
    if isinstance(node, ast.BoolOp):
        if isinstance(node.op, ast.And):
            return holds(node.left, row) and holds(node.right, row)
        return holds(node.left, row) or holds(node.right, row)
    if isinstance(node, ast.Call):
        args: list[Any] = node.args
        cell = str(row[args[0].name] or "").rstrip(" ").casefold()
        part = args[1].val.casefold()
        if not cell or not part:
            return bool(not part and not cell)
        return {
            "contains": part in cell,
            "startswith": cell.startswith(part),
            "endswith": cell.endswith(part),
        }[node.func.name]
    assert isinstance(node, ast.Compare)
    column: Any = node.left
    wanted: Any = node.right
    cell = row[column.name]
    empty = cell is None or cell == ""
    if isinstance(wanted, ast.Null) or wanted.val == "":
        equal = empty
    elif empty:
        return isinstance(node.comparator, ast.NotEq)
    elif isinstance(wanted, ast.Integer):
        left, right = Decimal(cell), Decimal(wanted.val)
        equal = left == right
        if isinstance(node.comparator, ast.Lt | ast.GtE):
            return (left < right) == isinstance(node.comparator, ast.Lt)
    elif isinstance(wanted, ast.Boolean):
        equal = cell is wanted.py_val
    else:
        equal = str(cell).rstrip(" ").casefold() == wanted.val.rstrip(" ").casefold()
    return equal != isinstance(node.comparator, ast.NotEq)


WORDS = ["a", "A ", "ab", "Contoso", "contoso", "a_b", "50%", "[x]", "US*", "O'x"]
texts = st.sampled_from(WORDS).map(lambda word: "'" + word.replace("'", "''") + "'")
partial = st.sampled_from(["contains", "startswith", "endswith"])
equal = st.sampled_from(["eq", "ne"])
text_columns = st.sampled_from(["name", "description"])
leaves = st.one_of(
    st.builds("{} {} {}".format, text_columns, equal, texts | st.sampled_from(["null", "''"])),
    st.builds("{}(name,{})".format, partial, texts),
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["typecode", "amount"]),
        equal | st.sampled_from(["lt", "ge"]),
        st.integers(-2, 3),
    ),
    st.builds("sellable {} {}".format, equal, st.sampled_from(["true", "false", "null"])),
)
filters = st.recursive(
    leaves,
    lambda parts: st.one_of(
        st.builds("({} {} {})".format, parts, st.sampled_from(["and", "or"]), parts),
        st.builds("not ({})".format, parts),
    ),
    max_leaves=6,
)
rows = st.fixed_dictionaries(
    {
        "name": st.sampled_from([None, "", *WORDS]),
        "description": st.sampled_from([None, "", *WORDS]),
        "typecode": st.none() | st.integers(-2, 3),
        "amount": st.none() | st.integers(-2, 3) | st.sampled_from(["0.0000", "2.00"]),
        "sellable": st.sampled_from([None, True, False]),
    }
)


@given(filters, st.lists(rows, max_size=8))
def test_the_mask_is_the_plain_meaning(text: str, page: list[dict[str, Any]]) -> None:
    node = parse(text)
    assert mask(node, page, D).tolist() == [holds(node, row) for row in page]


@given(filters, st.lists(rows, max_size=8))
def test_the_dataverse_query_is_never_narrower(text: str, page: list[dict[str, Any]]) -> None:
    said = to_odata(parse(text), "dataverse", D)
    assert said or any(sign in text for sign in "%_[")
    if said:
        asked = mask(parse(said), page, D)
        wanted = mask(parse(text), page, D)
        assert (asked | ~wanted).all()
        if not any(sign in text for sign in "%_["):
            assert asked.tolist() == wanted.tolist()


FNO_NAMES = {
    "name": "Name",
    "description": "Memo",
    "typecode": "Employees",
    "amount": "Amount",
    "sellable": "Active",
}


def as_fno_reads_it(found: re.Match[str]) -> str:
    """An equality as F&O takes it: asterisks at its ends are wildcards."""
    name, text = found.groups()
    inner = text.strip("*")
    match text[:1] == "*", text[-1:] == "*":
        case True, True:
            return f"contains({name},'{inner}')"
        case True, False:
            return f"endswith({name},'{inner}')"
        case False, True:
            return f"startswith({name},'{inner}')"
    return found.group()


@given(filters, st.lists(rows, max_size=8))
def test_the_fno_query_is_never_narrower(text: str, page: list[dict[str, Any]]) -> None:
    text = re.sub(r"sellable (eq|ne) null", r"sellable \1 true", text)
    for name, ours in FNO_NAMES.items():
        text = re.sub(rf"\b{name}\b", ours, text)
    page = [
        {
            ours: ("" if ours in ("Name", "Memo") else 0) if row[name] is None else row[name]
            for name, ours in FNO_NAMES.items()
        }
        | {"Active": bool(row["sellable"])}
        for row in page
    ]
    said = to_odata(parse(text), "fno", F)
    if said:
        said = re.sub(r"(\w+) eq '((?:[^']|'')*)'", as_fno_reads_it, said)
        asked = mask(parse(said), page, F)
        assert (asked | ~mask(parse(text), page, F)).all()


@pytest.mark.parametrize("side", ["fno", "dataverse"])
def test_what_filters_do_not_have(side: SideName) -> None:
    node = ast.Compare(ast.Eq(), ast.Attribute(ast.Identifier("a"), "b"), ast.Integer("1"))
    with pytest.raises(FatalError, match="column on its left"):
        to_odata(node, side, F)
    node = ast.Compare(ast.Eq(), ast.Identifier("Name"), ast.Identifier("Memo"))
    with pytest.raises(FatalError, match="not with a value"):
        to_odata(node, side, F)
    with pytest.raises(FatalError, match="filters have no"):
        to_odata(ast.Identifier("Name"), side, F)
