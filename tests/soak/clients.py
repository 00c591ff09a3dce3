"""Clients of both services that tell of each request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tests.credentials import application
from tests.local_services import Services


def clients(
    services: Services, sleep: Callable[[float], None], told: Callable[[], None]
) -> tuple[FnoSide, DataverseSide]:
    """Both, as the application.

    Args:
        sleep: how they wait.
        told: called before each request.
    """
    credential = application(services)
    options: dict[str, Any] = {
        "verify": services.ca_bundle,
        "sleep": sleep,
        "on_request": lambda *_: told(),
    }
    return (
        FnoSide(services.fno_url, credential, **options),
        DataverseSide(services.dataverse_url, credential, **options),
    )
