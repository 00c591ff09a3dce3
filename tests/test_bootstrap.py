"""The bootstrap's promises: what is locked is what is declared, and what is shipped is whole."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from sqlalchemy import create_engine, text

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("flows", "tasks", "mappings", "deployments")


def locked() -> dict[str, tuple[str, int]]:
    """Return version and number of hashes of each package in the lock, by canonical name."""
    found: dict[str, tuple[str, int]] = {}
    name = ""
    for line in (ROOT / "requirements.lock").read_text().splitlines():
        if match := re.match(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^ ;]+)", line):
            name = canonicalize_name(match[1])
            assert name not in found, f"{name} has two versions in the lock"
            found[name] = (match[2], 0)
        elif line.strip().startswith("--hash=sha256:"):
            found[name] = (found[name][0], found[name][1] + 1)
    return found


def test_every_locked_package_has_a_hash_and_no_address() -> None:
    lines = (ROOT / "requirements.lock").read_text()
    assert "://" not in lines
    assert not re.search(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)\b", lines, re.MULTILINE)
    packages = locked()
    assert packages
    assert [name for name, (_, hashes) in packages.items() if not hashes] == []


def test_the_lock_is_within_the_declared_ranges() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    packages = locked()
    for line in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(line)
        name = canonicalize_name(requirement.name)
        assert name in packages, f"{line} is not locked: make lock"
        assert requirement.specifier.contains(packages[name][0]), f"{line}, but locked is {packages[name][0]}"


def test_the_wheel_holds_every_file_of_the_packages(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("dualflow-*.whl")
    shipped = set(zipfile.ZipFile(wheel).namelist())
    expected = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected <= shipped, f"not shipped: {sorted(expected - shipped)}"
    assert not [name for name in shipped if name.startswith("tests/")]


def test_every_init_file_is_empty() -> None:
    files = [path for package in (*PACKAGES, "tests") for path in (ROOT / package).rglob("__init__.py")]
    assert [str(path) for path in files if path.stat().st_size] == []
    folders = {path.parent for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_make_shows_its_targets_first() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, check=True, capture_output=True, text=True)
    for target in ("demo", "up", "test", "lint", "format", "lock", "clean"):
        assert f"make {target} " in listed.stdout


def test_tests_have_a_prefect_home_of_their_own() -> None:
    from prefect.settings import get_current_settings

    home = get_current_settings().home
    assert home == Path(os.environ["PREFECT_HOME"])
    assert Path.home() not in home.parents
    assert not get_current_settings().server.analytics_enabled


def test_other_machines_are_out_of_reach() -> None:
    # 192.0.2.0/24 is reserved for documentation (RFC 5737): nobody would answer
    with socket.socket() as unconnected, pytest.raises(AssertionError, match="only this machine"):
        unconnected.connect(("192.0.2.1", 443))


@pytest.mark.postgres
def test_each_postgres_database_is_empty_and_its_own(postgres: Callable[[], str]) -> None:
    for url in (postgres(), postgres()):
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE t (x int)"))
            assert connection.execute(text("SELECT count(*) FROM t")).scalar_one() == 0
        engine.dispose()
