"""What F&O makes of a value in a request body, property by property."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from deployments.sandbox.fno import errors
from deployments.sandbox.odata.values import rounded, shortest, strict_moment
from deployments.sandbox.schema.model import Column, FnoEntity
from deployments.sandbox.switches import Switches

Coerce = Callable[[Any], Any]

EDM = {
    "text": "Edm.String",
    "integer": "Edm.Int32",
    "bigint": "Edm.Int64",
    "decimal": "Edm.Decimal",
    "datetime": "Edm.DateTimeOffset",
    "guid": "Edm.Guid",
    "boolean": "Edm.Boolean",
}
NO_GUID = "00000000-0000-0000-0000-000000000000"
NO_DATE = "1900-01-01T12:00:00Z"
NO_TIME = "1900-01-01T00:00:00Z"
_GUID = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_RANGE = {"integer": 2**31, "bigint": 2**63}


def edm_type(column: Column) -> str:
    """The property's type in $metadata."""
    if column.kind == "enum":
        return f"{errors.NAMESPACE}.{column.enum}"
    return EDM[column.kind]


def empty(column: Column) -> Any:
    """The empty value of a property: F&O knows no null."""
    if column.kind == "text":
        return ""
    if column.kind == "enum":
        return column.members[0]
    if column.kind == "datetime":
        return NO_DATE if column.date_only else NO_TIME
    if column.kind == "guid":
        return NO_GUID
    return False if column.kind == "boolean" else 0


def coerce(column: Column, entity: FnoEntity, switches: Switches) -> Coerce:
    """The function that turns a JSON value into the stored value of a property.

    It raises `ServiceFault` for what the property can't take.
    """
    nothing = empty(column)
    edm = edm_type(column)
    read: Callable[[Any], Any] = {
        "text": _text(column, entity, switches),
        "enum": _enum(column),
        "integer": _whole(column),
        "bigint": _whole(column),
        "decimal": _number(column, switches),
        "datetime": _time(column),
        "guid": _guid,
        "boolean": _boolean,
    }[column.kind]

    def value_of(value: Any) -> Any:
        if value is None:
            if switches.fno_null == "refuse":
                raise errors.fault(400, f"A null value was found for the property named '{column.name}'.")
            return nothing
        try:
            return read(value)
        except (ValueError, TypeError, InvalidOperation):
            raise errors.wrong_literal(value, column, edm) from None

    return value_of


def _text(column: Column, entity: FnoEntity, switches: Switches) -> Coerce:
    limit = column.length or 2**31

    def text(given: Any) -> str:
        if type(given) is not str:
            raise TypeError
        value: str = given
        if switches.normalize_trim:
            value = value.rstrip(" ")
        if column.name == "dataAreaId":
            value = value.lower()
        elif switches.normalize_case and (column.upper or column.name in switches.normalize_upper):
            value = value.upper()
        if len(value) > limit:
            if switches.fno_long_text == "cut":
                return value[:limit]
            status = switches.fno_business_error_status
            raise errors.infolog(status, entity, [errors.too_long(value, column)], "validateField")
        return value

    return text


def _enum(column: Column) -> Coerce:
    members = {member.casefold(): member for member in column.members}

    def member(value: Any) -> str:
        if type(value) is not str:
            raise TypeError
        found = members.get(value.casefold())
        if found is None:
            raise ValueError(value)
        return found

    return member


def _whole(column: Column) -> Coerce:
    bound = _RANGE.get(column.kind, 2**63)

    def whole(value: Any) -> int:
        if type(value) is Decimal and value == value.to_integral_value():
            value = int(value)
        if type(value) is not int:
            raise TypeError
        if not -bound <= value < bound:
            raise ValueError(value)
        return value

    return whole


def _number(column: Column, switches: Switches) -> Coerce:
    scale = column.scale or 0

    def number(value: Any) -> Decimal | int:
        if type(value) is float:  # of a seed; the wire's fractions are decimals
            value = Decimal(repr(value))
        if type(value) is not int and type(value) is not Decimal:
            raise TypeError
        exact = rounded(value, scale)
        if exact != value and not switches.normalize_round:
            raise ValueError(value)
        return shortest(exact)

    return number


def _time(column: Column) -> Coerce:
    def moment(value: Any) -> str:
        if type(value) is not str:
            raise TypeError
        text = strict_moment(value)
        return f"{text[:10]}T12:00:00Z" if column.date_only else text

    return moment


def _guid(value: Any) -> str:
    if type(value) is not str or _GUID.fullmatch(value) is None:
        raise ValueError(value)
    return value.lower()


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value
