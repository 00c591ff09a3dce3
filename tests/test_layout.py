"""Who may import whom: the layers stay apart, so that each can be read, tested and replaced alone."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("flows", "tasks", "mappings", "deployments")

# layer → layers (and prefixes of them) that it may import, besides itself
ALLOWED: dict[str, tuple[str, ...]] = {
    "mappings": (),
    # the one error hierarchy and the vocabulary of live metadata live in the lowest layer
    "tasks.state": ("mappings.errors",),
    "tasks.connectors": ("mappings.errors", "mappings.metadata"),
    "tasks.transform": ("mappings",),
    "tasks.sync": ("mappings", "tasks.transform", "tasks.connectors", "tasks.state"),
    "tasks": ("mappings", "tasks.sync", "prefect"),
    "flows": ("mappings", "tasks", "prefect"),
    "deployments.sandbox": ("mappings",),
    "deployments": (),
}
WITH_HTTP = ("tasks.connectors", "flows")
WITH_PREFECT = ("tasks", "flows")


def modules() -> Iterator[tuple[str, Path]]:
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            yield name.removesuffix(".__init__"), path


def layer_of(module: str) -> str:
    """The innermost layer that a module belongs to."""
    return next(
        layer
        for layer in sorted(ALLOWED, key=len, reverse=True)
        if module == layer or module.startswith(layer + ".")
    )


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Everything a file imports, wherever in it: line and dotted name."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            yield node.lineno, node.module


def may(layer: str, imported: str) -> bool:
    top = imported.partition(".")[0]
    if top == "prefect" or top.startswith("prefect_"):
        return layer in WITH_PREFECT
    if top in ("requests", "urllib3", "azure", "msal"):
        return layer in WITH_HTTP
    if top not in PACKAGES:
        return True
    own = layer_of(imported)
    return own == layer or any(
        imported == allowed or imported.startswith(allowed + ".") for allowed in ALLOWED[layer]
    )


def test_every_import_keeps_to_the_matrix() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {imported}"
        for module, path in modules()
        for line, imported in imports_of(path)
        if not may(layer_of(module), imported)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("layer", "imported", "verdict"),
    [
        ("tasks.sync", "prefect", False),
        ("tasks.sync", "tasks.state.store", True),
        ("tasks.sync", "flows.cli", False),
        ("tasks.transform", "tasks.connectors.http", False),
        ("tasks.transform", "requests", False),
        ("tasks.state", "tasks.sync.engine", False),
        ("mappings", "tasks.sync.engine", False),
        ("flows", "deployments.sandbox.store", False),
        ("deployments.sandbox", "tasks.connectors.side", False),
        ("tasks", "tasks.state.store", False),
        ("flows", "prefect", True),
    ],
)
def test_the_matrix_itself_says_no(layer: str, imported: str, verdict: bool) -> None:
    """A matrix that allowed everything would pass every file."""
    assert may(layer, imported) is verdict


def test_nobody_imports_the_sandbox() -> None:
    """It stands in for two services: whoever needs it starts it as a process."""
    importers = [
        f"{path.relative_to(ROOT)}:{line}"
        for module, path in modules()
        for line, imported in imports_of(path)
        if imported.startswith("deployments") and layer_of(module) != "deployments.sandbox"
    ]
    assert importers == []


def test_the_engine_runs_without_prefect() -> None:
    code = (
        "import sys, tasks.sync.session, tasks.sync.work, tasks.sync.verify;"
        "sys.exit('prefect' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0


def test_the_top_level_holds_nothing_else() -> None:
    """The tree is fixed; what tools expect there are small files."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    folders = {name.partition("/")[0] for name in listed if "/" in name}
    assert folders <= {*PACKAGES, "tests", ".ci"}
