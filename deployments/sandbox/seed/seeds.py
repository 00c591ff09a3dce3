"""Named seeds: a module each in this folder, with ``rows(size) -> Iterator[(side, set, rows)]``; packages are their parts."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mappings.errors import FatalError

SeedRows = Iterator[tuple[str, str, list[dict[str, Any]]]]
"""Rows in the order in which they can be created: parents first."""


def names() -> list[str]:
    """The seeds there are."""
    found = pkgutil.iter_modules([str(Path(__file__).parent)])
    return sorted(each.name for each in found if not each.ispkg and each.name != "seeds")


def rows(name: str, size: int = 0) -> SeedRows:
    """The rows of a seed.

    Args:
        size: roughly how many rows; 0 = the seed's own size.

    Raises:
        FatalError: an unknown name; lists the known ones.
    """
    if name not in names():
        raise FatalError(
            f"unknown seed '{name}'", code="unknown_seed", remedy=f"known are {', '.join(names())}"
        )
    module = importlib.import_module(f"deployments.sandbox.seed.{name}")
    found: SeedRows = module.rows(size)
    return found
