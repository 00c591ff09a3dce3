"""The parser of OData expressions, keys and batches, by itself."""

from __future__ import annotations

import contextlib
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.sandbox import multipart
from deployments.sandbox.dataverse.query import like
from deployments.sandbox.fno.query import wildcard
from deployments.sandbox.odata.expressions import Literal, Name, Operation, SyntaxFault, parse
from deployments.sandbox.odata.keys import key_parts, segments
from deployments.sandbox.odata.options import split_outside
from deployments.sandbox.odata.values import date_text, rounded, shortest, strict_moment, utc_text


def test_and_binds_closer_than_or() -> None:
    node = parse("a eq 1 or b eq 2 and c eq 3")
    assert isinstance(node, Operation) and node.operator == "or"
    assert isinstance(node.right, Operation) and node.right.operator == "and"


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("'O''Neil'", Literal("text", "O'Neil")),
        ("12.50", Literal("number", Decimal("12.50"))),
        ("-3", Literal("number", Decimal(-3))),
        ("null", Literal("null", None)),
        ("true", Literal("boolean", True)),
        ("2024-02-03T04:05:06Z", Literal("datetime", "2024-02-03T04:05:06Z")),
        ("2024-02-03", Literal("date", "2024-02-03")),
        ("ABCDEF00-0000-0000-0000-000000000001", Literal("guid", "abcdef00-0000-0000-0000-000000000001")),
        ("Some.Space.NoYes'Yes'", Literal("enum", "Yes", "Some.Space.NoYes")),
    ],
)
def test_literals(text: str, literal: Literal) -> None:
    assert parse(f"a eq {text}") == Operation("eq", Name(("a",)), literal)


@pytest.mark.parametrize("text", ["", "a eq", "a eq 'x", "eq 1", "a eq 1)", "(a eq 1", "a ! 1", "f(a", "a b"])
def test_nonsense_is_refused(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse(text)


def test_a_thousand_terms_are_no_problem() -> None:
    node = parse(" or ".join(f"a eq {number}" for number in range(1000)))
    assert isinstance(node, Operation) and node.operator == "or"


@given(st.text())
def test_any_text_survives_quoting(text: str) -> None:
    quoted = "'" + text.replace("'", "''") + "'"
    assert parse(f"a eq {quoted}") == Operation("eq", Name(("a",)), Literal("text", text))


@given(st.text(max_size=30))
def test_parsing_ends_in_a_tree_or_a_refusal(text: str) -> None:
    with contextlib.suppress(SyntaxFault):
        parse(text)


def test_paths() -> None:
    first, second = segments("/CustomersV3(dataAreaId='usmf',CustomerAccount='a/b%2Fc')/Name")
    assert first.name == "CustomersV3" and second.name == "Name" and second.key is None
    assert dict(first.key or ())["CustomerAccount"].value == "a/b/c"
    assert segments("") == ()
    for wrong in ("A('x)", "A(b=1", "A(b=1,)", "A(b=1 c=2)"):
        with pytest.raises(SyntaxFault):
            segments(wrong)


def test_key_parts_without_a_name() -> None:
    assert key_parts("'x'") == (("", Literal("text", "x")),)
    assert key_parts("") == ()


def test_wildcards() -> None:
    assert wildcard("plain") is None and like("plain") is None
    assert wildcard("a*") == "a.*" and wildcard("*a.b*") == r".*a\.b.*"
    assert like("a%_") == "a.*." and like("[a-c]") == "[a-c]" and like("[^x]") == "[^x]"
    assert like("[") == r"\["


def test_splitting_respects_parentheses_and_quotes() -> None:
    assert split_outside("a($select=b,c),d", ",") == ["a($select=b,c)", "d"]
    assert split_outside("a eq 'x,y',b", ",") == ["a eq 'x,y'", "b"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-02-03T04:05:06Z", "2024-02-03T04:05:06Z"),
        ("2024-02-03T04:05:06.789Z", "2024-02-03T04:05:06Z"),
        ("2024-02-03T04:05:06+02:00", "2024-02-03T02:05:06Z"),
        ("2024-02-03", "2024-02-03T00:00:00Z"),
    ],
)
def test_times_are_kept_in_utc(text: str, expected: str) -> None:
    assert utc_text(text) == expected
    assert date_text(text) == expected[:10]


@pytest.mark.parametrize("text", ["nonsense", "2024-13-01T00:00:00Z", "2024-02-30", "2024-02-03T25:00:00Z"])
def test_wrong_times(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        utc_text(text)


@pytest.mark.parametrize("text", ["2024-02-03", "2024-02-03T04:05:06", "2024-02-03 04:05:06Z", ""])
def test_bodies_need_a_time_and_an_offset(text: str) -> None:
    assert strict_moment("2024-02-03T04:05:06+02:00") == "2024-02-03T02:05:06Z"
    with pytest.raises(ValueError, match=r"."):
        strict_moment(text)


def test_numbers() -> None:
    assert str(rounded(Decimal("2.675"), 2)) == "2.68" and str(rounded(Decimal("-0.125"), 2)) == "-0.13"
    assert str(rounded(0, 10)) == "0" and str(rounded(0, 4)) == "0.0000"
    assert shortest(Decimal("200.00")) == 200 and isinstance(shortest(Decimal("200.00")), int)
    assert str(shortest(Decimal("1.500"))) == "1.5"


@pytest.mark.parametrize("kind", ["multipart/mixed", "multipart/mixed; boundary="])
def test_a_batch_needs_a_boundary(kind: str) -> None:
    with pytest.raises(multipart.BadMultipart):
        multipart.boundary_of(kind)
    assert multipart.boundary_of('multipart/mixed;boundary="b"') == "b"
