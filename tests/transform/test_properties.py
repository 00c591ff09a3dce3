"""What holds for every value: its text knows no neighbours, and what we send reads as what it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from mappings.metadata import Column
from tasks.transform.canonical import Canonical, canonical_dataverse, canonical_fno
from tasks.transform.digests import digests
from tasks.transform.layout import Layout, PairPlan
from tasks.transform.numbers import number_text, parse_number, round_half_up
from tasks.transform.payload import to_dataverse, to_fno
from tests.transform.sample import CLASSES, HOLDS, KEY, NO_YES, pair_layout, sample_layout

LAYOUT = sample_layout()
LOOKUPS = ("group", "terms")

blanks = st.sampled_from(["", " ", "  "])
words = st.builds(
    "{}{}".format,
    st.text(st.characters(codec="utf-8"), max_size=8) | st.sampled_from(["a\r\nb", "Ä", "ß"]),
    blanks,
)
fractions = st.decimals(
    allow_nan=False, allow_infinity=False, places=8, min_value=-(10**11), max_value=10**11
)
# as parsed from JSON: a whole number is an int, anything else its digits
numbers = (
    st.integers(-(2**62), 2**62)
    | fractions.map(str)
    | st.sampled_from([0, "0.00", "1E-7", "2.5E+3", "0.125"])
)
moments = st.datetimes(max_value=datetime(2199, 1, 1)).map(
    lambda moment: moment.isoformat(timespec="seconds") + "Z"
) | st.sampled_from(
    ["1900-01-01T00:00:00Z", "1900-01-01T12:00:00Z", "2154-12-31T23:59:59Z", "2016-08-15T12:00:00Z"]
)
guids = st.uuids().map(str) | st.just("00000000-0000-0000-0000-000000000000")
booleans = st.booleans()
small = st.integers(-5, 5)
choices = st.lists(st.integers(0, 12), max_size=4).map(lambda found: ",".join(map(str, found)))


# a NUL at the start marks a lookup that could not be translated
lookup_words = words.filter(lambda text: not text.startswith("\x00"))


def members(names: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([*names, *(name.upper() for name in names)])


FNO_CELLS: Mapping[str, st.SearchStrategy[Any]] = {
    "Account": words,
    "Line": small,
    "Name": words,
    "Memo": words,
    "Amount": numbers,
    "Rate": numbers,
    "Latitude": fractions.map(str),
    "Employees": small,
    "RecordId": st.integers(-(2**63), 2**63 - 1),
    "Active": booleans,
    "Mandatory": members(NO_YES),
    "OneTime": members(NO_YES),
    "OnHold": members(HOLDS),
    "UnitClass": members(CLASSES),
    "PartyType": st.sampled_from(["Person", "organization", "Team", ""]),
    "Country": st.sampled_from(["US", "de", "united states", "cl", "CL ", ""]),
    "Month": st.integers(0, 4),
    "BirthDate": moments,
    "ChangedAt": moments,
    "Reference": guids,
    "Choices": choices,
    "Group": lookup_words,
    "Terms": lookup_words,
    "TermsLine": small,
}
DATAVERSE_CELLS: Mapping[str, st.SearchStrategy[Any]] = {
    "number": st.none() | words,
    "line": st.none() | small,
    "name": st.none() | words,
    "description": st.none() | words,
    "amount": st.none() | numbers,
    "rate": st.none() | numbers,
    "latitude": st.none() | st.floats(-90, 90).map(repr),
    "employees": st.none() | small,
    "recordid": st.none() | st.integers(-(2**63), 2**63 - 1),
    "active": st.none() | booleans,
    "mandatory": st.none() | booleans,
    "onetime": st.none() | booleans,
    "onhold": st.none() | st.integers(806380000, 806380003),
    "unitclass": st.none() | members(CLASSES) | words,
    "isperson": st.none() | booleans,
    "country": st.none() | st.sampled_from(["United States", "germany", "us", "chile"]),
    "month": st.none() | st.integers(1, 4),
    "birthdate": st.none() | moments.map(lambda moment: moment[:10]),
    "changedat": st.none() | moments,
    "reference": st.none() | guids,
    "choices": st.none() | choices,
}
fno_rows = st.fixed_dictionaries(dict(FNO_CELLS))
dataverse_rows = st.fixed_dictionaries(dict(DATAVERSE_CELLS))
dataverse_lookups = st.fixed_dictionaries(
    {
        "group": st.none() | st.tuples(lookup_words),
        "terms": st.none() | st.tuples(lookup_words, small.map(str)),
    }
)
dataverse_pages = st.lists(st.tuples(dataverse_rows, dataverse_lookups), min_size=1, max_size=4)

encoder = msgspec.json.Encoder(decimal_format="number")
decoder = msgspec.json.Decoder(float_hook=str)


def over_the_wire(body: dict[str, Any]) -> dict[str, Any]:
    """The body as the other side gives it back, if it keeps every digit."""
    found: dict[str, Any] = decoder.decode(encoder.encode(body))
    return found


def read_dataverse(page: list[tuple[dict[str, Any], dict[str, Any]]], layout: Layout = LAYOUT) -> Canonical:
    lookups = {column: [texts[column] for _, texts in page] for column in LOOKUPS}
    return canonical_dataverse(layout, [row for row, _ in page], lookups)


def test_every_pair_is_covered() -> None:
    assert set(FNO_CELLS) == {plan.fno.name for plan in LAYOUT.pairs}
    assert {*DATAVERSE_CELLS, *LOOKUPS} == {plan.dataverse.name for plan in LAYOUT.pairs}


@given(st.lists(fno_rows, min_size=1, max_size=5))
def test_an_fno_row_reads_the_same_in_any_page(page: list[dict[str, Any]]) -> None:
    together = canonical_fno(LAYOUT, page)
    whole = digests(together.texts, KEY)
    fresh = sample_layout()
    for place, row in enumerate(page):
        alone = canonical_fno(fresh, [row])
        assert alone.texts[0].tolist() == together.texts[place].tolist()
        assert digests(alone.texts, KEY)[0].tolist() == whole[place].tolist()
        problems = [problem for problem in together.problems if problem.row == place]
        assert [(p.pair, p.code, p.message) for p in problems] == [
            (p.pair, p.code, p.message) for p in alone.problems
        ]


@given(dataverse_pages)
def test_a_dataverse_row_reads_the_same_in_any_page(
    page: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    together = read_dataverse(page)
    fresh = sample_layout()
    for place, row in enumerate(page):
        alone = read_dataverse([row], fresh)
        assert alone.texts[0].tolist() == together.texts[place].tolist()
        assert len(alone.problems) == sum(problem.row == place for problem in together.problems)


@given(fno_rows)
def test_what_goes_to_dataverse_reads_as_what_it_was_made_from(row: dict[str, Any]) -> None:
    source = canonical_fno(LAYOUT, [row])
    (body,) = to_dataverse(LAYOUT, [row])
    terms = (row["Terms"], str(row["TermsLine"]))
    lookups: dict[str, Any] = {"group": [(row["Group"],)], "terms": [terms]}
    arrived = canonical_dataverse(LAYOUT, [over_the_wire(body)], lookups).texts[0]
    misfits = {problem.pair for problem in source.problems}
    for plan in LAYOUT.pairs:
        if plan.index not in misfits:
            assert arrived[plan.index] == source.texts[0, plan.index], plan.pair.id


@given(dataverse_rows, dataverse_lookups)
def test_what_goes_to_fno_reads_as_what_it_was_made_from(row: dict[str, Any], texts: dict[str, Any]) -> None:
    lookups = {column: [texts[column]] for column in LOOKUPS}
    source = canonical_dataverse(LAYOUT, [row], lookups)
    (body,) = to_fno(LAYOUT, [row], lookups=lookups)
    arrived = canonical_fno(LAYOUT, [over_the_wire(body)]).texts[0]
    misfits = {problem.pair for problem in source.problems}
    for plan in LAYOUT.pairs:
        text = source.texts[0, plan.index]
        if plan.to_fno and plan.index not in misfits and not (text == "" and has_no_null(plan)):
            assert arrived[plan.index] == text, plan.pair.id


def has_no_null(plan: PairPlan) -> bool:
    """F&O's empty value of these is a value of its own, so a null can't arrive as empty."""
    return plan.key or plan.fno.name in ("Active", "Mandatory", "OneTime", "OnHold")


@given(fno_rows, fno_rows)
def test_a_body_holds_nothing_of_another_row(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert to_dataverse(LAYOUT, [one, other]) == to_dataverse(LAYOUT, [one]) + to_dataverse(LAYOUT, [other])


@given(st.integers(-(10**19), 10**19), st.integers(0, 10), st.integers(0, 6))
def test_rounding_is_half_away_from_zero(digits: int, places: int, scale: int) -> None:
    number = Decimal(digits).scaleb(-places)
    exact = Fraction(digits, 10**places) * 10**scale
    expected = int(abs(exact) + Fraction(1, 2)) * (1 if exact >= 0 else -1)
    assert Fraction(round_half_up(number, scale)) * 10**scale == expected


@given(st.integers(10**18, 10**19 - 1), st.sampled_from(["0", "5", "25", "125", "4999999", "50000001"]))
def test_money_of_nineteen_digits_keeps_every_one(whole: int, half: str) -> None:
    layout = pair_layout(Column("F", "decimal"), Column("d", "decimal", scale=4))
    cell = f"{whole}.{half}"
    row = {"F": cell, "Account": "a"}
    text = str(canonical_fno(layout, [row]).texts[0, 0])
    assert Decimal(text) == round_half_up(Decimal(cell), 4)
    (body,) = to_dataverse(layout, [row], [0])
    assert canonical_dataverse(layout, [over_the_wire(body) | {"number": "a"}]).texts[0, 0] == text


@given(numbers)
def test_a_number_has_one_text(cell: Any) -> None:
    text = number_text(parse_number(cell))
    assert parse_number(text) == parse_number(cell)
    assert "E" not in text and not text.endswith(".") and text != "-0"
    assert number_text(parse_number(f"{text}0" if "." in text else f"{text}.0")) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_double_is_written_out_in_full(value: float) -> None:
    assert float(number_text(parse_number(repr(value)))) == value
