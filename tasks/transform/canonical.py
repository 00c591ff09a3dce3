"""Canonical texts: each value in the coarsest form that both live columns can hold.

Both sides of a row compare as equals by text alone. Nothing is ever cut: a value that the other side can't hold keeps
its text and is named as a problem, because a problem concerns sending and not comparing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappings.metadata import SideName
from tasks.transform.layout import Layout

Row = dict[str, Any]
LookupTexts = Mapping[str, Sequence[tuple[str, ...] | None]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why one value can't be sent.

    Attributes:
        row: index into the page.
        pair: index p of the pair.
        code: value_not_mapped | not_a_member | too_long | out_of_range | not_a_number | not_a_date | …
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

    texts: np.ndarray
    problems: list[Problem]


def canonical_fno(layout: Layout, rows: Sequence[Row]) -> Canonical:
    """Canonical texts of a page of F&O rows, as parsed from JSON."""
    raise NotImplementedError


def canonical_dataverse(layout: Layout, rows: Sequence[Row], lookups: LookupTexts | None = None) -> Canonical:
    """Canonical texts of a page of Dataverse rows.

    Args:
        lookups: lookup column → per row the texts of the path parts that this lookup's pairs name, in map order of
            those pairs; None = null lookup; ``"\\x00" + guid`` where a guid could not be translated.
    """
    raise NotImplementedError
