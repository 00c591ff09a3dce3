"""Delta: work off the inbox of a lane, whatever feed filled it."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry, Link
from tasks.sync.cases import Case, fno_address
from tasks.sync.engine import Engine
from tasks.sync.feeds import entry, link_name
from tasks.sync.lane import Lane

log = logging.getLogger("dualflow.delta")


def drain(lane: Lane, lease: Lease, *, engine: Engine | None = None) -> int:
    """Work through the inbox of a lane until it is empty; returns the number of rows looked at.

    Rows that waited for a parent which is there by now come first: that is a query, not an event, so nobody can miss it. Rows that
    keep moving under our hands stay in the inbox for the next drain.
    """
    engine = engine or Engine(lane, lease)
    wake(lane, lease)
    looked_at = 0
    left_alone: set[tuple[str, str]] = set()
    while True:
        if _in_error(lane):
            return looked_at
        with lane.store.read() as state:
            taken = state.take_inbox(
                lane.pair, lane.map.name, lane.company, lane.settings.page_size + len(left_alone)
            )
        entries = [e for e in taken if (e.side, e.row) not in left_alone]
        if not entries:
            return looked_at
        looked_at += len(entries)
        cases, idle = gather(engine, entries)
        if idle:
            with lane.store.transaction(lease) as tx:
                tx.drop_inbox(idle)
        if cases:
            moving = engine.process_until_settled(cases)
            left_alone.update((e.side, e.row) for e in moving)
        lane.store.renew(lease)


def wake(lane: Lane, lease: Lease) -> None:
    """Put rows back into the inbox whose parent has come, or whose time to be tried again has come."""
    with lane.store.read() as state:
        waiting = state.releasable(lane.pair, lane.map.name, lane.company)
        due = state.due_parked(lane.pair, lane.map.name, lane.company, lane.seams.now())
    entries = {(w.side, w.row): entry(lane, w.side, w.row, "upsert") for w in waiting}
    entries.update({(p.side, p.row): entry(lane, p.side, p.row, "upsert") for p in due})
    if entries:
        with lane.store.transaction(lease) as tx:
            tx.put_inbox(list(entries.values()))


def _in_error(lane: Lane) -> bool:
    with lane.store.read() as state:
        found = state.lane(lane.pair, lane.map.name, lane.company)
    return found.state in ("error", "paused")


def gather(engine: Engine, entries: Sequence[InboxEntry]) -> tuple[list[Case], list[InboxEntry]]:
    """Turn names into cases with both sides freshly read; entries that name nothing any more come back as idle."""
    lane = engine.lane
    by_link: dict[int, Case] = {}
    new: dict[tuple[str, str], Case] = {}
    idle: list[InboxEntry] = []

    linked_entries = [e for e in entries if e.row.startswith("link:")]
    with lane.store.read() as state:
        links = {link.id: link for link in state.links_of([_link_id(e) for e in linked_entries])}
    for e in linked_entries:
        link = links.get(_link_id(e))
        if link is None:
            idle.append(e)
        else:
            _join(by_link, link, e)

    _gather_dataverse(
        engine,
        [e for e in entries if e.side == "dataverse" and not e.row.startswith("link:")],
        by_link,
        new,
        idle,
    )
    _gather_fno(
        engine, [e for e in entries if e.side == "fno" and not e.row.startswith("link:")], by_link, new, idle
    )

    linked = list(by_link.values())
    renamed = {id(case): case.fno for case in linked if case.fno is not None}
    engine.read_fresh(linked)
    for case in linked:
        # read_fresh asks for the remembered key; a renamed record answers under its new one
        if case.fno is None and id(case) in renamed:
            case.fno = renamed[id(case)]
    lane.counts.read_fno += sum(case.fno is not None for case in linked) + sum(
        c.fno is not None for c in new.values()
    )
    lane.counts.read_dataverse += sum(c.dataverse is not None for c in linked) + sum(
        c.dataverse is not None for c in new.values()
    )
    return linked + list(new.values()), idle


def _link_id(e: InboxEntry) -> int:
    return int(e.row.removeprefix("link:"))


def _join(by_link: dict[int, Case], link: Link, e: InboxEntry, fno: Row | None = None) -> None:
    case = by_link.setdefault(link.id, Case(link=link))
    case.entries.append(e)
    if fno is not None:
        case.fno = fno


def _gather_dataverse(
    engine: Engine,
    entries: Sequence[InboxEntry],
    by_link: dict[int, Case],
    new: dict[tuple[str, str], Case],
    idle: list[InboxEntry],
) -> None:
    lane = engine.lane
    if not entries:
        return
    with lane.store.read() as state:
        links = state.links_by_id(lane.pair, lane.map.name, lane.company, [e.row for e in entries])
    unknown = []
    for e in entries:
        link = links.get(e.row)
        if link is not None:
            _join(by_link, link, e)
        else:
            unknown.append(e)
    if not unknown:
        return
    rows = lane.dataverse.read(lane.map.dataverse.table, [e.row for e in unknown], engine.dataverse_columns)
    for e, row in zip(unknown, rows, strict=True):
        if row is None:
            idle.append(e)
            continue
        case = new.setdefault(("dataverse", e.row), Case(dataverse=row))
        case.entries.append(e)


def _gather_fno(
    engine: Engine,
    entries: Sequence[InboxEntry],
    by_link: dict[int, Case],
    new: dict[tuple[str, str], Case],
    idle: list[InboxEntry],
) -> None:
    lane = engine.lane
    if not entries:
        return
    key = lane.map.fno.key
    rows = lane.fno.read(
        lane.map.fno.set, [fno_address(key, e.row) for e in entries], lane.layout.fno_columns
    )
    there = [(e, row) for e, row in zip(entries, rows, strict=True) if row is not None]
    idle += [e for e, row in zip(entries, rows, strict=True) if row is None]
    if not there:
        return
    keys = engine.keys_of_fno([row for _, row in there])
    with lane.store.read() as state:
        links = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
        strangers = [
            rid
            for k, (_, row) in zip(keys, there, strict=True)
            if k not in links and (rid := engine.row_id(row))
        ]
        renamed = (
            state.links_by_fno_row(lane.pair, lane.map.name, lane.company, strangers) if strangers else {}
        )
    for k, (e, row) in zip(keys, there, strict=True):
        link = links.get(k) or renamed.get(engine.row_id(row) or "")
        if link is not None:
            _join(by_link, link, e, row)
        else:
            case = new.setdefault(("fno", k), Case(fno=row))
            case.entries.append(e)


def name_links(lane: Lane, lease: Lease, links: Sequence[Link], side: str) -> None:
    """Put linked rows into the inbox, to be looked at again."""
    if links:
        with lane.store.transaction(lease) as tx:
            tx.put_inbox([entry(lane, side, link_name(link), "upsert") for link in links])
