"""A map's filter in its two forms: the server's query and the mask over rows that a feed delivered.

Both compare without case and take empty for null. Where a service can't be asked precisely (its wildcards can't be
escaped everywhere), the query is wider than the mask, never narrower: apply the mask to what was read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from odata_query import ast

from mappings.metadata import SideName, Table


def to_odata(node: ast._Node, side: SideName, table: Table) -> str:
    """The filter in the side's dialect; "" where it can't narrow anything.

    Raises:
        FatalError: unknown column or enum member, or an operator that the dialect lacks.
    """
    raise NotImplementedError


def mask(node: ast._Node, rows: Sequence[dict[str, Any]], table: Table) -> np.ndarray:
    """Which rows pass: bool (n,)."""
    raise NotImplementedError
