"""What each kind of value reads as, on both sides, and what can't be sent."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from mappings.metadata import Column, Kind
from tasks.transform.canonical import canonical_dataverse, canonical_fno
from tests.transform.sample import CLASSES, HOLDS, NO_YES, pair_index, pair_layout, sample_layout

YES_NO = Column("F", "enum", members=NO_YES, enum="NoYes")
HOLD = Column("F", "enum", members=HOLDS, enum="CustVendorBlocked")
CLASS = Column("F", "enum", members=CLASSES, enum="UnitOfMeasureClass")


def text_fno(layout: Any, cell: Any) -> str:
    return str(canonical_fno(layout, [{"F": cell, "Account": "a"}]).texts[0, 0])


def text_dataverse(layout: Any, cell: Any) -> str:
    return str(canonical_dataverse(layout, [{"d": cell, "number": "a"}]).texts[0, 0])


@pytest.mark.parametrize(
    ("fno", "dataverse", "left", "right"),
    [
        pytest.param("text", "text", "Contoso", "Contoso", id="text"),
        pytest.param("text", "text", "Contoso  ", "Contoso", id="trailing blanks"),
        pytest.param("text", "text", "", None, id="no text"),
        pytest.param("text", "text", "   ", None, id="only blanks"),
        pytest.param("memo", "memo", "a\nb", "a\r\nb", id="line ends"),
        pytest.param("text", "memo", "a\rb ", "a\nb", id="line ends of old"),
        pytest.param("integer", "integer", 7, 7, id="integer"),
        pytest.param("integer", "integer", 0, None, id="no integer"),
        pytest.param("bigint", "bigint", 9007199254740993, 9007199254740993, id="beyond 2^53"),
        pytest.param(
            Column("F", "decimal"), Column("d", "decimal", scale=2), "10.125", "10.13", id="half up"
        ),
        pytest.param(
            Column("F", "decimal"), Column("d", "decimal", scale=2), "-10.125", "-10.1300", id="half away"
        ),
        pytest.param(Column("F", "decimal"), Column("d", "decimal", scale=4), 200, "200.0000", id="money"),
        pytest.param(Column("F", "decimal"), Column("d", "decimal", scale=4), 0, "0.0000", id="no money"),
        pytest.param(
            Column("F", "decimal"), Column("d", "decimal", scale=2), "-0.004", None, id="rounded to nothing"
        ),
        pytest.param(
            Column("F", "decimal", scale=2),
            Column("d", "decimal", scale=10),
            "1.26",
            "1.2649",
            id="coarser F&O",
        ),
        pytest.param(
            Column("F", "decimal"), Column("d", "double", scale=5), "0.0000149", "1.49E-05", id="double"
        ),
        pytest.param("decimal", "integer", "2.5", 3, id="decimal in integer"),
        pytest.param("text", "integer", "007", 7, id="digits in text"),
        pytest.param("boolean", "boolean", True, True, id="boolean"),
        pytest.param(YES_NO, "boolean", "Yes", True, id="NoYes"),
        pytest.param(YES_NO, "boolean", "no", False, id="NoYes in other case"),
        pytest.param(CLASS, "text", "Mass", "mass", id="member name"),
        pytest.param(CLASS, "text", "Quantity", None, id="first member"),
        pytest.param("integer", "option", 3, 3, id="option number"),
        pytest.param("integer", "option", 0, None, id="no option"),
        pytest.param("text", "options", "3, 2", "2,3", id="several options"),
        pytest.param("datetime", "date", "2016-08-15T12:00:00Z", "2016-08-15", id="day"),
        pytest.param("date", "datetime", "2016-08-15T12:00:00Z", "2016-08-15T00:00:00Z", id="day of F&O"),
        pytest.param("datetime", "date", "1900-01-01T12:00:00Z", None, id="no day"),
        pytest.param("datetime", "date", "1900-01-01T00:00:00Z", "1900-01-01", id="1900 on both"),
        pytest.param(
            "datetime", "datetime", "2016-08-15T08:22:26Z", "2016-08-15T10:22:26.4+02:00", id="instant"
        ),
        pytest.param("datetime", "datetime", "1900-01-01T00:00:00Z", None, id="no instant"),
        pytest.param("datetime", "datetime", "2154-12-31T23:59:59Z", "2154-12-31T23:59:59Z", id="for ever"),
        pytest.param(
            "guid",
            "guid",
            "{9B2F0B5C-0000-4000-8000-00000000000A}",
            "9b2f0b5c-0000-4000-8000-00000000000a",
            id="guid",
        ),
        pytest.param("guid", "guid", "00000000-0000-0000-0000-000000000000", None, id="no guid"),
    ],
)
def test_both_sides_of_an_equal_value_read_alike(
    fno: Kind | Column, dataverse: Kind | Column, left: Any, right: Any
) -> None:
    layout = pair_layout(fno, dataverse)
    assert text_fno(layout, left) == text_dataverse(layout, right)


@pytest.mark.parametrize(
    ("fno", "dataverse", "left", "right"),
    [
        pytest.param("text", "text", "Contoso", "CONTOSO", id="case of plain text"),
        pytest.param("text", "text", " a", "a", id="leading blank"),
        pytest.param("decimal", Column("d", "decimal", scale=2), "10.12", "10.13", id="last digit"),
        pytest.param("bigint", "bigint", 9007199254740993, 9007199254740992, id="beyond 2^53"),
        pytest.param("boolean", "boolean", False, True, id="boolean"),
        pytest.param("datetime", "date", "2016-08-15T12:00:00Z", "2016-08-16", id="day"),
    ],
)
def test_different_values_read_differently(
    fno: Kind | Column, dataverse: Kind | Column, left: Any, right: Any
) -> None:
    layout = pair_layout(fno, dataverse)
    assert text_fno(layout, left) != text_dataverse(layout, right)


@pytest.mark.parametrize(
    ("fno", "dataverse", "left", "right", "text"),
    [
        pytest.param("text", "text", "US-001 ", "us-001", "us-001", id="case of a key"),
        pytest.param("integer", "integer", 0, 0, "0", id="zero"),
        pytest.param(CLASS, "text", "Quantity", "QUANTITY", "quantity", id="first member"),
        pytest.param("datetime", "date", "1900-01-01T12:00:00Z", "1900-01-01", "1900-01-01", id="first day"),
    ],
)
def test_in_a_key_an_empty_value_of_the_type_is_a_value(
    fno: Kind | Column, dataverse: Kind | Column, left: Any, right: Any, text: str
) -> None:
    layout = pair_layout(fno, dataverse, key=True)
    assert text_fno(layout, left) == text_dataverse(layout, right) == text
    assert text_dataverse(layout, None) == ""


def test_a_lookup_compares_by_the_folded_key_of_its_row() -> None:
    layout = sample_layout()
    row = {plan.fno.name: None for plan in layout.pairs} | {"Group": "Retail ", "Terms": "", "TermsLine": 0}
    left = canonical_fno(layout, [row]).texts[0]
    empty = {plan.dataverse.name: None for plan in layout.pairs}
    right = canonical_dataverse(layout, [empty], {"group": [("RETAIL",)], "terms": [None]}).texts[0]
    for name in ("Group", "Terms", "TermsLine"):
        place = pair_index(layout, name)
        assert left[place] == right[place]
    assert left[pair_index(layout, "Group")] == "retail"


def test_an_untranslated_lookup_stands_as_its_guid() -> None:
    layout = sample_layout()
    row = {plan.dataverse.name: None for plan in layout.pairs}
    page = canonical_dataverse(layout, [row], {"terms": [("\x00guid", "\x00guid")]})
    assert page.texts[0, pair_index(layout, "Terms")] == "\x00guid"
    assert page.texts[0, pair_index(layout, "TermsLine")] == "\x00guid"
    assert page.texts[0, pair_index(layout, "Group")] == ""
    assert page.problems == []


def test_a_text_keeps_a_trailing_nul() -> None:
    assert text_fno(pair_layout("text", "text"), "a\x00") == "a\x00"


def test_a_missing_property_reads_as_empty() -> None:
    layout = sample_layout()
    assert set(canonical_fno(layout, [{"Account": "a"}]).texts[0, 1:]) == {""}


def test_an_empty_page_has_no_rows() -> None:
    layout = sample_layout()
    assert canonical_fno(layout, []).texts.shape == (0, len(layout.pairs))
    assert canonical_dataverse(layout, []).texts.shape == (0, len(layout.pairs))


@pytest.mark.parametrize(
    ("fno", "dataverse", "cell", "code", "said"),
    [
        pytest.param(
            "text", Column("d", "text", max_length=5), "abcdef", "too_long", "6 characters, 5", id="long"
        ),
        pytest.param("text", Column("d", "text", max_length=5), "a😀😀b", "too_long", "6", id="astral"),
        pytest.param(
            "decimal",
            Column("d", "decimal", scale=2, maximum=Decimal(100)),
            "100.005",
            "out_of_range",
            "to 100",
            id="large after rounding",
        ),
        pytest.param("bigint", "integer", 2**31, "out_of_range", "2147483647", id="32 bit"),
        pytest.param(
            "datetime", "datetime", "0001-01-01T00:00:00Z", "out_of_range", "1753", id="before 1753"
        ),
        pytest.param("text", "decimal", "ten", "not_a_number", "'ten'", id="no number"),
        pytest.param("text", "date", "soon", "not_a_date", "'soon'", id="no date"),
        pytest.param("text", "boolean", "perhaps", "not_a_boolean", "'perhaps'", id="no boolean"),
        pytest.param(
            "integer", Column("d", "option", members=("1",)), 2, "not_an_option", "options 1", id="option"
        ),
    ],
)
def test_what_dataverse_cannot_hold_is_a_problem_of_sending(
    fno: Kind | Column, dataverse: Kind | Column, cell: Any, code: str, said: str
) -> None:
    page = canonical_fno(
        pair_layout(fno, dataverse), [{"F": "", "Account": "a"}, {"F": cell, "Account": "b"}]
    )
    (problem,) = page.problems
    assert (problem.row, problem.pair, problem.code, problem.towards) == (1, 0, code, "dataverse")
    assert said in problem.message
    assert problem.message.startswith("F → d: ")
    assert page.texts[1, 0] != ""


@pytest.mark.parametrize(
    ("fno", "dataverse", "cell", "code", "said"),
    [
        pytest.param(Column("F", "text", max_length=3), "text", "abcd", "too_long", "3 are", id="long"),
        pytest.param("datetime", "date", "1899-12-31", "out_of_range", "1900-01-01", id="before 1900"),
        pytest.param("datetime", "date", "2155-01-01", "out_of_range", "2154-12-31", id="after 2154"),
        pytest.param(CLASS, "text", "Weight", "not_a_member", "Quantity, Length, Mass", id="no member"),
    ],
)
def test_what_fno_cannot_hold_is_a_problem_of_sending(
    fno: Kind | Column, dataverse: Kind | Column, cell: Any, code: str, said: str
) -> None:
    page = canonical_dataverse(pair_layout(fno, dataverse), [{"d": cell, "number": "a"}])
    (problem,) = page.problems
    assert (problem.code, problem.towards) == (code, "fno")
    assert said in problem.message


def test_one_way_pairs_have_no_problems_on_the_way_they_do_not_go() -> None:
    layout = pair_layout(Column("F", "text", max_length=3), "text", direction="to-dataverse")
    assert canonical_dataverse(layout, [{"d": "abcd", "number": "a"}]).problems == []


def test_a_text_as_long_as_allowed_is_fine() -> None:
    layout = pair_layout("text", Column("d", "text", max_length=5))
    cells = ["abcde", "abcde   ", "a😀😀", "äöüßé"]
    assert canonical_fno(layout, [{"F": cell, "Account": "a"} for cell in cells]).problems == []


def test_problems_name_rows_of_the_whole_page() -> None:
    layout = pair_layout("text", Column("d", "text", max_length=3))
    rows = [{"F": "long" if i in (3, 1234) else "ok", "Account": "a"} for i in range(2000)]
    assert [problem.row for problem in canonical_fno(layout, rows).problems] == [3, 1234]


def test_a_number_where_text_was_promised_reads_the_same_beside_anything() -> None:
    layout = pair_layout("text", "text")
    for cells in ([0], [0, 5], [0, "a"], [0, None]):
        page = canonical_fno(layout, [{"F": cell, "Account": "a"} for cell in cells])
        assert page.texts[0, 0] == "0"
