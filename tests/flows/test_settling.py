"""What a person does while syncs run: settle conflicts, pause, resume and stop maps, all over the sandbox."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.output import FINDINGS, OK, USAGE
from tests.integration.installation import (
    CUSTOMER_GROUPS,
    LEGAL_ENTITIES,
    TERMS,
    Installation,
    Sides,
    altered,
    core_catalogue,
    failed,
)
from tests.integration.trading import reference_data
from tests.local_services import Services, Side

NAMES = {"fno": "Description", "dataverse": "msdyn_description"}
SETS: dict[Side, str] = {"fno": "CustomerGroups", "dataverse": "msdyn_customergroups"}


class Office:
    """Customer groups of one company, in sync, and the command line of whoever runs that."""

    def __init__(self, services: Services, installation: Installation) -> None:
        self.services = services
        self.installation = installation

    def run(self, *arguments: str) -> Any:
        return CliRunner().invoke(app, list(arguments))

    def told(self, *arguments: str) -> Any:
        """What a command says with --json."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def values(self) -> tuple[str, str]:
        """The name of group 10 on both sides."""
        fno = next(r for r in self.services.dump("fno", SETS["fno"]) if r["CustomerGroupId"] == "10")
        dataverse = next(
            r for r in self.services.dump("dataverse", SETS["dataverse"]) if r["msdyn_groupid"] == "10"
        )
        return fno[NAMES["fno"]], dataverse[NAMES["dataverse"]]

    def change(self, side: Side, value: str) -> None:
        """A user gives group 10 another name."""
        key = "CustomerGroupId" if side == "fno" else "msdyn_groupid"
        assert self.services.change(side, SETS[side], {NAMES[side]: value}, f"{key} eq '10'") == 1

    def state(self) -> str:
        lanes = self.told("status")["lanes"]
        return str(next(lane["state_name"] for lane in lanes if lane["map"] == CUSTOMER_GROUPS))


@pytest.fixture
def office(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Office]:
    reference_data(services, ["usmf"])
    sides = Sides(services)
    url = f"sqlite:///{tmp_path}/state.db"
    installation = Installation(
        services,
        sides,
        altered(core_catalogue(), CUSTOMER_GROUPS, conflict="hold"),
        url,
        maps=(LEGAL_ENTITIES, TERMS, CUSTOMER_GROUPS),
        companies=("usmf",),
    )
    for name, value in {
        **services.environment,
        "DUALFLOW_STATE_URL": url,
        "DUALFLOW_COMPANIES": "usmf",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert failed(installation.initial()) == []
    installation.settle()
    yield Office(services, installation)
    installation.close()
    sides.close()


def test_a_held_conflict_is_listed_with_its_values_and_settled(office: Office) -> None:
    assert office.run("conflicts", "list").exit_code == OK
    office.change("fno", "by F&O")
    office.change("dataverse", "by Dataverse")
    office.installation.settle()
    assert office.values() == ("by F&O", "by Dataverse")
    listed = office.run("conflicts", "list", "--values", "--map", CUSTOMER_GROUPS, "--company", "USMF")
    assert listed.exit_code == FINDINGS
    assert "by F&O" in listed.stdout and "by Dataverse" in listed.stdout and "resolve" in listed.stdout
    (found,) = office.told("conflicts", "list", "--kind", "conflict", "--newer-than", "1h")["conflicts"]
    assert (found["key"], found["status"]) == ("10", "open")
    assert office.told("conflicts", "list", "--older-than", "1h")["conflicts"] == []
    assert office.run("conflicts", "resolve", str(found["id"])).exit_code == USAGE
    assert office.run("conflicts", "resolve", "--all", "--fno").exit_code == USAGE
    done = office.run("conflicts", "resolve", str(found["id"]), "--dataverse")
    assert done.exit_code == OK and "next delta" in done.stdout
    assert office.values() == ("by F&O", "by Dataverse"), "a command writes to no system"
    office.installation.settle()
    assert office.values() == ("by Dataverse", "by Dataverse")
    assert office.run("conflicts", "list").exit_code == OK
    again = office.run("conflicts", "resolve", str(found["id"]), "--dataverse")
    assert again.exit_code == FINDINGS and "not open" in again.stdout
    office.installation.at_rest()


def test_all_conflicts_of_a_map_are_settled_at_once_unless_they_moved(office: Office) -> None:
    office.change("fno", "by F&O")
    office.change("dataverse", "by Dataverse")
    office.installation.settle()
    told = office.told("conflicts", "resolve", "--all", "--map", CUSTOMER_GROUPS, "--fno")
    assert len(told["resolved"]) == 1
    office.change("dataverse", "once more")
    office.installation.settle()
    assert office.values() == ("by F&O", "once more")
    (found,) = office.told("conflicts", "list")["conflicts"]
    assert found["id"] == told["resolved"][0] and found["choice"] == ""
    refused = office.run("conflicts", "resolve", "99999", "--fno")
    assert refused.exit_code != OK


def test_pause_resume_and_stop_by_command(office: Office) -> None:
    assert office.run("pause").exit_code == USAGE
    paused = office.run("pause", "--area", "Customer groups")
    assert paused.exit_code == OK and "Paused" in paused.stdout
    assert office.state() == "Paused"
    office.change("dataverse", "while paused")
    office.installation.delta()
    assert office.values() == ("Wholesale", "while paused")
    (lane,) = [lane for lane in office.told("status")["lanes"] if lane["map"] == CUSTOMER_GROUPS]
    assert (lane["state"], lane["inbox"], lane["rescan"]) == ("paused", 1, False)
    (moved,) = office.told("resume", CUSTOMER_GROUPS, "--company", "usmf", "--catch-up")["lanes"]
    assert (moved["before"], moved["state_name"]) == ("paused", "Resuming")
    office.installation.settle()
    assert office.state() == "Running" and office.values() == ("while paused", "while paused")
    assert office.told("stop", CUSTOMER_GROUPS)["lanes"][0]["state_name"] == "Not running"
    office.change("dataverse", "while stopped")
    office.installation.delta()
    assert office.values() == ("while paused", "while stopped")
    assert [
        each.split(": ")[1].split()[0] for each in failed(office.installation.initial(CUSTOMER_GROUPS))
    ] == ["failed"]
    assert failed(office.installation.initial(CUSTOMER_GROUPS, mode="link")) == []
    assert office.values() == ("while paused", "while stopped"), "link writes nothing"


def test_what_came_meanwhile_can_be_forgotten(office: Office) -> None:
    office.run("pause", "--all")
    office.change("fno", "forgotten")
    told = office.told("resume", CUSTOMER_GROUPS, "--discard")["lanes"]
    assert [each["state"] for each in told] == ["running"]
    office.run("resume", "--all")
    office.installation.settle()
    assert office.values() == ("forgotten", "Wholesale")
    office.change("fno", "said again")
    office.installation.settle()
    assert office.values() == ("said again", "said again")


@pytest.mark.usefixtures("prefect_server")
def test_rows_are_paired_anew_without_a_write_after_a_restore_that_nobody_noticed(office: Office) -> None:
    assert office.told("stop", TERMS)["lanes"][0]["state_name"] == "Not running"
    nothing = office.told("relink")
    assert nothing["lanes"] == [] and "no map" in nothing["message"]
    office.change("fno", "as it was restored")
    office.installation.forget_writes()
    office.run("pause", LEGAL_ENTITIES)
    refused = office.run("relink", "--reset")
    assert refused.exit_code != OK and office.state() == "Running", "all or nothing"
    office.run("resume", LEGAL_ENTITIES)
    told = office.told("relink", CUSTOMER_GROUPS, TERMS, "--reset")
    (lane,) = told["lanes"]  # a map that somebody stopped stays so
    rows = len(office.services.dump("fno", SETS["fno"]))
    assert (lane["map"], lane["counts"]["paired"], lane["counts"]["no_base"]) == (CUSTOMER_GROUPS, rows, 1)
    assert office.installation.ours() == []
    assert office.state() == "Running"
    (found,) = office.told("conflicts", "list")["conflicts"]
    assert found["kind"] == "no_base"
    office.run("conflicts", "resolve", str(found["id"]), "--dataverse")
    office.installation.settle()
    assert office.values() == ("Wholesale", "Wholesale"), "a person said which side is right"
    office.change("fno", "and live again")
    office.installation.settle()
    assert office.values() == ("and live again", "and live again")


@pytest.mark.usefixtures("prefect_server")
def test_a_copy_that_took_the_place_of_dataverse_is_paired_before_anything_is_written(office: Office) -> None:
    office.change("dataverse", "in the copy")
    office.services.switch(dataverse_organization="aaaaaaaa-0000-4000-8000-00000000c09e")
    office.installation.forget_writes()
    for command in (["sync", "delta"], ["sync", "initial", CUSTOMER_GROUPS]):
        refused = office.run(*command)
        said = f"{' '.join(refused.output.split())} {refused.exception!r}"
        assert refused.exit_code != OK and "another organization" in said
    lanes = office.told("relink")["lanes"]
    assert {lane["map"]: lane["verdict"] for lane in lanes} == dict.fromkeys(
        (LEGAL_ENTITIES, TERMS, CUSTOMER_GROUPS), "ok"
    )
    assert office.installation.ours() == []
    assert office.values() == ("Wholesale", "in the copy")
    assert office.told("relink")["lanes"] == [], "once is enough"
    (found,) = office.told("conflicts", "list")["conflicts"]
    office.run("conflicts", "resolve", str(found["id"]), "--dataverse")
    office.run("sync", "delta")
    assert office.values() == ("in the copy", "in the copy")
