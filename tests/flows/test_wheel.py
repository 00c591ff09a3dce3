"""The wheel, outside the repository: what was forgotten to be shipped is missed here, not by a user."""

from __future__ import annotations

import subprocess
import sys
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
LIBRARIES = Path(pytest.__file__).parent.parent
"""The packages that this test runs with; the editable install among them is a `.pth` file, which counts only there."""


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The interpreter of an environment that has the wheel and its dependencies, and nothing of the repository."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("dualflow-*.whl")
    venv.create(folder / "venv", with_pip=False)
    (packages,) = (folder / "venv").glob("lib/python3*/site-packages")
    zipfile.ZipFile(wheel).extractall(packages)
    (packages / "libraries.pth").write_text(f"{LIBRARIES}\n")
    yield folder / "venv/bin/python"


def run(python: Path, *arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(python), "-m", "flows.cli", *arguments], cwd=cwd, capture_output=True, text=True, check=False
    )


def test_nothing_comes_from_the_repository(python: Path, tmp_path: Path) -> None:
    code = "import flows, tasks, mappings, deployments; print(flows.__file__)"
    found = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert str(ROOT) not in found.stdout
    tests = subprocess.run(
        [str(python), "-c", "import tests"], cwd=tmp_path, capture_output=True, check=False
    )
    assert tests.returncode != 0


def test_maps_are_shipped_and_right(python: Path, tmp_path: Path) -> None:
    done = run(python, "maps", "validate", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "maps are right" in done.stdout


def test_the_sandbox_is_shipped(python: Path, tmp_path: Path) -> None:
    done = run(python, "sandbox", "status", "--json", cwd=tmp_path)
    assert done.returncode == 1 and '"running": false' in done.stdout, done.stderr
    code = "from deployments.sandbox.seed import seeds; print(seeds.names())"
    known = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert "demo" in known.stdout


def test_the_deployments_are_shipped(python: Path, tmp_path: Path) -> None:
    code = "from flows.served import read; print(sorted(each['name'] for each in read()))"
    found = subprocess.run(
        [str(python), "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert (
        found.stdout.strip()
        == "['after-a-restore', 'by-hand', 'comparison', 'daily', 'every-minute', 'maps', 'parked', 'rehearsal']"
    )
