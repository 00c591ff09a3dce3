"""Filters as functions of a row, and the few rows that can pass one, found by index.

What differs between the services comes in through a `Dialect`: how a path becomes a value, which characters
are wildcards, what null means, how a refusal is worded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deployments.sandbox.folding import fold
from deployments.sandbox.odata.expressions import Call, Literal, Name, Node, Operation, SyntaxFault, parse
from deployments.sandbox.odata.values import date_text, utc_text
from deployments.sandbox.schema.model import Column
from deployments.sandbox.store.index import Row, RowId
from deployments.sandbox.store.table import Table

Getter = Callable[[Row], Any]
Test = Callable[[Row], bool]
Candidates = Callable[[Table], "set[RowId] | None"]

NUMBERS = frozenset({"integer", "bigint", "decimal", "double", "option"})
_INDEXED = frozenset({"text", "guid", "lookup", "integer", "bigint", "decimal"})
_OPERATOR_KIND = {
    "eq": "Equal",
    "ne": "NotEqual",
    "gt": "GreaterThan",
    "ge": "GreaterThanOrEqual",
    "lt": "LessThan",
    "le": "LessThanOrEqual",
}


class Dialect(Protocol):
    """What a service makes of an expression."""

    nulls: bool
    """Columns can be null, and empty text is null."""
    string_functions: bool

    def resolve(self, parts: tuple[str, ...]) -> tuple[Getter, Column, bool]:
        """A path as (value of a row, its column, the column is of this table)."""
        ...

    def pattern(self, text: str) -> str | None:
        """A folded text with wildcards as a regular expression; None without wildcards."""
        ...

    def type_name(self, column: Column) -> str: ...

    def refuse(self, message: str) -> Exception: ...

    def not_imitated(self, what: str) -> Exception: ...

    def check_enum(self, column: Column, literal: Literal) -> str:
        """The member that an enum literal names, in its own spelling."""
        ...


@dataclass(frozen=True, slots=True)
class Predicate:
    """A compiled filter.

    Attributes:
        test: does a row pass?
        candidates: ids of the rows that may pass, or None where all must be looked at.
    """

    test: Test
    candidates: Candidates


def compile_filter(text: str, dialect: Dialect, aliases: Mapping[str, str] | None = None) -> Predicate:
    """A $filter as a predicate.

    Args:
        aliases: parameter aliases of the URL (``@p1`` → literal); unset ones are null.

    Raises:
        Exception: what the dialect refuses with.
    """
    try:
        node = parse(text)
    except SyntaxFault as fault:
        if str(fault) == "lambda":
            raise dialect.not_imitated("any/all in $filter") from None
        raise dialect.refuse(str(fault)) from None
    return _Compiler(dialect, aliases or {}).predicate(node)


def _all_rows(table: Table) -> set[RowId] | None:
    return None


class _Compiler:
    def __init__(self, dialect: Dialect, aliases: Mapping[str, str]) -> None:
        self.dialect = dialect
        self.aliases = aliases

    def predicate(self, node: Node) -> Predicate:
        if isinstance(node, Operation):
            if node.operator in ("and", "or"):
                return self.junction(node.operator, [self.predicate(part) for part in _chain(node)])
            if node.operator == "not":
                inner = self.predicate(node.left).test
                return Predicate(lambda row: not inner(row), _all_rows)
            if node.operator in _OPERATOR_KIND:
                assert node.right is not None and not isinstance(node.right, tuple)
                return self.comparison(node.operator, node.left, node.right)
            if node.operator == "in" and isinstance(node.right, tuple):
                return self.any_of(node.left, node.right)
            raise self.dialect.not_imitated(f"'{node.operator}' in $filter")
        if isinstance(node, Call):
            return self.call(node)
        if isinstance(node, Name):
            getter, column, _ = self.dialect.resolve(node.parts)
            if column.kind == "boolean":
                return Predicate(lambda row: getter(row) is True, _all_rows)
        if isinstance(node, Literal) and node.kind == "boolean":
            verdict = bool(node.value)
            return Predicate(lambda row: verdict, _all_rows)
        raise self.dialect.refuse("The $filter expression must evaluate to a single boolean value.")

    def junction(self, operator: str, parts: list[Predicate]) -> Predicate:
        tests = [part.test for part in parts]
        sources = [part.candidates for part in parts if part.candidates is not _all_rows]
        if operator == "and":

            def narrowest(table: Table) -> set[RowId] | None:
                found = [ids for source in sources if (ids := source(table)) is not None]
                return min(found, key=len) if found else None

            if len(tests) == 2:
                first, second = tests
                return Predicate(lambda row: first(row) and second(row), narrowest)
            return Predicate(lambda row: all(test(row) for test in tests), narrowest)

        def union(table: Table) -> set[RowId] | None:
            together: set[RowId] = set()
            for source in sources:
                ids = source(table)
                if ids is None:
                    return None
                together |= ids
            return together

        complete = len(sources) == len(parts)
        return Predicate(lambda row: any(test(row) for test in tests), union if complete else _all_rows)

    def comparison(self, operator: str, left: Node, right: Node) -> Predicate:
        if isinstance(left, Literal) and not isinstance(right, Literal):
            mirrored = {"gt": "lt", "lt": "gt", "ge": "le", "le": "ge"}.get(operator, operator)
            return self.comparison(mirrored, right, left)
        if not isinstance(left, Name):
            raise self.dialect.not_imitated("arithmetic and functions of values in $filter")
        getter, column, local = self.dialect.resolve(left.parts)
        if isinstance(right, Name):
            other, _, _ = self.dialect.resolve(right.parts)
            return self.columns_compared(operator, getter, other)
        if not isinstance(right, Literal):
            raise self.dialect.not_imitated("arithmetic and functions of values in $filter")
        value = self.operand(column, right, operator)
        if operator in ("eq", "ne"):
            return self.equality(operator == "eq", getter, column, local, value)
        if column.kind == "enum":
            raise self.dialect.refuse(
                f"A binary operator with incompatible types was detected. Found operand types "
                f"'{self.dialect.type_name(column)}' and '{self.dialect.type_name(column)}' for operator "
                f"kind '{_OPERATOR_KIND[operator]}'."
            )
        return Predicate(_ordered(operator, getter, fold(value)), _all_rows)

    def equality(self, wanted: bool, getter: Getter, column: Column, local: bool, value: Any) -> Predicate:
        if value is None or (value == "" and self.dialect.nulls and column.kind in ("text", "memo")):
            if wanted:
                return Predicate(lambda row: getter(row) is None, _all_rows)
            return Predicate(lambda row: getter(row) is not None, _all_rows)
        folded = value if column.kind == "enum" else fold(value)
        if column.kind in ("text", "memo"):
            pattern = self.dialect.pattern(folded)
            if pattern is not None:
                matches = re.compile(pattern, re.DOTALL).fullmatch
                return Predicate(
                    lambda row: (matches(fold(getter(row) or "")) is not None) == wanted, _all_rows
                )
            test = _text_equals(getter, folded)
        else:
            test = _value_equals(getter, folded)
        if not wanted:
            return Predicate(lambda row: not test(row), _all_rows)
        if local and column.kind in _INDEXED:
            wire = (column.wire,)
            return Predicate(test, lambda table: table.index_on(wire).many(folded))
        return Predicate(test, _all_rows)

    def any_of(self, left: Node, values: tuple[Node, ...]) -> Predicate:
        return self.junction("or", [self.comparison("eq", left, value) for value in values])

    def columns_compared(self, operator: str, left: Getter, right: Getter) -> Predicate:
        if operator == "eq":
            return Predicate(lambda row: fold(left(row)) == fold(right(row)), _all_rows)
        if operator == "ne":
            return Predicate(lambda row: fold(left(row)) != fold(right(row)), _all_rows)
        compare = _COMPARE[operator]

        def test(row: Row) -> bool:
            one, other = left(row), right(row)
            return one is not None and other is not None and compare(fold(one), fold(other))

        return Predicate(test, _all_rows)

    def operand(self, column: Column, literal: Literal, operator: str = "eq") -> Any:
        """A literal as a value of a column.

        Raises:
            Exception: the dialect's refusal of another type.
        """
        if literal.kind == "alias":
            text = self.aliases.get(str(literal.value), "null")
            node = parse(text)
            if not isinstance(node, Literal):
                raise self.dialect.refuse(f"Syntax error in parameter alias '{literal.value}'.")
            literal = node
        kind, value = literal.kind, literal.value
        if kind == "null":
            return None
        try:
            if column.kind in ("text", "memo", "options") and kind == "text":
                return value
            if column.kind in NUMBERS and kind == "number":
                return value
            if column.kind == "boolean" and kind == "boolean":
                return value
            if column.kind in ("guid", "lookup") and kind in ("guid", "text"):
                return str(value).lower()
            if column.kind == "datetime" and kind in ("datetime", "date"):
                return utc_text(str(value))
            if column.kind == "date" and kind in ("datetime", "date"):
                return date_text(str(value))
        except ValueError:
            raise self.dialect.refuse(f"Unrecognized date literal '{value}'.") from None
        if column.kind == "enum" and kind == "enum":
            return self.dialect.check_enum(column, literal)
        found = {"text": "Edm.String", "number": "Edm.Int32", "boolean": "Edm.Boolean", "guid": "Edm.Guid"}
        raise self.dialect.refuse(
            "A binary operator with incompatible types was detected. Found operand types "
            f"'{self.dialect.type_name(column)}' and '{found.get(kind, 'Edm.DateTimeOffset')}' for operator "
            f"kind '{_OPERATOR_KIND.get(operator, 'Equal')}'."
        )

    def call(self, node: Call) -> Predicate:
        if node.name in ("contains", "startswith", "endswith"):
            return self.string_function(node)
        if node.name.startswith("Microsoft.Dynamics.CRM.") and self.dialect.nulls:
            return self.query_function(node)
        raise self.dialect.refuse(f"An unknown function with name '{node.name}' was found.")

    def string_function(self, node: Call) -> Predicate:
        if not self.dialect.string_functions:
            raise self.dialect.refuse(f"The function '{node.name}' is not supported in $filter.")
        if (
            len(node.arguments) != 2
            or not isinstance(node.arguments[0], Name)
            or not isinstance(node.arguments[1], Literal)
        ):
            raise self.dialect.not_imitated(f"{node.name} of anything but a column and a text")
        getter, column, _ = self.dialect.resolve(node.arguments[0].parts)
        text = fold(self.operand(column, node.arguments[1]) or "")
        pattern = self.dialect.pattern(text)
        if pattern is not None:
            around = {"contains": (".*", ".*"), "startswith": ("", ".*"), "endswith": (".*", "")}[node.name]
            matches = re.compile(pattern.join(around), re.DOTALL).fullmatch
            return Predicate(lambda row: matches(fold(getter(row) or "")) is not None, _all_rows)
        if node.name == "contains":
            return Predicate(lambda row: text in fold(getter(row) or ""), _all_rows)
        if node.name == "startswith":
            return Predicate(lambda row: fold(getter(row) or "").startswith(text), _all_rows)
        return Predicate(lambda row: fold(getter(row) or "").endswith(text), _all_rows)

    def query_function(self, node: Call) -> Predicate:
        """Dataverse's own query functions, those that a program has a use for."""
        name = node.name.rpartition(".")[2]
        named = dict(node.named)
        subject = named.get("PropertyName")
        if not isinstance(subject, Literal) or subject.kind != "text":
            raise self.dialect.refuse(f"The parameter 'PropertyName' of '{node.name}' is missing.")
        target = Name(tuple(str(subject.value).split("/")))
        many = named.get("PropertyValues")
        single = named.get("PropertyValue")
        if name in ("In", "NotIn") and isinstance(many, tuple):
            _, column, _ = self.dialect.resolve(target.parts)
            found = self.any_of(target, tuple(_retyped(column, value) for value in many))
            if name == "In":
                return found
            return Predicate(lambda row: not found.test(row), _all_rows)
        if name in ("Between", "NotBetween") and isinstance(many, tuple) and len(many) == 2:
            _, column, _ = self.dialect.resolve(target.parts)
            low, high = (_retyped(column, value) for value in many)
            inside = self.junction(
                "and", [self.comparison("ge", target, low), self.comparison("le", target, high)]
            )
            if name == "Between":
                return inside
            return Predicate(lambda row: not inside.test(row), _all_rows)
        if name in ("OnOrAfter", "OnOrBefore") and single is not None and not isinstance(single, tuple):
            return self.comparison("ge" if name == "OnOrAfter" else "le", target, single)
        if name in ("ContainValues", "DoesNotContainValues") and isinstance(many, tuple):
            getter, _, _ = self.dialect.resolve(target.parts)
            wanted = {str(value.value) for value in many if isinstance(value, Literal)}
            positive = name == "ContainValues"
            return Predicate(
                lambda row: bool(wanted & set((getter(row) or "").split(","))) == positive, _all_rows
            )
        raise self.dialect.not_imitated(f"the query function {node.name}")


def _retyped(column: Column, node: Node) -> Node:
    """Query functions take all values as text; the column says what they are."""
    if isinstance(node, Literal) and node.kind == "text" and column.kind not in ("text", "memo", "options"):
        parsed = parse(str(node.value))
        return parsed if isinstance(parsed, Literal) else node
    return node


def _chain(node: Operation) -> list[Node]:
    """The operands of a chain of the same operator, without recursion: chains can be a thousand long."""
    parts: list[Node] = []
    current: Node = node
    while isinstance(current, Operation) and current.operator == node.operator:
        assert current.right is not None and not isinstance(current.right, tuple)
        parts.append(current.right)
        current = current.left
    parts.append(current)
    return parts[::-1]


def _text_equals(getter: Getter, folded: str) -> Test:
    def test(row: Row) -> bool:
        value = getter(row)
        return value is not None and value.rstrip(" ").casefold() == folded

    return test


def _value_equals(getter: Getter, wanted: Any) -> Test:
    return lambda row: getter(row) == wanted


_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda one, other: one > other,
    "ge": lambda one, other: one >= other,
    "lt": lambda one, other: one < other,
    "le": lambda one, other: one <= other,
}


def _ordered(operator: str, getter: Getter, wanted: Any) -> Test:
    compare = _COMPARE[operator]

    def test(row: Row) -> bool:
        value = getter(row)
        return value is not None and wanted is not None and compare(fold(value), wanted)

    return test
