"""Key predicates and paths of OData URLs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from deployments.sandbox.odata.expressions import Literal, SyntaxFault, literal, tokens


@dataclass(frozen=True, slots=True)
class Segment:
    """One step of a path.

    Attributes:
        name: without the key.
        key: named key parts; a single part without a name has the name "". None without parentheses.
        raw: text between the parentheses.
    """

    name: str
    key: tuple[tuple[str, Literal], ...] | None = None
    raw: str = ""


@lru_cache(maxsize=8192)
def segments(path: str) -> tuple[Segment, ...]:
    """A raw path (percent-encoded, relative to the service root) as segments.

    A slash inside quotes belongs to its text, whether it was encoded or not.

    Raises:
        SyntaxFault: a key that can't be read.
    """
    found: list[Segment] = []
    pending = ""
    for piece in path.strip("/").split("/"):
        pending = f"{pending}/{unquote(piece)}" if pending else unquote(piece)
        if pending.count("'") % 2 == 0:
            if pending:
                found.append(_segment(pending))
            pending = ""
    if pending:
        raise SyntaxFault(f"unclosed quote in '{pending}'")
    return tuple(found)


def _segment(text: str) -> Segment:
    name, opening, rest = text.partition("(")
    if not opening:
        return Segment(text)
    if not rest.endswith(")"):
        raise SyntaxFault(f"')' expected at the end of '{text}'")
    inner = rest[:-1]
    if inner.startswith("EntityNames="):  # the one function here whose parameter is a list
        return Segment(name, None, inner)
    return Segment(name, key_parts(inner), inner)


@lru_cache(maxsize=8192)
def key_parts(text: str) -> tuple[tuple[str, Literal], ...]:
    """``a='x',b=1`` or a single value as named literals.

    Raises:
        SyntaxFault: anything else.
    """
    if not text.strip():
        return ()
    parts: list[tuple[str, Literal]] = []
    rest = tokens(text)
    while rest:
        name = ""
        if len(rest) > 2 and rest[0][0] == "name" and rest[1] == ("mark", "="):
            name, rest = rest[0][1], rest[2:]
        parts.append((name, literal(*rest[0])))
        rest = rest[1:]
        if rest:
            if rest[0] != ("mark", ","):
                raise SyntaxFault(f"',' expected at '{rest[0][1]}' in '{text}'")
            rest = rest[1:]
            if not rest:
                raise SyntaxFault(f"a key part is missing at the end of '{text}'")
    return tuple(parts)
