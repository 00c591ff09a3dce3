"""Filters that ask for many keys at once, within the limits of both services.

What a filter lets through may be more than the keys that were asked for (both services take some characters
for wildcards), never less; `odata.matches` keeps the exact ones.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from tasks.connectors.odata import QUERY_SAFE, column_of, comparable, literal, read_name
from tasks.connectors.side import Table


@dataclass(frozen=True, slots=True)
class FilterLimits:
    """How much one filter may hold.

    Attributes:
        characters: percent-encoded.
        conditions: comparisons. Dataverse takes 500 in a query; F&O names no limit.
    """

    characters: int
    conditions: int


def key_filters(table: Table, keys: Sequence[Mapping[str, Any]], limits: FilterLimits) -> Iterator[str]:
    """Filters that together let through every row with one of these keys.

    Values that all keys share (the company, as a rule) are written once in front.
    """
    for names, values in _by_columns(table, keys).items():
        columns = [column_of(table, name) for name in names]
        shared = [
            name
            for at, name in enumerate(names)
            if len({comparable(columns[at], row[at]) for row in values}) == 1
        ]
        head = " and ".join(_equals(table, name, values[0][names.index(name)]) for name in shared)
        rest = [(at, name) for at, name in enumerate(names) if name not in shared]
        if not rest:
            yield head
            continue
        yield from _chunks(table, values, rest, head, limits)


def _by_columns(
    table: Table, keys: Sequence[Mapping[str, Any]]
) -> dict[tuple[str, ...], list[tuple[Any, ...]]]:
    """Keys by the columns they name, without repetitions."""
    groups: dict[tuple[str, ...], dict[tuple[Any, ...], tuple[Any, ...]]] = {}
    for key in keys:
        folded = tuple(comparable(column_of(table, name), value) for name, value in key.items())
        groups.setdefault(tuple(key), {}).setdefault(folded, tuple(key.values()))
    return {names: list(values.values()) for names, values in groups.items()}


def _chunks(
    table: Table,
    values: Sequence[tuple[Any, ...]],
    rest: Sequence[tuple[int, str]],
    head: str,
    limits: FilterLimits,
) -> Iterator[str]:
    prefix = f"{head} and " if head else ""
    spent = len(quote(prefix, safe=QUERY_SAFE)) + 2
    terms: list[str] = []
    length, conditions = spent, 0
    for row in values:
        term = " and ".join(_equals(table, name, row[at]) for at, name in rest)
        if len(rest) > 1:
            term = f"({term})"
        size = len(quote(term, safe=QUERY_SAFE)) + len("%20or%20")
        count = term.count(" eq ")
        if terms and (length + size > limits.characters or conditions + count > limits.conditions):
            yield _joined(prefix, terms)
            terms, length, conditions = [], spent, 0
        terms.append(term)
        length += size
        conditions += count
    yield _joined(prefix, terms)


def _joined(prefix: str, terms: Sequence[str]) -> str:
    text = " or ".join(terms)
    return f"{prefix}({text})" if prefix and len(terms) > 1 else f"{prefix}{text}"


def _equals(table: Table, name: str, value: Any) -> str:
    column = column_of(table, name)
    if comparable(column, value) is None:
        value = None
    left = read_name(table, column.name)
    if isinstance(value, str) and column.kind in ("text", "memo"):
        value = value.rstrip(" ")
        if table.side == "dataverse" and "[" in value:
            # a bracket opens a character class where the service takes patterns, and is itself where it
            # does not
            escaped = value.replace("[", "[[]")
            texts = (literal("dataverse", column, value), literal("dataverse", column, escaped))
            return f"({left} eq {texts[0]} or {left} eq {texts[1]})"
    return f"{left} eq {literal(table.side, column, value)}"
