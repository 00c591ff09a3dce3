"""A plan as people read it: lines, and rows of tables."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable

from mappings.metadata import SIDE_NAMES
from mappings.troubleshooting.catalogue import advised
from tasks.sync.plan_findings import KINDS
from tasks.sync.planning import Plan, PlannedLane

LANE_COLUMNS = (
    "map",
    "company",
    "new → DV",
    "changed → DV",
    "gone → DV",
    "new → F&O",
    "changed → F&O",
    "gone → F&O",
    "paired",
    "equal",
    "no base",
    "conflicts",
    "waiting",
    "parked",
    "out of scope",
    "requests to DV",
    "requests to F&O",
    "note",
)
SHORT_COLUMNS = (
    "map",
    "company",
    "to Dataverse",
    "to F&O",
    "paired",
    "differ",
    "doubtful",
    "requests",
    "note",
)
COST_COLUMNS = (
    "system",
    "reads",
    "writes",
    "rows written",
    "free in 5 min",
    "for the day",
    "free today",
    "held up",
)
FIELD_COLUMNS = ("map", "field", "rows that differ", "who wins")
KIND_WORDS = {
    "create_dataverse": "new in Dataverse",
    "update_dataverse": "changed in Dataverse",
    "delete_dataverse": "deleted in Dataverse",
    "create_fno": "new in F&O",
    "update_fno": "changed in F&O",
    "delete_fno": "deleted in F&O",
}
DIFFERENT = ("conflict", "no_base", "delete")
"""Kinds of conflicts in which two values met."""
FINDING_COLUMNS = ("kind", "map", "company", "row", "what", "what to do")
PAIRING_COLUMNS = ("map", "company", "row", "paired by", "with the row of Dataverse")


def summary(found: Plan) -> str:
    """The plan in one line."""
    rows = {kind: sum(getattr(lane, kind) for lane in found.lanes) for kind in KIND_WORDS}
    said = (
        ", ".join(f"{number:,} {KIND_WORDS[kind]}" for kind, number in rows.items() if number)
        or "nothing to write"
    )
    requests = " and ".join(f"{each.requests:,} to {SIDE_NAMES[each.side]}" for each in found.costs)
    asked = f"; {lasts(found)}, and requests: {requests}" if found.costs else ""
    if found.what == "resume" and not found.lanes:
        return "None of these maps is paused, so there is nothing to resume"
    count = len(found.lanes)
    return f"{count:,} {'map and company' if count == 1 else 'maps and companies'}: {said}{asked}"


def lasts(found: Plan) -> str:
    """How long the run takes."""
    most = span(found.duration)
    least = span(found.quickest) if found.quickest else most
    return f"about {most}" if least == most else f"about {least} to {most}"


def basis(found: Plan) -> str:
    """What the time in the summary rests on."""
    writes = (
        f"writes at the {found.pace.rows_a_second:,.0f} rows a second of run {found.pace.run}"
        if found.pace.run is not None
        else f"between writes as fast as they were rehearsed and {found.pace.rows_a_second:,.0f} rows a second, which is"
        " assumed: no run of this installation tells yet"
    )
    held = [each for each in found.costs if each.held_up]
    limits = "".join(
        f"; our share of {SIDE_NAMES[each.side]}'s limits holds the run up for {span(each.held_up)} at least"
        for each in held
    )
    return f"Time: reads as they took just now, {writes}{limits}."


def span(seconds: float) -> str:
    """So many seconds as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes / 60:.1f} h" if minutes < 48 * 60 else f"{minutes / 60 / 24:.1f} days"


def cost_rows(found: Plan) -> list[tuple[str | int, ...]]:
    """Rows for `COST_COLUMNS`."""
    return [
        (
            SIDE_NAMES[each.side],
            each.reads,
            each.writes,
            each.rows,
            each.free,
            each.operations,
            each.free_today,
            span(each.held_up) if each.held_up else "",
        )
        for each in found.costs
    ]


def pairing_rows(found: Plan) -> list[tuple[str, ...]]:
    """Rows for `PAIRING_COLUMNS`."""
    return [
        (each.map, each.company, each.key, ", ".join(each.columns), each.dataverse) for each in found.pairings
    ]


def lane_rows(lanes: Iterable[PlannedLane]) -> list[tuple[str | int, ...]]:
    """Rows for `LANE_COLUMNS`."""
    return [
        (
            lane.map,
            lane.company,
            lane.create_dataverse,
            lane.update_dataverse,
            lane.delete_dataverse,
            lane.create_fno,
            lane.update_fno,
            lane.delete_fno,
            lane.paired,
            lane.equal,
            lane.no_base,
            lane.conflicts,
            lane.waiting,
            lane.parked,
            lane.out_of_scope,
            lane.requests_dataverse,
            lane.requests_fno,
            "" if lane.verdict == "ok" else f"{lane.verdict}: {advised(lane.message)}",
        )
        for lane in lanes
    ]


def short_rows(found: Plan) -> list[tuple[str | int, ...]]:
    """Rows for `SHORT_COLUMNS`, of the lanes in which something happens."""
    doubtful = Counter((each.map, each.company) for each in found.findings)
    rows: list[tuple[str | int, ...]] = []
    for lane in found.lanes:
        written = {
            side: ", ".join(
                f"{number:,} {word}"
                for kind, word in (("create", "new"), ("update", "changed"), ("delete", "deleted"))
                if (number := getattr(lane, f"{kind}_{side}"))
            )
            for side in SIDE_NAMES
        }
        told = (written["dataverse"], written["fno"], lane.paired, lane.conflicts + lane.no_base)
        note = "" if lane.verdict == "ok" else f"{lane.verdict}: {advised(lane.message)}"
        open_ = doubtful[lane.map, lane.company]
        if any(told) or open_ or note:
            requests = lane.requests_dataverse + lane.requests_fno
            rows.append((lane.map, lane.company, *told, open_, requests, note))
    return rows


def finding_rows(found: Plan) -> list[tuple[str, ...]]:
    """Rows for `FINDING_COLUMNS`: what a person should think about before the run."""
    return [
        (KINDS[each.kind], each.map, each.company, each.key, each.what, each.todo) for each in found.findings
    ]


def counted_findings(found: Plan) -> list[tuple[str | int, ...]]:
    """How many there are of each kind: (what is the matter, rows)."""
    counted = Counter(each.kind for each in found.findings)
    return [(said, counted[kind]) for kind, said in KINDS.items() if counted[kind]]


def difference_rows(found: Plan) -> list[tuple[str, ...]]:
    """Rows that both sides hold differently: (map, company, row, what, whose value stands)."""
    return [
        (
            each.map,
            each.company,
            each.key,
            f"both sides differ in {', '.join(plain(name) for name in each.fields)}",
            _stands(each.winner),
        )
        for each in found.conflicts
        if each.kind in DIFFERENT
    ]


def by_field(found: Plan) -> list[tuple[str | int, ...]]:
    """The same added up: (map, field, rows, whose value stands), most rows first."""
    counted = Counter(
        (each.map, plain(name), _stands(each.winner))
        for each in found.conflicts
        if each.kind in DIFFERENT
        for name in each.fields
    )
    return [(map_, name, number, stands) for (map_, name, stands), number in counted.most_common()]


def plain(pair: str) -> str:
    """A field pair by the name that its F&O property has, or its Dataverse column where it has none."""
    return next((part for part in re.split("[=<>]+", pair) if part), pair)


def _stands(winner: str) -> str:
    if not winner:
        return "a person decides: dualflow conflicts resolve"
    return f"{SIDE_NAMES[winner]}'s value stands"
