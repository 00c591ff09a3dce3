"""`dualflow parked` and `dualflow history`: every row on its line, and a person's word about it."""

from __future__ import annotations

import csv
import io
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.output import FINDINGS, OK
from tasks.state.records import HistoryEntry, ParkedRow, RunLane, WaitingRow
from tasks.state.store import Store
from tasks.transform.digests import key_text

GROUPS, TERMS = "Customer groups", "Terms of payment"
NOW = datetime.now(UTC)


class Desk:
    """A state with parked rows, and the command line of whoever looks after them."""

    def __init__(self, url: str) -> None:
        self.store = Store.open(url)
        self.pair = self.store.pair("fno.test", "dataverse")

    def park(self, row: str, **values: Any) -> None:
        given = {
            "map": GROUPS,
            "company": "usmf",
            "side": "fno",
            "kind": "parked",
            "code": "too_long",
            "message": f"{row}: Description has 70 characters, 60 are allowed",
            "remedy": "shorten it",
            "field": "Description=msdyn_description",
            "first_at": NOW - timedelta(hours=3),
            **values,
        }
        with self.store.unfenced() as tx:
            tx.park([ParkedRow(pair=self.pair, row=f'["usmf","{row}"]', key=row, **given)])

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    def told(self, *arguments: str) -> Any:
        return json.loads(self.run(*arguments, "--json").stdout)

    def listed(self, *arguments: str) -> dict[str, Any]:
        return {line["key"]: line for line in self.told("parked", "list", *arguments)["parked"]}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name in list(os.environ):
        if name.startswith("DUALFLOW_"):
            monkeypatch.delenv(name)
    url = f"sqlite:///{tmp_path / 'state.db'}"
    for name, value in {
        "FNO_URL": "https://fno.test",
        "DATAVERSE_URL": "https://dataverse.test",
        "TENANT_ID": "t",
        "CLIENT_ID": "c",
        "CLIENT_SECRET": "s",
        "STATE_URL": url,
    }.items():
        monkeypatch.setenv(f"DUALFLOW_{name}", value)
    made = Desk(url)
    yield made
    made.store.close()


def test_a_line_names_row_field_value_and_fix(desk: Desk) -> None:
    desk.park("10")
    line = desk.listed()["10"]
    assert (line["map"], line["company"], line["side"], line["field"]) == (
        GROUPS,
        "usmf",
        "fno",
        "Description=msdyn_description",
    )
    assert line["fix"] == "shorten it" and "70 characters" in line["message"]
    shown = desk.run("parked", "list")
    assert shown.exit_code == FINDINGS
    assert "shorten it" in shown.stdout


def test_an_error_without_a_remedy_of_its_own_gets_the_known_one(desk: Desk) -> None:
    message = "The length of the 'name' attribute of the 'account' entity exceeded the maximum allowed length of '160'."
    desk.park("10", message=message, remedy="", code="0x80044331")
    assert desk.listed()["10"]["fix"] != ""


def test_a_waiting_row_names_its_parent(desk: Desk) -> None:
    parent = WaitingRow(
        desk.pair,
        GROUPS,
        "usmf",
        "fno",
        '["usmf","20"]',
        1,
        "msdyn_paymentterms",
        "usmf",
        key_text(["net 30"], "usmf"),
    )
    with desk.store.unfenced() as tx:
        tx.wait([parent])
    (line,) = desk.listed().values()
    assert (line["kind"], line["parents"], line["id"]) == (
        "waiting",
        "msdyn_paymentterms net 30 in usmf",
        None,
    )
    assert desk.listed("--code", "too_long") == {}


def test_filters_and_numbers_choose(desk: Desk) -> None:
    desk.park("10")
    desk.park("11", code="refused", first_at=NOW - timedelta(days=3))
    desk.park("12", map=TERMS)
    assert set(desk.listed("--map", GROUPS)) == {"10", "11"}
    assert set(desk.listed("--code", "refused")) == {"11"}
    assert set(desk.listed("--older-than", "2d")) == {"11"}
    assert set(desk.listed("--newer-than", "2d")) == {"10", "12"}
    assert desk.run("parked", "list", "--map", "Nothing").exit_code != OK
    assert desk.run("parked", "retry").exit_code == 2  # whom?


def test_retry_makes_due_and_skip_sets_aside(desk: Desk) -> None:
    desk.park("10")
    desk.park("11", code="refused")
    desk.park("12", kind="held_delete")
    number = str(desk.listed()["10"]["id"])
    assert desk.told("parked", "skip", number)["rows"] == 1
    assert desk.listed()["10"]["kind"] == "skipped"
    assert desk.run("parked", "list", "--kind", "skipped").exit_code == OK  # nobody has to look at it
    done = desk.told("parked", "retry", "--all")
    assert (done["rows"], done["held"]) == (2, 1)
    with desk.store.read() as state:
        due = state.due_parked(desk.pair, GROUPS, "usmf", datetime.now(UTC))
    assert {row.key for row in due} == {"10", "11"}
    assert desk.run("parked", "retry", "--all", "--code", "unheard").exit_code == FINDINGS


def test_an_export_has_every_row(desk: Desk, tmp_path: Path) -> None:
    with desk.store.unfenced() as tx:
        tx.park(
            [
                ParkedRow(
                    desk.pair, GROUPS, "usmf", "fno", str(n), f'key "{n}", with comma', "parked", "c", "m\nn"
                )
                for n in range(2500)
            ]
        )
    target = tmp_path / "parked.csv"
    assert desk.run("parked", "export", "--output", str(target)).exit_code == OK
    with target.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 2500
    assert {(row["key"], row["message"]) for row in rows} >= {('key "7", with comma', "m\nn")}
    piped = desk.run("parked", "export", "--code", "none")
    assert list(csv.DictReader(io.StringIO(piped.stdout))) == []
    assert "2,300 more" in desk.run("parked", "list").stdout


def test_history_tells_of_a_row_and_of_a_map(desk: Desk) -> None:
    with desk.store.unfenced() as tx:
        run = tx.start_run(desk.pair, "delta_sync")
        tx.save_run_lane(RunLane(desk.pair, run, GROUPS, "usmf", "to-dataverse", read=3, updated=2))
        tx.finish_run(run, "ok")
        tx.start_run(desk.pair, "delta_sync")  # did nothing in this map
        for key, action in (("10", "update"), ("11", "delete"), ("10", "delete")):
            fields = ["Description=msdyn_description"] if action == "update" else []
            entry = HistoryEntry(desk.pair, GROUPS, "usmf", key, action, "dataverse", fields, run)
            tx.add_history([entry])
    row = desk.told("history", GROUPS, "10", "-c", "usmf")
    assert [each["action"] for each in row["changes"]] == ["delete", "update"]
    assert row["changes"][1]["fields"] == ["Description=msdyn_description"]
    whole = desk.told("history", GROUPS)
    assert len(whole["changes"]) == 3
    assert [(each["run"]["id"], each["lanes"][0]["updated"]) for each in whole["runs"]] == [(run, 2)]
    shown = desk.run("history", GROUPS)
    assert shown.exit_code == OK and "F&O → Dataverse" in shown.stdout
    assert desk.run("history", TERMS).exit_code == FINDINGS
