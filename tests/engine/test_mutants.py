"""The checks are checked: each safeguard of the engine, taken out, must be noticed.

A mutant replaces one part of the production engine. Where the small-scope check can see it, the scenario that does is played until
its first broken invariant; the others turn a directed test of `test_rules` red.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from tasks.connectors.side import Operation, Outcome, Side
from tasks.sync.cases import Case, Comparison, Send, Work
from tasks.sync.compare import Comparer
from tasks.sync.diff import Seen
from tasks.sync.engine import Engine
from tasks.sync.intents import Layouts
from tasks.sync.record import Recorder
from tasks.sync.results import Results
from tests.engine.interleave import Found, Played, Scenario, explore
from tests.engine.invariants import broken
from tests.engine.suites import SUITES

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
