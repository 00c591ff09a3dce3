"""The flow that compares both systems, as somebody starts it from its form."""

from __future__ import annotations

from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

from flows import reconciliation
from tests.engine.world import World

pytestmark = pytest.mark.prefect


def test_both_systems_are_compared_and_put_right(
    monkeypatch: pytest.MonkeyPatch, prefect_server: None
) -> None:
    world = World()
    monkeypatch.setattr(reconciliation, "shared_session", lambda: world.session)
    world.add_fno("A1", A="a")
    world.initial()
    world.set_fno("A1", A="changed")
    found: Any = reconciliation.reconcile(return_state=True).result()
    assert found == {"differences": 1, "open": 1}
    found = reconciliation.reconcile(repair=True, return_state=True).result()
    assert found == {"differences": 1, "open": 0} and world.equal()
    with get_client(sync_client=True) as client:
        for key in ("reconcile", "reconcile-differences"):
            chosen = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
            assert client.read_artifacts(artifact_filter=chosen)
