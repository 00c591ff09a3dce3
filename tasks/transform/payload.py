"""What goes on the wire: JSON-ready bodies from the raw values of the source side.

Emptiness and folding are for comparing only, so bodies are made from what the source holds and not from
canonical texts. Numbers leave as `int` or `decimal.Decimal`; the connector's encoder writes them digit by
digit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tasks.transform.canonical import LookupTexts, lookup_cells
from tasks.transform.cells import Row, columns_of, slices
from tasks.transform.forms import OMITTED
from tasks.transform.layout import Layout

Body = dict[str, Any]


def to_dataverse(
    layout: Layout, rows: Sequence[Row], pairs: Sequence[int] | None = None, *, create: bool = False
) -> list[Body]:
    """Bodies for Dataverse from F&O rows: plain pairs only, lookups are bound by the caller.

    Args:
        layout: the map's layout.
        rows: F&O rows, as parsed from JSON.
        pairs: which pairs; None = all that flow to Dataverse. Pairs that don't flow there are left out.
        create: adds constants, and defaults where the source is empty.

    Returns: one body per row. A value that has no image in Dataverse is left out (`canonical_fno` names it
        as a problem); one that is only too long or too large is there.
    """
    wanted = range(len(layout.pairs)) if pairs is None else pairs
    plans = [layout.pairs[p] for p in wanted]
    plans = [plan for plan in plans if plan.to_dataverse and plan.lookup is None]
    sources, targets = [plan.fno.name for plan in plans], [plan.dataverse.name for plan in plans]
    constants = layout.constants_to_dataverse if create else {}
    bodies: list[Body] = []
    for _, some in slices(rows):
        columns = [
            plan.for_dataverse(cells, create=create)
            for plan, cells in zip(plans, columns_of(some, sources), strict=True)
        ]
        bodies += _bodies(len(some), targets, columns, constants)
    return bodies


def to_fno(
    layout: Layout,
    rows: Sequence[Row],
    pairs: Sequence[int] | None = None,
    *,
    lookups: LookupTexts | None = None,
    create: bool = False,
) -> list[Body]:
    """Bodies for F&O from Dataverse rows.

    Args:
        layout: the map's layout.
        rows: Dataverse rows, as parsed from JSON.
        pairs: which pairs; None = all that flow to F&O. Pairs that don't flow there are left out.
        lookups: as in `canonical_dataverse`, in the stored spelling. A null lookup becomes the property's
            empty value; a lookup column without entry here, or with an untranslated guid, is left out.
        create: adds constants, and defaults where the source is empty.

    Returns: one body per row, as in `to_dataverse`. Where several pairs fill one property, a plain pair
        wins over one behind a lookup, and earlier pairs over later ones.
    """
    known = lookups or {}
    wanted = range(len(layout.pairs)) if pairs is None else pairs
    plans = [layout.pairs[p] for p in wanted]
    plans = [plan for plan in plans if plan.to_fno and (plan.lookup is None or plan.lookup in known)]
    # in a dict the last one stands, so the preferred one comes last
    plans.sort(key=lambda plan: (plan.lookup is None, -plan.index))
    sources = [plan.dataverse.name for plan in plans if plan.lookup is None]
    targets = [plan.fno.name for plan in plans]
    constants = layout.constants_to_fno if create else {}
    bodies: list[Body] = []
    for start, some in slices(rows):
        plain = iter(columns_of(some, sources))
        columns = [
            plan.for_fno(
                next(plain) if plan.lookup is None else lookup_cells(plan, known, start, len(some)),
                create=create,
            )
            for plan in plans
        ]
        bodies += _bodies(len(some), targets, columns, constants)
    return bodies


def updates_to_dataverse(
    layout: Layout, rows: Sequence[Row], pairs_of: Sequence[Sequence[int]]
) -> list[Body]:
    """Bodies with each row's own pairs, and the constants marked `always`."""
    return _by_pairs(
        pairs_of,
        layout.always_to_dataverse,
        lambda places, pairs: to_dataverse(layout, [rows[place] for place in places], pairs),
    )


def updates_to_fno(
    layout: Layout,
    rows: Sequence[Row],
    pairs_of: Sequence[Sequence[int]],
    *,
    lookups: LookupTexts | None = None,
) -> list[Body]:
    """Bodies with each row's own pairs, and the constants marked `always`."""

    def some(places: Sequence[int], pairs: Sequence[int]) -> list[Body]:
        own = {column: [texts[place] for place in places] for column, texts in (lookups or {}).items()}
        return to_fno(layout, [rows[place] for place in places], pairs, lookups=own)

    return _by_pairs(pairs_of, layout.always_to_fno, some)


def _by_pairs(
    pairs_of: Sequence[Sequence[int]],
    always: Mapping[str, Any],
    make: Callable[[Sequence[int], Sequence[int]], list[Body]],
) -> list[Body]:
    """Rows with the same pairs go through one column pass together."""
    alike: dict[tuple[int, ...], list[int]] = {}
    for place, pairs in enumerate(pairs_of):
        alike.setdefault(tuple(pairs), []).append(place)
    bodies: list[Body] = [{} for _ in pairs_of]
    for pairs, places in alike.items():
        for place, body in zip(places, make(places, pairs), strict=True):
            bodies[place] = {**always, **body} if always else body
    return bodies


def _bodies(
    size: int,
    names: Sequence[str],
    columns: Sequence[tuple[Sequence[Any], bool]],
    constants: Mapping[str, Any],
) -> list[Body]:
    """Columns of values to one dict a row; a column says whether some of its values are to be left out."""
    if not names:
        return [dict(constants) for _ in range(size)]
    values = [column for column, _ in columns]
    bodies = [dict(zip(names, row, strict=True)) for row in zip(*values, strict=True)]
    for name in {name for name, (_, omits) in zip(names, columns, strict=True) if omits}:
        for body in bodies:
            if body[name] is OMITTED:
                del body[name]
    if constants:
        for body in bodies:
            for name, value in constants.items():
                body.setdefault(name, value)
    return bodies
