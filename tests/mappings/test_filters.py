"""The OData that filters may use."""

from __future__ import annotations

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import MapError
from mappings.filters import equalities, fields_of, parse


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("customertypecode eq 3", {"customertypecode"}),
        ("a eq null or not (b ne 'O''x' and c gt -1.5)", {"a", "b", "c"}),
        ("startswith(name,'A') and contains(city,'x') and endswith(zip,'1')", {"name", "city", "zip"}),
        ("ValidFrom le 2021-06-23T00:00:00Z", {"ValidFrom"}),
        ("_owner_value eq 7d1f3c5e-0000-0000-0000-000000000000", {"_owner_value"}),
    ],
)
def test_fields_of(text: str, names: set[str]) -> None:
    assert fields_of(parse(text)) == names


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("PartyType eq", "from “eq” on"),
        ("", "can't be read"),
        ("PartyType == 'Person'", "can't be read"),
        ("a/b eq 3", "follows a lookup"),
        ("a eq b", "not a literal"),
        ("3 eq a", "no column on the left"),
        ("a in (1,2)", "uses `in`"),
        ("a add 1 eq 2", "no column on the left"),
        ("indexof(a,'x') eq 1", "no column on the left"),
        ("nonsense(a,'x')", "Unknown function"),
        ("tolower(a)", "uses the function `tolower`"),
        ("contains(a,3)", "not text"),
        ("a", "is not a condition"),
    ],
)
def test_a_bad_filter_says_what_is_wrong_and_what_is_allowed(text: str, told: str) -> None:
    with pytest.raises(MapError) as caught:
        parse(text)
    assert told in caught.value.problem
    assert "startswith(column, text)" in caught.value.remedy
    assert caught.value.code == "bad_filter"


def test_equalities_are_what_must_hold() -> None:
    condition = parse("a eq 3 and b eq 'Vendor' and c eq true and d ne null and e eq null")
    assert equalities(condition) == {"a": "3", "b": "Vendor", "c": "true"}
    assert equalities(parse("a eq 3 or b eq 4")) == {}
    assert equalities(parse("not (a eq 3)")) == {}


def test_all_shipped_filters_parse(catalogue: Catalogue) -> None:
    for ours in catalogue.maps.values():
        for text in (ours.fno.filter, ours.dataverse.filter):
            assert text is None or fields_of(parse(text))
