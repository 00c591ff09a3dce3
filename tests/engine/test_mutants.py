"""The checks are checked: each safeguard of the engine, taken out, must be noticed.

A mutant replaces one part of the production engine. Where the small-scope check can see it, the scenario that does is played until
its first broken invariant; the fence of the state, for which one process is not enough, has a check of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mappings.errors import LeaseLost
from tasks.connectors.side import Operation, Outcome, Side
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
from tests.engine.interleave import Found, Played, Scenario, explore
from tests.engine.invariants import broken
from tests.engine.suites import SUITES
from tests.state.fencing import nobody_takes_over_between_check_and_write

SCENARIOS = {suite.scenario.name: suite for suite in SUITES}


LOSSES = ("I1", "I2", "I3", "I4", "I6", "I7")
"""Invariants about values and rows; how writes are counted and asked for doesn't prove a loss."""


def first_broken(name: str, edits: int, crashes: int = 0, faults: int = 0) -> Found | None:
    """The first interleaving of a suite after which a value or a row is not as it should be."""

    def check(one: Played) -> list[str]:
        return [each for each in broken(one) if each.startswith(LOSSES)]

    scenario: Scenario = replace(
        SCENARIOS[name].scenario, most_edits=edits, most_crashes=crashes, most_faults=faults
    )
    _, found = explore(scenario, check)
    return found[0] if found else None


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
    """An update of a row that is gone creates it again."""
    write = Engine._write

    def written(self: Engine, sends: Sequence[Send], *, bulk: bool) -> list[Outcome]:
        outcomes = write(self, sends, bulk=bulk)
        for k, (send, outcome) in enumerate(zip(sends, outcomes, strict=True)):
            if outcome.status == "absent" and send.operation.kind == "update":
                outcomes[k] = self._again_as_create(send)  # type: ignore[attr-defined]
        return outcomes

    def again(self: Engine, send: Send) -> Outcome:
        lane, address = self.lane, send.operation.address
        key = dict(address) if not isinstance(address, str) and address else {}
        body = {**send.operation.body, **key}
        if send.side == "dataverse":
            body |= {"new_rowid": address, "new_code": "K1"}
        side: Side = lane.side(send.side)
        table = lane.map.fno.set if send.side == "fno" else lane.map.dataverse.table
        columns = list(lane.layout.fno_columns) if send.side == "fno" else self.dataverse_columns
        return side.write(table, [Operation("create", body)], columns=columns)[0]

    patch.setattr(Engine, "_write", written)
    patch.setattr(Engine, "_again_as_create", again, raising=False)


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
    patch.setattr("tasks.sync.compare._another_record", lambda case: False)
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
        store(self, work, results)
        lane = self._lane
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


MUTANTS: list[tuple[Mutant, str, tuple[int, int, int]]] = [
    (without_version("update"), "concurrent edits", (2, 0, 0)),
    (without_version("delete"), "deletes and recreates", (2, 0, 0)),
    (no_intent, "there and back", (2, 1, 0)),
    (one_base, "normalizing both", (2, 0, 0)),
    (sending_back, "normalizing both", (2, 0, 0)),
    (upsert, "deletes and recreates", (2, 0, 0)),
    (record_before_write, "concurrent edits", (1, 1, 0)),
    (half_links_delete, "first connection, Dataverse has it", (1, 1, 0)),
    (no_conflict_record_before_the_write, "concurrent edits", (2, 1, 0)),
    (versions_settle_nothing, "there and back", (2, 0, 1)),
    (reads_are_ours, "answers without the row", (2, 0, 0)),
    (identity_does_not_matter, "recreated as it was", (2, 1, 0)),
    (delete_by_feed_entry_alone, "recreated as it was", (2, 0, 0)),
    (release_by_call, "a parent that comes late, Dataverse has the row", (2, 0, 0)),
    (digests_without_layout, "another order of field pairs", (1, 0, 0)),
]


@pytest.mark.parametrize(
    ("mutant", "suite", "depth"),
    MUTANTS,
    ids=[f"{m.__name__}{n}" for n, (m, _, _) in enumerate(MUTANTS)],
)
def test_the_small_scope_check_notices(
    mutant: Mutant, suite: str, depth: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    mutant(monkeypatch)
    assert first_broken(suite, *depth) is not None


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_the_lease_check_notices(
    database: str, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = (
        request.getfixturevalue("postgres")()
        if database == "postgresql"
        else f"sqlite:///{tmp_path}/state.db"
    )
    with Store.open(url) as store:
        pair = store.pair("fno", "dataverse")
        nobody_takes_over_between_check_and_write(store, pair)
        epoch_by_select(monkeypatch)
        with pytest.raises(AssertionError, match="stale"):
            nobody_takes_over_between_check_and_write(store, pair)
