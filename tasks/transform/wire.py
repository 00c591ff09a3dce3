"""Values that a map spells as text, as the live column takes them: value maps, constants, defaults."""

from __future__ import annotations

from typing import Any

from mappings.metadata import Column
from tasks.transform import moments, numbers
from tasks.transform.folding import fold, listing, squash
from tasks.transform.forms import empty_fno, member_of, truth_of


def typed(column: Column, text: str) -> Any:
    """A text of a map as a JSON-ready value of a column.

    Raises:
        ValueError: the column can't hold it; says what it takes.
    """
    match column.kind:
        case "integer" | "bigint" | "option" | "decimal" | "double":
            return numbers.number_for(column, numbers.parse_number(text))
        case "boolean":
            truth = truth_of(text)
            if truth is None:
                raise ValueError(f"{text!r} is neither true nor false")
            return truth
        case "enum":
            member = named_member(column, text)
            if member is None:
                raise ValueError(f"{text!r} is not one of {listing(column.members)}")
            return member
        case "date":
            day = moments.as_date(moments.parse_moment(text))
            return day
        case "datetime":
            return moments.as_datetime(moments.parse_moment(text))
        case "guid":
            return text.strip("{}").lower()
        case "lookup":
            raise ValueError("a lookup takes no fixed value")
        case _:
            return text


def named_member(column: Column, text: str) -> str | None:
    """The live enum member that a map's text means, or None.

    Case doesn't count, nor do characters other than letters and digits if only one member is left
    (published maps spell ``non-specific``); ``blank`` and the empty text mean F&O's empty value, the first
    member, unless a member is called so.
    """
    member = member_of(column, text)
    if member is None:
        alike = [each for each in column.members if squash(each) == squash(text)]
        member = alike[0] if len(alike) == 1 else None
    if member is None and fold(text) in ("", "blank"):
        empty = empty_fno(column)
        member = empty if isinstance(empty, str) else None
    return member


def comparable(column: Column, cell: Any) -> str:
    """A cell, or a text of a map, of this column in a form that compares: "" only for null and the empty
    text.

    Unlike canonical text it knows no empty value of the type: 0, false and first members are values.
    """
    if cell is None or cell == "":
        return ""
    match column.kind:
        case "boolean":
            truth = truth_of(cell)
            return fold(str(cell)) if truth is None else str(truth).lower()
        case "integer" | "bigint" | "option" | "decimal" | "double":
            try:
                return numbers.number_text(numbers.parse_number(cell))
            except ValueError:
                return fold(str(cell))
        case "date" | "datetime":
            try:
                return moments.parse_moment(cell)
            except ValueError:
                return fold(str(cell))
        case _:
            return fold(str(cell))
