"""Canonical texts: each value in the coarsest form that both live columns can hold.

Both sides of a row compare as equals by text alone. Nothing is ever cut: a value that the other side can't
hold keeps its text and is named as a problem, because a problem concerns sending and not comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mappings.metadata import SideName
from tasks.transform.cells import Row, columns_of, slices
from tasks.transform.digests import Texts
from tasks.transform.forms import Misfit
from tasks.transform.layout import Layout, PairPlan

LookupTexts = Mapping[str, Sequence[tuple[str, ...] | None]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one value can't be sent.

    Attributes:
        row: index into the page.
        pair: index p of the pair.
        code: value_not_mapped, not_a_member, too_long, out_of_range, not_a_number, not_a_date,
            not_a_boolean or not_an_option.
        message: names the field, the value and what is allowed.
        towards: the side that can't hold it.
    """

    row: int
    pair: int
    code: str
    message: str
    towards: SideName


@dataclass(frozen=True, eq=False, slots=True)
class Canonical:
    """A page in canonical form: `texts` is an object array (n, p) of str, "" = empty."""

    texts: Texts
    problems: list[Problem]


def canonical_fno(layout: Layout, rows: Sequence[Row]) -> Canonical:
    """Canonical texts of a page of F&O rows, as parsed from JSON."""
    page = _page(layout, rows)
    names = [plan.fno.name for plan in layout.pairs]
    for start, some in slices(rows):
        for plan, cells in zip(layout.pairs, columns_of(some, names), strict=True):
            texts, misfits = plan.from_fno(cells)
            page.texts[start : start + len(some), plan.index] = texts
            if misfits and plan.to_dataverse:
                page.problems.extend(_problems(plan, start, misfits, "dataverse"))
    return page


def canonical_dataverse(layout: Layout, rows: Sequence[Row], lookups: LookupTexts | None = None) -> Canonical:
    """Canonical texts of a page of Dataverse rows.

    Args:
        layout: the map's layout.
        rows: as parsed from JSON.
        lookups: lookup column → per row the texts of the path parts that this lookup's pairs name, in map
            order of those pairs; None = null lookup; ``"\\x00" + guid`` where a guid could not be
            translated. A column that is left out reads as null.
    """
    page = _page(layout, rows)
    names = [plan.dataverse.name for plan in layout.pairs if plan.lookup is None]
    for start, some in slices(rows):
        plain = iter(columns_of(some, names))
        for plan in layout.pairs:
            cells = next(plain) if plan.lookup is None else lookup_cells(plan, lookups, start, len(some))
            texts, misfits = plan.from_dataverse(cells)
            page.texts[start : start + len(some), plan.index] = texts
            if misfits and plan.to_fno:
                page.problems.extend(_problems(plan, start, misfits, "fno"))
    return page


def lookup_cells(plan: PairPlan, lookups: LookupTexts | None, start: int, rows: int) -> Sequence[str | None]:
    """The key texts that one lookup pair names, for some rows of a page; None for a null lookup."""
    parts = (lookups or {}).get(plan.lookup or "")
    if parts is None:
        return [None] * rows
    own = plan.part
    return [None if part is None else part[own] for part in parts[start : start + rows]]


def _page(layout: Layout, rows: Sequence[Row]) -> Canonical:
    # by columns, as it is filled and hashed
    return Canonical(np.empty((len(rows), len(layout.pairs)), dtype=object, order="F"), [])


def _problems(plan: PairPlan, start: int, misfits: Mapping[int, Misfit], towards: SideName) -> list[Problem]:
    names = (plan.pair.fno, plan.pair.dataverse)
    source, target = names if towards == "dataverse" else names[::-1]
    return [
        Problem(start + row, plan.index, misfit.code, f"{source} → {target}: {misfit.message}", towards)
        for row, misfit in misfits.items()
    ]
