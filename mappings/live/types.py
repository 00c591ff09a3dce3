"""Which types of both sides have a form in common, and whether one holds all that the other can say."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from mappings.metadata import Column
from mappings.model import FieldPair

TEXTUAL = frozenset({"text", "memo"})
NUMERIC = frozenset({"integer", "bigint", "decimal", "double"})
MOMENTS = frozenset({"date", "datetime"})

_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
_LARGEST = {"integer": Decimal(2**31 - 1), "bigint": Decimal(2**63 - 1)}


def misfit(pair: FieldPair, fno: Column, dataverse: Column) -> str:
    """Why the two columns of a pair can't meet; "" if they can.

    Args:
        dataverse: the plain column, or for a lookup pair the column behind the lookup.
    """
    kinds: set[str] = {fno.kind, dataverse.kind}
    if dataverse.kind == "lookup":
        return "is a lookup: follow it with a dot to the column that identifies the row behind it"
    if kinds & MOMENTS:
        return _others(kinds, MOMENTS | TEXTUAL)
    if pair.values is not None:
        return ""
    if "guid" in kinds:
        return _others(kinds, TEXTUAL | {"guid"})
    if "boolean" in kinds:
        if fno.kind == "enum" and sorted(truth_of(member) is True for member in fno.members) != [False, True]:
            return f"needs `values`: which of {', '.join(fno.members)} mean true?"
        return _others(kinds, TEXTUAL | NUMERIC | {"boolean", "enum"})
    if dataverse.kind == "option":
        if fno.kind == "enum":
            return "needs `values`: which option stands for which member?"
        return _others(kinds, TEXTUAL | NUMERIC | {"option"})
    if dataverse.kind == "options":
        return _others(kinds, TEXTUAL | {"options"})
    if fno.kind == "enum":
        return "" if dataverse.kind in TEXTUAL else "needs `values`: which number stands for which member?"
    if kinds & NUMERIC:
        return _others(kinds, TEXTUAL | NUMERIC)
    return ""


def _others(kinds: set[str], allowed: frozenset[str]) -> str:
    return f"{' and '.join(sorted(kinds))} have no form in common" if kinds - allowed else ""


def truth_of(text: str) -> bool | None:
    """Yes or no, however it is spelled; None for anything else."""
    return _TRUTHS.get(text.strip().casefold())


def holds(column: Column, text: str) -> bool:
    """A column can have the value that a map spells as `text`."""
    match column.kind:
        case "boolean":
            return truth_of(text) is not None
        case "enum":
            return not column.members or member_meant(column, text) is not None
        case "option":
            return not column.members or text.strip() in column.members
        case "options":
            return all(not column.members or part.strip() in column.members for part in text.split(","))
        case "integer" | "bigint" | "decimal" | "double":
            try:
                number = Decimal(text.strip())
            except InvalidOperation:
                return False
            low, high = column.minimum, column.maximum
            return (low is None or number >= low) and (high is None or number <= high)
        case "text" | "memo":
            return column.max_length is None or len(text) <= column.max_length
        case "lookup":
            return False
        case _:
            return True


def member_meant(column: Column, text: str) -> str | None:
    """The enum member that a text of a map means, whatever its case; ``blank`` and "" are the first one."""
    squashed = _squash(text)
    for member in column.members:
        if member.casefold() == text.strip().casefold():
            return member
    alike = [member for member in column.members if _squash(member) == squashed]
    if len(alike) == 1:
        return alike[0]
    return column.members[0] if column.members and squashed in ("", "blank") else None


def _squash(text: str) -> str:
    return "".join(character for character in text.casefold() if character.isalnum())


def shorter(source: Column, target: Column) -> bool:
    """A text of the source can be too long for the target."""
    if source.kind not in TEXTUAL or target.kind not in TEXTUAL or target.max_length is None:
        return False
    return source.max_length is not None and source.max_length > target.max_length


def narrower(source: Column, target: Column) -> bool:
    """A number of the source can be outside the target's range, as types and stated limits say.

    A type alone says little of the source: F&O states no limits, and its integers mostly hold small numbers.
    """
    if source.kind not in NUMERIC or target.kind not in NUMERIC:
        return False
    if source.kind == "bigint" and target.kind == "integer":
        return True
    largest = target.maximum if target.maximum is not None else _LARGEST.get(target.kind)
    return source.maximum is not None and largest is not None and source.maximum > largest
