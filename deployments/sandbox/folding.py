"""How both services compare text: without case and without trailing blanks (SQL Server collations)."""

from __future__ import annotations

from typing import Any


def fold(value: Any) -> Any:
    """A value in the form in which it is compared: text without case and trailing blanks, the rest as it is."""
    return value.rstrip(" ").casefold() if type(value) is str else value
