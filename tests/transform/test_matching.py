"""Texts that pair rows without a common key."""

from __future__ import annotations

from typing import Any

from tasks.transform.canonical import canonical_dataverse, canonical_fno
from tasks.transform.matching import match_texts, match_values
from tests.transform.sample import sample_layout


def test_texts_are_folded_and_joined() -> None:
    rows: list[dict[str, Any]] = [
        {"name": "Contoso ", "mail": "A@B.example"},
        {"name": "CONTOSO", "mail": "a@b.example "},
        {"name": "Contoso", "mail": None},
        {"name": " ", "mail": "a@b.example"},
        {"name": "Contoso"},
    ]
    first, second, *rest = match_values(rows, ["name", "mail"])
    assert first == second == "contoso\x1fa@b.example"
    assert rest == [None, None, None]


def test_parts_do_not_run_together() -> None:
    one, other = match_values([{"a": "x", "b": "yz"}, {"a": "xy", "b": "z"}], ["a", "b"])
    assert one != other


def test_numbers_match_as_text() -> None:
    assert match_values([{"a": 7}, {"a": "7"}], ["a"]) == ["7", "7"]


def test_both_sides_of_a_row_match_by_their_canonical_texts() -> None:
    layout = sample_layout()
    left = canonical_fno(layout, [{"Account": "x", "Name": "Contoso", "Amount": "1.005", "Group": "Retail"}])
    right = canonical_dataverse(layout, [{"name": "CONTOSO ", "amount": "1.0100"}], {"group": [("RETAIL",)]})
    rule = ("name", "amount", "group.msdyn_groupid")
    assert match_texts(layout, left.texts, rule) == match_texts(layout, right.texts, rule)
    assert match_texts(layout, left.texts, ("name", "country")) == [None]
    assert match_texts(layout, left.texts, ("name", "unmapped")) == [None]
    assert match_texts(layout, left.texts, ()) == [None]
