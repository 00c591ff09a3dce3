"""`deployments/prefect.yaml`: what it declares can be deployed and served as it stands."""

from __future__ import annotations

import pytest
import yaml
from prefect.utilities.importtools import import_object

from flows.served import FILE, deployment, read

DECLARED = {each["name"]: each for each in read()}


def test_all_flows_are_deployed_by_module_and_nothing_is_pulled() -> None:
    assert {each["entrypoint"] for each in DECLARED.values()} == {
        "flows.control.control",
        "flows.delta_sync.delta_sync",
        "flows.health.health_check",
        "flows.initial_sync.initial_sync",
        "flows.planning.plan",
        "flows.reconciliation.reconcile",
        "flows.relink.relink",
        "flows.replay.replay",
    }
    assert yaml.safe_load(FILE.read_text(encoding="utf-8"))["pull"] == []


def test_deltas_start_every_minute_and_hand_over() -> None:
    delta = DECLARED["every-minute"]
    assert [each["interval"] for each in delta["schedules"]] == [60]
    assert delta["concurrency_limit"] == {"limit": 2, "collision_strategy": "CANCEL_NEW"}
    assert delta["parameters"]["linger"] == 1.5 * delta["schedules"][0]["interval"]


@pytest.mark.parametrize("name", DECLARED)
def test_a_declared_deployment_is_one_for_prefect(name: str) -> None:
    made = deployment(DECLARED[name])
    assert made.entrypoint == DECLARED[name]["entrypoint"]
    assert made.parameters == DECLARED[name]["parameters"]
    assert made.concurrency_limit == DECLARED[name]["concurrency_limit"]["limit"]
    assert "dualflow" in made.tags


@pytest.mark.parametrize("name", DECLARED)
def test_declared_parameters_are_the_flows(name: str) -> None:
    flow = import_object(DECLARED[name]["entrypoint"])
    flow.validate_parameters(DECLARED[name]["parameters"])


def test_forms_can_be_rendered() -> None:
    flow = import_object("flows.initial_sync.initial_sync")
    properties = flow.parameters.properties
    assert properties["mode"]["enum"] == ["automatic", "both", "to-dataverse", "to-fno", "link"]
    assert all(each["description"] for each in properties.values())
