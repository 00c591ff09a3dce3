"""Kept: units that a service keeps undoing after we repair them.

The count lives in the link, because a run ends long before a plug-in has undone a value three times; it starts anew after a day.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

MOST = 3
"""Repairs of one unit within a day; the next time it is left as it is and listed."""
WINDOW = timedelta(hours=24)


def repaired(
    kept: Mapping[str, int] | None, units: Iterable[int], settled: Iterable[int], now: datetime
) -> dict[str, int] | None:
    """Counts after a write.

    Args:
        kept: unit → repairs, and `<unit>@` → when the first of them was, in seconds since 1970.
        units: repaired by this write.
        settled: written because somebody changed them at their source: what came before doesn't count.
    """
    counts = dict(kept or {})
    for unit in settled:
        counts.pop(str(unit), None)
        counts.pop(f"{unit}@", None)
    for unit in units:
        if not _recent(counts, unit, now):
            counts[str(unit)], counts[f"{unit}@"] = 0, int(now.timestamp())
        counts[str(unit)] += 1
    return counts or None


def given_up(kept: Mapping[str, int] | None, now: datetime) -> set[int]:
    """Units that were repaired in vain too often."""
    if not kept:
        return set()
    units = {int(name) for name in kept if not name.endswith("@")}
    return {unit for unit in units if kept[str(unit)] >= MOST and _recent(kept, unit, now)}


def _recent(kept: Mapping[str, int], unit: int, now: datetime) -> bool:
    return str(unit) in kept and kept.get(f"{unit}@", 0) > (now - WINDOW).timestamp()
