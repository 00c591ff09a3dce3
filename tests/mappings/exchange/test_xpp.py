"""X++ filters in, OData filters out, and back; what can't be said is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mappings import filters
from mappings.errors import MapError
from mappings.exchange import filter_text, xpp


@pytest.mark.parametrize(
    ("given", "odata"),
    [
        ('((PartyType == "Organization"))', "PartyType eq 'Organization'"),
        ('((CURRENCYCODE != "999"))', "CURRENCYCODE ne '999'"),
        ('((TypeId == "Note") || (TypeId == "URL"))', "TypeId eq 'Note' or TypeId eq 'URL'"),
        ("(AssociatedContactType = 1)", "AssociatedContactType eq 1"),
        ('(SalesOrderNumber != "")', "SalesOrderNumber ne ''"),
        ("(AccountType == AccountType::Customer)", "AccountType eq 'Customer'"),
        ("(TransactionDate <= 23\\06\\2021)", "TransactionDate le 2021-06-23"),
        ("(ModifiedAt >= 2021-06-23T08:00:00)", "ModifiedAt ge 2021-06-23T08:00:00Z"),
        ("((a > 1000) && (a <= 2000))", "a gt 1000 and a le 2000"),
        ('(name like "A*")', "startswith(name,'A')"),
        ('(name like "*A")', "endswith(name,'A')"),
        ('(!(name like "*A*"))', "not contains(name,'A')"),
        ('(name like "A")', "name eq 'A'"),
        ("(\"x\" == name)", "name eq 'x'"),
        ("(3 < amount)", "amount gt 3"),
        ("(name == 'O\\'Neil')", "name eq 'O''Neil'"),
        ('(note == "say \\"no\\"")', "note eq 'say \"no\"'"),
        ("(((a == 1) || (b == 2)) && (!((c == 3) && (d == -4.5))))",
         "(a eq 1 or b eq 2) and not (c eq 3 and d eq -4.5)"),
    ],
)  # fmt: skip
def test_what_x_says_odata_says(given: str, odata: str) -> None:
    node = xpp.parse(given)
    assert filter_text.odata(node) == odata
    assert filters.parse(odata) == node
    assert xpp.parse(filter_text.xpp(node)) == node


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("(a == b)", "compares the fields a and b"),
        ("(3 == 3)", "compares two values"),
        ("(date == currentDate())", "calls the function currentDate"),
        ("(CustTable.Blocked == 1)", "a field of a data source"),
        ('(name like "A*B")', "a wildcard inside"),
        ('(name like "A?")', "a wildcard inside"),
        ('(name like "*")', "every text is like"),
        ("(day == 31\\02\\2021)", "does not exist"),
        ("(a == 1) && (b == 2) || (c == 3)", "mixes && and ||"),
        ("!a == 1", "without parentheses"),
        ("(a == 1", "breaks off"),
        ("(a == 1))", "can't be read from “)” on"),
        ("a == 1; drop", "can't be read"),
        ("", "breaks off"),
        ("(" * 60 + "a == 1" + ")" * 60, "nested more than"),
        (" && ".join(["(a == 1)"] * 300), "more than 1,000 parts"),
    ],
)
def test_what_odata_filters_cannot_say_is_refused(given: str, told: str) -> None:
    with pytest.raises(MapError) as caught:
        xpp.parse(given)
    assert told in caught.value.problem
    assert caught.value.code == "untranslated_filter" and caught.value.remedy


def test_wildcards_in_a_searched_text_have_no_form_in_x() -> None:
    with pytest.raises(MapError, match="wildcards"):
        filter_text.xpp(filters.parse("contains(name,'50*')"))


fields = st.sampled_from(["Name", "Amount", "PartyType"])
texts = st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=8)


@st.composite
def conditions(draw: st.DrawFn, depth: int = 3) -> str:
    kind = draw(st.integers(0, 4 if depth else 1))
    if kind == 0:
        literal = draw(texts.map(lambda text: "'" + text.replace("'", "''") + "'") | st.integers().map(str))
        sign = draw(st.sampled_from(filters.COMPARATORS))
        return f"{draw(fields)} {sign} {literal}"
    if kind == 1:
        text = draw(texts.filter(lambda text: text.strip("*") and not set("*?") & set(text)))
        return f"{draw(st.sampled_from(filters.FUNCTIONS))}({draw(fields)},'{text.replace(chr(39), chr(39) * 2)}')"
    inner = draw(conditions(depth - 1))
    if kind == 2:
        return f"not ({inner})"
    return f"({inner}) {'and' if kind == 3 else 'or'} ({draw(conditions(depth - 1))})"


@given(conditions())
def test_every_filter_of_maps_goes_to_x_and_back(text: str) -> None:
    node = filters.parse(text)
    assert xpp.parse(filter_text.xpp(node)) == node
    again = filter_text.odata(node)
    assert filter_text.odata(filters.parse(again)) == again
