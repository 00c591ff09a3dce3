"""Void change tokens: the scan that makes up for one is owed until it is done; many of them wait in a queue, hot tables first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tasks.connectors.side import Row
from tasks.sync.keeping import Keeper
from tasks.sync.seams import Crash, SerialExecutor
from tasks.sync.vigil import Vigil
from tasks.sync.work import delta_sync, poll
from tasks.sync.worklist import Worklist
from tests.engine.test_rules_deletes import rows, stocked, void_tokens
from tests.engine.test_watching import Moment


def test_a_scan_that_a_crash_cut_short_is_still_owed() -> None:
    w = stocked()
    w.change(rows(w, "dataverse")[0], new_name="edited unseen")
    void_tokens(w)

    def die(kind: str) -> None:
        if kind == "page":
            raise Crash

    w.dataverse.before = die
    with pytest.raises(Crash):
        poll(w.session, [w.catalogue.maps["Customers"]])
    w.dataverse.before = lambda _: None
    w.dataverse_memory.expired_before = 0  # the token that was taken before the scan is good

    w.sync("Customers")

    assert w.in_fno("C000").values["Name"] == "edited unseen"  # type: ignore[union-attr]


def test_when_all_tokens_are_void_scans_wait_in_a_queue_and_hot_tables_come_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    w = stocked()
    session, moment = w.session, Moment()
    worklist = Worklist(4, moment)
    session.keeper = Keeper(session.store, session.pair, session.owner, moment, moment.sleep)
    vigil = Vigil(session, list(w.catalogue.maps.values()), None, worklist, SerialExecutor(), moment)
    scanned: list[str] = []
    pages = w.dataverse.pages

    def noted(table: str, **options: Any) -> Iterator[list[Row]]:
        scanned.append(table)
        return pages(table, **options)

    monkeypatch.setattr(w.dataverse, "pages", noted)

    def wait(seconds: float) -> None:
        end = moment.now + seconds
        while moment.now <= end:
            maps, rest = vigil.step()
            for name in maps:
                worklist.done(name, delta_sync(session, name, worklist.take(name)))
            moment.now += max(rest, 0.02)

    wait(40)
    w.change(rows(w, "dataverse")[1], new_name="makes it hot")
    wait(31)
    assert scanned == [], "nothing is owed"

    w.change(rows(w, "dataverse")[0], new_name="edited unseen")
    w.dataverse_memory.expired_before = w.dataverse_memory.version  # all tokens that were taken before
    wait(60)
    session.keeper.close()

    assert scanned == ["new_customers", "new_groups"]
    assert w.in_fno("C000").values["Name"] == "edited unseen"  # type: ignore[union-attr]
