"""Who we are in a sandbox."""

from __future__ import annotations

from tasks.connectors.credentials import Credential, client_secret
from tests.local_services import Services


def application(services: Services) -> Credential:
    """The application that the sandbox knows, with its secret."""
    found = services.environment
    return client_secret(
        found["DUALFLOW_TENANT_ID"],
        found["DUALFLOW_CLIENT_ID"],
        found["DUALFLOW_CLIENT_SECRET"],
        services.login_url,
        services.ca_bundle,
    )
