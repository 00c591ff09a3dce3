"""What the READMEs promise is there: commands and their options, variables, targets of make, files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli import app
from tasks.sync.settings import Settings
from tests.flows.test_cli import COMMANDS

ROOT = Path(__file__).resolve().parent.parent.parent
READMES = [ROOT / name for name in ("README.md", "mappings/README.md", "deployments/sandbox/README.md")]
TEXT = READMES[0].read_text(encoding="utf-8")
OPTION = re.compile(r"--[a-z][a-z-]*")


@cache
def help_of(command: str) -> str:
    done = CliRunner().invoke(app, [*command.split(), "--help"])
    assert done.exit_code == 0, command
    return done.output


def invocations(text: str) -> Iterator[list[str]]:
    """Words of every command line between backticks or after a prompt."""
    for found in re.findall(r"`dualflow ([^`|]+)`|^\$ dualflow ([^#\n]+)", text, re.MULTILINE):
        yield "".join(found).split()


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_every_command_line_can_be_typed(readme: Path) -> None:
    for words in invocations(readme.read_text(encoding="utf-8")):
        command = next((c for c in (" ".join(words[:2]), words[0]) if c in COMMANDS), None)
        assert command is not None, f"there is no `dualflow {' '.join(words)}`"
        for option in filter(OPTION.fullmatch, words):
            assert option in OPTION.findall(help_of(command)), f"{command} has no {option}"


def test_the_list_of_commands_is_whole() -> None:
    (listed,) = re.findall(r"`dualflow (demo \| [^`]*)`", TEXT)
    found = set()
    for entry in re.split(r"\s\|\s", listed):
        group, *inner = entry.split()
        found |= {f"{group} {each}" for part in inner for each in part.split("|")} or {group}
    assert found == set(COMMANDS)


def test_options_that_choose_maps_are_those_of_the_syncs() -> None:
    for option in ("--area", "--solution", "--company"):
        assert f"`{option}`" in TEXT
        assert all(option in OPTION.findall(help_of(f"sync {kind}")) for kind in ("initial", "delta"))


def test_every_variable_is_read_somewhere() -> None:
    named = {
        name for readme in READMES for name in re.findall(r"DUALFLOW_[A-Z_]+", readme.read_text("utf-8"))
    }
    code = "".join(
        path.read_text("utf-8")
        for part in ("tasks", "flows", "deployments")
        for path in (ROOT / part).rglob("*.py")
    )
    assert {"DUALFLOW_FORM", "DUALFLOW_SENSITIVE", "DUALFLOW_MAPS", "DUALFLOW_MAPS_FOLDER"} <= named
    settings = {f"DUALFLOW_{field.upper()}" for field in Settings.model_fields}
    assert [name for name in sorted(named - settings) if f'"{name}"' not in code] == []


def test_targets_of_make_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"(?:\$ |`)make ([a-z]+)", TEXT):
        assert f"\n{target}:" in makefile


@pytest.mark.parametrize("readme", READMES, ids=lambda path: path.parent.name)
def test_links_lead_to_files(readme: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)\)", readme.read_text(encoding="utf-8"))
    assert [link for link in links if not (readme.parent / link).exists()] == []


def test_the_number_of_maps_is_right() -> None:
    from mappings.catalogue import read_maps

    (said,) = re.findall(r"`dualflow maps list` has all (\d+)", TEXT)
    assert int(said) == len({each.name for each in read_maps()})


def test_it_is_one_page() -> None:
    assert len(TEXT.splitlines()) <= 120
