"""The check as people meet it: the command with its exit code, and the flow with its artifact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from typer.testing import CliRunner

from flows import health
from flows.cli import app
from tests.local_services import Services

GROUPS = "Customer groups"


@pytest.fixture
def configured(services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Services:
    """The environment of a process that works on the sandbox."""
    services.load("fno", "LegalEntities", [{"LegalEntityId": "usmf", "Name": "US"}])
    services.load("dataverse", "cdm_companies", [{"cdm_companycode": "usmf", "cdm_name": "US"}])
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DUALFLOW_STATE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.setenv("DUALFLOW_COMPANIES", "usmf")
    return services


def test_the_command_says_what_is_wrong_and_what_to_do(configured: Services) -> None:
    well = CliRunner().invoke(app, ["check", GROUPS])
    assert well.exit_code == 0, well.output
    assert "checks for 1 map: " in well.output
    configured.switch(denied=["prvReadmsdyn_customergroup"])
    ill = CliRunner().invoke(app, ["check", GROUPS])
    assert ill.exit_code == 1
    assert "✗  Privileges in Dataverse" in ill.output
    assert "without prvReadmsdyn_customergroup" in ill.output
    assert "→ in a security role" in ill.output
    told = CliRunner().invoke(app, ["check", GROUPS, "--json"])
    assert told.exit_code == 1
    (error,) = [each for each in json.loads(told.stdout)["findings"] if each["severity"] == "error"]
    assert (error["code"], error["subject"], error["maps"]) == (
        "privilege_missing",
        "msdyn_customergroup",
        [GROUPS],
    )


def test_warnings_count_where_that_is_wanted(configured: Services) -> None:
    configured.switch(alternate_keys=False)
    assert CliRunner().invoke(app, ["check", GROUPS]).exit_code == 0
    assert CliRunner().invoke(app, ["check", GROUPS, "--strict"]).exit_code == 1


@pytest.mark.prefect
def test_the_flow_fails_if_something_is_wrong_and_keeps_the_table(
    configured: Services, prefect_server: None
) -> None:
    well: Any = health.health_check(maps=[GROUPS], return_state=True)
    assert well.is_completed() and well.result()["error"] == 0
    configured.switch(denied=["prvWritemsdyn_customergroup"])
    ill: Any = health.health_check(maps=[GROUPS], return_state=True)
    assert ill.is_failed() and "privilege_missing msdyn_customergroup" in (ill.message or "")
    with get_client(sync_client=True) as client:
        chosen = ArtifactFilter(key=ArtifactFilterKey(any_=["health-check"]))
        newest = max(client.read_artifacts(artifact_filter=chosen), key=lambda each: str(each.created))
    rows = json.loads(str(newest.data))
    assert rows[0]["code"] == "privilege_missing" and rows[0]["what to do"]
