"""Budgets against the sandbox: its trace says what was really asked."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.conftest import Install
from tests.integration.installation import CURRENCIES, CUSTOMER_GROUPS, LEGAL_ENTITIES, TERMS, failed
from tests.integration.trading import reference_data
from tests.local_services import Services

MAPS = (LEGAL_ENTITIES, CURRENCIES, TERMS, CUSTOMER_GROUPS)


def asked(services: Services) -> dict[str, list[dict[str, Any]]]:
    """What the application asked of each side so far."""
    found: dict[str, list[dict[str, Any]]] = {"fno": [], "dataverse": []}
    for each in services.trace():
        if each["caller"] == "application" and each["side"] in found:
            found[each["side"]].append(each)
    return found


def rows_of(requests: list[dict[str, Any]]) -> int:
    return sum(len(each["operations"]) if "/$batch" in each["url"] else 1 for each in requests)


@pytest.mark.parametrize(
    "limits", [{"limit_requests": 6}, {"limit_day": 12}, {"limit_requests": 1000, "limit_seconds": 0.001}]
)
def test_nothing_is_asked_beyond_the_budget_and_nothing_is_lost_by_it(
    services: Services, install: Install, tmp_path: Any, limits: dict[str, Any]
) -> None:
    reference_data(services)
    url = f"sqlite:///{tmp_path}/state.db"
    installation = install(maps=MAPS, state_url=url, budget_share=1.0, **limits)
    before = {side: (len(found), rows_of(found)) for side, found in asked(services).items()}
    stopped = [message for _ in range(3) for message in failed(installation.initial())]
    assert any("is used up" in message or "more than we may ask" in message for message in stopped)
    for side, found in asked(services).items():
        requests, rows = len(found) - before[side][0], rows_of(found) - before[side][1]
        assert requests <= limits.get("limit_requests", requests)
        assert rows <= limits.get("limit_day", rows)
        assert installation.session.budgets[side].standing().used.requests >= requests  # type: ignore[index]
    if "limit_seconds" in limits:
        assert sum(len(found) for found in asked(services).values()) - sum(n for n, _ in before.values()) < 40

    more = install(maps=MAPS, state_url=url, budget_share=1.0)
    assert failed(more.initial()) == []
    more.quiet()
    assert more.links(CUSTOMER_GROUPS, "usmf")
