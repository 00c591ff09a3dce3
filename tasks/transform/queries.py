"""Filters as each service's server understands them.

What a dialect can't say exactly is left out or said more widely: True stands for a condition that narrows
nothing, and disappears from the text. Wildcards are the reason mostly. F&O takes ``*`` in any text it
compares with, Dataverse ``% _ [ ]``, and neither is known to take an escape everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from mappings.metadata import Column, SideName
from tasks.transform.conditions import PARTIAL, Comparison, Condition, Junction, Operand
from tasks.transform.forms import empty_fno
from tasks.transform.moments import EMPTY_DATE, EMPTY_DATETIME, as_date, as_datetime
from tasks.transform.numbers import number_text

Query = str | Literal[True]

_NAMESPACE = "Microsoft.Dynamics.DataEntities"
_OPPOSITE = {"eq": "ne", "lt": "ge", "le": "gt", "gt": "le", "ge": "lt"}
_TEXTUAL = ("text", "memo")
_MOMENTS = ("date", "datetime")


def query(condition: Condition, side: SideName) -> str:
    """The condition in the side's dialect; "" where it narrows nothing."""
    found = _query(condition, _fno if side == "fno" else _dataverse)
    return "" if found is True else found


def _query(condition: Condition, compare: Callable[[Comparison], Query]) -> Query:
    if isinstance(condition, Comparison):
        return compare(condition)
    return _join(condition, [_query(part, compare) for part in condition.parts])


def _join(junction: Junction, parts: list[Query]) -> Query:
    said = [part for part in parts if part is not True]
    if junction.every:
        return " and ".join(said) if said else True
    return f"({' or '.join(said)})" if len(said) == len(parts) else True


def _fno(test: Comparison) -> Query:
    column, operand = test.column, test.operand
    if operand is None:
        return _empty_in_fno(column, test.negated)
    if column.kind == "enum":
        return f"{test.name} {'ne' if test.negated else 'eq'} {_member(column, str(operand))}"
    if column.kind in _TEXTUAL:
        text = test.spelled
        if test.operator in PARTIAL:
            if test.negated:
                return True
            before, after = test.operator != "startswith", test.operator != "endswith"
            return f"{test.name} eq {_quoted('*' * before + text + '*' * after)}"
        if test.negated and "*" in text:
            return True
        return f"{test.name} {_operator(test)} {_quoted(text)}"
    if column.kind in _MOMENTS:
        return _moment(test, str(operand))
    return f"{test.name} {_operator(test)} {_plain(operand)}"


def _empty_in_fno(column: Column, negated: bool) -> Query:
    """F&O has no null: a condition on it asks for the empty value of the type."""
    operator = "ne" if negated else "eq"
    match column.kind:
        case "text" | "memo":
            return f"{column.name} {operator} ''"
        case "integer" | "bigint" | "decimal" | "double":
            return f"{column.name} {operator} 0"
        case "enum":
            return f"{column.name} {operator} {_member(column, str(empty_fno(column)))}"
        case "date" | "datetime":
            parts = [f"{column.name} {operator} {empty}" for empty in (EMPTY_DATETIME, EMPTY_DATE)]
            return " and ".join(parts) if negated else f"({' or '.join(parts)})"
        case _:
            return True


def _dataverse(test: Comparison) -> Query:
    column, operand, name = test.column, test.operand, test.name
    if operand is None:
        return f"{name} {'ne' if test.negated else 'eq'} null"
    if column.kind in _TEXTUAL:
        found = _text_in_dataverse(test, test.spelled)
    elif column.kind == "datetime":
        found = _moment(test, str(operand))
    else:
        found = f"{name} {_operator(test)} {_plain(operand)}"
    if found is True or not test.negated:
        return found
    return f"({found} or {name} eq null)"


def _text_in_dataverse(test: Comparison, text: str) -> Query:
    wild = any(sign in text for sign in "%_[")
    if test.negated and wild:
        return True
    spellings = [text]
    if "[" in text:
        # a bracket opens a set of characters, so the plain spelling might miss the very text it names
        spellings.append(text.replace("[", "[[]"))
    if test.operator in PARTIAL:
        calls = [f"{test.operator}({test.name},{_quoted(each)})" for each in spellings]
        if test.negated:
            return f"not {calls[0]}"
        return calls[0] if len(calls) == 1 else f"({' or '.join(calls)})"
    parts = [f"{test.name} {_operator(test)} {_quoted(each)}" for each in spellings]
    return parts[0] if len(parts) == 1 else f"({' or '.join(parts)})"


def _moment(test: Comparison, operand: str) -> str:
    """A comparison of a date-time with a moment; a day stands for all of its moments."""
    name, operator = test.name, _operator(test)
    if len(operand) > 10:
        return f"{name} {operator} {operand}"
    start = as_datetime(operand)
    after = as_datetime((date.fromisoformat(as_date(operand)) + timedelta(days=1)).isoformat())
    match operator:
        case "eq":
            return f"({name} ge {start} and {name} lt {after})"
        case "ne":
            return f"({name} lt {start} or {name} ge {after})"
        case "gt":
            return f"{name} ge {after}"
        case "le":
            return f"{name} lt {after}"
        case _:
            return f"{name} {operator} {start}"


def _operator(test: Comparison) -> str:
    return _OPPOSITE[test.operator] if test.negated else test.operator


def _member(column: Column, member: str) -> str:
    return f"{_NAMESPACE}.{column.enum}'{member}'" if column.enum else _quoted(member)


def _plain(operand: Operand) -> str:
    return number_text(operand) if isinstance(operand, Decimal) else operand


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
