"""Functions of the Web API that checks and counts use."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.dataverse.query import Reader
from deployments.sandbox.messages import Caller, Request, Response
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.schema.model import DataverseTable

if TYPE_CHECKING:
    from deployments.sandbox.dataverse.service import Dataverse

NAMES = frozenset({"WhoAmI", "RetrieveVersion", "RetrieveCurrentOrganization", "RetrieveTotalRecordCount"})
TEAM_ROLES = "teamroles_association"
_COUNT = re.compile(r"aggregate\(\s*\$count\s+as\s+(\w+)\s*\)")


def call(name: str, step: Segment, request: Request, service: Dataverse) -> tuple[str, dict[str, Any]]:
    """(context, members) of a function's answer.

    Raises:
        ServiceFault: a parameter that isn't right.
    """
    answer: dict[str, Callable[[], dict[str, Any]]] = {
        "WhoAmI": lambda: _who_am_i(request, service),
        "RetrieveVersion": lambda: {"Version": service.switches.dataverse_version},
        "RetrieveCurrentOrganization": lambda: _organization(service),
        "RetrieveTotalRecordCount": lambda: _record_count(step, service),
    }
    return f"Microsoft.Dynamics.CRM.{name}Response", answer[name]()


def _who_am_i(request: Request, service: Dataverse) -> dict[str, Any]:
    assert request.caller is not None
    user = service.store.dataverse("systemusers").rows[request.caller.user_id]
    return {
        "BusinessUnitId": user["_businessunitid_value"],
        "UserId": request.caller.user_id,
        "OrganizationId": service.rows.organization_id,
    }


def of_user(name: str, user_id: str, request: Request, service: Dataverse) -> dict[str, Any]:
    """Roles or privileges of a user."""
    rights = service.rights
    is_application = user_id == service.application.user_id
    if name == "systemuserroles_association":
        roles = service.switches.dataverse_roles if is_application else ["System Administrator"]
        context = f"{service.root}/$metadata#roles"
        return {
            "@odata.context": context,
            "value": [{"roleid": fixed_id(f"role {each}"), "name": each} for each in roles],
        }
    held = rights.held(service.virtual.specs().values(), limited=is_application)
    context = f"{service.root}/$metadata#Microsoft.Dynamics.CRM.RetrieveUserPrivilegesResponse"
    return {"@odata.context": context, "RolePrivileges": held}


def teams_with_roles(request: Request, service: Dataverse) -> dict[str, Any]:
    """Teams with their roles, the one expanded collection that is imitated."""
    kept = "&".join(
        f"{name}={quote(value)}" for name, value in request.options().items() if name != "$expand"
    )
    response = service.sets.read(dataclasses.replace(request, query=kept), service.schema.dataverse["teams"])
    answer: dict[str, Any] = json.loads(response.body)
    roles = [{"roleid": fixed_id(f"role {each}"), "name": each} for each in service.switches.team_roles]
    answer["value"] = [{**row, TEAM_ROLES: roles} for row in answer["value"]]
    return answer


def _organization(service: Dataverse) -> dict[str, Any]:
    return {
        "Detail": {
            "OrganizationId": service.rows.organization_id,
            "FriendlyName": "sandbox",
            "OrganizationVersion": service.switches.dataverse_version,
            "EnvironmentId": service.rows.organization_id,
            "UniqueName": "sandbox",
            "State": "Enabled",
            "Endpoints": {"Count": 1, "Keys": ["WebApplication"], "Values": [service.root]},
        }
    }


def _record_count(step: Segment, service: Dataverse) -> dict[str, Any]:
    keys, values = [], []
    for logical in re.findall(r"'([^']*)'", step.raw):
        name = service.schema.logical.get(logical)
        if name is None:
            raise errors.fault(400, "0x80041102", f"The entity with a name = '{logical}' was not found.")
        keys.append(logical)
        values.append(len(service.store.dataverse(name).rows))
    collection = {"Count": len(keys), "IsReadOnly": False, "Keys": keys, "Values": values}
    return {"EntityRecordCountCollection": collection}


def apply(
    options: dict[str, str],
    reader: Reader,
    spec: DataverseTable,
    caller: Caller,
    answer: Callable[[dict[str, Any]], Response],
) -> Response:
    """``$apply=aggregate($count as n)``, after an optional filter; more of $apply is not imitated."""
    text = options["$apply"].strip()
    condition = None
    filtered = re.fullmatch(r"filter\((.*)\)/(aggregate\(.*\))", text)
    if filtered:
        condition, text = filtered.group(1), filtered.group(2)
    match = _COUNT.fullmatch(text)
    if match is None:
        raise errors.not_imitated("$apply beyond aggregate($count as name)")
    number = len(reader.matching(spec, condition or options.get("$filter"), None, caller, options))
    if number > 50_000:
        raise errors.fault(400, "0x8004E023", "The maximum record limit of 50000 is exceeded.")
    context = f"{reader.root}/$metadata#{spec.set}({match.group(1)})"
    return answer({"@odata.context": context, "value": [{match.group(1): number}]})
