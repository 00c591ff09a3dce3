"""Dates and times of both services as text.

F&O has no null date: 1900-01-01 is its empty value, at midnight for a date-time and at noon for a date,
because it puts every date at 12:00 UTC. Its last moment is 2154-12-31. Dataverse starts at 1753 and keeps
seconds.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

FNO_FIRST, FNO_LAST = "1900-01-01", "2154-12-31"
DATAVERSE_FIRST = "1753-01-01"
EMPTY_DATE = "1900-01-01T12:00:00Z"
EMPTY_DATETIME = "1900-01-01T00:00:00Z"

_EMPTY = frozenset({EMPTY_DATE, EMPTY_DATETIME, "1900-01-01"})


def parse_moment(cell: Any) -> str:
    """A cell as ``YYYY-MM-DD`` (no time given) or ``YYYY-MM-DDTHH:MM:SSZ``; parts of a second are dropped.

    Raises:
        ValueError: it is no date.
    """
    text = str(cell)
    try:
        if len(text) == 10 and text[4] == text[7] == "-":
            return date.fromisoformat(text).isoformat()
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a date") from None
    return moment.replace(tzinfo=None, microsecond=0).isoformat() + "Z"


def is_empty_moment(moment: str) -> bool:
    """F&O's empty date or date-time."""
    return moment in _EMPTY


def as_date(moment: str) -> str:
    """The day of a parsed moment."""
    return moment[:10]


def as_datetime(moment: str, time: str = "00:00:00") -> str:
    """A parsed moment with a time: the given one where it had none."""
    return moment if len(moment) > 10 else f"{moment}T{time}Z"
