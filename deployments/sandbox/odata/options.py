"""Query options with structure."""

from __future__ import annotations


def split_outside(text: str, separator: str) -> list[str]:
    """Split where the separator stands outside all parentheses and quotes."""
    pieces, depth, quoted, current = [], 0, False, ""
    for character in text:
        if character == "'":
            quoted = not quoted
        if not quoted:
            depth += {"(": 1, ")": -1}.get(character, 0)
        if character == separator and depth == 0 and not quoted:
            pieces.append(current)
            current = ""
        else:
            current += character
    return [*pieces, current] if current.strip() else pieces
