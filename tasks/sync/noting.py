"""Noting: what a batch is about to write, stored before any of it goes out.

A crash after the write is recognized by its intent: a target that holds what was about to be written was written by us.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mappings.errors import RowError
from mappings.metadata import SIDES
from tasks.state.leases import Lease
from tasks.state.records import ConflictRecord, Link
from tasks.state.store import Transaction
from tasks.sync.cases import Send, Work
from tasks.sync.diff import Digests
from tasks.sync.duplicates import linked_name, taken
from tasks.sync.images import Images
from tasks.sync.intents import delete_intent, pack, pack_intent
from tasks.sync.lane import Lane
from tasks.sync.links import half_rows, new_links, spelled
from tasks.sync.notes import Notes
from tasks.transform.digests import key_text


class Noting:
    """Notes the intents of one lane's batches under one lease."""

    def __init__(self, lane: Lane, lease: Lease, notes: Notes) -> None:
        self._lane = lane
        self._lease = lease
        self._notes = notes
        self._images = {side: Images(lane.layout, side) for side in SIDES}

    def note_intents(self, work: Work) -> None:
        """Store what is about to be written, before any of it goes out."""
        try:
            self._note(work)
        except RowError as error:
            if error.code != "duplicate_link":
                raise
            self._set_aside(work, [i for i, case in enumerate(work.cases) if case.link is None])
            self._note(work)

    def _set_aside(self, work: Work, at: Sequence[int]) -> list[int]:
        """List the new rows whose key was linked since they were looked up, and send nothing of theirs."""
        aside = taken(self._lane, work, at)
        for i, link in aside.items():
            self._notes.park_duplicate(work, i, linked_name(link, self._lane.map.fno.key))
        work.sends = [send for send in work.sends if send.case not in aside]
        return list(aside)

    def _note(self, work: Work) -> None:
        lane, comparison = self._lane, work.comparison
        work.links = [case.link for case in work.cases]
        fresh: dict[int, dict[str, Any]] = {}
        new: list[tuple[int, str, bytes]] = []
        changed: set[int] = set()
        # whole new rows, the bulk of a first connection, are packed in one go
        flowing, width = lane.directions.pair_to_dataverse, 8 * lane.pairs
        packed = pack(comparison.fno) if flowing.all() else None
        forms = self._forms(work)
        for send in work.sends:
            i = send.case
            if send.operation.kind == "delete":
                known = work.links[i]
                if known is not None and None not in (work.cases[i].fno, work.cases[i].dataverse):
                    # the other row stays, and may come back into its filter before anybody recorded that this one is gone
                    proven = self._proven(work, i, known)
                    proven[f"intent_{send.side}"] = delete_intent(lane.pairs)
                    work.links[i] = replace(known, **proven)
                    changed.add(i)
                continue
            source = comparison.fno[i] if send.side == "dataverse" else comparison.dataverse[i]
            if send.pairs is flowing and packed is not None:
                intent = packed[i * width : (i + 1) * width]
            else:
                intent = pack_intent(source, send.pairs, forms.get(id(send)))
            link = work.links[i]
            if link is None and send.chosen_id is not None:
                new.append((i, send.chosen_id, intent))
                continue
            changes: dict[str, Any] = {f"intent_{send.side}": intent}
            if send.operation.kind == "create":
                # a fresh start: whatever the link remembered belongs to a row that is gone
                changes.update(state="half", base_fno=None, base_dataverse=None, kept=None)
                if link is not None:
                    changes.update(self._key_of_new(work, send))
                if send.side == "dataverse":
                    changes.update(dataverse_id=send.chosen_id, raw_dataverse=None)
                elif isinstance(send.operation.address, Mapping):
                    changes.update(fno_key=dict(send.operation.address), fno_row=None, raw_fno=None)
            elif send.operation.kind == "update":
                # both rows are there, and their ids known; half is what a create leaves that nobody has confirmed
                changes["state"] = "paired"
                if send.side == "dataverse":
                    changes["dataverse_version"] = send.operation.version
            if link is None:
                fresh.setdefault(i, {}).update(changes)
                continue
            if i not in changed:
                # before the first of its new intents: the other one, if there are two, is not to be wiped away
                changed.add(i)
                link = replace(link, **self._proven(work, i, link))
            work.links[i] = replace(link, **changes)
        rows = half_rows(lane, work, new)
        with lane.store.transaction(self._lease) as tx:
            if rows:
                ids = tx.insert_half(
                    lane.pair,
                    lane.map.name,
                    lane.company,
                    lane.map.dataverse.table,
                    lane.layout_id,
                    rows,
                )
                work.link_ids.update(zip((i for i, _, _ in new), ids, strict=True))
            if fresh:
                links = new_links(lane, work, fresh, "paired")
                for (i, link), id_ in zip(links.items(), tx.insert_links(list(links.values())), strict=True):
                    work.links[i], work.link_ids[i] = link, id_
            if changed:
                self._make_room(tx, work, changed)
                tx.update_links([_there(work.links[i]) for i in sorted(changed)])
            if work.conflicts:
                # now: once our value stands, a crash would leave nobody who remembers the other one
                tx.record_conflicts(self._not_recorded(tx, work))
        work.conflicts = []

    def _forms(self, work: Work) -> dict[int, Digests]:
        """The forms of what is about to be sent, by `id` of the send.

        New rows of Dataverse need none: they stand under an id of our choice, and say who made them.
        """
        found: dict[int, Digests] = {}
        for side in SIDES:
            sends = [
                send
                for send in work.sends
                if send.side == side
                and send.operation.kind != "delete"
                and (side == "fno" or send.operation.kind == "update")
            ]
            if not sends:
                continue
            texts = work.comparison.texts_fno if side == "dataverse" else work.comparison.texts_dataverse
            at = [send.case for send in sends]
            pairs = np.array([send.pairs for send in sends], dtype=bool)
            rows = self._images[side].forms(texts[at], pairs, self._lane.secret)
            found.update((id(send), row) for send, row in zip(sends, rows, strict=True))
        return found

    def _key_of_new(self, work: Work, send: Send) -> dict[str, Any]:
        """The key under which a row is made again: not the one that its link remembers, where it was renamed since."""
        lane, key_pairs = self._lane, list(self._lane.layout.key_pairs)
        texts = work.comparison.texts_fno if send.side == "dataverse" else work.comparison.texts_dataverse
        parts = [str(text) for text in texts[send.case, key_pairs]]
        if not lane.keyed(parts):
            return {}
        pairs = [lane.layout.pairs[p].pair for p in key_pairs]
        return {
            "key": key_text(parts, lane.company),
            "key_text": spelled(work.cases[send.case], pairs, parts),
        }

    def _make_room(self, tx: Transaction, work: Work, changed: set[int]) -> None:
        """Two links must never have one key: who comes too late goes without until the row is read."""
        lane = self._lane
        moved = [
            (i, link)
            for i in sorted(changed)
            if (link := work.links[i]) is not None
            and link.key is not None
            and (before := work.cases[i].link) is not None
            and before.key != link.key
        ]
        if not moved:
            return
        keys = [str(link.key) for _, link in moved]
        found: set[str | None] = set(tx.links_by_key(lane.pair, lane.map.name, lane.company, keys))
        for i, link in moved:
            if link.key in found:
                work.links[i] = replace(link, key=None)
            found.add(link.key)

    def _not_recorded(self, tx: Transaction, work: Work) -> list[ConflictRecord]:
        """The conflicts of a batch without those on record from an attempt that crashed, or was refused and is tried again."""
        lane = self._lane
        if not work.conflicts:
            return []
        place = (lane.pair, lane.map.name, lane.company)
        names = {name for case in work.cases for name in self._notes.names(case)}
        listed = tx.parked_among(*place, names) if tx.any_listed(*place) else set()
        again = {
            self._notes.key(case)
            for case in work.cases
            if (
                case.link is not None
                and (case.link.intent_fno is not None or case.link.intent_dataverse is not None)
            )
            or (listed and listed & self._notes.names(case))
        }
        if not again:
            return work.conflicts
        known = {
            _content(record)
            for key in again
            for record in tx.conflicts(lane.pair, lane.map.name, lane.company, key=key)
        }
        return [record for record in work.conflicts if _content(record) not in known]

    def _proven(self, work: Work, i: int, link: Link) -> dict[str, Any]:
        """What open intents and an older layout already proved goes in with the new intent.

        The new intent takes the place of the old one; a crash right after it must not forget what the old one explained.
        """
        lane, comparison = self._lane, work.comparison
        open_intents = link.intent_fno is not None or link.intent_dataverse is not None
        if not open_intents and link.layout_id == lane.layout_id:
            return {}
        case = work.cases[i]
        changes: dict[str, Any] = {"layout_id": lane.layout_id}
        if comparison.base_fno[i].any() or comparison.base_dataverse[i].any():
            changes["base_fno"] = pack(comparison.base_fno[i])
            changes["base_dataverse"] = pack(comparison.base_dataverse[i])
        if case.fno is not None:
            changes["intent_fno"] = None
        if case.dataverse is not None:
            changes["intent_dataverse"] = None
        return changes


def _content(record: ConflictRecord) -> tuple[object, ...]:
    met = record.fno_digest, record.dataverse_digest
    return record.key, record.kind, tuple(record.fields), record.winner, *met


def _there(link: Link | None) -> Link:
    if link is None:
        raise AssertionError("a write without a link that notes it")
    return link
