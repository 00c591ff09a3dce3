"""Places for the boxes and arrows of a layered graph, so that a hundred maps stay readable.

Columns are the waves. An arrow over several columns passes between the boxes of those in between by points of its
own; arrows from one box share them and so become one line that branches. Boxes are ordered within their columns
by the middle of what they are connected with, column by column, forth and back, and the order with the fewest
crossings is kept; then each is moved to the height of its neighbours, as far as the order allows.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

SWEEPS = 24
"""Passes over all columns for the order; more changes nothing even for the whole catalogue."""
RELAXATIONS = 12

Node = tuple[str, int]
"""Name of a box, and 0; or the name of the box where an arrow begins, and the column that it passes through."""


@dataclass(frozen=True)
class Placed:
    """A graph with places.

    Attributes:
        columns: number of columns.
        height: of the whole picture, from 0.
        middle: box → column and height of its middle.
        lines: (parent, child) → heights at which the arrow passes the columns in between, by column.
    """

    columns: int
    height: float
    middle: Mapping[str, tuple[int, float]]
    lines: Mapping[tuple[str, str], Sequence[tuple[int, float]]]


def place(
    waves: Sequence[Sequence[str]],
    arrows: Iterable[tuple[str, str]],
    *,
    box: float,
    gap: float,
    passing: float,
) -> Placed:
    """Put boxes and arrows in places.

    Args:
        waves: names by column.
        arrows: (parent, child); the parent's column is before the child's.
        box: height of a box.
        gap: least distance of two boxes.
        passing: room for an arrow that passes a column.
    """
    arrows = list(arrows)
    column_of = {name: column for column, wave in enumerate(waves) for name in wave}
    links = _links(arrows, column_of)
    layers: list[list[Node]] = [[(name, 0) for name in wave] for wave in waves]
    for start, end in links:
        for node in (start, end):
            if node[1] and node not in layers[node[1]]:
                layers[node[1]].append(node)
    layers = _ordered(layers, links)
    heights = _heights(layers, links, box, gap, passing)
    middle = {name: (column, heights[name, 0]) for name, column in column_of.items()}
    lines = {
        (parent, child): [
            (column, heights[parent, column]) for column in range(column_of[parent] + 1, column_of[child])
        ]
        for parent, child in arrows
    }
    top = min((height for height in heights.values()), default=0) - box / 2
    bottom = max((height for height in heights.values()), default=0) + box / 2
    return Placed(
        columns=len(waves),
        height=bottom - top,
        middle={name: (column, height - top) for name, (column, height) in middle.items()},
        lines={ends: [(column, height - top) for column, height in line] for ends, line in lines.items()},
    )


def _links(arrows: Iterable[tuple[str, str]], column_of: Mapping[str, int]) -> list[tuple[Node, Node]]:
    """Pieces of arrows from each column to the next; those that arrows of one box share, once."""
    found: dict[tuple[Node, Node], None] = {}
    for parent, child in arrows:
        between = range(column_of[parent] + 1, column_of[child])
        path: list[Node] = [(parent, 0), *((parent, column) for column in between), (child, 0)]
        found.update(dict.fromkeys(pairwise(path)))
    return list(found)


def _neighbours(links: Iterable[tuple[Node, Node]]) -> tuple[dict[Node, list[Node]], dict[Node, list[Node]]]:
    before: dict[Node, list[Node]] = {}
    after: dict[Node, list[Node]] = {}
    for start, end in links:
        before.setdefault(end, []).append(start)
        after.setdefault(start, []).append(end)
    return before, after


def _ordered(layers: list[list[Node]], links: Sequence[tuple[Node, Node]]) -> list[list[Node]]:
    before, after = _neighbours(links)
    best, fewest = [list(layer) for layer in layers], _crossings(layers, after)
    for sweep in range(SWEEPS):
        forth = sweep % 2 == 0
        order = range(1, len(layers)) if forth else range(len(layers) - 2, -1, -1)
        for at in order:
            near = layers[at - 1 if forth else at + 1]
            rank = {node: place for place, node in enumerate(near)}
            beside = before if forth else after
            own = {node: place for place, node in enumerate(layers[at])}
            share = len(near) / max(1, len(layers[at]))

            def weight(node: Node) -> tuple[float, int]:
                found = [rank[other] for other in beside.get(node, ()) if other in rank]  # noqa: B023
                middle = sum(found) / len(found) if found else own[node] * share  # noqa: B023
                return middle, own[node]  # noqa: B023

            layers[at] = sorted(layers[at], key=weight)
        count = _crossings(layers, after)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    return best


def _crossings(layers: Sequence[Sequence[Node]], after: Mapping[Node, Sequence[Node]]) -> int:
    total = 0
    for layer, following in pairwise(layers):
        rank = {node: place for place, node in enumerate(following)}
        seen: list[int] = []
        for node in layer:
            ends = sorted(rank[other] for other in after.get(node, ()) if other in rank)
            total += sum(len(seen) - bisect_left(seen, end + 1) for end in ends)
            for end in ends:
                insort(seen, end)
    return total


def _heights(
    layers: Sequence[Sequence[Node]],
    links: Sequence[tuple[Node, Node]],
    box: float,
    gap: float,
    passing: float,
) -> dict[Node, float]:
    before, after = _neighbours(links)

    def room(node: Node) -> float:
        return passing if node[1] else box + gap

    heights: dict[Node, float] = {}
    for layer in layers:
        total = sum(room(node) for node in layer)
        at = -total / 2
        for node in layer:
            heights[node] = at + room(node) / 2
            at += room(node)
    for round_ in range(RELAXATIONS):
        forth = round_ % 2 == 0
        for layer in layers if forth else reversed(layers):
            wanted = []
            for node in layer:
                near = [*before.get(node, ()), *after.get(node, ())] if round_ > 1 else before.get(node, ())
                found = [heights[other] for other in near]
                wanted.append(sum(found) / len(found) if found else heights[node])
            apart = [(room(one) + room(other)) / 2 for one, other in pairwise(layer)]
            heights |= zip(layer, _spread(wanted, apart), strict=True)
    return heights


def _spread(wanted: Sequence[float], apart: Sequence[float]) -> list[float]:
    """The heights nearest to those wanted (least squares) that keep the order and the distances."""
    offsets = [0.0]
    for distance in apart:
        offsets.append(offsets[-1] + distance)
    blocks: list[tuple[float, int]] = []
    for value, offset in zip(wanted, offsets, strict=False):
        mean, count = value - offset, 1
        while blocks and blocks[-1][0] > mean:
            other, many = blocks.pop()
            mean, count = (mean * count + other * many) / (count + many), count + many
        blocks.append((mean, count))
    level = [mean for mean, count in blocks for _ in range(count)]
    return [mean + offset for mean, offset in zip(level, offsets, strict=False)]
