"""Lengths of time as people write them on a command line: 30m, 12h, 2d."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated

import typer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def age(text: str) -> timedelta:
    """A length of time.

    Raises:
        BadParameter: it isn't a number and a unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no length of time; write 30m, 12h or 2d")
    return timedelta(**{_UNITS[found[2]]: float(found[1])})


def since(seconds: float) -> str:
    """A length of time in its largest unit."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= length:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds:.0f} s"


Older = Annotated[
    timedelta | None,
    typer.Option("--older-than", parser=age, metavar="AGE", help="Only what is older, such as 12h or 2d."),
]
Newer = Annotated[
    timedelta | None,
    typer.Option("--newer-than", parser=age, metavar="AGE", help="Only what is newer, such as 30m."),
]
