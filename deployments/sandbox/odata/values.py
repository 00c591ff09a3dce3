"""Times and numbers in the forms that both services store and answer."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from functools import lru_cache


def utc_text(text: str) -> str:
    """A date-time with any offset as ``YYYY-MM-DDTHH:MM:SSZ``; a bare date is midnight.

    Raises:
        ValueError: no date-time.
    """
    if len(text) == 20 and text[10] == "T" and text[19] == "Z":
        datetime(int(text[:4]), int(text[5:7]), int(text[8:10]), *_clock(text[11:19]))
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").rjust(20, "0")


def strict_moment(text: str) -> str:
    """A date-time literal of a body: with a time and an offset, as Edm.DateTimeOffset demands.

    Raises:
        ValueError: anything else.
    """
    if len(text) < 17 or text[10] != "T" or not (text.endswith("Z") or text[-6] in "+-"):
        raise ValueError(f"no date-time with an offset: {text}")
    return utc_text(text)


def strict_date(text: str) -> str:
    """A date literal of a body: without a time, as Edm.Date demands.

    Raises:
        ValueError: anything else.
    """
    if len(text) != 10:
        raise ValueError(f"no date: {text}")
    return date_text(text)


def _clock(text: str) -> tuple[int, int, int]:
    if text[2] != ":" or text[5] != ":":
        raise ValueError(f"no time of day: {text}")
    return int(text[:2]), int(text[3:5]), int(text[6:])


def date_text(text: str) -> str:
    """The date of a date or UTC date-time as ``YYYY-MM-DD``.

    Raises:
        ValueError: no date.
    """
    return date.fromisoformat(text).isoformat() if len(text) == 10 else utc_text(text)[:10]


@lru_cache(maxsize=64)
def iso_seconds(seconds: int) -> str:
    """Seconds since 1970 as the services print times."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def rounded(value: Decimal | int, scale: int) -> Decimal:
    """A number with exactly this many digits after the point, halves away from zero."""
    exact = Decimal(value).quantize(Decimal(1).scaleb(-scale), rounding=ROUND_HALF_UP)
    return exact if exact or scale <= 6 else Decimal(0)  # 0E-10 would be printed as such


def shortest(value: Decimal | int) -> Decimal | int:
    """A number without trailing zeros; whole ones as int."""
    if isinstance(value, int):
        return value
    if value == value.to_integral_value():
        return int(value)
    return value.normalize()
