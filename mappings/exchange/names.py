"""Names on both sides of an exchange: tables one by one and as sets, lookups that may point at several tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

_SEVERAL = re.compile(r"(\w+)((?:\.\w+\([\w.]+\))+)")
_ONE = re.compile(r"\.(\w+)\(([\w.]+)\)")


def singular(table: str) -> str:
    """A table's logical name by the rule that most follow: ``currencies`` → ``currency``, ``accounts`` → ``account``."""
    if table.endswith("ies"):
        return table[:-3] + "y"
    if table.endswith(("sses", "xes", "ches")):
        return table[:-2]
    return table.removesuffix("s")


def bare(name: str) -> str:
    """A name without its publisher's prefix: ``msdyn_paymentday`` → ``paymentday``."""
    return name.partition("_")[2] or name


def table_of(name: str, known: Iterable[str]) -> str | None:
    """The known entity set with this name, or with this logical name."""
    wanted = name.lower()
    sets = list(known)
    return next(
        (table for table in sets if table.lower() == wanted),
        next((table for table in sets if singular(table).lower() == wanted), None),
    )


def several(lookup: str, tables: Mapping[str, str]) -> str:
    """A lookup with several tables as dual-write writes it: ``customerid.Account(accountnumber).Contact(…)``."""
    return lookup + "".join(
        f".{name[0].upper()}{name[1:]}({column})"
        for name, column in ((singular(table), column) for table, column in tables.items())
    )


def split_several(text: str) -> tuple[str, dict[str, str]] | None:
    """The lookup column, and logical name → column of each table; None for any other column."""
    match = _SEVERAL.fullmatch(text)
    if match is None:
        return None
    return match[1], {name.lower(): column for name, column in _ONE.findall(match[2])}


def file_name(name: str) -> str:
    """A file name for a map: small letters, digits, underscores, whatever its name has in it."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:80] or "map"
