"""Numbers, exactly: decimal arithmetic only, half up, as both services round what they store.

Cells are `int`, or text where JSON had a fraction (floats would already have lost digits).
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from typing import Any

from mappings.metadata import Column

# wide enough for any double written out in full: 309 digits before the point, 324 and more behind it
_CONTEXT = Context(prec=800, rounding=ROUND_HALF_UP, Emin=-999_999, Emax=999_999)
_STEPS = tuple(Decimal(1).scaleb(-scale) for scale in range(16))

_LIMITS = {
    "integer": (Decimal(-(2**31)), Decimal(2**31 - 1)),
    "bigint": (Decimal(-(2**63)), Decimal(2**63 - 1)),
}

WHOLE = frozenset({"integer", "bigint", "option"})
NUMERIC = frozenset({"integer", "bigint", "decimal", "double"})


def parse_number(cell: Any) -> Decimal:
    """A cell as an exact number.

    Raises:
        ValueError: it isn't one, or it isn't finite.
    """
    try:
        number = Decimal(repr(cell) if isinstance(cell, float) else cell)
    except (InvalidOperation, TypeError, ValueError):
        raise ValueError(f"{cell!r} is not a number") from None
    if not number.is_finite():
        raise ValueError(f"{cell!r} is not a number")
    return number


def round_half_up(number: Decimal, scale: int | None) -> Decimal:
    """A number with at most `scale` digits behind the point; None = as it is."""
    exponent = number.as_tuple().exponent
    if scale is None or (isinstance(exponent, int) and -exponent <= scale):
        return number
    step = _STEPS[scale] if scale < len(_STEPS) else Decimal(1).scaleb(-scale)
    return number.quantize(step, context=_CONTEXT)


def number_text(number: Decimal) -> str:
    """Digits without exponent, trailing zeros or a negative zero."""
    if not number:
        return "0"
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def scale_of(column: Column) -> int | None:
    """Digits behind the point that a column can hold; None = not known, so as many as it likes."""
    return 0 if column.kind in WHOLE else column.scale


def coarser_scale(one: int | None, other: int | None) -> int | None:
    """The smaller of two scales."""
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)


def range_of(column: Column) -> tuple[Decimal | None, Decimal | None]:
    """Smallest and largest number that a column can hold, as far as that is known."""
    low, high = _LIMITS.get(column.kind, (None, None))
    return (
        low if column.minimum is None else column.minimum,
        high if column.maximum is None else column.maximum,
    )


def number_for(column: Column, number: Decimal) -> int | Decimal | str:
    """A number as a column takes it on the wire."""
    rounded = round_half_up(number, scale_of(column))
    if column.kind in WHOLE:
        return int(rounded)
    if column.kind in NUMERIC:
        # an exponent is valid JSON, but neither service promises to read it
        return Decimal(format(rounded, "f")) if rounded else 0
    return number_text(rounded)
