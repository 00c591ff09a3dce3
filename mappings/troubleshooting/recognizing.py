"""Texts by which a problem is recognized: what an error says, with its variable parts left open.

A text is written as people read it: ``The length of the '…' attribute of the '…' entity exceeded``. What stands for
anything is ``…``; everything else must be there, in this order, whatever the case and the blanks between words.
"""

from __future__ import annotations

import re
from functools import cache

OPEN = "…"
"""Stands for any text, of any length."""

_BLANK = re.compile(r"\s+")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"'})


def plain(text: str) -> str:
    """A text without what doesn't matter: case, kinds of quotes, runs of blanks, blanks at its ends."""
    return _BLANK.sub(" ", text.translate(_QUOTES)).strip().casefold()


@cache
def fixed_parts(text: str) -> tuple[str, ...]:
    """The parts of a recognizing text that must be there, in their order."""
    return tuple(part for piece in plain(text).split(OPEN) if (part := piece.strip()))


def weight(text: str) -> int:
    """How much a text says: of two that fit, the one with more fixed characters is meant."""
    return sum(len(part) for part in fixed_parts(text))


def fits(text: str, message: str) -> bool:
    """Does a message have every fixed part of a text, in order?

    Args:
        message: as `plain` makes it.
    """
    place = 0
    for part in fixed_parts(text):
        found = message.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    return True


@cache
def code_pattern(code: str) -> re.Pattern[str]:
    """Finds a code that stands by itself in a text, as `plain` makes it: not as the beginning of a longer one."""
    return re.compile(rf"(?<![0-9a-z]){re.escape(code.casefold())}(?![0-9a-z])")


@cache
def number_pattern(code: str) -> re.Pattern[str]:
    """Finds a code that is but a number: alone, at the beginning, or after the word code. Else it is an amount."""
    return re.compile(rf"(?:^|\bcode:? ?){re.escape(code.casefold())}(?![0-9a-z.,%])")
