"""What Dataverse makes of a value in a request body, column by column: check, round, trim, refuse."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.odata.values import rounded, shortest, strict_date, strict_moment
from deployments.sandbox.schema.model import Column, DataverseTable
from deployments.sandbox.switches import Switches

Coerce = Callable[[Any], Any]

EDM = {
    "text": "Edm.String",
    "memo": "Edm.String",
    "options": "Edm.String",
    "integer": "Edm.Int32",
    "option": "Edm.Int32",
    "bigint": "Edm.Int64",
    "decimal": "Edm.Decimal",
    "double": "Edm.Double",
    "boolean": "Edm.Boolean",
    "datetime": "Edm.DateTimeOffset",
    "date": "Edm.Date",
    "guid": "Edm.Guid",
    "lookup": "Edm.Guid",
}
GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")


def coerce(column: Column, table: DataverseTable, switches: Switches) -> Coerce:
    """The function that turns a JSON value into the stored value of a column.

    It raises `ServiceFault` for what the column can't take; null passes.
    """
    edm = EDM[column.kind]

    def wrong(value: Any) -> Exception:
        shown = str(value).lower() if isinstance(value, bool) else value
        return errors.wrong_literal(table, shown, edm)

    if column.kind in ("text", "memo"):
        return _text(column, table, switches, wrong)
    if column.kind in ("integer", "bigint", "option"):
        return _whole(column, table, wrong)
    if column.kind in ("decimal", "double"):
        return _number(column, table, switches, wrong)
    if column.kind == "boolean":
        return _boolean(wrong)
    if column.kind == "options":
        return _options(column, table, wrong)
    return _pattern(column, wrong)


def _text(
    column: Column, table: DataverseTable, switches: Switches, wrong: Callable[[Any], Exception]
) -> Coerce:
    limit = column.length or 1_048_576

    def text(value: Any) -> Any:
        if value is None or value == "":
            return None
        if type(value) is not str:
            raise wrong(value)
        if switches.normalize_trim and value[-1] == " ":
            value = value.rstrip(" ")
        if len(value) > limit:
            raise errors.too_long(column, table)
        return value or None

    return text


def _whole(column: Column, table: DataverseTable, wrong: Callable[[Any], Exception]) -> Coerce:
    low = column.minimum if column.minimum is not None else -(2**63)
    high = column.maximum if column.maximum is not None else 2**63 - 1
    options = column.options

    def whole(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not int:
            if type(value) is not Decimal or value != value.to_integral_value():
                raise wrong(value)
            value = int(value)
        if options:
            if value not in options:
                raise errors.out_of_range("0x8004431A", value, column, table)
        elif not low <= value <= high:
            raise errors.out_of_range("0x8004432F", value, column, table)
        return value

    return whole


def _number(
    column: Column, table: DataverseTable, switches: Switches, wrong: Callable[[Any], Exception]
) -> Coerce:
    scale = column.scale or 0
    low, high = column.minimum, column.maximum
    double = column.kind == "double"

    def number(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is float:  # of a seed; the wire's fractions are decimals
            value = Decimal(repr(value))
        if type(value) is not int and type(value) is not Decimal:
            raise wrong(value)
        if (low is not None and value < low) or (high is not None and value > high):
            raise errors.out_of_range("0x80044330", value, column, table)
        try:
            exact = rounded(value, scale)
        except InvalidOperation:
            raise wrong(value) from None
        if exact != value and not switches.normalize_round:
            raise errors.too_precise(value, column, table)
        if double:
            return shortest(exact)
        return rounded(exact, 4) if column.money else exact

    return number


def _boolean(wrong: Callable[[Any], Exception]) -> Coerce:
    def boolean(value: Any) -> Any:
        if value is None or type(value) is bool:
            return value
        raise wrong(value)

    return boolean


def _options(column: Column, table: DataverseTable, wrong: Callable[[Any], Exception]) -> Coerce:
    def options(value: Any) -> Any:
        if value is None or value == "":
            return None
        if type(value) is not str:
            raise wrong(value)
        numbers = [part.strip() for part in value.split(",")]
        for number in numbers:
            if not number.lstrip("-").isdigit():
                raise wrong(value)
            if column.options and int(number) not in column.options:
                raise errors.out_of_range("0x8004431A", number, column, table)
        return ",".join(numbers)

    return options


def _pattern(column: Column, wrong: Callable[[Any], Exception]) -> Coerce:
    """Dates, times and guids."""
    read: Callable[[str], str] = {"datetime": strict_moment, "date": strict_date}.get(column.kind, _guid)

    def pattern(value: Any) -> Any:
        if value is None:
            return None
        if type(value) is not str:
            raise wrong(value)
        try:
            stored = read(value)
        except ValueError:
            raise wrong(value) from None
        if column.kind == "datetime" and stored < "1753":
            raise wrong(value)
        return stored

    return pattern


def _guid(text: str) -> str:
    if GUID.fullmatch(text) is None:
        raise ValueError(text)
    return text.lower()
