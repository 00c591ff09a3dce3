"""Which feed serves an entity: by what its map allows and the environment offers, or as a setting says; and who gets to see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from tasks.state.records import Event
from tasks.sync.polling import Feed, feeds_of
from tasks.sync.work import poll
from tests.integration.feeding import MAPS
from tests.integration.installation import (
    CURRENCIES,
    CUSTOMER_GROUPS,
    TERMS,
    Installation,
    Sides,
    environment_settings,
    failed,
)
from tests.integration.trading import reference_data
from tests.local_services import Services

Make = Callable[..., Installation]


@pytest.fixture
def make(services: Services, catalogue: Catalogue, tmp_path: Path) -> Iterator[Make]:
    made: list[tuple[Installation, Sides]] = []

    def build(**settings: Any) -> Installation:
        # clients of our own: what virtual tables there are is read once
        sides = Sides(services)
        options = {"maps": MAPS, "companies": ("usmf",), **settings}
        found = Installation(services, sides, catalogue, f"sqlite:///{tmp_path}/choice.db", **options)
        made.append((found, sides))
        return found

    yield build
    for installation, sides in made:
        installation.close()
        sides.close()


def _feeds(installation: Installation) -> dict[str, Feed]:
    """F&O's feeds by entity set."""
    session = installation.session
    return {each.table: each for each in feeds_of(session, session.selected()) if each.side == "fno"}


def test_what_the_environment_offers_decides_and_says_why(services: Services, make: Make) -> None:
    services.admin("POST", "virtual", {"sets": ["Currencies"], "tracked": True})
    services.admin("POST", "virtual", {"sets": ["PaymentTerms"], "tracked": False})
    installation = make()
    session = installation.session
    with session.store.unfenced() as tx:
        tx.put_events([Event(session.pair, "fno", "CustomerGroups", "x", "upsert", {})])
    found = _feeds(installation)
    assert {name: feed.kind for name, feed in found.items()} == {
        "LegalEntities": "scan",
        "Currencies": "row_version",
        "PaymentTerms": "scan",
        "CustomerGroups": "data_events",
    }
    assert "is not tracked" in found["PaymentTerms"].why and "no data event" in found["PaymentTerms"].why
    assert found["Currencies"].lag < found["PaymentTerms"].lag
    # what can lose a change is read as a whole now and then
    assert (found["Currencies"].safety, found["CustomerGroups"].safety) == (None, 900)


def test_settings_choose_another_feed_as_far_as_it_is_there(services: Services, make: Make) -> None:
    services.admin("POST", "virtual", {"sets": ["Currencies", "CustomerGroups"], "tracked": True})
    found = _feeds(
        make(
            feeds=f"{CURRENCIES}=scan, {TERMS}=modified",
            data_events="CustomerGroups,PaymentTerms",
            safety_seconds=120,
        )
    )
    assert (found["Currencies"].kind, found["Currencies"].why) == ("scan", "set by DUALFLOW_FEEDS")
    assert found["PaymentTerms"].kind == "scan" and "no modified time" in found["PaymentTerms"].why
    assert found["CustomerGroups"].kind == "row_version"
    wrong = make(feeds="Custmer groups=scan")
    with pytest.raises(FatalError, match="Custmer groups"):
        _feeds(wrong)
    with pytest.raises(ValueError, match="there is no feed 'sql'"):
        make(feeds=f"{CURRENCIES}=sql")


def test_status_shows_each_tables_feed_and_the_lag_to_expect(
    services: Services, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference_data(services, ("usmf",))
    services.admin("POST", "virtual", {"sets": ["CustomerGroups"], "tracked": True})
    installation = make()
    assert not failed(installation.initial())
    poll(installation.session, installation.session.selected())
    services.void_tokens("currencies", "transactioncurrencies", "mserp_custcustomergroupentities")
    poll(installation.session, installation.session.selected())
    for name, value in environment_settings(services).items():
        monkeypatch.setenv(f"DUALFLOW_{name.upper()}", value)
    monkeypatch.setenv("DUALFLOW_STATE_URL", installation.settings.state_url)
    answer = CliRunner().invoke(app, ["status", "--json"])
    assert answer.exit_code == 0, answer.output
    feeds = {(each["side"], each["table"]): each for each in json.loads(answer.stdout)["feeds"]}
    groups, currencies = feeds["fno", "CustomerGroups"], feeds["fno", "Currencies"]
    assert (groups["feed"], groups["lag"], groups["maps"]) == ("row_version", 1.0, [CUSTOMER_GROUPS])
    assert (currencies["feed"], currencies["lag"]) == ("scan", 60.0)
    assert "no virtual table" in currencies["why"]
    assert groups["scan"] == feeds["dataverse", "transactioncurrencies"]["scan"] == "token_expired"
    assert groups["seconds"] < 60 and groups["scanned"] < 60
    shown = CliRunner().invoke(app, ["status", "--feeds"]).stdout
    assert "row_version" in shown and "token_expired" in shown
    assert datetime.fromisoformat(groups["asked_at"]) <= datetime.now(UTC)
