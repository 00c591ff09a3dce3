"""Pictures of the dependency graph: Mermaid for documents, DOT for Graphviz, SVG that needs neither."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from html import escape

from flows.ordering import direct_parents
from mappings.catalogue import Catalogue

Arrow = tuple[str, str]
"""(parent, child)."""

BOX_WIDTH, BOX_HEIGHT = 210, 34
COLUMN_GAP, ROW_GAP, MARGIN = 90, 16, 20


def arrows(catalogue: Catalogue, names: Collection[str]) -> tuple[list[Arrow], list[Arrow]]:
    """What the picture shows: ordering arrows without those that others imply, and arrows patched afterwards."""
    direct = [
        (parent, child) for child, parents in direct_parents(catalogue, names).items() for parent in parents
    ]
    patched = {
        (edge.parent, edge.child)
        for edge in catalogue.graph_edges()
        if edge.deferred and edge.child in names and edge.parent in names
    }
    return sorted(direct), sorted(patched)


def mermaid(catalogue: Catalogue, names: Collection[str]) -> str:
    """A Mermaid flowchart."""
    ids = {name: f"m{at}" for at, name in enumerate(sorted(names))}
    direct, patched = arrows(catalogue, names)
    lines = ["flowchart LR"]
    lines += [f'  {ids[name]}["{name}"]' for name in sorted(names)]
    lines += [f"  {ids[parent]} --> {ids[child]}" for parent, child in direct]
    lines += [f"  {ids[parent]} -.-> {ids[child]}" for parent, child in patched]
    return "\n".join(lines)


def dot(catalogue: Catalogue, names: Collection[str]) -> str:
    """A Graphviz digraph."""
    direct, patched = arrows(catalogue, names)

    def quoted(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = ["digraph maps {", "  rankdir=LR; node [shape=box, style=rounded];"]
    lines += [f"  {quoted(name)};" for name in sorted(names)]
    lines += [f"  {quoted(parent)} -> {quoted(child)};" for parent, child in direct]
    lines += [
        f"  {quoted(parent)} -> {quoted(child)} [style=dotted, constraint=false];"
        for parent, child in patched
    ]
    return "\n".join([*lines, "}"])


def svg(catalogue: Catalogue, names: Collection[str]) -> str:
    """An SVG document: a column a wave, maps near the middle of what they need."""
    direct, patched = arrows(catalogue, names)
    places = _places(catalogue, names, direct)
    width = max(x for x, _ in places.values()) + BOX_WIDTH + MARGIN if places else 2 * MARGIN
    height = max(y for _, y in places.values()) + BOX_HEIGHT + MARGIN if places else 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        ' font-family="system-ui, sans-serif" font-size="13">',
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0L8 4L0 8z" fill="#5b6b7f"/></marker></defs>',
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    parts += [_curve(places[parent], places[child], patched=False) for parent, child in direct]
    parts += [_curve(places[parent], places[child], patched=True) for parent, child in patched]
    for name, (x, y) in places.items():
        parts.append(
            f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="7" fill="#eef3fb" stroke="#6f8fbf"/>'
            f'<text x="{x + BOX_WIDTH / 2:g}" y="{y + BOX_HEIGHT / 2 + 4:g}" text-anchor="middle" fill="#1c2b41">'
            f"{escape(name)}</text>"
        )
    return "\n".join([*parts, "</svg>"])


def _places(
    catalogue: Catalogue, names: Collection[str], direct: Iterable[Arrow]
) -> dict[str, tuple[int, int]]:
    """Upper left corner of each box."""
    parents: dict[str, list[str]] = {name: [] for name in names}
    for parent, child in direct:
        parents[child].append(parent)
    columns = [[name for name in wave if name in parents] for wave in catalogue.order()]
    columns = [column for column in columns if column]
    tallest = max((len(column) for column in columns), default=0)
    places: dict[str, tuple[int, int]] = {}
    rank: dict[str, float] = {}
    for at, column in enumerate(columns):
        known = {
            name: sum(rank[parent] for parent in parents[name]) / len(parents[name])
            if parents[name]
            else tallest / 2
            for name in column
        }
        ordered = sorted(column, key=lambda name: (known[name], name)) if at else column
        offset = (tallest - len(ordered)) / 2
        for row, name in enumerate(ordered):
            rank[name] = offset + row
            places[name] = (
                MARGIN + at * (BOX_WIDTH + COLUMN_GAP),
                round(MARGIN + (offset + row) * (BOX_HEIGHT + ROW_GAP)),
            )
    return places


def _curve(parent: tuple[int, int], child: tuple[int, int], *, patched: bool) -> str:
    x1, y1 = parent[0] + BOX_WIDTH, parent[1] + BOX_HEIGHT / 2
    x2, y2 = child[0], child[1] + BOX_HEIGHT / 2
    style = 'stroke="#b08a3c" stroke-dasharray="4 4"' if patched else 'stroke="#5b6b7f"'
    if parent == child:
        line = f"M{x1} {y1 - 7:g}c30 -10 30 24 0 14"
    else:
        bend = max(40.0, abs(x2 - x1) / 2)
        if x2 <= parent[0]:
            # against the direction of the waves: from the left side back to the right one
            x1, x2, bend = parent[0], child[0] + BOX_WIDTH, -bend
        line = f"M{x1} {y1:g}C{x1 + bend:g} {y1:g} {x2 - bend:g} {y2:g} {x2} {y2:g}"
    return f'<path d="{line}" fill="none" {style} stroke-width="1.2" marker-end="url(#tip)"/>'
