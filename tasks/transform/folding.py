"""Texts as the two services compare them: without case, without trailing blanks, with one form of line end.

Both services compare by a case-insensitive SQL collation that ignores trailing blanks, and neither promises
to keep the other's line ends.
"""

from __future__ import annotations


def fold(text: str) -> str:
    """A text as keys, company codes and lookup values compare."""
    return text.rstrip(" ").casefold()


def tidy(text: str) -> str:
    """A text as plain values compare: no trailing blanks, line feeds only, its case kept."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text.rstrip(" ")


def squash(name: str) -> str:
    """Letters and digits of a name, folded: published value maps spell ``non-specific`` for
    ``NonSpecific``."""
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def listing(names: list[str] | tuple[str, ...], most: int = 12) -> str:
    """Names for a message; long lists are shortened."""
    shown = ", ".join(names[:most])
    return f"{shown}, … ({len(names)} in all)" if len(names) > most else shown
