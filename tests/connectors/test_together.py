"""Requests of several threads as one `$batch`, against the sandbox."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from mappings.errors import RetriableError
from tasks.connectors.retry import Retries
from tasks.connectors.side import Operation
from tasks.connectors.together import Together
from tests.connectors.conftest import dataverse_side
from tests.local_services import Services

TABLES = {"msdyn_exchangeratetypes": "msdyn_name", "msdyn_nameaffixes": "msdyn_affix"}
TYPES, AFFIXES = list(TABLES)[:2]


@pytest.fixture
def side(services: Services) -> Iterator[Any]:
    side = dataverse_side(services, retries=Retries(attempts=2, base=0.0))
    # longer than any test takes: whoever asks first waits for all others
    side.client.together = Together(window=60)
    for table in TABLES:
        side.table(table)
    yield side
    side.close()


def at_once(side: Any, *jobs: Callable[[], Any]) -> list[Future[Any]]:
    """Everything at the same moment, each in a thread of its own."""
    ready = threading.Barrier(len(jobs))

    def run(job: Callable[[], Any]) -> Any:
        with side.client.together.at_work():
            ready.wait(30)
            return job()

    with ThreadPoolExecutor(len(jobs)) as threads:
        return [threads.submit(run, job) for job in jobs]


def batches(services: Services) -> list[dict[str, Any]]:
    return [
        each
        for each in services.trace()
        if each["caller"] == "application" and each["url"].endswith("$batch") and each["operations"]
    ]


def make(services: Services, table: str, *names: str) -> list[dict[str, Any]]:
    services.load("dataverse", table, [{TABLES[table]: name} for name in names])
    rows = {row[TABLES[table]]: row for row in services.dump("dataverse", table)}
    return [rows[name] for name in names]


def ids(table: str, rows: Sequence[dict[str, Any]], side: Any) -> list[str]:
    return [row[side.table(table).id_column] for row in rows]


def test_reads_of_several_tables_are_one_request(services: Services, side: Any) -> None:
    of_types, of_affixes = make(services, TYPES, "a", "b"), make(services, AFFIXES, "c")
    nowhere = "00000000-0000-0000-0000-0000000000ff"
    before = len(batches(services))
    types, affixes = at_once(
        side,
        lambda: side.read(TYPES, [*ids(TYPES, of_types, side), nowhere], ["msdyn_name"]),
        lambda: side.read(AFFIXES, ids(AFFIXES, of_affixes, side), ["msdyn_affix"]),
    )
    assert [row and row["msdyn_name"] for row in types.result()] == ["a", "b", None]
    assert [row["msdyn_affix"] for row in affixes.result()] == ["c"]
    assert len(batches(services)) == before + 1


def test_writes_of_several_tables_are_one_request_and_each_gets_its_own_answer(
    services: Services, side: Any
) -> None:
    (moved, kept), (affix,) = make(services, TYPES, "moved", "kept"), make(services, AFFIXES, "x")
    moved_id, kept_id = ids(TYPES, [moved, kept], side)
    (affix_id,) = ids(AFFIXES, [affix], side)
    read = side.read(TYPES, [moved_id, kept_id], []) + side.read(AFFIXES, [affix_id], [])
    services.edit("dataverse", "PATCH", f"{TYPES}({moved_id})", {"msdyn_description": "by a user"})
    before = len(batches(services))

    def update(place: int, id_: str, **body: str) -> Operation:
        return Operation("update", body, id_, read[place]["@odata.etag"])

    types, affixes, created = at_once(
        side,
        lambda: side.write(
            TYPES,
            [update(0, moved_id, msdyn_description="1"), update(1, kept_id, msdyn_description="2")],
            columns=["msdyn_description"],
        ),
        lambda: side.write(AFFIXES, [Operation("delete", {}, affix_id, read[2]["@odata.etag"])], columns=[]),
        lambda: side.write(TYPES, [Operation("create", {"msdyn_name": "new"})], columns=["msdyn_name"]),
    )
    assert [outcome.status for outcome in types.result()] == ["stale", "done"]
    assert types.result()[1].row["msdyn_description"] == "2"
    assert [outcome.status for outcome in affixes.result()] == ["done"]
    assert created.result()[0].row["msdyn_name"] == "new"
    assert len(batches(services)) == before + 1
    assert {row["msdyn_name"]: row["msdyn_description"] for row in services.dump("dataverse", TYPES)} == {
        "moved": "by a user",
        "kept": "2",
        "new": None,
    }
    assert services.dump("dataverse", AFFIXES) == []


def test_a_lost_answer_leaves_creates_unknown_and_everything_else_done(services: Services, side: Any) -> None:
    (row,) = make(services, TYPES, "a")
    (id_,) = ids(TYPES, [row], side)
    (read,) = side.read(TYPES, [id_], [])
    services.fault(side="dataverse", match=r"POST .*\$batch", nth=1, action="lose_after")
    updated, created = at_once(
        side,
        lambda: side.write(
            TYPES, [Operation("update", {"msdyn_description": "1"}, id_, read["@odata.etag"])], columns=[]
        ),
        lambda: side.write(AFFIXES, [Operation("create", {"msdyn_affix": "new"})], columns=[]),
    )
    # sent again with the version that it had before, and refused: the engine looks, and finds its own value
    assert [outcome.status for outcome in updated.result()] == ["stale"]
    assert [outcome.status for outcome in created.result()] == ["unknown"]
    assert len(services.dump("dataverse", AFFIXES)) == 1


def test_a_row_that_is_never_answered_fails_whoever_asked_for_it_and_no_one_else(
    services: Services, side: Any
) -> None:
    (one,), (other,) = make(services, TYPES, "a"), make(services, AFFIXES, "b")
    services.fault(side="dataverse", match=f"GET .*{AFFIXES}", times=99, status=500, parts=True)
    types, affixes = at_once(
        side,
        lambda: side.read(TYPES, ids(TYPES, [one], side), ["msdyn_name"]),
        lambda: side.read(AFFIXES, ids(AFFIXES, [other], side), ["msdyn_affix"]),
    )
    assert [row["msdyn_name"] for row in types.result()] == ["a"]
    with pytest.raises(RetriableError):
        affixes.result()


def test_nobody_waits_for_threads_that_have_nothing_to_ask() -> None:
    together = Together(window=60)
    sent: list[list[str]] = []

    def send(asked: Sequence[str]) -> list[str]:
        sent.append(list(asked))
        return [each.upper() for each in asked]

    assert together.ask("read", 1, "a", send) == "A"
    with together.at_work():
        assert together.ask("read", 1, "b", send) == "B"
    assert sent == [["a"], ["b"]]


def test_who_is_expected_is_waited_for_before_it_has_begun() -> None:
    together = Together(window=60)
    sent: list[list[str]] = []

    def ask(name: str) -> str:
        def send(asked: Sequence[str]) -> Sequence[str]:
            sent.append(list(asked))
            return asked

        with together.at_work(expected=True):
            return together.ask("reads", 1, name, send)

    together.expect(2)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(ask, "first")
        until_waiting = threading.Event()
        while not together._open:
            until_waiting.wait(0.01)
        second = threads.submit(ask, "second")
        assert [first.result(), second.result()] == ["first", "second"]
    assert sent == [["first", "second"]]


def test_a_full_request_leaves_without_those_that_do_not_fit() -> None:
    together = Together(window=60, most=3)
    sent: list[list[str]] = []
    ready = threading.Barrier(2)

    def ask(name: str) -> list[str]:
        def send(asked: Sequence[str]) -> list[str]:
            sent.append(list(asked))
            return [*asked]

        with together.at_work():
            ready.wait(30)
            return [together.ask("read", 2, name, send)]

    with ThreadPoolExecutor(2) as threads:
        assert [future.result() for future in [threads.submit(ask, n) for n in ("a", "b")]] == [["a"], ["b"]]
    assert sorted(sent) == [["a"], ["b"]]


def test_nobody_waits_for_what_a_poll_does_once_it_has_asked() -> None:
    together = Together(window=60)
    sent: list[list[str]] = []
    over, gone = threading.Event(), threading.Event()
    together.expect(2)

    def poll(name: str) -> str:
        with together.at_work(expected=True, once=True):
            found: str = together.ask("polls", 1, name, send)
            over.wait(60)
            return found

    def send(asked: Sequence[str]) -> list[str]:
        sent.append(sorted(asked))
        gone.set()
        return [*asked]

    with ThreadPoolExecutor(3) as threads:
        polls = [threads.submit(poll, name) for name in ("a", "b")]
        try:
            assert gone.wait(30)
            assert threads.submit(together.ask, "reads", 1, "c", send).result(5) == "c"
        finally:
            over.set()
        assert [each.result(30) for each in polls] == ["a", "b"]
    assert sent == [["a", "b"], ["c"]]


def test_a_request_waits_a_moment_for_those_that_nobody_announced() -> None:
    together = Together(window=60, most=2, lull=60)
    sent: list[list[str]] = []

    def send(asked: Sequence[str]) -> list[str]:
        sent.append(sorted(asked))
        return [*asked]

    with ThreadPoolExecutor(2) as threads:
        first, second = (threads.submit(together.ask, "reads", 1, name, send) for name in ("a", "b"))
        assert [first.result(30), second.result(30)] == ["a", "b"]
    assert sent == [["a", "b"]], "full, it leaves at once"
