"""A plan as a page for the browser: one file, drawn without scripts, that needs nothing else and can be sent on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import groupby

from flows.plan_report import (
    KIND_WORDS,
    LANE_COLUMNS,
    PAIRING_COLUMNS,
    basis,
    by_field,
    difference_rows,
    lane_rows,
    lasts,
    pairing_rows,
)
from mappings.metadata import SIDE_NAMES, SideName
from tasks.sync.cost import Cost
from tasks.sync.plan_findings import KINDS, Finding
from tasks.sync.planning import Plan

ROWS = 1000
"""Rows of each table; the JSON has them all."""
BARS = 15
"""Fields whose differences are drawn; the rest is folded away."""
TITLES = {
    "initial": "What the initial sync would do",
    "delta": "What the delta sync would do",
    "resume": "What resuming would do",
    "repair": "What the repair would do",
}
_MEANT: tuple[tuple[SideName, tuple[str, ...]], ...] = (
    ("fno", ("create_fno", "update_fno", "delete_fno")),
    ("dataverse", ("create_dataverse", "update_dataverse", "delete_dataverse")),
)
_STYLE = """
:root { --ink: #1b1f24; --soft: #59636e; --line: #d1d9e0; --paper: #fff; --card: #f6f8fa; --new: #1a7f37; --changed: #0969da;
  --gone: #cf222e; --mind: #9a6700; --mindful: #fff8c5; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9198a1; --line: #3d444d; --paper: #0d1117;
  --card: #151b23; --new: #3fb950; --changed: #4493f8; --gone: #f85149; --mind: #d29922; --mindful: #272115; } }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto 4rem; max-width: 76rem; padding: 0 1.2rem; color: var(--ink);
  background: var(--paper); }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { font-size: 1.15rem; margin: 2.4rem 0 .6rem; }
p { margin: .3rem 0; } .soft { color: var(--soft); font-size: .9rem; }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 1.2rem 0; }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: .5rem; padding: .5rem 1rem; min-width: 7rem; }
.tile b { display: block; font-size: 1.7rem; line-height: 1.3; font-weight: 600; font-variant-numeric: tabular-nums; }
.tile.create b { color: var(--new); } .tile.update b { color: var(--changed); } .tile.delete b { color: var(--gone); }
.tile.mind { background: var(--mindful); } .tile.mind b { color: var(--mind); }
.bars { display: grid; gap: .2rem .8rem; font-size: 13px; align-items: center; }
.bar { display: flex; align-items: center; gap: .4rem; min-height: 1.1rem; font-variant-numeric: tabular-nums; }
.bar > span { display: flex; height: .95rem; min-width: 2px; } .bar i { display: block; min-width: 2px; }
.bar > span { flex-shrink: 0; } .bar { white-space: nowrap; } .bars.tight { column-gap: 0; }
.bar.left, .bar.left > span { flex-direction: row-reverse; } .bar.left { border-right: 1px solid var(--paper); }
.bar.left + .bar { border-left: 1px solid var(--soft); padding-left: 1px; }
.bar.head { color: var(--soft); padding: 0 .4rem; }
i.create { background: var(--new); } i.update { background: var(--changed); } i.delete { background: var(--gone); }
i.fno { background: var(--changed); } i.dataverse { background: var(--new); } i.open { background: var(--mind); }
.key i { display: inline-block; width: .8rem; height: .8rem; margin: 0 .3rem 0 0; vertical-align: -.1rem; }
.key span { margin-right: 1rem; }
.meter { height: .7rem; background: var(--line); border-radius: .35rem; overflow: hidden; }
.meter i { display: block; height: 100%; min-width: 2px; background: var(--changed); } .meter i.over { background: var(--gone); }
details { border-top: 1px solid var(--line); padding: .35rem 0; } details:last-of-type { border-bottom: 1px solid var(--line); }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 2.5rem; text-align: right; margin-right: .5rem;
  font-variant-numeric: tabular-nums; } .kinds summary b { color: var(--mind); }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin: .4rem 0; }
th { text-align: left; border-bottom: 2px solid var(--line); padding: .3rem .6rem; position: sticky; top: 0;
  background: var(--paper); }
td { border-bottom: 1px solid var(--line); padding: .3rem .6rem; vertical-align: top; overflow-wrap: anywhere; }
td:first-child { overflow-wrap: normal; }
tr:last-child td { border-bottom: 0; } th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
@media print { details > * { display: revert; } th { position: static; } }
"""


def page(found: Plan) -> str:
    """A page with everything; its tables are cut after so many rows and say so."""
    writes: list[tuple[str | int, ...]] = [
        (each.map, each.company, SIDE_NAMES[each.side], each.kind, each.key, ", ".join(each.fields))
        for each in found.writes
    ]
    title = TITLES[found.what]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>"
        '<meta name=viewport content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style>",
        f"<h1>{title}</h1><p class=soft>{len(found.lanes):,} maps and companies. Nothing was written for this page.</p>",
        _tiles(found),
        _kinds(found.findings),
        _written(found),
        _budgets(found),
        _fields(found),
        "<h2>Everything, row by row</h2>",
        _folded("Maps and companies", LANE_COLUMNS, lane_rows(found.lanes)),
        _folded("Paired without a key or a company", PAIRING_COLUMNS, pairing_rows(found)),
        _folded("Rows that differ", ("map", "company", "row", "what", "who wins"), difference_rows(found)),
        _folded("Writes", ("map", "company", "system", "what", "key", "fields"), writes, found.total_writes),
    ]
    return "\n".join(part for part in parts if part)


def _tiles(found: Plan) -> str:
    """The figures that matter, big."""
    tiles = [
        (kind.partition("_")[0], f"{number:,}", said)
        for kind, said in KIND_WORDS.items()
        if (number := sum(getattr(lane, kind) for lane in found.lanes))
    ] or [("", "0", "rows to write")]
    tiles.append(("mind" if found.findings else "", f"{len(found.findings):,}", "rows to think about first"))
    if found.costs:
        tiles.append(("", lasts(found).removeprefix("about "), "for the run, about"))
    return (
        "<div class=tiles>"
        + "".join(
            f'<div class="tile {kind}"><b>{escape(number)}</b>{escape(said)}</div>'
            for kind, number, said in tiles
        )
        + "</div>"
    )


def _kinds(findings: Sequence[Finding]) -> str:
    """What to think about first: a fold for each kind, with what to do in front where that is the same for all."""
    if not findings:
        return "<h2>To think about first</h2><p class=soft>Nothing: no row is in doubt.</p>"
    folds = []
    for kind, own in groupby(findings, key=lambda each: each.kind):
        rows = list(own)
        todo = {each.todo for each in rows}
        same = escape(f" · {rows[0].todo}") if len(todo) == 1 else ""
        columns = ("map", "company", "row", "what", "what to do")
        shown = [
            (each.map, each.company, each.key, each.what, "" if same else each.todo) for each in rows[:ROWS]
        ]
        opened = " open" if len(rows) <= 5 else ""
        folds.append(
            f"<details{opened}><summary><b>{len(rows):,}</b>{escape(KINDS[kind])}<span class=soft>{same}</span></summary>"
            f"{_table(columns, shown, len(rows))}</details>"
        )
    return f"<h2>To think about first</h2><div class=kinds>{''.join(folds)}</div>"


def _written(found: Plan) -> str:
    """Rows written for each map, most first: into F&O to the left, into Dataverse to the right, to one scale."""
    sums: dict[str, Counter[str]] = {}
    for lane in found.lanes:
        sums.setdefault(lane.map, Counter()).update({kind: getattr(lane, kind) for kind in KIND_WORDS})
    busy = sorted(((name, +own) for name, own in sums.items() if +own), key=lambda each: -each[1].total())
    if not busy:
        return ""
    most = {side: max(sum(own[kind] for kind in kinds) for _, own in busy) for side, kinds in _MEANT}
    sides = [(side, kinds) for side, kinds in _MEANT if most[side]]
    # one unit is as wide to the left as to the right; figures stand in the margins beside the bars
    widths = f"{'3.5rem' if most['fno'] else '.8rem'} {' '.join(f'minmax(0, {most[side]}fr)' for side, _ in sides)} 3.5rem"
    cells = ["<span></span><span></span>"]
    cells += [
        f'<span class="bar head {_hand(side)}">into {escape(SIDE_NAMES[side])}</span>' for side, _ in sides
    ]
    cells.append("<span></span>")
    for name, own in busy:
        drawn = "".join(_bar(own, kinds, most[side], _hand(side)) for side, kinds in sides)
        cells.append(f"<span>{escape(name)}</span><span></span>{drawn}<span></span>")
    there = {kind.partition("_")[0] for _, own in busy for kind in own}
    words = (("create", "new"), ("update", "changed"), ("delete", "deleted"))
    key = "".join(f"<span><i class={kind}></i>{word}</span>" for kind, word in words if kind in there)
    return (
        f"<h2>Rows written, by map</h2><p class=key>{key}</p>"
        f'<div class="bars tight" style="grid-template-columns: max-content {widths}">{"".join(cells)}</div>'
    )


def _hand(side: SideName) -> str:
    return "left" if side == "fno" else "right"


def _bar(own: Mapping[str, int], kinds: Iterable[str], most: int, hand: str) -> str:
    drawn = [(kind, number) for kind in kinds if (number := own[kind])]
    total = sum(number for _, number in drawn)
    if not total:
        return f'<span class="bar {hand}"></span>'
    pieces = "".join(
        f'<i class={kind.partition("_")[0]} title="{number:,} {escape(KIND_WORDS[kind])}" style="flex:{number}"></i>'
        for kind, number in drawn
    )
    share = f"width:{100 * total / most:.2f}%"
    return f'<span class="bar {hand}"><span style="{share}">{pieces}</span>{total:,}</span>'


def _budgets(found: Plan) -> str:
    """What the run takes of what is left of each limit."""
    if not found.costs:
        return ""
    cells = [cell for each in found.costs for cell in _meters(each)]
    return (
        f"<h2>Requests and time</h2><p class=soft>{escape(basis(found))}</p>"
        '<div class=bars style="grid-template-columns: max-content max-content minmax(8rem, 20rem) 1fr">'
        f"{''.join(cells)}</div>"
    )


def _meters(each: Cost) -> Iterable[str]:
    requests = f"{each.reads:,} that read, {each.writes:,} that write {each.rows:,} rows"
    asked = (
        (each.requests, each.free, "requests", "left of these five minutes", requests),
        (each.operations, each.free_today, "operations", "left of today", ""),
    )
    for needed, free, unit, said, which in asked:
        part = needed / free if free else float(needed > 0)
        over = " class=over" if part > 1 else ""
        share = f"{part:.0%}" if part >= 0.01 or not needed else "under 1%"
        yield f"<span>{escape(SIDE_NAMES[each.side])}</span><span>{needed:,} {unit}</span>"
        yield f'<span class=meter><i{over} style="width:{min(100, 100 * part):.2f}%"></i></span>'
        yield f"<span>{share} of the {free:,} {said} <span class=soft>{which}</span></span>"


def _fields(found: Plan) -> str:
    """Differences added up by field, those of most rows drawn."""
    rows = by_field(found)
    if not rows:
        return ""
    most = max(int(number) for _, _, number, _ in rows)
    cells = []
    for map_, name, number, stands in rows[:BARS]:
        colour = next((side for side, said in SIDE_NAMES.items() if str(stands).startswith(said)), "open")
        width = 100 * int(number) / most
        cells += [
            f"<span>{escape(str(map_))}</span><span>{escape(str(name))}</span>",
            f'<span class=bar><span style="width:calc({width:.2f}% - {width / 100 * 3.5:.2f}rem)"><i class={colour}'
            f' style="flex:1"></i></span>{number:,}</span><span class=soft>{escape(str(stands))}</span>',
        ]
    rest = rows[BARS:]
    more = _folded("More fields", ("map", "field", "rows that differ", "who wins"), rest) if rest else ""
    return (
        "<h2>Values that differ, by field</h2>"
        f'<div class=bars style="grid-template-columns: max-content max-content 1fr max-content">{"".join(cells)}</div>{more}'
    )


def _folded(
    title: str, columns: Sequence[str], rows: Sequence[Sequence[str | int]], total: int | None = None
) -> str:
    count = len(rows) if total is None else total
    inside = _table(columns, rows, count) if rows else "<p class=soft>none</p>"
    return f"<details><summary><b>{count:,}</b>{escape(title)}</summary>{inside}</details>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str | int]], count: int) -> str:
    """A table without the columns in which nothing stands."""
    used = [place for place in range(len(columns)) if any(row[place] for row in rows)]
    numbers = {place for place in used if isinstance(rows[0][place], int)}
    shown = "".join("<tr>" + "".join(_cell(row[place]) for place in used) + "</tr>" for row in rows[:ROWS])
    more = f"<p class=soft>{count - ROWS:,} more; --json has them.</p>" if count > ROWS else ""
    head = "".join(
        f"<th{' class=number' if place in numbers else ''}>{escape(columns[place])}</th>" for place in used
    )
    return f"<table><tr>{head}</tr>{shown}</table>{more}"


def _cell(value: str | int) -> str:
    if isinstance(value, int):
        return f"<td class=number>{f'{value:,}' if value else '·'}</td>"
    return f"<td>{escape(value)}</td>"
