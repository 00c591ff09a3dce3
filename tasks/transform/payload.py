"""What goes on the wire: JSON-ready bodies from the raw values of the source side.

Emptiness and folding are for comparing only, so bodies are made from what the source holds and not from canonical
texts. Numbers leave as `int` or `decimal.Decimal`; the connector's encoder writes them digit by digit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tasks.transform.layout import Layout

Row = dict[str, Any]
Body = dict[str, Any]
LookupTexts = Mapping[str, Sequence[tuple[str, ...] | None]]


def to_dataverse(
    layout: Layout, rows: Sequence[Row], pairs: Sequence[int] | None = None, *, create: bool = False
) -> list[Body]:
    """Bodies for Dataverse from F&O rows: plain pairs only, lookups are bound by the caller.

    Args:
        pairs: which pairs; None = all that flow to Dataverse. Pairs that don't flow there are left out.
        create: adds constants, and defaults where the source is empty.
    A value with a problem (see `canonical_fno`) that has no image on the other side is left out of the body.
    """
    raise NotImplementedError


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
        lookups: as in `canonical_dataverse`, in the stored spelling; a lookup pair without its text is left out,
            a null lookup becomes the property's empty value.
    """
    raise NotImplementedError


def updates_to_dataverse(layout: Layout, rows: Sequence[Row], pairs_of: Sequence[Sequence[int]]) -> list[Body]:
    """Bodies with each row's own pairs, and the constants marked `always`."""
    raise NotImplementedError


def updates_to_fno(
    layout: Layout,
    rows: Sequence[Row],
    pairs_of: Sequence[Sequence[int]],
    *,
    lookups: LookupTexts | None = None,
) -> list[Body]:
    """Bodies with each row's own pairs, and the constants marked `always`."""
    raise NotImplementedError
