"""From the sandbox's logs to figures: how long each edit took, what was asked, how long nobody looked."""

from __future__ import annotations

import bisect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from tests.benchmarks.lag_rows import Planned

WINDOW = 300.0
Entry = Mapping[str, Any]


@dataclass
class Found:
    """Lags in seconds by direction and feed; edits without a write behind them."""

    lags: dict[str, list[float]] = field(default_factory=dict)
    missing: Counter[str] = field(default_factory=Counter)


def lags(writes: Sequence[Entry], plan: Sequence[Planned], since: float, events: bool) -> Found:
    """For each edit of a user the time until the application wrote its row on the other side."""
    by_key = {
        (each.entity_set, _folded(key)): (each.table, id_) for each in plan for key, _, id_ in each.rows
    }
    by_id = {place: at for at, place in by_key.items()}
    ours: dict[tuple[str, str], list[float]] = {}
    for each in writes:
        if each["caller"] == "application":
            row = (each["set"], _folded(each["key"]) if each["side"] == "fno" else each["id"])
            ours.setdefault(row, []).append(each["time"])
    found = Found()
    for each in writes:
        if each["caller"] != "user" or each["time"] < since:
            continue
        if each["side"] == "fno":
            there = by_key.get((each["set"], _folded(each["key"])))
            name = f"fno → dataverse, {'data events' if events else 'polled'}: {each['set']}"
        else:
            there = by_id.get((each["set"], each["id"]))
            name = "dataverse → fno, change tracking"
        if there is None:
            continue
        times = ours.get(there, [])
        at = bisect.bisect(times, each["time"])
        if at == len(times):
            found.missing[str(each["set"])] += 1
        else:
            lag = times[at] - each["time"]
            for part in {name, name.partition(":")[0]}:
                found.lags.setdefault(part, []).append(lag)
            found.lags.setdefault("all", []).append(lag)
    return found


def quantiles(values: list[float]) -> dict[str, float]:
    """Median, 95th percentile and worst."""
    ordered = sorted(values)
    return {
        "edits": len(ordered),
        "p50": round(ordered[len(ordered) // 2], 2),
        "p95": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))], 2),
        "worst": round(ordered[-1], 2),
    }


def polls(trace: Iterable[Entry]) -> Iterator[Entry]:
    """Requests that ask feeds what changed."""
    for each in trace:
        if each["caller"] == "application" and (
            "deltatoken" in each["url"] or any("deltatoken" in inner["url"] for inner in each["operations"])
        ):
            yield each


def used(trace: Sequence[Entry]) -> dict[str, Any]:
    """What was asked: requests and rows by side, the most in any five minutes, and the longest time between two polls."""
    ours = [each for each in trace if each["caller"] == "application" and each["side"] != "login"]
    asked: dict[str, dict[str, float]] = {}
    for side in ("fno", "dataverse"):
        times = [each["time"] for each in ours if each["side"] == side]
        rows = sum(max(1, len(each["operations"])) for each in ours if each["side"] == side)
        seconds = sum(each["milliseconds"] / 1000 for each in ours if each["side"] == side)
        asked[side] = {
            "requests": len(times),
            "rows": rows,
            "most_in_five_minutes": max(
                (bisect.bisect(times, at + WINDOW) - n for n, at in enumerate(times)), default=0
            ),
            "seconds_of_work": round(seconds, 1),
        }
    times = [each["time"] for each in polls(ours)]
    kinds: Counter[str] = Counter()
    for each in polls(ours):
        inside = [inner["url"] for inner in each["operations"]] or [each["url"]]
        kinds["virtual tables" if any("mserp_" in url for url in inside) else "tables"] += len(inside)
        kinds["requests"] += 1
    scans = sum(
        each["side"] == "fno" and each["method"] == "GET" and bool(re.search(r"/data/\w+\?", each["url"]))
        for each in ours
    )
    gaps = [later - one for one, later in pairwise(times)]
    return {
        "requests": asked,
        "gap": round(max(gaps, default=0.0), 2),
        "polls": {**kinds, "scanned pages": scans},
    }


def _folded(key: Mapping[str, Any]) -> str:
    return "|".join(f"{name}={str(key[name]).lower()}" for name in sorted(key))
