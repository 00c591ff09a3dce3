"""Record: what a batch leaves in the state, in one transaction.

Only units that were sent *and* acknowledged move their base: the source's to the digest that was read, the target's to the digest
of what the service says it now holds. Everything else (parked, deferred, held, waiting) keeps the base it had, so it is judged
again when its row is looked at next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mappings.errors import RowError
from tasks.connectors.side import Outcome
from tasks.state.leases import Lease
from tasks.state.store import Transaction
from tasks.sync.cases import Case, Send, Work
from tasks.sync.choices import not_written, winner_of
from tasks.sync.compare import Comparer
from tasks.sync.diff import Decision, Digests
from tasks.sync.family import children
from tasks.sync.feeds import entry, link_name
from tasks.sync.kept import repaired
from tasks.sync.lane import Lane
from tasks.sync.notes import Notes
from tasks.sync.noting import Noting
from tasks.sync.overwritten import record_overwritten
from tasks.sync.results import Results
from tasks.sync.turns import count_turns

NOT_FOUND = 404


class Recorder(Noting):
    """Stores the batches of one lane under one lease."""

    def __init__(self, lane: Lane, lease: Lease, notes: Notes, comparer: Comparer) -> None:
        super().__init__(lane, lease, notes)
        self._comparer = comparer
        self._busy = False
        self._open: set[str] | None = None

    # results

    def record(self, work: Work) -> list[Case]:
        """Store everything about a batch; returns the cases to read again."""
        if not work.links:
            work.links = [case.link for case in work.cases]
        returned = self._returned(work)
        if any(outcome.before is not None for outcome in work.outcomes):
            record_overwritten(self._lane, work, self._comparer, self._notes)
        results = Results(work, self._lane)
        results.merged(self._notes)
        clean: list[int] = []
        for k, (send, outcome) in enumerate(zip(work.sends, work.outcomes, strict=True)):
            if results.is_clean_create(send, outcome):
                # no history of its own: the link and the run's counts say all there is to say about a new row
                clean.append(send.case)
            else:
                results.remember(send)
                self._apply(work, results, send, outcome, returned.get(k))
        self._lane.counts.count(created_dataverse=len(clean))
        results.clean = clean
        self._store(work, results)
        return [work.cases[i] for i in sorted(results.again)]

    def _returned(self, work: Work) -> dict[int, Digests]:
        """Digests of what the services say they now hold, for the writes that were answered with the row."""
        out: dict[int, Digests] = {}
        for side in ("fno", "dataverse"):
            at = [
                (k, outcome.row)
                for k, (send, outcome) in enumerate(zip(work.sends, work.outcomes, strict=True))
                if send.side == side and outcome.status == "done" and outcome.row is not None
            ]
            if not at:
                continue
            rows = [row for _, row in at]
            canonical = self._comparer.fno(rows) if side == "fno" else self._comparer.dataverse(rows)[0]
            for (k, row), digest, texts in zip(
                at, self._comparer.digests(canonical), canonical.texts, strict=True
            ):
                trusted = k not in work.read_back or self._comparer.is_ours(row)
                out[k] = digest if trusted else self._ours_of(work, k, digest, texts)
        return out

    def _ours_of(self, work: Work, k: int, held: Digests, texts: npt.NDArray[np.object_]) -> Digests:
        """What a target held right after our write, told from a row that was read some time later.

        A value that is neither what we sent, nor the service's form of it, nor what stood there before, was set by somebody in
        between: our own value is the base that makes it that person's edit.
        """
        send, comparison = work.sends[k], work.comparison
        i, images = send.case, self._comparer.images[send.side]
        before, sent, sent_texts = (
            (comparison.dataverse[i], comparison.fno[i], comparison.texts_fno[i])
            if send.side == "dataverse"
            else (comparison.fno[i], comparison.dataverse[i], comparison.texts_dataverse[i])
        )
        ours = held.copy()
        for p in np.flatnonzero(send.pairs & (held != sent) & (held != before)).tolist():
            if not images.is_image(p, str(sent_texts[p]), str(texts[p])):
                ours[p] = sent[p]
        return ours

    def _apply(
        self, work: Work, results: Results, send: Send, outcome: Outcome, held: Digests | None
    ) -> None:
        """Let one answer count."""
        i, kind = send.case, send.operation.kind
        if kind == "delete":
            self._apply_delete(work, results, send, outcome)
        elif outcome.status == "done":
            if kind == "create":
                results.created(send, outcome, held)
            else:
                results.updated(send, outcome, held)
                self._count_kept(work, results, send)
                if work.decisions[i] is Decision.DEACTIVATE:
                    # it counts as what it stands for: so many a day, and no more without a word
                    results.let_go(i)
                    results.deleted["dataverse"] = results.deleted.get("dataverse", 0) + 1
            if held is not None:
                results.count_normalized(self._notes, send, held)
            self._notes.history(work, i, kind, send.side, send.pairs)
            self._lane.counts.count(**{f"{kind}d_{send.side}": 1})
        elif outcome.status == "refused":
            case = work.cases[i]
            names_gone = send.side == "dataverse" and not case.doubted and _says_gone(outcome)
            case.doubted |= names_gone
            retry = names_gone or (kind == "create" and case.refusals == 0)
            case.refusals += 1
            results.not_written(send, unlink=kind == "create" and not retry)
            if retry:
                # "already exists" can't be told from the text: look by key and let the diff decide
                # nor does anybody say which of the rows that it names is gone
                results.again.add(i)
            else:
                self._notes.park_refused(work, i, send.side, kind, outcome.error)
        else:
            # moved, gone, unsent or unknown: read again; an unknown outcome keeps its intent and is recognized by it
            # so does a moved version: an update whose answer was lost is sent again, and then finds its own version gone
            if outcome.status == "unsent":
                results.not_written(send, unlink=False)
            if (
                outcome.status == "unknown"
                and send.side == "fno"
                and kind == "create"
                and not send.operation.address
            ):
                self._notes.park_uncertain(work, i)
            else:
                results.again.add(i)
            work.unsettled.add(i)

    def _apply_delete(self, work: Work, results: Results, send: Send, outcome: Outcome) -> None:
        i, lane = send.case, self._lane
        if outcome.status in ("done", "absent"):
            results.unlink.add(i)
            if outcome.status == "done":
                results.deleted[send.side] = results.deleted.get(send.side, 0) + 1
                lane.counts.count(**{f"deleted_{send.side}": 1})
                self._notes.history(work, i, "delete", send.side, None)
        elif outcome.status in ("refused", "unsent"):
            results.not_written(send, unlink=False)
            if outcome.status == "unsent":
                results.again.add(i)
                return
            named = children(lane, work.cases[i], send.side)
            self._notes.park_refused(work, i, send.side, "delete", outcome.error, named)
        else:
            results.again.add(i)

    def _count_kept(self, work: Work, results: Results, send: Send) -> None:
        """Count the repairs of units that somebody changes only at their target, and the turns of those that flow both ways."""
        if work.merges is None or send.case not in results.place_of:
            return
        place = results.place_of[send.case]
        link = results.links[send.case]
        if link is None:
            return
        drift = work.merges.drift[place]
        sent = (work.merges.to_dataverse | work.merges.to_fno)[place]
        now = self._lane.seams.now()
        kept = repaired(
            link.kept, np.flatnonzero(drift & sent).tolist(), np.flatnonzero(sent & ~drift).tolist(), now
        )
        own = (work.merges.to_dataverse if send.side == "dataverse" else work.merges.to_fno)[place]
        turns = count_turns(self._lane, work, send, own & ~drift, kept, now)
        results.links[send.case] = replace(link, kept=turns)

    def _store(self, work: Work, results: Results) -> None:
        try:
            self._store_all(work, results)
        except RowError as error:
            if error.code != "duplicate_link":
                raise
            results.forget(self._set_aside(work, results.new))
            self._store_all(work, results)

    def _store_all(self, work: Work, results: Results) -> None:
        lane, now = self._lane, self._lane.seams.now()
        results.finish()
        confirmed = results.confirmed()
        with lane.store.transaction(self._lease) as tx:
            results.make_room(tx)
            inserts, updates, deletes = results.changes()
            if inserts:
                ids = tx.insert_links(inserts)
                results.inserted(ids)
            if updates:
                tx.update_links(updates)
            if confirmed:
                tx.confirm_created(confirmed)
            if deletes:
                tx.delete_links(deletes)
            if self._listed(tx):
                self._clear(tx, work, results)
            entries = [
                each
                for i, case in enumerate(work.cases)
                # what is held stays named: a lane that stands still leaves its inbox alone
                if i not in results.again and i not in work.held
                for each in case.entries
            ]
            if entries:
                tx.drop_inbox(entries)
            filled_in = results.filled_in()
            if filled_in:
                tx.put_inbox([entry(lane, "fno", link_name(link), "upsert") for link in filled_in])
            if work.handed:
                tx.put_inbox(work.handed)
            if work.parked:
                tx.park(work.parked)
            if work.waiting:
                tx.wait(work.waiting)
            if work.conflicts:
                tx.record_conflicts(self._not_recorded(tx, work))
            self._close(tx, work, results)
            if work.history:
                tx.add_history(work.history)
            for side, count in results.deleted.items():
                tx.note_deleted(lane.pair, lane.map.name, lane.company, side, count, now)
            if work.error is not None:
                tx.save_lane_state(lane.pair, lane.map.name, lane.company, "error", str(work.error))
        results.hand_back()

    def _clear(self, tx: Transaction, work: Work, results: Results) -> None:
        """Forget what these rows were listed for: they were just judged anew, and are listed again where needed."""
        lane = self._lane
        judged = [i for i in range(len(work.cases)) if i not in results.again]
        names = {name for i in judged for name in self._notes.names(work.cases[i])}
        tx.stop_waiting(lane.pair, lane.map.name, lane.company, names)
        # a row that is parked again keeps its place and its number of attempts
        parked = {(row.side, row.row) for row in work.parked}
        held = {name for i in judged if i in work.kept_parked for name in self._notes.names(work.cases[i])}
        tx.unpark(lane.pair, lane.map.name, lane.company, names - parked - held)

    def _close(self, tx: Transaction, work: Work, results: Results) -> None:
        """Close what was left open about rows that were judged anew and are not at odds any more."""
        lane = self._lane
        if self._open is None:
            self._open = tx.open_keys(lane.pair, lane.map.name, lane.company)
        if self._open:
            judged = {self._notes.key(case): i for i, case in enumerate(work.cases) if i not in results.again}
            work.open |= not_written(lane, work)
            closed: dict[str, list[int]] = {}
            for key in judged.keys() & self._open:
                for record in tx.conflicts(lane.pair, lane.map.name, lane.company, status="open", key=key):
                    if (record.key, record.kind, record.unit) not in work.open:
                        closed.setdefault(winner_of(lane, work, judged[key], record), []).append(record.id)
            for winner, ids in closed.items():
                tx.close_conflicts(ids, winner=winner)
            self._open -= judged.keys()
        self._open |= {key for key, _, _ in work.open}

    def _listed(self, tx: Transaction) -> bool:
        """Is any row of this lane parked or waiting? Most of the time none is, and nothing needs to be cleared."""
        lane = self._lane
        if self._busy is not True:
            self._busy = tx.any_listed(lane.pair, lane.map.name, lane.company)
        return self._busy

    def reload_links(self, cases: Sequence[Case]) -> None:
        """Fetch the links of these cases again, after a record changed them."""
        lane = self._lane
        ids = [case.link.id for case in cases if case.link is not None and case.link.id]
        with lane.store.read() as state:
            links = {link.id: link for link in state.links_of(ids)} if ids else {}
        for case in cases:
            if case.link is not None:
                case.link = links.get(case.link.id)


def _says_gone(outcome: Outcome) -> bool:
    """Does Dataverse miss a row? In a refusal that is one which the written row names: its own would be absent."""
    return outcome.error is not None and outcome.error.status == NOT_FOUND
