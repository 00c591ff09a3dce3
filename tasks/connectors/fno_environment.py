"""What an F&O environment says about itself: versions, our user with its roles and companies, which tables we may read.

The version actions and the entities of users and roles are named by public clients of the service. Which entity shows the
registered applications is not documented: where ours is a guess that the environment doesn't know, the user has to be named.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tasks.connectors.batchread import get_parts, part_error
from tasks.connectors.http import Client
from tasks.connectors.odata import query, text_literal
from tasks.connectors.paging import ROW, follow
from tasks.connectors.refusals import refused
from tasks.connectors.side import Row, ServiceError

_ACTIONS = "DataManagementEntities/Microsoft.Dynamics.DataEntities."
APPLICATIONS = "SysAADClients"
"""Entity set of the registered applications; not documented."""


@dataclass(frozen=True, slots=True)
class FnoVersions:
    """Versions as the environment tells them, such as ``10.0.40`` and ``7.0.7279.58``."""

    application: str
    platform: str


@dataclass(frozen=True, slots=True)
class FnoUser:
    """The user that our application works as.

    Attributes:
        language: of its texts, such as ``en-US``.
        company: the one that requests without a company go to.
        roles: names of its roles.
        companies: legal entities that its roles are limited to, in lower case: of each role that has limits; a role without an
            entry reaches all.
    """

    id: str
    enabled: bool
    language: str
    company: str
    roles: tuple[str, ...]
    companies: dict[str, frozenset[str]]


def versions(client: Client) -> FnoVersions:
    """Versions of the application and the platform.

    Raises:
        FatalError: the environment doesn't let us in, or doesn't know these actions.
    """
    return FnoVersions(_told(client, "GetApplicationVersion"), _told(client, "GetPlatformBuildVersion"))


def user_of(client: Client, client_id: str) -> str | None:
    """Id of the user that a registered application works as; None where the environment doesn't show it.

    Raises:
        FatalError: we may not read the registered applications.
    """
    options = {"$filter": f"AADClientId eq {text_literal(client_id)}", "$select": "AADClientId,UserId"}
    answer = client.send("metadata", "GET", f"{APPLICATIONS}?{query(options)}", decoder=ROW)
    if answer.status == 404:
        return None
    if answer.data is None:
        raise refused(client.error_of(answer), "the registered applications")
    return next((str(row["UserId"]) for row in answer.data.get("value", ())), None)


def user(client: Client, id_: str) -> FnoUser | None:
    """A user; None if there is none of this id.

    Raises:
        FatalError: we may not read users, or their roles.
    """
    named = text_literal(id_)
    about = _rows(
        client,
        "SystemUsers",
        {"$filter": f"UserID eq {named}", "$select": "UserID,Enabled,UserInfo_language,Company"},
    )
    if not about:
        return None
    mine = {"$filter": f"UserId eq {named}"}
    roles = _rows(client, "SecurityUserRoles", mine)
    limits = _rows(client, "SecurityUserRoleOrganizations", mine)
    names = {
        str(role["SecurityRoleIdentifier"]): str(
            role.get("SecurityRoleName") or role["SecurityRoleIdentifier"]
        )
        for role in roles
        if str(role.get("AssignmentStatus") or "Enabled") == "Enabled"
    }
    companies: dict[str, set[str]] = {}
    for each in limits:
        if each.get("OrganizationType") == "LegalEntity":
            role = str(each["SecurityRoleIdentifier"])
            companies.setdefault(names.get(role, role), set()).add(str(each["OrganizationId"]).lower())
    row = about[0]
    return FnoUser(
        id=str(row["UserID"]),
        enabled=row.get("Enabled") in (True, "Yes"),
        language=str(row.get("UserInfo_language") or ""),
        company=str(row.get("Company") or "").lower(),
        roles=tuple(sorted(names.values())),
        companies={role: frozenset(codes) for role, codes in companies.items()},
    )


def companies(client: Client) -> list[str]:
    """Codes of all legal entities."""
    rows = _rows(client, "LegalEntities", {"$select": "LegalEntityId"})
    return [str(row["LegalEntityId"]) for row in rows]


def unreadable(client: Client, sets: Mapping[str, Sequence[str]]) -> dict[str, ServiceError]:
    """Entity sets of which the service doesn't let us read a row, with what it says; many are tried in one request.

    Args:
        sets: name → some properties, such as the key.
    """
    wanted = sorted(sets)
    targets = [f"{name}?cross-company=true&$top=1&$select={','.join(sets[name])}" for name in wanted]
    with ThreadPoolExecutor(4) as beside:
        parts = get_parts(client, beside, "metadata", targets, size=50)
    return {
        name: part_error("fno", part, target)
        for name, part, target in zip(wanted, parts, targets, strict=True)
        if part.status != 200
    }


def _rows(client: Client, name: str, options: dict[str, str]) -> list[Row]:
    url = f"{name}?{query({'cross-company': 'true', **options})}"
    with ThreadPoolExecutor(1) as beside:
        return [
            row
            for page in follow(client, beside, "metadata", url, doing=f"the rows of {name}")
            for row in page.value
        ]


def _told(client: Client, action: str) -> str:
    headers = {"Content-Type": "application/json"}
    answer = client.send("metadata", "POST", f"{_ACTIONS}{action}", headers=headers, body=b"{}", decoder=ROW)
    if answer.data is None:
        raise refused(client.error_of(answer), f"the action {action}")
    return str(answer.data.get("value", ""))
