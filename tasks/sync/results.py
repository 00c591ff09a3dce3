"""Results: the links of a batch after its answers came in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mappings.metadata import SideName
from tasks.connectors.side import Outcome
from tasks.state.records import GONE, Link
from tasks.state.store import Transaction
from tasks.sync.cases import Case, Send, Work, another_record, fno_row_id, version_of
from tasks.sync.diff import Decision, Digests, Flags
from tasks.sync.intents import pack, pack_intent
from tasks.sync.lane import Lane
from tasks.sync.links import LinkState, new_links, spelled
from tasks.sync.notes import Notes
from tasks.transform.digests import key_text, raw_digests

GONE_FROM_FNO = frozenset({Decision.DELETE_DATAVERSE, Decision.DEACTIVATE, Decision.RECREATE_FNO})
"""What is decided about a row that F&O has no more."""


class Results:
    """Bases, ids and versions of a batch's rows, moved by what the services acknowledged and by nothing else."""

    def __init__(self, work: Work, lane: Lane) -> None:
        self.work = work
        self.lane = lane
        self.links: list[Link | None] = list(work.links)
        self.base_fno = work.comparison.base_fno
        self.base_dataverse = work.comparison.base_dataverse
        self.place_of = {i: place for place, i in enumerate(work.merge_rows)}
        self.again: set[int] = set(work.again)
        self.unlink: set[int] = set(work.unlink)
        self.deleted: dict[SideName, int] = {}
        self._touched: set[int] = {*work.detach, *work.let_go}
        self._written: set[tuple[int, SideName]] = set()
        self._inserts: list[int] = []
        self.look_again: set[int] = set()
        """Rows in which more changed than was sent: what a service filled in, or somebody else set, flows back at once."""
        self.clean: list[int] = []
        self._clean: frozenset[int] = frozenset()
        flowing = lane.directions.pair_to_dataverse
        self._whole = flowing if flowing.all() else None
        self._remember_gone()
        for i in work.detach:
            link = self.links[i]
            if link is not None:
                self.links[i] = replace(link, state="detached")
        for i in work.let_go:
            self.let_go(i)

    def _remember_gone(self) -> None:
        """A feed tells once that a row is gone: as long as nothing has come of that, the link says so.

        The other side may refuse the delete, or the row that is made again, and is asked another time.
        """
        for i, link in enumerate(self.links):
            if link is None:
                continue
            gone = self.work.cases[i].fno is None and self.work.decisions[i] in GONE_FROM_FNO
            if gone or (link.fno_version is not None and self.work.cases[i].fno is not None):
                self.links[i] = replace(link, fno_version=GONE if gone else None)
                self._touched.add(i)

    def let_go(self, i: int) -> None:
        """A row stays on one side although it is gone from the other, or left its filter there: nothing flows any more.

        Where it is gone the link forgets its name there, so that nobody looks for it again; a row with the same key brings it back.
        """
        link, case = self.links[i], self.work.cases[i]
        if link is None:
            return
        self._touched.add(i)
        link = replace(link, state="detached")
        if case.fno is None:
            link = replace(link, fno_key=None, fno_row=None, fno_version=None, intent_fno=None, raw_fno=None)
        if case.dataverse is None:
            link = replace(link, dataverse_id=None, dataverse_version=None, intent_dataverse=None)
        self.links[i] = link

    # decisions that need no answer

    def merged(self, notes: Notes) -> None:
        """Pairs, adoptions and settled intents of rows that stand on both sides."""
        work, lane = self.work, self.lane
        for i in np.flatnonzero(work.comparison.normalized.any(axis=1)).tolist():
            # written by somebody who could not hear the answer: told by what the service holds
            self._normalized(notes, i, work.comparison.normalized[i])
        if work.merges is not None:
            unit_of = lane.directions.unit_of
            adopted = work.merges.adopt[:, unit_of]
            for place, i in enumerate(work.merge_rows):
                case, link = work.cases[i], self.links[i]
                new = link is None
                if new:
                    link = new_links(lane, work, {i: {}}, "paired")[i]
                    self.links[i] = link
                    lane.counts.count(paired=1)
                if new or adopted[place].any() or (link is not None and self._stale(case, link)):
                    self._touched.add(i)
                if adopted[place].any():
                    units = adopted[place]
                    self.base_fno[i] = np.where(units, work.comparison.fno[i], self.base_fno[i])
                    self.base_dataverse[i] = np.where(
                        units, work.comparison.dataverse[i], self.base_dataverse[i]
                    )
                if link is not None and link.state != "paired":
                    self.links[i] = replace(link, state="paired")
                    self._touched.add(i)
            quiet = work.merges.quiet
            lane.counts.count(equal=int(quiet.sum()))
        sides: dict[int, set[SideName]] = {}
        for send in work.sends:
            sides.setdefault(send.case, set()).add(send.side)
        for i, link in enumerate(self.links):
            if link is not None and (link.intent_dataverse is not None or link.intent_fno is not None):
                # read back: whatever the intents proved is in the bases by now
                case = work.cases[i]
                settled_dataverse = case.dataverse is not None
                settled_fno = case.fno is not None
                sending = sides.get(i, set())
                changes: dict[str, None] = {}
                if link.intent_dataverse is not None and settled_dataverse and "dataverse" not in sending:
                    changes["intent_dataverse"] = None
                if link.intent_fno is not None and settled_fno and "fno" not in sending:
                    changes["intent_fno"] = None
                if changes:
                    self.links[i] = replace(link, **changes)  # type: ignore[arg-type]
                    self._touched.add(i)

    def _stale(self, case: Case, link: Link) -> bool:
        """Does the link still remember older versions, names or an older layout?"""
        return (
            link.layout_id != self.lane.layout_id
            or (case.dataverse is not None and link.dataverse_version != version_of(case.dataverse))
            or link.raw_fno is None
            or case.fno is not None
        )

    # answers

    def is_clean_create(self, send: Send, outcome: Outcome) -> bool:
        """A bulk create of a whole row that went through: its base is exactly its intent."""
        return (
            send.side == "dataverse"
            and send.operation.kind == "create"
            and outcome.status == "done"
            and outcome.row is None
            and send.case not in self.work.unsettled
            and (send.pairs is self._whole or bool(send.pairs.all()))
        )

    def confirmed(self) -> list[tuple[int, int]]:
        """(link id, raw digest of the F&O row) of clean creates; they are recorded by one small statement."""
        self._clean = frozenset(self.clean)
        at = [(i, self.work.cases[i].fno) for i in self.clean]
        rows = [row for _, row in at if row is not None]
        if not rows:
            return []
        raw = raw_digests(rows, self.lane.layout.raw_fno, self.lane.secret).astype(np.int64).tolist()
        numbers = self.work.link_ids
        return [(numbers.get(i) or self._link(i).id, digest) for (i, _), digest in zip(at, raw, strict=True)]

    def remember(self, send: Send) -> None:
        """Make the link of a row whose create did not simply go through: so far only its number is known here."""
        i, work = send.case, self.work
        if self.links[i] is None and i in work.link_ids:
            source = work.comparison.fno[i]
            noted = {
                "dataverse_id": send.chosen_id,
                "intent_dataverse": pack_intent(source, send.pairs),
            }
            self.links[i] = replace(new_links(self.lane, work, {i: noted}, "half")[i], id=work.link_ids[i])

    def created(self, send: Send, outcome: Outcome, held: Digests | None) -> None:
        """A new row stands: both bases begin."""
        i, lane, comparison = send.case, self.lane, self.work.comparison
        link = self._link(i)
        target = comparison.fno if send.side == "dataverse" else comparison.dataverse
        now = held if held is not None else target[i]
        # what was not sent counts as empty on the target; what only flows the other way is settled as it is at the source
        flows = lane.directions.pair_to_dataverse if send.side == "dataverse" else lane.directions.pair_to_fno
        source_base = np.where(send.pairs, target[i], np.where(flows, lane.empty, target[i]))
        target_base = np.where(send.pairs, now, lane.empty)
        if send.side == "dataverse":
            self.base_fno[i], self.base_dataverse[i] = source_base, target_base
            link = replace(
                link,
                state="paired",
                dataverse_id=outcome.id or send.chosen_id,
                dataverse_version=outcome.version,
                # without a representation the intent stays open until the row is read back
                intent_dataverse=None if held is not None else link.intent_dataverse,
                raw_dataverse=None,
            )
        else:
            self.base_dataverse[i], self.base_fno[i] = source_base, target_base
            sent = send.operation.address
            address: dict[str, object] = {}
            if outcome.row is not None:
                address = lane.fno_address(outcome.row)
            elif isinstance(sent, Mapping):
                address = dict(sent)
            link = replace(
                link,
                state="paired",
                fno_key=address,
                fno_row=fno_row_id(outcome.row) if outcome.row is not None else None,
                fno_version=None,
                intent_fno=None,
                raw_fno=None,
            )
        self.links[i] = link
        self._touched.add(i)
        self._written.add((i, send.side))
        if held is not None:
            back = (
                lane.directions.pair_to_fno if send.side == "dataverse" else lane.directions.pair_to_dataverse
            )
            if (~send.pairs & back & (held != lane.empty)).any():
                self.look_again.add(i)

    def updated(self, send: Send, outcome: Outcome, held: Digests | None) -> None:
        """The units that were sent stand on the target as the service says."""
        i, comparison = send.case, self.work.comparison
        link = self._link(i)
        read = comparison.dataverse[i] if send.side == "dataverse" else comparison.fno[i]
        if held is not None and (~send.pairs & (held != read)).any():
            # the version that we remember now is also that of what somebody else changed: no feed will tell it from our write
            self.look_again.add(i)
        source = comparison.fno[i] if send.side == "dataverse" else comparison.dataverse[i]
        now = held if held is not None else source
        if send.side == "dataverse":
            self.base_fno[i] = np.where(send.pairs, source, self.base_fno[i])
            self.base_dataverse[i] = np.where(send.pairs, now, self.base_dataverse[i])
            link = replace(
                link,
                dataverse_version=outcome.version,
                intent_dataverse=None if held is not None else link.intent_dataverse,
                raw_dataverse=None,
            )
        else:
            self.base_dataverse[i] = np.where(send.pairs, source, self.base_dataverse[i])
            self.base_fno[i] = np.where(send.pairs, now, self.base_fno[i])
            link = replace(link, intent_fno=None if held is not None else link.intent_fno, raw_fno=None)
        self.links[i] = link
        self._touched.add(i)
        self._written.add((i, send.side))

    def not_written(self, send: Send, *, unlink: bool) -> None:
        """Nothing happened: the intent is void."""
        i = send.case
        link = self._link(i)
        # a row that was to be made again is what it was: paired, with one side gone
        state: LinkState = "paired" if self.base_fno[i].any() and link.state == "half" else link.state
        self.links[i] = (
            replace(link, intent_dataverse=None, state=state)
            if send.side == "dataverse"
            else replace(link, intent_fno=None, state=state)
        )
        self._touched.add(i)
        if unlink and state == "half":
            self.unlink.add(i)

    def count_normalized(self, notes: Notes, send: Send, held: Digests) -> None:
        """A service stored something else than it was sent: the target's own base, counted, never sent back."""
        i, comparison = send.case, self.work.comparison
        source = comparison.fno[i] if send.side == "dataverse" else comparison.dataverse[i]
        other = send.pairs & (held != source)
        if other.any():
            self._normalized(notes, i, other)

    def _normalized(self, notes: Notes, i: int, pairs: Flags) -> None:
        self.lane.counts.count(normalized=1)
        units = sorted({int(self.lane.directions.unit_of[p]) for p in np.flatnonzero(pairs)})
        notes.conflict(self.work, i, "normalized", units, "")

    def _link(self, i: int) -> Link:
        link = self.links[i]
        if link is None:
            raise AssertionError("a row was written without a link that notes it")
        if not link.id and i in self.work.link_ids:
            link = replace(link, id=self.work.link_ids[i])
            self.links[i] = link
        return link

    # the end

    def finish(self) -> None:
        """Put bases, versions and raw digests into the links that changed."""
        work, lane = self.work, self.lane
        self._touched -= self.unlink
        fno_rows = [
            (i, case.fno) for i, case in enumerate(work.cases) if i in self._touched and case.fno is not None
        ]
        raw_fno = (
            raw_digests([row for _, row in fno_rows], lane.layout.raw_fno, lane.secret)
            if fno_rows
            else np.zeros(0, dtype=np.uint64)
        )
        raw_of = {i: int(raw.astype(np.int64)) for (i, _), raw in zip(fno_rows, raw_fno, strict=True)}
        for i in sorted(self._touched):
            link = self.links[i]
            if link is None:
                continue
            case = work.cases[i]
            base_fno, base_dataverse = self.base_fno[i], self.base_dataverse[i]
            # a row that was made again, and whose counterpart could not be yet: from now on it bears the name that the link knows,
            # so that somebody wants it has to be told by its base
            if case.dataverse is None and another_record(case) and (i, "dataverse") not in self._written:
                base_fno = np.zeros_like(base_fno)
            if case.fno is None and "dataverse" in case.moved and (i, "fno") not in self._written:
                base_dataverse = np.zeros_like(base_dataverse)
            known = bool(base_fno.any() or base_dataverse.any())
            same = bool((base_fno == base_dataverse).all())
            settled = i not in work.unsettled and i not in self.again
            changes: dict[str, object] = {
                "base_fno": pack(base_fno) if known else None,
                "base_dataverse": None if same or not known else pack(base_dataverse),
                "layout_id": lane.layout_id,
            }
            if case.fno is not None:
                # an update of ours leaves the key alone: what was read before it still holds
                address = lane.fno_address(case.fno)
                if link.id and (link.key is None or link.fno_key != address):
                    changes |= self._renamed(i)
                changes["fno_key"] = address
                changes["fno_row"] = fno_row_id(case.fno) or link.fno_row
                changes["raw_fno"] = raw_of[i] if settled and (i, "fno") not in self._written else None
            elif not settled:
                changes["raw_fno"] = None
            if case.dataverse is not None and (i, "dataverse") not in self._written:
                changes["dataverse_id"] = str(case.dataverse[lane.dataverse_table.id_column])
                changes["dataverse_version"] = version_of(case.dataverse)
            self.links[i] = replace(link, **changes)  # type: ignore[arg-type]

    def _renamed(self, i: int) -> dict[str, object]:
        """The key of a row that stands under another one than the link remembers: children find their parent by it."""
        lane, key_pairs = self.lane, list(self.lane.layout.key_pairs)
        parts = [str(text) for text in self.work.comparison.texts_fno[i, key_pairs]]
        pairs = [lane.layout.pairs[p].pair for p in key_pairs]
        return {
            "key": key_text(parts, lane.company),
            "key_text": spelled(self.work.cases[i], pairs, parts),
        }

    def make_room(self, tx: Transaction) -> None:
        """Two links must never have one key, not even while rows swap theirs; who comes too late goes without until it is free."""
        lane = self.lane
        moved = {
            i: link
            for i in self._touched
            if (link := self.links[i]) is not None
            and link.id
            and (before := self.work.links[i]) is not None
            and before.key != link.key
        }
        if not moved:
            return
        tx.patch_links([{"id": link.id, "key": None} for link in moved.values()])
        keys = [link.key for link in moved.values() if link.key is not None]
        taken = set(tx.links_by_key(lane.pair, lane.map.name, lane.company, keys))
        for i, link in moved.items():
            if link.key in taken:
                self.links[i] = replace(link, key=None)
            elif link.key is not None:
                taken.add(link.key)

    def changes(self) -> tuple[list[Link], list[Link], list[int]]:
        """Links to insert, to update, and ids to delete."""
        self._inserts = []
        inserts: list[Link] = []
        updates: list[Link] = []
        for i in sorted(self._touched):
            if self.links[i] is None:
                continue
            link = self._link(i)
            if link.id:
                updates.append(link)
            else:
                inserts.append(link)
                self._inserts.append(i)
        deletes = [link.id for i in self.unlink if self.links[i] is not None and (link := self._link(i)).id]
        return inserts, updates, deletes

    @property
    def new(self) -> list[int]:
        """Cases whose links are not stored yet."""
        return [i for i in sorted(self._touched) if self.links[i] is not None and not self._link(i).id]

    def forget(self, at: Sequence[int]) -> None:
        """These cases get no link."""
        for i in at:
            self.links[i] = None
            self._touched.discard(i)

    def filled_in(self) -> list[Link]:
        """Links of the rows to look at again."""
        return [self._link(i) for i in sorted(self.look_again)]

    def inserted(self, ids: Sequence[int]) -> None:
        """Give new links the ids that the state chose."""
        for i, id_ in zip(self._inserts, ids, strict=True):
            link = self.links[i]
            if link is not None:
                self.links[i] = replace(link, id=id_)

    def hand_back(self) -> None:
        """Let the cases know their links of now."""
        for i, case in enumerate(self.work.cases):
            if i in self.unlink or self.links[i] is None:
                case.link = None
            elif i not in self._clean:
                case.link = self._link(i)
