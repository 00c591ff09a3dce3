"""The engine: one batch of rows from comparison to record, whatever brought the rows here.

Initial sync, delta and repair differ only in which rows they name. A batch passes these steps, each of which may be the last one
of a process that dies: read → diffed → intent → written → recorded.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry
from tasks.sync.cases import Case, Comparison, Work
from tasks.sync.choices import apply_choices
from tasks.sync.claims import Claims
from tasks.sync.compare import Comparer
from tasks.sync.counterparts import Counterparts
from tasks.sync.creates import chosen_ids
from tasks.sync.diff import Decision, Merge, merge
from tasks.sync.duplicates import dispute
from tasks.sync.evidence import Evidence, named_gone
from tasks.sync.kept import given_up
from tasks.sync.lane import Lane
from tasks.sync.leaving import Leaving
from tasks.sync.lookups import Lookups
from tasks.sync.mode import Mode
from tasks.sync.newest import newer
from tasks.sync.notes import Notes
from tasks.sync.policy import Policy
from tasks.sync.record import Recorder
from tasks.sync.sending import Sending
from tasks.sync.sends import Sends
from tasks.sync.turns import going_round
from tasks.transform.canonical import canonical_fno
from tasks.transform.digests import key_text

log = logging.getLogger("dualflow.engine")

MAX_ATTEMPTS = 3
"""How often a row is read again at once because its version moved; then it goes back to the inbox."""


class Engine(Sending):
    """Works through batches of one lane under one lease."""

    def __init__(self, lane: Lane, lease: Lease, mode: Mode | None = None) -> None:
        self.lookups = Lookups(lane)
        super().__init__(lane, lease, Comparer(lane, self.lookups))
        self.mode = mode or Mode.live(lane.map)
        self.notes = Notes(lane)
        self.sends = Sends(lane, self.lookups, self.comparer, self.notes)
        self.claims = Claims(lane)
        self.counterparts = Counterparts(lane, self.comparer, self.sends, self.claims, self.dataverse_columns)
        self.leaving = Leaving(lane)
        self.policy = Policy(lane, self.mode, self.leaving)
        self.evidence = Evidence(lane, self.notes, self.sends, self.leaving)
        self.recorder = Recorder(lane, lease, self.notes, self.comparer)

    # the whole way

    def process(self, cases: Sequence[Case]) -> list[Case]:
        """Take a batch through every step; returns the cases that must be read again."""
        work = self.prepare(cases)
        self.send(work)
        return self.record(work)

    # read → diffed → intent

    def prepare(self, cases: Sequence[Case], *, bulk: bool = False) -> Work:
        """Everything before a batch goes out: `plan` and `note`."""
        work = self.plan(cases, bulk=bulk)
        self.note(work)
        return work

    def plan(self, cases: Sequence[Case], *, bulk: bool = False) -> Work:
        """Compare, decide and build the operations; nothing is stored yet.

        Args:
            cases: at most a page of rows, both sides read.
            bulk: creates may go out as one bulk message.
        """
        work = self._decide(list(cases))
        work.bulk = bulk
        self._build(work)
        self.lane.seams.failpoint("diffed")
        return work

    def note(self, work: Work) -> None:
        """Store the intents of a batch: only then may it go out."""
        if work.sends:
            self.recorder.note_intents(work)
            self.lane.seams.failpoint("intent")

    def _decide(self, cases: list[Case]) -> Work:
        comparison = self.comparer.compare(cases)
        dispute(self.lane, cases, comparison)
        self.claims.dispute(cases, comparison)
        seen = self.comparer.seen(cases, comparison)
        decisions = [self.policy.decide(case, each) for case, each in zip(cases, seen, strict=True)]
        work = Work(cases, comparison, decisions, None, [])
        if self.counterparts.search(work):
            # a counterpart was found by key: the same cases are judged again, now with it
            return self._decide(cases)
        self.claims.spare(work)
        if self.evidence.judge(work):
            return self._decide(cases)
        self.claims.emigrated(work)
        return work

    # operations

    def _build(self, work: Work) -> None:
        lane, comparison = self.lane, work.comparison
        at: dict[Decision, list[int]] = {decision: [] for decision in Decision}
        for i, decision in enumerate(work.decisions):
            at[decision].append(i)
        self._merge(work, sorted(at[Decision.MERGE] + at[Decision.PAIR] + at[Decision.EQUAL]), comparison)
        creates = at[Decision.CREATE_DATAVERSE]
        for i in creates:
            if columns := work.cases[i].alike_by:
                self.notes.told(work, i, "lookalike", "dataverse", columns)
        for i in at[Decision.PAIR]:
            if columns := work.cases[i].paired_by:
                self.notes.told(work, i, "pair", "dataverse", columns)
        if creates:
            self.sends.creates_to_dataverse(work, creates, chosen_ids(work.cases, creates))
        if at[Decision.CREATE_FNO]:
            self.sends.creates_to_fno(work, at[Decision.CREATE_FNO])
        for i in at[Decision.RECREATE_DATAVERSE]:
            self.notes.conflict_delete(work, i, winner="fno")
        for i in at[Decision.RECREATE_FNO]:
            self.notes.conflict_delete(work, i, winner="dataverse")
        if at[Decision.RECREATE_DATAVERSE]:
            self.sends.creates_to_dataverse(
                work, at[Decision.RECREATE_DATAVERSE], [None] * len(at[Decision.RECREATE_DATAVERSE])
            )
        if at[Decision.RECREATE_FNO]:
            self.sends.creates_to_fno(work, at[Decision.RECREATE_FNO])
        for i in at[Decision.DELETE_DATAVERSE]:
            self.sends.delete(work, i, "dataverse")
        for i in at[Decision.DELETE_FNO]:
            self.sends.delete(work, i, "fno")
        for i in at[Decision.DEACTIVATE]:
            self.sends.deactivate(work, i)
        for i in at[Decision.SKIP]:
            self._skip(work, i)
        work.unlink.extend(at[Decision.UNLINK])
        work.detach.extend(at[Decision.DETACH])
        work.let_go.extend(at[Decision.LET_GO])
        lane.counts.count(
            detached=sum(
                (link := work.cases[i].link) is not None and link.state != "detached"
                for i in (*at[Decision.DETACH], *at[Decision.LET_GO])
            )
        )

    def _skip(self, work: Work, i: int) -> None:
        case, lane = work.cases[i], self.lane
        if case.elsewhere:
            return
        if case.rival:
            self.notes.park_duplicate(work, i, case.rival)
            return
        if case.claimed:
            self.notes.park_claimed(work, i, *case.claimed)
            return
        if case.claims:
            self.notes.park_ambiguous(work, i, case)
            return
        if case.abroad:
            self.notes.park_abroad(work, i, case.abroad)
            return
        if case.taken:
            if case.attempts == 0:
                work.again.append(i)  # its owner may be on its way to another key in this very batch
            else:
                self.notes.park_duplicate(work, i, case.taken)
            return
        if case.fno is None and case.dataverse is None:
            link = case.link
            if link is not None and (link.state == "half" or link.fno_key is None or named_gone(case)):
                work.unlink.append(i)
            return
        if case.fno is not None and case.dataverse is not None and case.link is None:
            self.notes.park_key_taken(work, i)
            return
        half = case.link is not None and case.link.state == "half" and None in (case.fno, case.dataverse)
        inside = work.comparison.in_fno if case.fno is not None else work.comparison.in_dataverse
        if half and not inside[i]:
            # it was about to be created on the other side, and left the filter before that came to be
            work.unlink.append(i)
        lane.counts.count(out_of_scope=1)

    def _merge(self, work: Work, at: list[int], comparison: Comparison) -> None:
        if not at:
            return
        lane, mode = self.lane, self.mode
        found = merge(
            comparison.fno[at],
            comparison.dataverse[at],
            comparison.base_fno[at],
            comparison.base_dataverse[at],
            lane.directions,
            lane.map.conflict,
            empty=lane.empty,
            master=mode.master,
            keep_values=lane.map.empty == "keep",
            hold_unknown=mode.hold_unknown,
            write=mode.write,
            newer=newer(lane, [work.cases[i] for i in at], self.comparer.is_ours)
            if lane.map.conflict == "newest"
            else None,
        )
        if mode.update_dataverse and mode.update_fno:
            apply_choices(lane, work, at, found, self.notes.key)
        found = self._confine(found)
        for i in at:
            work.cases[i].revived = self.leaving.is_back(work.cases[i])
            self._confine_stamps(work.cases[i])
        self._give_up(work, at, found)
        work.merges, work.merge_rows = found, at
        self.notes.merged(work, at, found)
        self.sends.updates(work, at, found)

    def _confine(self, found: Merge) -> Merge:
        """Take out what the mode of this run doesn't let be written; it stays open, not settled."""
        blocked = np.zeros_like(found.open)
        to_dataverse, to_fno = found.to_dataverse, found.to_fno
        if not self.mode.update_dataverse:
            blocked |= to_dataverse
            to_dataverse = np.zeros_like(to_dataverse)
        if not self.mode.update_fno:
            blocked |= to_fno
            to_fno = np.zeros_like(to_fno)
        return Merge(
            to_dataverse,
            to_fno,
            found.adopt,
            found.conflict,
            found.hold,
            found.no_base,
            found.drift,
            found.open | blocked,
        )

    def _confine_stamps(self, case: Case) -> None:
        """Key, company and constants of a row that is paired or taken over are writes as well."""
        if not self.mode.update_dataverse:
            case.stamp = case.revived = False
            case.adopted.discard("dataverse")
        if not self.mode.update_fno:
            case.adopted.discard("fno")

    def _give_up(self, work: Work, at: Sequence[int], found: Merge) -> None:
        """Leave units as they are that a service keeps undoing; a change at their source gives them another chance."""
        now = self.lane.seams.now()
        for place, i in enumerate(at):
            link = work.cases[i].link
            if link is None or not link.kept:
                continue
            for unit in given_up(link.kept, now):
                if found.drift[place, unit]:
                    found.to_dataverse[place, unit] = found.to_fno[place, unit] = False
                    found.drift[place, unit], found.open[place, unit] = False, True
                    self.notes.park_not_kept(work, i, unit)
            for unit in going_round(self.lane, work, i, found, place):
                found.to_dataverse[place, unit] = found.to_fno[place, unit] = False
                found.open[place, unit] = True
                self.notes.park_turning(work, i, unit)

    # recorded

    def record(self, work: Work) -> list[Case]:
        """Note what became of a batch, in one transaction; returns the cases to read again."""
        if work.sends:
            self.lane.seams.failpoint("written")
        again = self.recorder.record(work)
        self.lane.seams.failpoint("recorded")
        return again

    # reading

    def keys_of_fno(self, rows: Sequence[Row]) -> list[str]:
        """Folded integration keys of F&O rows."""
        lane = self.lane
        texts = canonical_fno(lane.key_layout, rows).texts
        return [key_text(parts, lane.company) for parts in texts.tolist()]

    def keys_of_dataverse(self, rows: Sequence[Row]) -> list[str | None]:
        """Folded integration keys of Dataverse rows; None where a part is empty."""
        canonical, _ = self.comparer.dataverse(rows)
        parts = canonical.texts[:, list(self.lane.layout.key_pairs)].tolist()
        return [key_text(each, self.lane.company) if self.lane.keyed(each) else None for each in parts]

    def read_fresh(self, cases: Sequence[Case]) -> None:
        """Read both sides of these cases by their own identities, at the same time."""
        lane = self.lane
        fno_at = [(case, case.link.fno_key) for case in cases if case.link is not None and case.link.fno_key]
        dataverse_at = [
            (case, case.link.dataverse_id)
            for case in cases
            if case.link is not None and case.link.dataverse_id
        ]

        def read_fno() -> None:
            rows = lane.fno.read(lane.map.fno.set, [key for _, key in fno_at], lane.layout.fno_columns)
            for (case, _), row in zip(fno_at, rows, strict=True):
                case.fno = row

        def read_dataverse() -> None:
            table, ids = lane.map.dataverse.table, [id_ for _, id_ in dataverse_at]
            rows = lane.dataverse.read(table, ids, self.dataverse_columns)
            for (case, _), row in zip(dataverse_at, rows, strict=True):
                case.dataverse = row

        if fno_at and dataverse_at:
            # a tenth of a second each at a real service: half of what a change waits for
            with lane.seams.executor(1) as beside:
                first = beside.submit(read_fno)
                read_dataverse()
                first.result()
        elif fno_at:
            read_fno()
        elif dataverse_at:
            read_dataverse()
        lane.seams.failpoint("read")

    def process_until_settled(self, cases: Sequence[Case]) -> list[InboxEntry]:
        """Process, and read again what moved meanwhile; returns the entries of rows that keep moving."""
        left = list(cases)
        for _ in range(MAX_ATTEMPTS):
            again = self.process(left)
            if not again:
                return []
            left = again
            for case in left:
                case.attempts += 1
                case.search_again()
            self.recorder.reload_links(left)
            self.read_fresh(left)
        return [entry for case in left for entry in case.entries]
