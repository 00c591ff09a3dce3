"""How `make test` spreads tests over processes: what takes long begins first, what shares a server stays together."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling

ROOT = Path(__file__).parent.parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with tests marked slow begin first, so that none of them is left over when the others are done."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadFileScheduling | None:
    """Ours where files stay together."""
    return Spreading(config, log) if config.getvalue("dist") == "loadfile" else None


class Spreading(LoadFileScheduling):  # type: ignore[misc]  # comes without types
    """A file's tests run in one process, and so do all that need a Prefect server: it takes seconds to start."""

    def _split_scope(self, nodeid: str) -> str:
        file = str(super()._split_scope(nodeid))
        return "prefect" if _needs_prefect(file) else file


@cache
def _needs_prefect(file: str) -> bool:
    path = ROOT / file
    return path.is_file() and "prefect_server: None" in path.read_text(encoding="utf-8")
