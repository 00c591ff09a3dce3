"""What an F&O environment says about itself: versions, users, roles, companies.

The version actions and the entities of users and roles are named by public clients of the service; which entity shows the
registered applications is not documented.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.connectors.http import Client
from tasks.connectors.paging import ROW
from tasks.connectors.refusals import refused

_ACTIONS = "DataManagementEntities/Microsoft.Dynamics.DataEntities."


@dataclass(frozen=True, slots=True)
class FnoVersions:
    """Versions as the environment tells them, such as ``10.0.40`` and ``7.0.7279.58``."""

    application: str
    platform: str


def versions(client: Client) -> FnoVersions:
    """Versions of the application and the platform.

    Raises:
        FatalError: the environment doesn't let us in, or doesn't know these actions.
    """
    return FnoVersions(_told(client, "GetApplicationVersion"), _told(client, "GetPlatformBuildVersion"))


def _told(client: Client, action: str) -> str:
    headers = {"Content-Type": "application/json"}
    answer = client.send("metadata", "POST", f"{_ACTIONS}{action}", headers=headers, body=b"{}", decoder=ROW)
    if answer.data is None:
        raise refused(client.error_of(answer), f"the action {action}")
    return str(answer.data.get("value", ""))
