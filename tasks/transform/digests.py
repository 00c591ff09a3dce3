"""64-bit keyed digests of canonical texts and of raw rows.

The hash is pandas' SipHash over text (`hash_array`), keyed per installation so that values can't be guessed
from the state. pandas promises nothing across versions: golden vectors in the tests turn an upgrade into a
layout change.
"""

from __future__ import annotations

import marshal
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from pandas.util import hash_array

from tasks.transform.cells import rows_of
from tasks.transform.folding import fold

__all__ = ["EMPTY", "digests", "fold", "key_text", "raw_digests"]

Texts: TypeAlias = np.ndarray[tuple[int, int], np.dtype[np.object_]]

# the last format without back references, so that equal rows always give equal bytes
_MARSHAL = 2


def digests(texts: Texts, key: str) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
    """Digest of every text: object (n, p) → uint64 (n, p); never 0, which stands for unknown.

    Args:
        texts: canonical texts.
        key: the installation's digest key, 16 characters.
    """
    rows, pairs = texts.shape
    flat = texts.ravel(order="F")
    # most cells of most pages are empty
    filled = flat.astype(bool)
    found = np.full(len(flat), EMPTY(key), dtype=np.uint64)
    found[filled] = _hashed(flat[filled], key)
    return found.reshape((pairs, rows)).T


@lru_cache(maxsize=64)
def EMPTY(key: str) -> int:
    """The digest of an empty value."""
    return int(_hashed(np.array([""], dtype=object), key)[0])


def raw_digests(
    rows: Sequence[dict[str, Any]], columns: Sequence[str], key: str
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Digest of each raw row over these properties (see `Layout.raw_fno`): uint64 (n,), never 0.

    Types count: null, "" and 0 differ. A property that a row lacks counts as null.
    """
    found = np.empty(len(rows), dtype=object)
    for place, cells in enumerate(rows_of(rows, columns)):
        found[place] = marshal.dumps(cells, _MARSHAL)
    return _hashed(found, key)


def key_text(parts: Sequence[str], company: str = "") -> str:
    """Folded key of a row: company first ("" for a global map), parts joined by the unit separator."""
    return "\x1f".join([fold(company), *map(fold, parts)])


def shown_key(key: str) -> str:
    """A folded key as people read it: its parts separated by slashes, without the company."""
    return "/".join(key.split("\x1f")[1:])


def _hashed(
    values: np.ndarray[tuple[int], np.dtype[np.object_]], key: str
) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    try:
        found = hash_array(values, hash_key=key, categorize=False)
    except UnicodeEncodeError:
        # half a surrogate pair has no UTF-8; its escape stands for it
        tame = np.empty(len(values), dtype=object)
        for place, value in enumerate(values):
            tame[place] = value.encode("utf-8", "backslashreplace")
        found = hash_array(tame, hash_key=key, categorize=False)
    found[found == 0] = 1
    return found
