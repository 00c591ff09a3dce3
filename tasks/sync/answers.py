"""Answers: rows that F&O makes because a row of Dataverse asked for them, such as the stock on hand behind a request.

Maps with `initial: false` are never scanned: an answer is as old as its question. Where no event announces it, F&O is asked for the
rows that belong to recent questions, by the questions' own numbers, and for nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np

from mappings.model import Map
from tasks.state.leases import Lease
from tasks.state.records import Cursor, InboxEntry, Link
from tasks.sync.cases import fno_name
from tasks.sync.feeds import Poll, Router, entry
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.transform.digests import raw_digests

PATIENCE = timedelta(minutes=15)
"""How long a question is asked about: answers may come in parts."""

QUESTIONS = 1000
"""Links of questions that one poll reads."""


def questions_of(lane: Lane) -> tuple[str, Map] | None:
    """The lookup that leads from a lane's answers to their questions, and the map of the questions."""
    if lane.map.initial or not lane.map.to_dataverse:
        return None
    for part in lane.map.dataverse.key:
        column = part.split(".")[0]
        lookup = lane.map.lookups.get(column)
        for asked in lane.catalogue.of_table(lookup.table) if lookup is not None else ():
            if not asked.initial:
                return column, asked
    return None


def poll_answers(lane: Lane, lease: Lease) -> Poll:
    """Ask F&O for the answers to recent questions of one lane, and name those that are new or different."""
    poll = Poll(lane.map.fno.set, "answers")
    found = questions_of(lane)
    if found is None:
        return poll
    column, asked = found
    now = lane.seams.now()
    feed = f"answers {lane.company}".strip()
    with lane.store.read() as state:
        cursor = state.cursor(lane.pair, "fno", lane.map.fno.set, feed)
        after, open_ = _known(cursor)
        new = state.iterate_links(lane.pair, asked.name, lane.company, after, QUESTIONS)
        open_ |= {link.id: now for link in new}
        open_ = {number: since for number, since in open_.items() if now - since < PATIENCE}
        links = state.links_of(list(open_)) if open_ else []
    entries = _named(lane, [link for link in links if link.fno_key is not None], column, asked, poll)
    token = {"after": max([after, *(link.id for link in new)]), "open": {str(n): t for n, t in open_.items()}}
    with lane.store.transaction(lease) as tx:
        if entries:
            tx.put_inbox(entries)
        tx.save_cursor(
            Cursor(
                lane.pair,
                "fno",
                lane.map.fno.set,
                token=msgspec.json.encode(token).decode(),
                polled_at=now,
                feed=feed,
            )
        )
    return poll


def _known(cursor: Cursor | None) -> tuple[int, dict[int, datetime]]:
    """Last link looked at, and since when each open question is asked about."""
    if cursor is None or not cursor.token:
        return 0, {}
    content = msgspec.json.decode(cursor.token, type=dict[str, Any])
    return int(content["after"]), {
        int(number): datetime.fromisoformat(since) for number, since in content["open"].items()
    }


def _named(lane: Lane, links: Sequence[Link], column: str, asked: Map, poll: Poll) -> list[InboxEntry]:
    """Inbox entries for the answers that are not as their links remember them."""
    of_question = {pair.dataverse: pair.fno for pair in asked.compared}
    own = {
        pair.fno: of_question.get(".".join(pair.path[1:]))
        for pair in lane.map.compared
        if pair.lookup == column
    }
    queries: list[dict[str, Any]] = []
    for link in links:
        key = link.fno_key or {}
        query = {str(name): key.get(str(theirs)) for name, theirs in own.items()}
        if None not in query.values():
            queries.append({**query, COMPANY_PROPERTY: lane.company} if lane.company else query)
    if not queries:
        return []
    answers = lane.fno.find(lane.map.fno.set, queries, lane.layout.fno_columns)
    rows = [row for found in answers for row in found]
    poll.seen += len(rows)
    if not rows:
        return []
    keys = Router(lane).fno_keys(rows)
    raw = raw_digests(rows, lane.layout.raw_fno, lane.secret).astype(np.int64).tolist()
    with lane.store.read() as state:
        linked = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
    entries = [
        entry(lane, "fno", fno_name(lane.map.fno.key, row), "upsert")
        for row, key, digest in zip(rows, keys, raw, strict=True)
        if key not in linked or linked[key].raw_fno != digest
    ]
    poll.named += len(entries)
    return entries
