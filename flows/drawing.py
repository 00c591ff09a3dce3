"""Pictures of the dependency graph: Mermaid for documents, DOT for Graphviz, SVG that needs neither."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from flows.layering import place
from flows.ordering import direct_parents
from mappings.catalogue import Catalogue
from mappings.graph import COMPANIES

Arrow = tuple[str, str]
"""(parent, child)."""

MANY = 12
"""From so many maps on, a company's arrow to every map is left out: a mark at the box says as much."""
BOX_HEIGHT, NARROWEST, WIDEST, LETTER = 38, 170, 300, 7.3
"""Pixels; boxes are as wide as the longest name, which is cut where it would be wider than the widest."""
COLUMN_GAP, ROW_GAP, PASSING, MARGIN = 96, 10, 9, 24
SOLUTION_COLOURS = (
    "#3b6fb6", "#c2703d", "#4f8f5b", "#8a5aa8", "#b4485a", "#4a9aa3", "#9b8530", "#6b7280", "#d17fa6", "#7a9a3c",
)  # fmt: skip
LINE_COLOURS = ("#5b7fb0", "#b07f4a", "#5f9a70", "#9272ad", "#b3616f", "#4f9ca5", "#8f8440", "#7b8493")
STYLE = (
    "text{fill:#1c2b41}.area{fill:#64748b;font-size:10.5px}.box{fill:#fff;stroke:#94a3b8}"
    ".line{fill:none;stroke-width:1.3;opacity:.75}.patched{stroke:#b08a3c;stroke-dasharray:4 4}"
    ".map:hover .line{stroke-width:3;opacity:1}.map:hover .box{fill:#fff7e0;stroke:#b08a3c}"
)


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
    """A Mermaid flowchart, a frame for each area of several maps."""
    ids = {name: f"m{at}" for at, name in enumerate(sorted(names))}
    direct, patched = arrows(catalogue, names)
    direct, marked = _without_company(catalogue, names, direct)
    lines = ["flowchart LR"]
    areas: dict[str, list[str]] = {}
    for name in sorted(names):
        areas.setdefault(catalogue.maps[name].area, []).append(name)
    for at, (area, inside) in enumerate(sorted(areas.items())):
        boxes = [f'{ids[name]}["{_mermaid_text(name)}{" ◆" if name in marked else ""}"]' for name in inside]
        if len(areas) == 1 or len(boxes) == 1:
            lines += [f"  {box}" for box in boxes]
        else:
            lines += [f'  subgraph a{at}["{_mermaid_text(area)}"]', *(f"    {box}" for box in boxes), "  end"]
    lines += [f"  {ids[parent]} --> {ids[child]}" for parent, child in direct]
    lines += [f"  {ids[parent]} -.-> {ids[child]}" for parent, child in patched]
    if marked:
        lines.append(f'  legend["◆ company-specific: after {_mermaid_text(_company_map(catalogue, names))}"]')
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
    """An SVG document: a column a wave; arrows of one map branch off one line; a map under the pointer shows its own.

    Maps without any arrow stand in rows of their own at the end.
    """
    direct, patched = arrows(catalogue, names)
    direct, marked = _without_company(catalogue, names, direct)
    return _Picture(catalogue, frozenset(names), direct, patched, frozenset(marked)).text()


def _without_company(
    catalogue: Catalogue, names: Collection[str], direct: list[Arrow]
) -> tuple[list[Arrow], set[str]]:
    """In a large picture, the arrows without those that only say “has a company”, and the maps that have one."""
    company = _company_map(catalogue, names)
    if len(names) < MANY or not company:
        return direct, set()
    marked = {name for name in names if catalogue.maps[name].company_specific}
    by_lookup = {
        edge.child for edge in catalogue.graph_edges() if edge.parent == company and edge.kind != "company"
    }
    kept = [
        (parent, child)
        for parent, child in direct
        if parent != company or child not in marked or child in by_lookup
    ]
    return kept, marked


def _company_map(catalogue: Catalogue, names: Collection[str]) -> str:
    return next((each.name for each in catalogue.of_table(COMPANIES) if each.name in names), "")


def _colours(catalogue: Catalogue, names: Collection[str]) -> dict[str, str]:
    solutions = sorted({catalogue.maps[name].solution for name in names})
    return {name: SOLUTION_COLOURS[at % len(SOLUTION_COLOURS)] for at, name in enumerate(solutions)}


def _mermaid_text(text: str) -> str:
    return text.replace('"', "#quot;")


class _Picture:
    """One SVG."""

    def __init__(
        self,
        catalogue: Catalogue,
        names: frozenset[str],
        direct: Sequence[Arrow],
        patched: Sequence[Arrow],
        marked: frozenset[str],
    ) -> None:
        self.catalogue, self.names, self.marked = catalogue, names, marked
        self.direct, self.patched = direct, patched
        self.colours = _colours(catalogue, names)
        longest = max((len(name) + 2 for name in names), default=0)
        self.box = min(WIDEST, max(NARROWEST, round(longest * LETTER) + 24))
        joined = {name for arrow in (*direct, *patched) for name in arrow}
        needed_by_all = {_company_map(catalogue, names)} if marked else set()
        self.alone = sorted(names - joined - needed_by_all) if len(names) >= MANY else []
        waves = [
            [name for name in wave if name in names and name not in self.alone] for wave in catalogue.order()
        ]
        self.placed = place(
            [wave for wave in waves if wave], direct, box=BOX_HEIGHT, gap=ROW_GAP, passing=PASSING
        )

    def text(self) -> str:
        legend = self._legend()
        columns = max(self.placed.columns, 3)
        rows = -(-len(self.alone) // columns)
        below = 30 + rows * (BOX_HEIGHT + ROW_GAP) if self.alone else 0
        width = round(max(self._x(columns) - COLUMN_GAP + 2 * MARGIN, 560))
        height = round(self._top + self.placed.height + below + MARGIN)
        return "\n".join(
            [
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}"'
                f' height="{height}" font-family="system-ui, sans-serif" font-size="12.5">',
                f"<style>{STYLE}</style>",
                '<defs><marker id="tip" viewBox="0 0 8 8" refX="7.5" refY="4" markerWidth="6" markerHeight="6"'
                ' orient="auto"><path d="M0 0L8 4L0 8z" fill="#64748b"/></marker></defs>',
                f'<rect width="{width}" height="{height}" fill="#f8fafc"/>',
                *legend,
                f'<g transform="translate(0 {self._top})">',
                *self._maps(),
                *self._alone(columns),
                "</g>",
                "</svg>",
            ]
        )

    _top = MARGIN + 44

    def _x(self, column: int) -> float:
        return MARGIN + column * (self.box + COLUMN_GAP)

    def _maps(self) -> list[str]:
        """Groups from right to left, lines first in each: boxes cover what passes behind them."""
        of_child: dict[str, list[str]] = {name: [] for name in self.names}
        for parent, child in self.direct:
            of_child[child].append(self._line(parent, child))
        for parent, child in self.patched:
            of_child[child].append(self._patched(parent, child))
        middle = self.placed.middle
        ordered = sorted(middle, key=lambda name: (-middle[name][0], middle[name][1]))
        return [
            f'<g class="map">{"".join(of_child[name])}{self._box(name, self._x(middle[name][0]), middle[name][1])}</g>'
            for name in ordered
        ]

    def _alone(self, columns: int) -> list[str]:
        """Maps without arrows, in rows."""
        if not self.alone:
            return []
        top = self.placed.height + 30
        found = [
            f'<text class="area" x="{MARGIN}" y="{top - 10:g}">need no other map, and none needs them</text>'
        ]
        for at, name in enumerate(self.alone):
            row, column = divmod(at, columns)
            middle = top + row * (BOX_HEIGHT + ROW_GAP) + BOX_HEIGHT / 2
            found.append(f'<g class="map">{self._box(name, self._x(column), middle)}</g>')
        return found

    def _legend(self) -> list[str]:
        """Lines above the picture: solutions, marks."""
        parts, x = [], float(MARGIN)
        for solution, colour in self.colours.items():
            parts.append(
                f'<rect x="{x:g}" y="10" width="12" height="12" rx="2" fill="{colour}"/>'
                f'<text x="{x + 18:g}" y="20.5">{escape(solution)}</text>'
            )
            x += 34 + 7.2 * len(solution)
        notes = ["→ must be there first"]
        notes += ["⇢ dotted: patched afterwards"] if self.patched else []
        company = _company_map(self.catalogue, self.names)
        notes += [f"◆ company-specific: after {company}"] if self.marked else []
        second = f'<text class="area" x="{MARGIN}" y="42">{escape("  ·  ".join(notes))}</text>'
        return ["".join(parts), second]

    def _box(self, name: str, x: float, middle: float) -> str:
        each = self.catalogue.maps[name]
        y = middle - BOX_HEIGHT / 2
        tip = f"{name}\n{each.fno.set} – {each.dataverse.table}\n{each.area}, {each.solution}"
        mark = " ◆" if name in self.marked else ""
        room = int((self.box - 24) / LETTER) - len(mark)
        shown = name if len(name) <= room else name[: room - 1] + "…"
        return (
            f"<title>{escape(tip)}</title>"
            f'<rect class="box" x="{x:g}" y="{y:.1f}" width="{self.box}" height="{BOX_HEIGHT}" rx="6"/>'
            f'<rect x="{x:g}" y="{y:.1f}" width="5" height="{BOX_HEIGHT}" rx="2" fill="{self.colours[each.solution]}"/>'
            f'<text x="{x + 13:g}" y="{middle - 3:.1f}">{escape(shown)}{mark}</text>'
            f'<text class="area" x="{x + 13:g}" y="{middle + 12:.1f}">{escape(each.area)}</text>'
        )

    def _line(self, parent: str, child: str) -> str:
        column, y = self.placed.middle[parent]
        # neighbours in a column have lines of different colours
        above = sum(1 for at, other in self.placed.middle.values() if at == column and other < y)
        colour = LINE_COLOURS[above % len(LINE_COLOURS)]
        x = self._x(column) + self.box
        path = [f"M{x:g} {y:.1f}"]
        for through, height in self.placed.lines[parent, child]:
            path.append(_bend(x, y, self._x(through), height) + f"H{self._x(through) + self.box:g}")
            x, y = self._x(through) + self.box, height
        column, end = self.placed.middle[child]
        path.append(_bend(x, y, self._x(column), end))
        return f'<path class="line" d="{"".join(path)}" stroke="{colour}" marker-end="url(#tip)"/>'

    def _patched(self, parent: str, child: str) -> str:
        """A dotted arrow: from the right of the parent, round to the right of the child where that lies before it."""
        (column, y1), (end_column, y2) = self.placed.middle[parent], self.placed.middle[child]
        x1, x2 = self._x(column) + self.box, self._x(end_column)
        if parent == child:
            line = f"M{x1:g} {y1 - 8:.1f}c24 -8 24 24 0 16"
        elif end_column > column:
            line = f"M{x1:g} {y1:.1f}" + _bend(x1, y1, x2, y2)
        elif end_column == column:
            line = f"M{x1:g} {y1:.1f}C{x1 + 60:g} {y1:.1f} {x1 + 60:g} {y2:.1f} {x1:g} {y2:.1f}"
        else:
            line = f"M{self._x(column):g} {y1:.1f}" + _bend(self._x(column), y1, x2 + self.box, y2)
        return f'<path class="line patched" d="{line}" marker-end="url(#tip)"/>'


def _bend(x1: float, y1: float, x2: float, y2: float) -> str:
    middle = (x1 + x2) / 2
    return f"C{middle:g} {y1:.1f} {middle:g} {y2:.1f} {x2:g} {y2:.1f}"
