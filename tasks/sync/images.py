"""Images: could a service have made this value out of that one?

Services trim, cut, round and recase what they are given. Where a row is read only after the write, or after a crash, and nothing
says who wrote it last, this is what tells the service's own doing from a user's edit. A wrong yes keeps a user's change of mere
case or blanks from travelling; a wrong no sends a service's own form back to where the value came from, once.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation


def is_image(sent: str, held: str) -> bool:
    """Is `held` the trimmed, cut, rounded or recased form of `sent`? Both are canonical texts.

    An empty value is an image of nothing: a service that drops a value altogether can't be told from a user who does.
    """
    if not held:
        return not sent
    given, kept = _squeezed(sent), _squeezed(held)
    return given.startswith(kept) or _rounds(sent, held)


def _squeezed(text: str) -> str:
    return "".join(text.split()).casefold()


def _rounds(sent: str, held: str) -> bool:
    try:
        given, kept = Decimal(sent), Decimal(held)
    except InvalidOperation:
        return False
    if not (given.is_finite() and kept.is_finite()):
        return False
    exponent = kept.as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(given - kept) < Decimal(1).scaleb(exponent)
