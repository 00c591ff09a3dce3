"""The receiver from outside: a process behind TLS, on both databases."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner

from flows.cli import app
from mappings.errors import FatalError
from tasks.state.records import Event, TableMetadata
from tasks.state.store import Store
from tests.local_services import REPOSITORY
from tests.receiving import FNO, SECRET, Receiver, context, data_event

GROUP = "mserp_custcustomergroupentity"
ID = "0000007b-0000-0000-4000-000000000001"


class Place:
    """A state, and a receiver on it."""

    def __init__(self, folder: Path, url: str) -> None:
        self.url = url
        self.store = Store.open(url)
        self.pair = self.store.pair(FNO, "dataverse")
        with self.store.unfenced() as tx:
            # what a first run leaves: only metadata knows what Dataverse calls its tables
            tx.save_metadata([TableMetadata(self.pair, "dataverse", "accounts", "f", {"logical": "account"})])
        self.receiver = Receiver(folder, url)

    def events(self, side: Any = "fno", table: str = "CustomerGroups") -> list[Event]:
        with self.store.read() as state:
            return state.take_events(self.pair, side, table, 100)

    def count(self) -> int:
        with self.store.read() as state:
            return sum(count for count, _ in state.tables_with_events(self.pair).values())

    def clear(self) -> None:
        with self.store.unfenced() as tx:
            for side, table in tx.tables_with_events(self.pair):
                tx.drop_events(tx.take_events(self.pair, side, table, 100))

    def close(self) -> None:
        self.receiver.stop()
        self.store.close()


@pytest.fixture(scope="module")
def places(
    tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Place]]:
    made: dict[str, Place] = {}

    def place(database: str) -> Place:
        if database not in made:
            folder = tmp_path_factory.mktemp("receiver")
            url = f"sqlite:///{folder / 'state.db'}"
            if database == "postgresql":
                url = _new_database(request.getfixturevalue("postgres_url"))
            made[database] = Place(folder, url)
        return made[database]

    yield place
    for each in made.values():
        each.close()


def _new_database(server: str) -> str:
    from sqlalchemy import create_engine, make_url

    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text("CREATE DATABASE receiver_state"))
    engine.dispose()
    return make_url(server).set(database="receiver_state").render_as_string(hide_password=False)


@pytest.fixture(params=[pytest.param("sqlite"), pytest.param("postgresql", marks=pytest.mark.postgres)])
def place(request: pytest.FixtureRequest, places: Callable[[str], Place]) -> Place:
    found = places(request.param)
    found.clear()
    return found


@pytest.fixture
def local(places: Callable[[str], Place]) -> Place:
    """For what is the same on both databases."""
    found = places("sqlite")
    found.clear()
    return found


def group(number: str, message: str = "Update", company: str = "usmf", id_: str = ID) -> dict[str, Any]:
    return data_event(message, GROUP, id_, mserp_dataareaid=company, mserp_customergroupid=number)


def test_what_is_answered_with_200_is_stored_by_key_by_id_or_by_table(place: Place) -> None:
    post = place.receiver.post
    assert post(group("10")).json() == {"stored": 1, "unknown": 0}
    assert post(data_event("Delete", GROUP, ID), parameter=True).status_code == 200
    assert post(context("Update", "account", "9f3c", InputParameters=[])).status_code == 200
    upsert, delete = place.events()
    assert (upsert.row, upsert.kind) == ('["usmf","10"]', "upsert")
    assert upsert.keys == {"id": ID, "key": {"dataAreaId": "usmf", "CustomerGroupId": "10"}}
    assert (delete.row, delete.kind) == (ID, "delete")
    (woken,) = place.events("dataverse", "accounts")
    assert woken.row == ""


def test_duplicates_and_any_order_leave_one_event_a_row(place: Place) -> None:
    told = [group("1", "Create"), group("1"), group("2"), data_event("Delete", GROUP, ID)]
    for several in itertools.permutations(told, 3):
        assert place.receiver.post(list(several)).json()["stored"] == 3
    assert sorted(event.row for event in place.events()) == [ID, '["usmf","1"]', '["usmf","2"]']


def test_many_at_once_are_all_stored(place: Place) -> None:
    answers: list[int] = []

    def send(number: int) -> None:
        for part in range(10):
            answers.append(place.receiver.post(group(f"{number}-{part}")).status_code)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [200] * 80
    assert len(place.events()) == 80


@pytest.mark.parametrize("secret", [None, "", SECRET + "x", SECRET[:-1], b"geheim".hex()])
def test_without_the_secret_nothing_is_taken(local: Place, secret: str | None) -> None:
    before = local.receiver.health()["wrong_secret"]
    for parameter in (False, True):
        assert local.receiver.post(group("10"), secret=secret, parameter=parameter).status_code == 401
    assert local.receiver.health()["wrong_secret"] == before + 2
    assert local.count() == 0
    assert local.receiver.health(secret) == {"ready": True}


MALFORMED = {
    "nothing": b"",
    "no JSON": b"<xml/>",
    "a list of nothing": b"[]",
    "no members": b"{}",
    "no table": json.dumps({"MessageName": "Update"}).encode(),
    "a number for a name": json.dumps({"MessageName": "Update", "PrimaryEntityName": 3}).encode(),
    "one bad among good": json.dumps([group("10"), {"x": 1}]).encode(),
    "parameters that are none": json.dumps(context("Update", GROUP, ID, InputParameters=[1])).encode(),
    "too deep": b"[" * 100_000,
    "no UTF-8": b'{"MessageName": "\xff", "PrimaryEntityName": "account"}',
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED)
def test_what_is_no_notice_is_refused_whole(local: Place, body: bytes) -> None:
    before = local.receiver.health()["malformed"]
    answer = local.receiver.post(body)
    assert answer.status_code == 400
    assert local.receiver.health()["malformed"] == before + 1
    assert local.count() == 0


def test_a_body_beyond_the_limit_is_refused_whether_it_says_its_length_or_not(local: Place) -> None:
    before = local.receiver.health()["too_large"]
    body = json.dumps(group("10", company="x" * 1_100_000)).encode()
    assert local.receiver.post(body).status_code == 413
    with contextlib.suppress(ConnectionError, OSError):  # cut off while it still sends
        assert local.receiver.post(iter([body[:600_000], body[600_000:]])).status_code == 413
    assert local.receiver.health()["too_large"] == before + 2
    assert local.count() == 0


def test_tables_that_no_map_has_are_answered_and_forgotten(local: Place) -> None:
    before = local.receiver.health()["unknown"]
    told = [context("Create", "incident", "1"), data_event("Update", "mserp_unheardofentity", ID, a=1)]
    assert local.receiver.post(told).json() == {"stored": 0, "unknown": 2}
    assert local.receiver.health()["unknown"] == before + 2
    assert local.count() == 0


def test_an_event_without_the_whole_key_is_named_by_its_id(local: Place) -> None:
    assert local.receiver.post(data_event("Update", GROUP, ID, mserp_description="x")).status_code == 200
    # what is too large for the sender comes without its parameters
    assert local.receiver.post(context("Update", "CustCustomerGroupEntity", "{OTHER}")).status_code == 200
    assert [(event.row, event.kind) for event in local.events()] == [(ID, "upsert"), ("other", "upsert")]


def test_no_value_but_the_key_is_kept(local: Place) -> None:
    told = data_event(
        "Update", GROUP, ID, mserp_dataareaid="usmf", mserp_customergroupid="10", mserp_description="PRIVATE"
    )
    assert local.receiver.post(told).status_code == 200
    assert "PRIVATE" not in repr(local.events())


def test_200_comes_after_the_commit(place: Place) -> None:
    answers: list[int] = []
    engine = place.store._engine
    requests_before = place.receiver.health()["requests"]
    with engine.connect().execution_options(dualflow_writer=True) as connection, connection.begin():
        if engine.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE event IN ACCESS EXCLUSIVE MODE"))
        sender = threading.Thread(target=lambda: answers.append(place.receiver.post(group("10")).status_code))
        sender.start()
        while place.receiver.health()["requests"] == requests_before:
            pass
        assert answers == []
    sender.join(60)
    assert answers == [200]
    assert len(place.events()) == 1


def test_an_event_that_can_not_be_stored_is_asked_for_again(place: Place) -> None:
    with place.store.unfenced() as tx:
        tx._connection.execute(text("ALTER TABLE event RENAME TO away"))
    try:
        assert place.receiver.post(group("10")).status_code == 503
    finally:
        with place.store.unfenced() as tx:
            tx._connection.execute(text("ALTER TABLE away RENAME TO event"))
    assert place.receiver.health()["unstored"] == 1
    assert place.receiver.post(group("10")).status_code == 200
    assert len(place.events()) == 1


def test_what_was_answered_outlives_a_crash(place: Place, tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, place.url)
    assert receiver.post(group("survivor")).status_code == 200
    receiver.kill()
    assert [event.row for event in place.events()] == ['["usmf","survivor"]']


def test_asked_to_end_it_answers_what_is_under_way(local: Place, tmp_path: Path) -> None:
    receiver = Receiver(tmp_path, local.url)
    body = json.dumps(group("last")).encode()
    head = f"POST /events HTTP/1.1\r\nhost: localhost\r\nx-dualflow-secret: {SECRET}\r\n"
    head += f"content-length: {len(body)}\r\n\r\n"
    trust = ssl.create_default_context(cafile=tmp_path / "ca.pem")
    plain = socket.create_connection(("127.0.0.1", receiver.port))
    with plain, trust.wrap_socket(plain, server_hostname="localhost") as connection:
        connection.sendall(head.encode() + body[:20])
        while receiver.health()["requests"] == 0:
            pass
        receiver.process.terminate()
        connection.sendall(body[20:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert receiver.stop() == 0
    assert len(local.events()) == 1


def test_neither_values_nor_the_secret_are_logged(local: Place) -> None:
    told = group("PRIVATE-1") | {"MessageName": {"PRIVATE-2": 1}}
    assert local.receiver.post(told, parameter=True).status_code == 400
    assert local.receiver.post(group("PRIVATE-3"), parameter=True).status_code == 200
    assert local.receiver.post(group("PRIVATE-4"), secret="WRONG-secret", parameter=True).status_code == 401
    logged = local.receiver.log.read_text()
    assert "malformed" in logged
    assert not any(word in logged for word in ("PRIVATE", SECRET, SECRET.replace(" ", "+"), "WRONG"))


def test_plain_http_on_this_machine_only_unless_asked_for(local: Place, tmp_path: Path) -> None:
    plain = Receiver(
        tmp_path, local.url, plain=True, DUALFLOW_RECEIVER_HOST="0.0.0.0", DUALFLOW_RECEIVER_PLAIN="1"
    )
    assert plain.url.startswith("http://")
    assert plain.post(group("10")).status_code == 200
    assert plain.stop() == 0


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"DUALFLOW_RECEIVER_HOST": "0.0.0.0"}, "DUALFLOW_RECEIVER_CERTIFICATE"),
        ({"DUALFLOW_RECEIVER_SECRET": ""}, "DUALFLOW_RECEIVER_SECRET"),
        ({"DUALFLOW_RECEIVER_SECRET": "short"}, "16 characters"),
        ({"DUALFLOW_RECEIVER_CERTIFICATE": "nowhere.pem"}, "DUALFLOW_RECEIVER_CERTIFICATE"),
        ({"DUALFLOW_BUSINESS_EVENTS": "NoTable"}, "DUALFLOW_BUSINESS_EVENTS"),
    ],
)
def test_settings_that_can_not_work_end_it_at_once(
    local: Place, settings: dict[str, str], named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("DUALFLOW_"):
            monkeypatch.delenv(name)
    for name, value in (given(local) | settings).items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, ["receive"])
    assert isinstance(done.exception, FatalError)
    assert named in str(done.exception)


def test_a_port_that_is_taken_is_said(local: Place) -> None:
    taken = {"DUALFLOW_RECEIVER_PORT": str(local.receiver.port)}
    clean = {name: value for name, value in os.environ.items() if not name.startswith("DUALFLOW_")}
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", "receive"],
        cwd=REPOSITORY,
        env={**clean, **given(local), **taken},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert "DUALFLOW_RECEIVER_PORT" in done.stderr


def given(place: Place) -> dict[str, str]:
    return {
        "DUALFLOW_FNO_URL": f"https://{FNO}",
        "DUALFLOW_STATE_URL": place.url,
        "DUALFLOW_RECEIVER_SECRET": SECRET,
    }
