"""Tokens: how they are asked for, refused, and how they expire."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from azure.identity import ClientSecretCredential

from tests.local_services import Services


def ask(services: Services, **changes: str) -> requests.Response:
    form = {
        "grant_type": "client_credentials",
        "client_id": services.environment["DUALFLOW_CLIENT_ID"],
        "client_secret": services.environment["DUALFLOW_CLIENT_SECRET"],
        "scope": f"{services.dataverse_url}/.default",
        **changes,
    }
    tenant = services.environment["DUALFLOW_TENANT_ID"]
    return requests.post(
        f"{services.login_url}/{tenant}/oauth2/v2.0/token",
        data=form,
        verify=services.ca_bundle,
        timeout=30,
    )


def test_azure_identity_logs_in(services: Services) -> None:
    credential = ClientSecretCredential(
        services.environment["DUALFLOW_TENANT_ID"],
        services.environment["DUALFLOW_CLIENT_ID"],
        services.environment["DUALFLOW_CLIENT_SECRET"],
        authority=services.login_url,
        disable_instance_discovery=True,
        connection_verify=services.ca_bundle,
    )
    token = credential.get_token(f"{services.fno_url}/.default").token
    response = requests.get(
        f"{services.fno_url}/data/Currencies",
        headers={"Authorization": f"Bearer {token}"},
        verify=services.ca_bundle,
        timeout=30,
    )
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("changes", "status", "error", "code"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client", 7000215),
        ({"client_id": "00000000-0000-0000-0000-000000000001"}, 400, "unauthorized_client", 700016),
        ({"scope": "https://elsewhere.example/.default"}, 400, "invalid_resource", 500011),
        ({"scope": "https://elsewhere.example"}, 400, "invalid_scope", 1002012),
        ({"scope": ""}, 400, "invalid_request", 900144),
    ],
    ids=["secret", "client", "resource", "scope", "missing"],
)
def test_refusals(services: Services, changes: dict[str, str], status: int, error: str, code: int) -> None:
    response = ask(services, **changes)
    body: dict[str, Any] = response.json()
    assert (response.status_code, body["error"], body["error_codes"]) == (status, error, [code])
    assert body["error_description"].startswith(f"AADSTS{code}:")


def test_a_token_is_for_one_service_only(services: Services) -> None:
    token = services.token("fno")
    response = requests.get(
        f"{services.dataverse_url}/api/data/v9.2/WhoAmI",
        headers={"Authorization": f"Bearer {token}"},
        verify=services.ca_bundle,
        timeout=30,
    )
    assert response.status_code == 401
    assert f"resource_id={services.dataverse_url}/" in response.headers["WWW-Authenticate"]


def test_tokens_expire(services: Services) -> None:
    services.switch(token_seconds=0)
    token = ask(services).json()["access_token"]
    response = requests.get(
        f"{services.dataverse_url}/api/data/v9.2/WhoAmI",
        headers={"Authorization": f"Bearer {token}"},
        verify=services.ca_bundle,
        timeout=30,
    )
    assert response.status_code == 401


def test_both_callers_are_told_apart(services: Services) -> None:
    users = {
        services.request("dataverse", "GET", "WhoAmI", caller=caller).json()["UserId"]
        for caller in ("application", "user")
    }
    assert len(users) == 2
