"""Where a shipped map differs from the published one, or keeps something published that looks wrong."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from mappings.errors import MapError
from mappings.reader import read_yaml

FILE = Path(__file__).parent / "deviations.yaml"
_FIELDS = ("map", "field", "published", "ours", "reason")


@dataclass(frozen=True, slots=True)
class Deviation:
    """One difference, or one doubtful thing that was kept.

    Attributes:
        map: the map's name.
        field: F&O property or Dataverse column; ``filter``, ``direction`` or ``lookups`` for the map itself.
        published: what the published map says; "" = nothing.
        ours: what our map says.
        reason: why.
        kept: it is as published, but probably not what anybody wants: a warning.
        version: the published form that ours differs from, such as 2019; "" = each that there is.
    """

    map: str
    field: str
    published: str
    ours: str
    reason: str
    kept: bool = False
    version: str = ""


@cache
def load(file: Path = FILE) -> tuple[Deviation, ...]:
    """All deviations of the shipped maps.

    Raises:
        MapError: an entry lacks one of its fields or has an unknown one.
    """
    entries, lines = read_yaml(file)
    found = []
    for index, entry in enumerate(entries):
        if not {*_FIELDS} <= entry.keys() <= {*_FIELDS, "kept", "version"}:
            raise MapError(
                "an entry needs exactly these fields",
                file=file,
                line=lines[str(index)],
                remedy=f"{', '.join(_FIELDS)}; kept: true if it is as published; version of one form alone",
            )
        texts = {name: str(entry[name]) for name in _FIELDS}
        found.append(
            Deviation(**texts, kept=bool(entry.get("kept", False)), version=str(entry.get("version", "")))
        )
    return tuple(found)
