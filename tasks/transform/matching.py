"""Texts by which rows without a common key are paired (`match` rules of a map)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.transform.layout import Layout


def match_values(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> list[str | None]:
    """Folded texts of these row properties, joined; None where any of them is empty."""
    raise NotImplementedError


def match_texts(layout: Layout, texts: np.ndarray, columns: Sequence[str]) -> list[str | None]:
    """The same from canonical texts (either side), for a rule that names Dataverse columns."""
    raise NotImplementedError
