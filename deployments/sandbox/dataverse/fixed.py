"""Guids that are the same in every sandbox, computed from a name."""

from __future__ import annotations

import uuid
from functools import cache

_SPACE = uuid.UUID("6f2d0b52-8f0c-4f4e-9d1e-4f5a7c1e0001")


@cache
def fixed_id(name: str) -> str:
    """The guid of a row that is the same everywhere."""
    return str(uuid.uuid5(_SPACE, name))
