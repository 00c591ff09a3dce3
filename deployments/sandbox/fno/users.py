"""F&O's users, their roles and companies, and the registered applications: read-only, told from the switches.

The names of the sets are those of public entities, but for that of the registered applications, which is a guess.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import product
from typing import Any

from deployments.sandbox.fno import errors
from deployments.sandbox.fno.query import FnoReader, check_options
from deployments.sandbox.messages import Caller, Request
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.schema.model import Column, FnoEntity
from deployments.sandbox.store.index import Row
from mappings.metadata import Kind

USER = "Dualflow"
"""The user that the application works as."""


class Users:
    """The sets about users.

    Args:
        callers: who may log in, by name.
    """

    def __init__(self, reader: FnoReader, callers: Mapping[str, Caller]) -> None:
        self._reader = reader
        self._switches = reader.switches
        self._callers = callers
        self.sets: Mapping[str, tuple[FnoEntity, Callable[[], Iterable[Row]]]] = {
            "SystemUsers": (_SYSTEM_USERS, self._users),
            "SecurityUserRoles": (_ROLES, self._roles),
            "SecurityUserRoleOrganizations": (_ORGANIZATIONS, self._organizations),
            "SysAADClients": (_APPLICATIONS, self._applications),
        }

    def answer(self, request: Request, steps: tuple[Segment, ...]) -> dict[str, Any]:
        """A GET of one of the sets, in one page.

        Raises:
            ServiceFault: a bad option; something not imitated.
        """
        entity, rows = self.sets[steps[0].name]
        if request.method != "GET" or len(steps) > 1 or steps[0].key is not None:
            raise errors.not_imitated(f"{request.method} of rows of {entity.set}, beyond reading the set")
        options = request.options()
        check_options(options)
        names, listed = self._reader.names(entity, options.get("$select"))
        found = self._reader.passing(entity, rows(), options.get("$filter"))
        answer: dict[str, Any] = {"@odata.context": f"{self._reader.root}/$metadata#{entity.set}{listed}"}
        if options.get("$count") == "true":
            answer["@odata.count"] = len(found)
        top = options.get("$top", "")
        answer["value"] = self._reader.project(found[: int(top)] if top.isdigit() else found, names)
        return answer

    # rows

    def _users(self) -> Iterable[Row]:
        switches = self._switches
        for name, enabled, language in (
            ("Admin", True, "en-US"),
            (USER, switches.fno_user_enabled, switches.fno_user_language),
        ):
            yield _row(
                UserID=name,
                UserName=name,
                Enabled=enabled,
                UserInfo_language=language,
                Company=switches.fno_default_company,
            )

    def _roles(self) -> Iterable[Row]:
        for name, roles in (("Admin", ["System administrator"]), (USER, self._switches.fno_user_roles)):
            for role in roles:
                yield _row(
                    UserId=name,
                    SecurityRoleIdentifier=_identifier(role),
                    SecurityRoleName=role,
                    AssignmentStatus="Enabled",
                )

    def _organizations(self) -> Iterable[Row]:
        """Companies that the user's roles are limited to; without limits there are none."""
        if not self._switches.hide_companies and not self._switches.fno_user_companies:
            return
        companies = self._reader.store.tables.get(("fno", "LegalEntities"))
        known = (row["LegalEntityId"] for row in companies.rows.values()) if companies is not None else ()
        reached = filter(self._switches.reaches, self._switches.fno_user_companies or known)
        for company, role in product(reached, self._switches.fno_user_roles):
            yield _row(
                UserId=USER,
                SecurityRoleIdentifier=_identifier(role),
                OrganizationType="LegalEntity",
                OrganizationId=company,
            )

    def _applications(self) -> Iterable[Row]:
        for name, user in (("application", USER), ("user", "Admin")):
            if name == "user" or self._switches.fno_registered:
                yield _row(AADClientId=self._callers[name].client_id, Name=user, UserId=user)


def _row(**values: Any) -> Row:
    return {"@odata.etag": "", **values}


def _identifier(role: str) -> str:
    return "".join(role.split())


def _entity(name: str, entity: str, *, key: tuple[str, ...], more: Mapping[str, Kind]) -> FnoEntity:
    kinds: dict[str, Kind] = {**dict.fromkeys(key, "text"), **more}
    return FnoEntity(
        set=name,
        entity=entity,
        public=name.removesuffix("s"),
        label=name,
        table=entity,
        key=key,
        columns={column: Column(column, kind, column, label=column) for column, kind in kinds.items()},
        references=(),
        defaults={},
        sequences={},
        company_specific=False,
        read_only=True,
    )


_SYSTEM_USERS = _entity(
    "SystemUsers",
    "SystemUserEntity",
    key=("UserID",),
    more={"UserName": "text", "Enabled": "boolean", "UserInfo_language": "text", "Company": "text"},
)
_ROLES = _entity(
    "SecurityUserRoles",
    "SystemSecurityUserRoleEntity",
    key=("UserId", "SecurityRoleIdentifier"),
    more={"SecurityRoleName": "text", "AssignmentStatus": "text"},
)
_ORGANIZATIONS = _entity(
    "SecurityUserRoleOrganizations",
    "SystemSecurityUserRoleOrganizationEntity",
    key=("UserId", "SecurityRoleIdentifier", "OrganizationType", "OrganizationId"),
    more={},
)
_APPLICATIONS = _entity(
    "SysAADClients", "SysAADClientEntity", key=("AADClientId",), more={"Name": "text", "UserId": "text"}
)
