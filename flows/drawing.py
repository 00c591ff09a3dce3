"""Pictures of the dependency graph: Mermaid text for documents, SVG to look at."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape

Arrow = tuple[str, str, bool]
"""(needed map, map that needs it, deferred?)"""

BOX_WIDTH, BOX_HEIGHT, GAP_X, GAP_Y, MARGIN = 220, 30, 90, 14, 20


def mermaid(waves: Sequence[Sequence[str]], edges: Sequence[Arrow]) -> str:
    """The graph as a Mermaid flow chart, waves from left to right."""
    numbers = {name: f"m{i}" for i, name in enumerate(name for wave in waves for name in wave)}
    lines = ["flowchart LR"]
    lines += [f'  {number}["{name}"]' for name, number in numbers.items()]
    lines += [
        f"  {numbers[parent]} {'-.->' if deferred else '-->'} {numbers[child]}"
        for parent, child, deferred in edges
    ]
    return "\n".join(lines)


def svg(waves: Sequence[Sequence[str]], edges: Sequence[Arrow]) -> str:
    """The graph as SVG: a column per wave, deferred references dashed."""
    place: dict[str, tuple[int, int]] = {}
    for column, wave in enumerate(waves):
        for row, name in enumerate(wave):
            place[name] = (
                MARGIN + column * (BOX_WIDTH + GAP_X),
                MARGIN + row * (BOX_HEIGHT + GAP_Y),
            )
    width = 2 * MARGIN + len(waves) * (BOX_WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + max((len(wave) for wave in waves), default=1) * (BOX_HEIGHT + GAP_Y) - GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
        ' font-family="sans-serif" font-size="12">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#667"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
    ]
    parts += [_arrow(place[parent], place[child], deferred) for parent, child, deferred in edges]
    parts += [_box(name, *where) for name, where in place.items()]
    parts.append("</svg>")
    return "\n".join(parts)


def _box(name: str, x: int, y: int) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="5" fill="#eef3fb" stroke="#456"/>'
        f'<text x="{x + BOX_WIDTH // 2}" y="{y + BOX_HEIGHT // 2 + 4}" text-anchor="middle">{escape(name)}</text>'
    )


def _arrow(start: tuple[int, int], end: tuple[int, int], deferred: bool) -> str:
    dash = ' stroke-dasharray="5 4"' if deferred else ""
    if start == end:
        x, y = start[0] + BOX_WIDTH, start[1]
        line = f"M{x} {y + 8}c30 -10 30 24 0 14"
    else:
        x1, y1 = start[0] + BOX_WIDTH, start[1] + BOX_HEIGHT // 2
        x2, y2 = end[0], end[1] + BOX_HEIGHT // 2
        if x2 <= start[0]:
            # against the direction of the waves: from the left side back to the right one
            x1, x2 = start[0], end[0] + BOX_WIDTH
        bend = max(abs(x2 - x1) // 2, 30) * (1 if x2 > x1 else -1)
        line = f"M{x1} {y1}C{x1 + bend} {y1} {x2 - bend} {y2} {x2} {y2}"
    return f'<path d="{line}" fill="none" stroke="#667" stroke-width="1.2"{dash} marker-end="url(#tip)"/>'
