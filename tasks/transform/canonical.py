"""Canonical texts: each value in the coarsest form that both live columns can hold.

Both sides of a row compare as equals by text alone. Nothing is ever cut: a value that the other side can't
hold keeps its text and is named as a problem, because a problem concerns sending and not comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mappings.metadata import SideName
from tasks.transform.cells import Row, columns_of
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
    cells = columns_of(rows, [plan.fno.name for plan in layout.pairs])
    for plan, column in zip(layout.pairs, cells, strict=True):
        texts, misfits = plan.from_fno(column)
        page.texts[:, plan.index] = texts
        if misfits and plan.to_dataverse:
            page.problems.extend(_problems(plan, misfits, "dataverse"))
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
    cells = columns_of(rows, [plan.dataverse.name for plan in layout.pairs if plan.lookup is None])
    plain = iter(cells)
    for plan in layout.pairs:
        column = next(plain) if plan.lookup is None else lookup_cells(plan, len(rows), lookups)
        texts, misfits = plan.from_dataverse(column)
        page.texts[:, plan.index] = texts
        if misfits and plan.to_fno:
            page.problems.extend(_problems(plan, misfits, "fno"))
    return page


def lookup_cells(plan: PairPlan, rows: int, lookups: LookupTexts | None) -> Sequence[str | None]:
    """The key texts that one lookup pair names, per row; None for a null lookup."""
    parts = (lookups or {}).get(plan.lookup or "")
    if parts is None:
        return [None] * rows
    own = plan.part
    return [None if part is None else part[own] for part in parts]


def _page(layout: Layout, rows: Sequence[Row]) -> Canonical:
    # by columns, as it is filled and hashed
    return Canonical(np.empty((len(rows), len(layout.pairs)), dtype=object, order="F"), [])


def _problems(plan: PairPlan, misfits: Mapping[int, Misfit], towards: SideName) -> list[Problem]:
    names = (plan.pair.fno, plan.pair.dataverse)
    source, target = names if towards == "dataverse" else names[::-1]
    return [
        Problem(row, plan.index, misfit.code, f"{source} → {target}: {misfit.message}", towards)
        for row, misfit in misfits.items()
    ]
