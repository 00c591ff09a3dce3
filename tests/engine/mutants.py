"""Safeguards of the engine, each taken out: what a proof must notice.

A mutant replaces one part of the production engine in the process that runs it, for the length of a `with` block:

    with MUTANTS["no_intent"]():
        ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from mappings.errors import LeaseLost
from tasks.connectors.side import Operation, Outcome
from tasks.state import models
from tasks.state.leases import Lease
from tasks.state.records import InboxEntry
from tasks.state.store import Store, Transaction
from tasks.sync.cases import Case, Comparison, Send, Work
from tasks.sync.compare import Comparer
from tasks.sync.diff import Decision, Seen
from tasks.sync.engine import Engine
from tasks.sync.evidence import Evidence
from tasks.sync.intents import Layouts, unpack
from tasks.sync.record import Recorder
from tasks.sync.results import Results
from tasks.transform import payload

Mutant = Callable[[pytest.MonkeyPatch], None]


def without_version(kind: str) -> Mutant:
    """Writes of a kind go out without If-Match."""

    def mutate(patch: pytest.MonkeyPatch) -> None:
        prepare = Engine.prepare

        def prepared(self: Engine, cases: Sequence[Case], *, bulk: bool = False) -> Work:
            work = prepare(self, cases, bulk=bulk)
            for send in work.sends:
                if send.operation.kind == kind:
                    send.operation = replace(send.operation, version=None)
            return work

        patch.setattr(Engine, "prepare", prepared)

    return mutate


def no_intent(patch: pytest.MonkeyPatch) -> None:
    """Nobody remembers what was about to be written."""
    patch.setattr(Layouts, "intent", lambda *_: None)


def one_base(patch: pytest.MonkeyPatch) -> None:
    """What one side held counts as what the other held."""
    bases = Layouts.bases

    def one(self: Layouts, links: Any) -> Any:
        fno, _ = bases(self, links)
        return fno, fno.copy()

    patch.setattr(Layouts, "bases", one)


def sending_back(patch: pytest.MonkeyPatch) -> None:
    """What a service makes of a value counts as its users' edit, and is sent to where the value came from."""
    updated = Results.updated

    def blind(self: Results, send: Send, outcome: Outcome, held: Any) -> None:
        comparison = self.work.comparison
        sent = comparison.fno if send.side == "dataverse" else comparison.dataverse
        updated(self, send, outcome, sent[send.case])

    patch.setattr(Results, "updated", blind)


def upsert(patch: pytest.MonkeyPatch) -> None:
    """An update of a row that is gone creates it again, from its key and what was to be sent."""
    send_all, write = Engine.send, Engine._write

    def sent(self: Engine, work: Work) -> None:
        self._working = work  # type: ignore[attr-defined]
        send_all(self, work)

    def written(self: Engine, sends: Sequence[Send], *, bulk: bool) -> list[Outcome]:
        outcomes = write(self, sends, bulk=bulk)
        for k, (send, outcome) in enumerate(zip(sends, outcomes, strict=True)):
            if outcome.status == "absent" and send.operation.kind == "update":
                again = replace(send, operation=Operation("create", _whole(self, send)))
                outcomes[k] = write(self, [again], bulk=False)[0]
        return outcomes

    patch.setattr(Engine, "send", sent)
    patch.setattr(Engine, "_write", written)


def _whole(engine: Engine, send: Send) -> dict[str, Any]:
    """What an upsert of this update carries: the row's key, and the fields that were sent."""
    lane, address = engine.lane, send.operation.address
    if not isinstance(address, str):
        return {**dict(address or {}), **send.operation.body}
    case: Case = engine._working.cases[send.case]  # type: ignore[attr-defined]
    assert case.fno is not None
    keys = payload.to_dataverse(lane.layout, [case.fno], list(lane.layout.key_pairs))[0]
    return {**keys, lane.dataverse_table.id_column: address, **send.operation.body}


def record_before_write(patch: pytest.MonkeyPatch) -> None:
    """The state says that it is done before it is done."""

    def process(self: Engine, cases: Sequence[Case]) -> list[Case]:
        work = self.prepare(cases)
        work.outcomes = [Outcome("done") for _ in work.sends]
        again = self.record(work)
        self.send(work)
        return again

    patch.setattr(Engine, "process", process)


def half_links_delete(patch: pytest.MonkeyPatch) -> None:
    """A link that was only noted counts as a pair: what is not on one side was deleted there."""
    seen = Comparer.seen

    def believed(self: Comparer, cases: Sequence[Case], comparison: Comparison) -> list[Any]:
        out = seen(self, cases, comparison)
        for i, case in enumerate(cases):
            if case.link is not None and case.link.state == "half":
                out[i] = (
                    True,
                    Seen.GONE if case.fno is None else Seen.SAME,
                    Seen.GONE if case.dataverse is None else Seen.SAME,
                )
        return out

    patch.setattr(Comparer, "seen", believed)


def no_conflict_record_before_the_write(patch: pytest.MonkeyPatch) -> None:
    """Conflicts are recorded with the outcome only."""
    note = Recorder.note_intents

    def noted(self: Recorder, work: Work) -> None:
        kept, work.conflicts = work.conflicts, []
        note(self, work)
        work.conflicts = kept

    patch.setattr(Recorder, "note_intents", noted)


def versions_settle_nothing(patch: pytest.MonkeyPatch) -> None:
    """A version that moved voids the intent of a write whose answer was lost."""
    apply_ = Recorder._apply

    def applied(
        self: Recorder, work: Work, results: Results, send: Send, outcome: Outcome, held: Any
    ) -> None:
        if outcome.status == "stale" and send.operation.kind != "delete":
            results.not_written(send, unlink=False)
        apply_(self, work, results, send, outcome, held)

    patch.setattr(Recorder, "_apply", applied)


def reads_are_ours(patch: pytest.MonkeyPatch) -> None:
    """A row read after a write is taken for what the write left."""
    patch.setattr(Recorder, "_ours_of", lambda self, work, k, held, texts: held)
    patch.setattr("tasks.sync.engine.Comparer.is_ours", lambda self, row: True)


def identity_does_not_matter(patch: pytest.MonkeyPatch) -> None:
    """A row that was deleted and made again with the same values counts as untouched."""
    patch.setattr("tasks.sync.compare.another_record", lambda case: False)
    seen = Comparer.seen

    def blind(self: Comparer, cases: Sequence[Case], comparison: Comparison) -> list[Any]:
        for case in cases:
            case.moved.clear()
        return seen(self, cases, comparison)

    patch.setattr(Comparer, "seen", blind)


def delete_by_feed_entry_alone(patch: pytest.MonkeyPatch) -> None:
    """Who a feed says is deleted is deleted: nobody looks for the row by id and by key."""

    def believed(self: Evidence, work: Work) -> bool:
        for i, case in enumerate(work.cases):
            told = any(each.kind == "delete" for each in case.entries)
            if told and case.link is not None and case.link.state == "paired" and case.fno is not None:
                work.decisions[i] = Decision.DELETE_FNO
        return False

    patch.setattr(Evidence, "judge", believed)


def release_by_call(patch: pytest.MonkeyPatch) -> None:
    """Who waits for a parent is released when the parent is written, instead of asked for at each drain."""
    store = Recorder._store

    def stored(self: Recorder, work: Work, results: Results) -> None:
        new = [case for case in work.cases if case.link is None or case.link.state != "paired"]
        store(self, work, results)
        lane = self._lane
        if not new:
            return
        for sync in lane.catalogue.maps.values():
            with lane.store.unfenced() as tx:
                waiting = tx.releasable(lane.pair, sync.name, lane.company)
                released = [w for w in waiting if w.parent_table == lane.map.dataverse.table]
                tx.put_inbox(
                    [InboxEntry(lane.pair, sync.name, w.company, w.side, w.row, "upsert") for w in released]
                )

    patch.setattr(Recorder, "_store", stored)
    patch.setattr("tasks.sync.delta.wake", lambda *_: set())


def digests_without_layout(patch: pytest.MonkeyPatch) -> None:
    """Stored digests are read by their places, whatever stood there when they were stored."""

    def row(self: Layouts, data: bytes | None, link: Any, part: int = 0) -> Any:
        pairs = self._lane.pairs
        return None if data is None else unpack(data[part * 8 * pairs :], pairs)

    patch.setattr(Layouts, "_row", row)


def epoch_by_select(patch: pytest.MonkeyPatch) -> None:
    """A transaction asks whether the lease is ours, and then writes."""

    @contextmanager
    def transaction(self: Store, lease: Lease) -> Iterator[Transaction]:
        with self._reading() as connection:
            row = connection.execute(
                select(models.lease.c.epoch).where(
                    models.lease.c.pair == lease.pair, models.lease.c.name == lease.name
                )
            ).one()
        if row.epoch != lease.epoch:
            raise LeaseLost("the lease is another's", code="lease_lost")
        with self.unfenced() as tx:
            yield tx

    patch.setattr(Store, "transaction", transaction)


def _switched(mutate: Mutant) -> Callable[[], AbstractContextManager[None]]:
    @contextmanager
    def switched() -> Iterator[None]:
        with pytest.MonkeyPatch.context() as patch:
            mutate(patch)
            yield

    return switched


MUTANTS: dict[str, Callable[[], AbstractContextManager[None]]] = {
    name: _switched(mutate)
    for name, mutate in {
        "no_version_on_update": without_version("update"),
        "no_version_on_delete": without_version("delete"),
        "no_intent": no_intent,
        "one_base": one_base,
        "sending_back": sending_back,
        "upsert": upsert,
        "record_before_write": record_before_write,
        "half_links_delete": half_links_delete,
        "delete_by_feed_entry": delete_by_feed_entry_alone,
        "release_by_call": release_by_call,
        "digests_without_layout": digests_without_layout,
        "epoch_by_select": epoch_by_select,
        "no_conflict_record_before_the_write": no_conflict_record_before_the_write,
        "versions_settle_nothing": versions_settle_nothing,
        "reads_are_ours": reads_are_ours,
        "identity_does_not_matter": identity_does_not_matter,
    }.items()
}
"""Name → what switches it on."""
