"""The command line: helps, exit codes, JSON alone on stdout, errors in two lines."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from flows import cli
from flows.cli import app
from flows.commands import conflicts, deletes, maps, parked, sandbox, sync
from flows.commands.output import FAILED, FINDINGS, OK, USAGE, explain
from mappings.catalogue import Catalogue
from mappings.errors import FatalError, RetriableError

ROOT = Path(__file__).resolve().parent.parent.parent
GROUPS = {
    "maps": maps.app,
    "sync": sync.app,
    "sandbox": sandbox.app,
    "deletes": deletes.app,
    "conflicts": conflicts.app,
    "parked": parked.app,
}


def commands(group: typer.Typer, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for each in group.registered_commands:
        assert each.callback is not None
        yield f"{prefix}{each.name or each.callback.__name__}", each.callback
    for name, inner in GROUPS.items() if not prefix else ():
        yield from commands(inner, f"{name} ")


COMMANDS = dict(commands(app))


def run(*arguments: str) -> Any:
    return CliRunner().invoke(app, list(arguments))


def test_the_stable_commands_are_there() -> None:
    expected = {"demo", "up", "status", "verify", "maps list", "maps show", "maps validate", "maps graph"}
    expected |= {"maps import", "maps export", "maps new"}
    expected |= {
        "sync initial",
        "sync delta",
        "sandbox serve",
        "sandbox seed",
        "sandbox stop",
        "sandbox status",
    }
    expected |= {"deletes list", "deletes approve", "conflicts list", "conflicts resolve"}
    expected |= {"pause", "resume", "stop", "receive", "explain", "troubleshoot", "history"}
    expected |= {"plan", "reconcile", "relink", "check"}
    expected |= {"parked list", "parked retry", "parked skip", "parked export"}
    assert expected == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_with_an_example(name: str) -> None:
    assert "Example: dualflow " in (COMMANDS[name].__doc__ or "")
    assert run(*name.split(), "--help").exit_code == OK


def test_help_comes_fast_and_needs_neither_prefect_nor_pandas() -> None:
    code = "import sys, flows.cli; print([m for m in ('prefect', 'pandas', 'sqlalchemy', 'rich') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_maps_list_json_is_nothing_but_json() -> None:
    done = run("maps", "list", "--json")
    listed = json.loads(done.stdout)
    assert len(listed) == len(Catalogue.load(sensitive=["all"]).maps)
    assert {"map", "area", "solution", "directions", "fno", "dataverse"} <= set(listed[0])


def test_maps_validate_names_file_and_line(tmp_path: Path) -> None:
    assert run("maps", "validate").exit_code == OK
    source = (ROOT / "mappings/finance_common/customer_groups.yaml").read_text(encoding="utf-8")
    broken = tmp_path / "broken.yaml"
    broken.write_text(source.replace("fno: Description,", "fno: Descriptoin,"), encoding="utf-8")
    done = run("maps", "validate", "--folder", str(tmp_path))
    assert done.exit_code == FINDINGS
    assert re.search(r"broken\.yaml:\d+  fields\.\d+\.fno: ", done.stdout)
    assert "Description" in done.stdout
    found = json.loads(run("maps", "validate", "--folder", str(tmp_path), "--json").stdout)
    assert found["findings"][0]["line"] and found["findings"][0]["remedy"]
    assert run("maps", "validate", str(broken)).exit_code == FINDINGS


def test_maps_graph_draws_in_three_forms(tmp_path: Path) -> None:
    assert run("maps", "graph", "--area", "Customers").stdout.startswith("flowchart LR")
    assert run("maps", "graph", "--format", "dot").stdout.startswith("digraph maps {")
    file = tmp_path / "maps.svg"
    assert run("maps", "graph", "-o", str(file)).exit_code == OK
    text = file.read_text(encoding="utf-8")
    assert text.startswith("<svg") and all(
        name.replace("&", "&amp;") in text for name in Catalogue.load().maps
    )
    drawn = json.loads(run("maps", "graph", "--json").stdout)
    assert {"from": "Currencies", "to": "Vendors V2", "patched": False} in drawn["edges"]
    assert {"from": "Vendors V2", "to": "Vendors V2", "patched": True} in drawn["edges"]


def test_maps_show_prints_one_map() -> None:
    done = run("maps", "show", "Customer groups")
    assert done.exit_code == OK and "msdyn_customergroups" in done.stdout
    assert json.loads(run("maps", "show", "Customer groups", "--json").stdout)["map"] == "Customer groups"


def command_line(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_errors_are_two_lines_and_a_code(tmp_path: Path) -> None:
    done = command_line("maps", "show", "Customer group", cwd=tmp_path)
    assert done.returncode == USAGE
    error, remedy = done.stderr.splitlines()
    assert error == "error: there is no map “Customer group”"
    assert remedy.startswith("  → did you mean Customer groups, ")
    assert done.stdout == ""


@pytest.mark.parametrize("command", ["status", "verify", "sync initial", "deletes list"])
def test_without_environments_commands_say_what_to_do(command: str, tmp_path: Path) -> None:
    done = command_line(*command.split(), cwd=tmp_path)
    assert done.returncode == USAGE
    assert "DUALFLOW_FNO_URL" in done.stderr and "Traceback" not in done.stderr


def test_exit_codes_tell_settings_from_failures() -> None:
    assert explain(FatalError("wrong")) == USAGE
    assert explain(RetriableError("later")) == FAILED
    assert cli.main.__doc__
