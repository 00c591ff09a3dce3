"""Clients of both systems, as the settings say."""

from __future__ import annotations

from tasks.connectors.credentials import client_secret
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.sync.settings import Settings


def connect(settings: Settings) -> tuple[FnoSide, DataverseSide]:
    """Both clients; nothing is asked of the systems yet.

    Raises:
        FatalError: the credentials are not in order.
    """
    credential = client_secret(
        settings.tenant_id,
        settings.client_id,
        settings.client_secret.get_secret_value(),
        settings.authority,
        settings.verify,
    )
    # no request may outlive the lease under which it was sent
    timeout = (settings.connect_seconds, settings.request_seconds)
    verify, connections = settings.verify, settings.connections
    fno = FnoSide(settings.fno_url, credential, verify=verify, connections=connections, timeout=timeout)
    dataverse = DataverseSide(
        settings.dataverse_url, credential, verify=verify, connections=connections, timeout=timeout
    )
    fno.client.looks, dataverse.client.looks = (
        name in settings.versions_ignored for name in ("fno", "dataverse")
    )
    return fno, dataverse
