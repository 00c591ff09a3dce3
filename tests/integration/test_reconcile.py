"""Reconcile over both services: what users did unseen is found, all of it and nothing else, and put right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks.sync.reconcile import reconcile
from tests.benchmarks.initial import MAP
from tests.benchmarks.reconcile import KINDS, expected, named, prepare
from tests.local_services import Services

EACH = 3


def test_ten_kinds_of_differences_are_found_and_repaired(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)
    session = prepare(services, tmp_path, 400, EACH)
    try:
        wrote = services.write_count()
        found = reconcile(session, [MAP])
        assert dict(named(found)) == dict.fromkeys(expected(EACH), 1)
        assert services.write_count() == wrote
        repaired = reconcile(session, [MAP], repair=True)
        assert (repaired.differences, repaired.open) == (len(KINDS) * EACH, 0)
        ours = {str(write["key"]) for write in services.writes(caller="application", since=wrote)}
        assert ours and all("'K" in key for key in ours), "only rows that were listed"
        assert reconcile(session, [MAP]).differences == 0
    finally:
        session.close()
