"""Kept: units that a service keeps undoing after we write them.

Two counts, both of which live in the link, because a run ends long before a plug-in has undone a value three times. *Repairs*: the
target of a one-way unit is set right, and strays again. *Turns*: a unit that flows both ways goes back and forth between two
values, since each side sets its own again when it gets the other's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from mappings.metadata import SideName

MOST = 3
"""Repairs of one unit within a day; the next time it is left as it is and listed."""
MOST_TURNS = 6
"""Turns of one unit within an hour; the next time it is left as it is and listed. Faster than users who disagree."""
WINDOW = timedelta(hours=24)
TURNS_WINDOW = timedelta(hours=1)

OVERWRITTEN: Mapping[SideName, str] = {"fno": "<", "dataverse": ">"}
"""What the name of a unit ends with under which stands what was last overwritten there."""
OPPOSITE: Mapping[SideName, SideName] = {"fno": "dataverse", "dataverse": "fno"}

Kept = Mapping[str, int]
"""`<unit>` → repairs and `<unit>~` → turns, either with `@` → when the first of them was, in seconds since 1970; `<unit><` or
`<unit>>` → one number for the values that our last write of a two-way unit overwrote in F&O or in Dataverse."""


def repaired(
    kept: Kept | None, units: Iterable[int], settled: Iterable[int], now: datetime
) -> dict[str, int] | None:
    """Counts after a write.

    Args:
        kept: counts before it.
        units: repaired by this write.
        settled: written because somebody changed them at their source: what came before doesn't count.
    """
    counts = dict(kept or {})
    for unit in settled:
        counts.pop(str(unit), None)
        counts.pop(f"{unit}@", None)
    for unit in units:
        _count(counts, str(unit), now, WINDOW)
    return counts or None


def given_up(kept: Kept | None, now: datetime) -> set[int]:
    """Units that were repaired in vain too often."""
    return _too_often(kept, "", MOST, now)


def turned(
    kept: Kept | None, unit: int, towards: SideName, source: int, overwritten: int, now: datetime
) -> dict[str, int]:
    """Counts after a unit that flows both ways was written.

    Args:
        towards: the side that was written.
        source, overwritten: one number each for its values on the other side, and for those that stood there before.
    """
    counts = dict(kept or {})
    if came_back(counts, unit, towards, source):
        if counts.get(f"{unit}~", 0) < MOST_TURNS and not _recent(counts, f"{unit}~", now, TURNS_WINDOW):
            counts.pop(f"{unit}~", None)
        _count(counts, f"{unit}~", now, WINDOW)
    else:
        counts.pop(f"{unit}~", None)
        counts.pop(f"{unit}~@", None)
    counts.pop(f"{unit}{OVERWRITTEN[OPPOSITE[towards]]}", None)
    counts[f"{unit}{OVERWRITTEN[towards]}"] = overwritten
    return counts


def came_back(kept: Kept, unit: int, towards: SideName, source: int) -> bool:
    """Is what is about to be written the very value that our last write, which went the other way, had overwritten?"""
    return kept.get(f"{unit}{OVERWRITTEN[OPPOSITE[towards]]}") == source


def turning(kept: Kept | None, now: datetime) -> set[int]:
    """Units that went back and forth too often."""
    return _too_often(kept, "~", MOST_TURNS, now)


def _count(counts: dict[str, int], name: str, now: datetime, window: timedelta) -> None:
    if not _recent(counts, name, now, window):
        counts[name], counts[f"{name}@"] = 0, int(now.timestamp())
    counts[name] += 1


def _too_often(kept: Kept | None, mark: str, most: int, now: datetime) -> set[int]:
    if not kept:
        return set()
    names = [name for name in kept if name.removesuffix(mark).isdigit() and name.endswith(mark)]
    return {
        int(name.removesuffix(mark))
        for name in names
        if kept[name] >= most and _recent(kept, name, now, WINDOW)
    }


def _recent(kept: Kept, name: str, now: datetime, window: timedelta) -> bool:
    return name in kept and kept.get(f"{name}@", 0) > (now - window).timestamp()
