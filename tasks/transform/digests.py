"""64-bit keyed digests of canonical texts and of raw rows.

The hash is pandas' SipHash over text (`hash_array`), keyed per installation so that values can't be guessed from the
state. pandas promises nothing across versions: golden vectors in the tests turn an upgrade into a layout change.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def digests(texts: np.ndarray, key: str) -> np.ndarray:
    """Digest of every text: object (n, p) → uint64 (n, p); never 0, which stands for unknown.

    Args:
        key: the installation's digest key, 16 characters.
    """
    raise NotImplementedError


def EMPTY(key: str) -> int:
    """The digest of an empty value."""
    raise NotImplementedError


def raw_digests(rows: Sequence[dict[str, Any]], columns: Sequence[str], key: str) -> np.ndarray:
    """Digest of each raw row over these properties (see `Layout.raw_fno`): uint64 (n,), never 0."""
    raise NotImplementedError


def fold(text: str) -> str:
    """A text as keys, company codes and lookup values compare: case-folded, without trailing blanks."""
    raise NotImplementedError


def key_text(parts: Sequence[str], company: str = "") -> str:
    """Folded key of a row: company first ("" for a global map), parts joined by the unit separator."""
    raise NotImplementedError
