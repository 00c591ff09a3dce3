"""A plan as people read it: rows of tables, and a page of HTML that needs nothing else."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

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
COST_COLUMNS = ("system", "reads", "writes", "rows written", "free in 5 min", "free today", "held up")
FIELD_COLUMNS = ("map", "field", "rows that differ", "who wins")
DIFFERENT = ("conflict", "no_base", "delete")
"""Kinds of conflicts in which two values met."""
FINDING_COLUMNS = ("kind", "map", "company", "row", "what", "what to do")
PAIRING_COLUMNS = ("map", "company", "row", "paired by", "with the row of Dataverse")
TITLES = {
    "initial": "What the initial sync would do",
    "delta": "What the delta sync would do",
    "resume": "What resuming would do",
    "repair": "What the repair would do",
}
ROWS = 1000
"""Rows of each table in the HTML page; the JSON has them all."""

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 80rem; padding: 0 1rem; color: #1b1f24; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; width: 100%; font-size: 13px; }
th { text-align: left; border-bottom: 2px solid #8c959f; padding: .3rem .6rem; position: sticky; top: 0; background: #fff; }
td { border-bottom: 1px solid #d0d7de; padding: .3rem .6rem; vertical-align: top; }
th.number { text-align: right; } td:first-child { white-space: nowrap; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .15rem .8rem; font-size: 13px; }
.bar { display: flex; height: .9rem; } .bar i { display: block; }
i.create_dataverse, i.create_fno { background: #2da44e; } i.update_dataverse, i.update_fno { background: #0969da; }
i.delete_dataverse, i.delete_fno { background: #cf222e; } i.create_fno, i.update_fno, i.delete_fno { opacity: .55; }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 1rem; vertical-align: -.1rem; }
td.number { text-align: right; font-variant-numeric: tabular-nums; }
p.sum { font-size: 1.05rem; } .more { color: #57606a; }
@media (prefers-color-scheme: dark) {
  body { background: #0d1117; color: #e6edf3; } th { background: #0d1117; } td { border-color: #30363d; }
}
"""


def summary(found: Plan) -> str:
    """The plan in one line."""
    rows = {kind: sum(getattr(lane, kind) for lane in found.lanes) for kind in _KINDS}
    said = (
        ", ".join(f"{number:,} {_KINDS[kind]}" for kind, number in rows.items() if number)
        or "nothing to write"
    )
    requests = " and ".join(f"{each.requests:,} to {SIDE_NAMES[each.side]}" for each in found.costs)
    asked = f"; about {span(found.duration)}, and requests: {requests}" if found.costs else ""
    return f"{len(found.lanes)} lanes: {said}{asked}"


def basis(found: Plan) -> str:
    """What the time in the summary rests on."""
    writes = (
        f"writes at the {found.pace.rows_a_second:,.0f} rows a second of run {found.pace.run}"
        if found.pace.run is not None
        else f"writes at {found.pace.rows_a_second:,.0f} rows a second, which is assumed: no run of this installation tells yet"
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


_KINDS = {
    "create_dataverse": "new in Dataverse",
    "update_dataverse": "changed in Dataverse",
    "delete_dataverse": "deleted in Dataverse",
    "create_fno": "new in F&O",
    "update_fno": "changed in F&O",
    "delete_fno": "deleted in F&O",
}


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


def html(found: Plan) -> str:
    """A page with everything; its tables are cut after so many rows and say so."""
    writes: list[tuple[str | int, ...]] = [
        (each.map, each.company, each.side, each.kind, each.key, ", ".join(each.fields))
        for each in found.writes
    ]
    parts = [
        f"<!doctype html><html lang=en><meta charset=utf-8><title>Plan</title><style>{_STYLE}</style>",
        f"<h1>{TITLES[found.what]}</h1>",
        f"<p class=sum>{escape(summary(found))}. Nothing was written.</p>",
        f"<p class=more>{escape(basis(found))}</p>",
        _bars(found),
        _table("To think about first", FINDING_COLUMNS, finding_rows(found)),
        _table("Differences by field", FIELD_COLUMNS, by_field(found)),
        _table("Paired without a key or a company", PAIRING_COLUMNS, pairing_rows(found)),
        _table("Requests", COST_COLUMNS, cost_rows(found)),
        _table("Maps", LANE_COLUMNS, lane_rows(found.lanes)),
        _table(
            "Differences row by row", ("map", "company", "row", "what", "who wins"), difference_rows(found)
        ),
        _table("Writes", ("map", "company", "side", "what", "key", "fields"), writes, found.total_writes),
    ]
    return "\n".join(parts)


def _bars(found: Plan) -> str:
    """What is written for each map, most first."""
    sums: dict[str, Counter[str]] = {}
    for lane in found.lanes:
        sums.setdefault(lane.map, Counter()).update({kind: getattr(lane, kind) for kind in _KINDS})
    busy = sorted(
        ((name, +kinds) for name, kinds in sums.items() if +kinds), key=lambda each: -each[1].total()
    )
    if not busy:
        return ""
    most = busy[0][1].total()
    rows = "".join(
        f"<span>{escape(name)}</span><span class=bar>"
        + "".join(
            f'<i class={kind} title="{number:,} {escape(_KINDS[kind])}" style="width:{100 * number / most:.2f}%"></i>'
            for kind, number in kinds.items()
        )
        + f"</span><span>{kinds.total():,}</span>"
        for name, kinds in busy
    )
    there = [kind for kind in _KINDS if any(kinds[kind] for _, kinds in busy)]
    key = "".join(f"<i class={kind}></i>{escape(_KINDS[kind])}" for kind in there)
    return f"<h2>Rows written, by map</h2><p class=key>{key}</p><div class=bars>{rows}</div>"


def _table(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int]], total: int | None = None
) -> str:
    """A table without the columns in which nothing stands."""
    if not rows:
        return f"<h2>{escape(title)}</h2><p class=more>none</p>"
    used = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    numbers = {place for place in used if isinstance(rows[0][place], int)}
    shown = "".join("<tr>" + "".join(_cell(row[place]) for place in used) + "</tr>" for row in rows[:ROWS])
    count = len(rows) if total is None else total
    more = f"<p class=more>{count - ROWS:,} more; --json has them.</p>" if count > ROWS else ""
    head = "".join(
        f"<th{' class=number' if place in numbers else ''}>{escape(columns[place])}</th>" for place in used
    )
    return f"<h2>{escape(title)} ({count:,})</h2><table><tr>{head}</tr>{shown}</table>{more}"


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return f"<td class=number>{f'{value:,}' if value else '·'}</td>"
    return f"<td>{escape(value)}</td>"
