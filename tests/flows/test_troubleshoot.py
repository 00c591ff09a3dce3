"""`dualflow troubleshoot`, as somebody uses it who has an error on the screen and no settings at hand."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.output import explain
from mappings.errors import FatalError


def test_an_error_is_explained() -> None:
    done = CliRunner().invoke(
        app,
        [
            "troubleshoot",
            "Entity",
            "Key",
            "Account number",
            "violated.",
            "A record with the same value for Account Number already exists.",
        ],
    )
    assert done.exit_code == 0
    assert "same key" in done.stdout
    assert "remedy" in done.stdout


def test_a_code_is_enough_and_json_is_for_programs() -> None:
    done = CliRunner().invoke(app, ["troubleshoot", "0x80044352", "--json"])
    (problem,) = json.loads(done.stdout)["problems"]
    assert (problem["name"], problem["status"]) == ("token_expired", 400)


def test_what_is_not_known_is_said_to_be_unknown() -> None:
    done = CliRunner().invoke(app, ["troubleshoot", "qwertyuiop"])
    assert done.exit_code == 1
    assert "nothing is known" in done.stdout


def test_a_refusal_without_advice_gets_that_of_the_known_problem(capsys: pytest.CaptureFixture[str]) -> None:
    error = FatalError("dataverse refused the request: Entity account isn't enabled for change tracking.")
    assert explain(error) == 2
    assert "Track changes" in capsys.readouterr().err
