"""Texts by which rows without a common key are paired (`match` rules of a map)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tasks.transform.cells import Row, columns_of
from tasks.transform.digests import Texts
from tasks.transform.folding import fold
from tasks.transform.layout import Layout

_SEPARATOR = "\x1f"


def match_values(rows: Sequence[Row], columns: Sequence[str]) -> list[str | None]:
    """Folded texts of these row properties, joined; None where any of them is empty."""
    cells = [["" if cell is None else str(cell) for cell in column] for column in columns_of(rows, columns)]
    return _joined(cells, len(rows))


def match_texts(layout: Layout, texts: Texts, columns: Sequence[str]) -> list[str | None]:
    """The same from canonical texts of either side, so that both sides of a pair give the same text.

    Args:
        layout: the map's layout.
        texts: canonical texts (n, p).
        columns: a rule of the map: Dataverse columns or lookup paths. One without a pair matches nothing.
    """
    place = {plan.pair.dataverse: plan.index for plan in reversed(layout.pairs)}
    if any(column not in place for column in columns):
        return [None] * len(texts)
    return _joined([texts[:, place[column]] for column in columns], len(texts))


def _joined(columns: Sequence[Iterable[str]], rows: int) -> list[str | None]:
    if not columns:
        return [None] * rows
    folded = [[fold(cell) for cell in column] for column in columns]
    return [_SEPARATOR.join(parts) if all(parts) else None for parts in zip(*folded, strict=True)]
