"""Settings: what an operator sets wrongly is named by its variable, and secrets stay secret."""

from __future__ import annotations

import os

import pytest

from mappings.errors import FatalError
from tasks.sync.settings import load_settings

GIVEN = {
    "DUALFLOW_FNO_URL": "https://contoso.operations.dynamics.com/",
    "DUALFLOW_DATAVERSE_URL": "https://contoso.crm4.dynamics.com",
    "DUALFLOW_TENANT_ID": "tenant",
    "DUALFLOW_CLIENT_ID": "client",
    "DUALFLOW_CLIENT_SECRET": "don't tell",
}


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("DUALFLOW_"):
            monkeypatch.delenv(name)
    for name, value in GIVEN.items():
        monkeypatch.setenv(name, value)


def test_lists_are_separated_by_commas_and_addresses_lose_their_slash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DUALFLOW_COMPANIES", "usmf, demf ,")
    settings = load_settings()
    assert settings.companies == ("usmf", "demf")
    assert settings.fno_url == "https://contoso.operations.dynamics.com"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DUALFLOW_STATE_URL", "")
    assert load_settings().state_url.startswith("sqlite:///")
    monkeypatch.setenv("DUALFLOW_CLIENT_ID", "")
    with pytest.raises(FatalError, match="DUALFLOW_CLIENT_ID"):
        load_settings()


def test_everything_that_is_wrong_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DUALFLOW_TENANT_ID")
    monkeypatch.setenv("DUALFLOW_FNO_URL", "http://contoso.operations.dynamics.com")
    monkeypatch.setenv("DUALFLOW_CONNECTIONS", "a lot")
    with pytest.raises(FatalError) as refused:
        load_settings()
    for name in ("DUALFLOW_TENANT_ID", "DUALFLOW_FNO_URL", "DUALFLOW_CONNECTIONS"):
        assert name in str(refused.value)
    assert "don't tell" not in str(refused.value)


def test_a_settings_object_shows_no_secret() -> None:
    assert "don't tell" not in repr(load_settings())
