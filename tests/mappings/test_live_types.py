"""What a column holds: lengths, ranges, values."""

from __future__ import annotations

from decimal import Decimal

import pytest

from mappings.live.types import holds, narrower, shorter
from mappings.metadata import Column


@pytest.mark.parametrize(
    ("source", "target", "is_it"),
    [
        (Column("a", "text", max_length=20), Column("b", "text", max_length=10), True),
        (Column("a", "memo", max_length=20), Column("b", "text", max_length=10), True),
        (Column("a", "text", max_length=10), Column("b", "text", max_length=10), False),
        (Column("a", "text"), Column("b", "text", max_length=10), False),
        (Column("a", "text", max_length=20), Column("b", "text"), False),
        (Column("a", "text", max_length=20), Column("b", "integer", max_length=10), False),
        (Column("a", "integer", max_length=20), Column("b", "text", max_length=10), False),
    ],
)
def test_shorter_texts(source: Column, target: Column, is_it: bool) -> None:
    assert shorter(source, target) is is_it


@pytest.mark.parametrize(
    ("source", "target", "is_it"),
    [
        (Column("a", "bigint"), Column("b", "integer"), True),
        (Column("a", "integer"), Column("b", "bigint"), False),
        (Column("a", "decimal", maximum=Decimal(10)), Column("b", "decimal", maximum=Decimal(9)), True),
        (Column("a", "decimal", maximum=Decimal(9)), Column("b", "decimal", maximum=Decimal(9)), False),
        (Column("a", "bigint", maximum=Decimal(2**40)), Column("b", "decimal"), False),
        (Column("a", "decimal", maximum=Decimal(2**40)), Column("b", "integer"), True),
        (Column("a", "integer"), Column("b", "integer", maximum=Decimal(5)), False),
        (Column("a", "text", maximum=Decimal(10)), Column("b", "integer", maximum=Decimal(5)), False),
        (Column("a", "integer", maximum=Decimal(10)), Column("b", "text", maximum=Decimal(5)), False),
    ],
)
def test_narrower_numbers(source: Column, target: Column, is_it: bool) -> None:
    assert narrower(source, target) is is_it


@pytest.mark.parametrize(
    ("column", "text", "can"),
    [
        (Column("c", "options", members=("1", "2")), "1, 2", True),
        (Column("c", "options", members=("1", "2")), "1,3", False),
        (Column("c", "options"), "3", True),
        (Column("c", "option"), "3", True),
        (Column("c", "text", max_length=3), "four", False),
        (Column("c", "text"), "four", True),
        (Column("c", "integer", minimum=Decimal(0)), "-1", False),
        (Column("c", "lookup"), "x", False),
    ],
)
def test_values_and_limits(column: Column, text: str, can: bool) -> None:
    assert holds(column, text) is can
