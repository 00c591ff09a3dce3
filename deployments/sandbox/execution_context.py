"""The body of data events and webhooks: a RemoteExecutionContext as .NET's data contract serializer writes it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from deployments.sandbox.messages import encode

CONTRACTS = "http://schemas.microsoft.com/xrm/2011/Contracts"
MESSAGES = {"create": "Create", "update": "Update", "delete": "Delete"}
LARGEST = 256 * 1024
Json = dict[str, Any]


def moment(seconds: float) -> str:
    """A time as ``/Date(milliseconds)/``."""
    return f"/Date({int(seconds * 1000)})/"


def moment_of(text: str) -> str:
    """An ISO time or date as ``/Date(milliseconds)/``."""
    form = "%Y-%m-%dT%H:%M:%SZ" if "T" in text else "%Y-%m-%d"
    return moment(datetime.strptime(text, form).replace(tzinfo=UTC).timestamp())


def option(value: int) -> Json:
    return {"__type": f"OptionSetValue:{CONTRACTS}", "Value": value}


def money(value: Any) -> Json:
    return {"__type": f"Money:{CONTRACTS}", "Value": value}


def reference(logical: str, row_id: str, *, typed: bool = True) -> Json:
    """An entity reference; members that name their type only where the serializer can't know it."""
    plain: Json = {
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": logical,
        "Name": None,
        "RowVersion": None,
    }
    return {"__type": f"EntityReference:{CONTRACTS}", **plain} if typed else plain


def entity(logical: str, row_id: str, attributes: Iterable[tuple[str, Any]], *, typed: bool = True) -> Json:
    """A record with some of its columns."""
    plain: Json = {
        "Attributes": [{"key": name, "value": value} for name, value in attributes],
        "EntityState": None,
        "FormattedValues": [],
        "Id": row_id,
        "KeyAttributes": [],
        "LogicalName": logical,
        "RelatedEntities": [],
        "RowVersion": None,
    }
    return {"__type": f"Entity:{CONTRACTS}", **plain} if typed else plain


def context(
    *,
    message: str,
    logical: str,
    row_id: str,
    parameters: list[Json],
    images: list[Json],
    user: str,
    unit: str | None,
    organization: str,
    step: str,
    time: float,
) -> Json:
    """The whole context of one asynchronous step after the commit.

    Args:
        parameters: InputParameters.
        images: PostEntityImages.
        step: id of the processing step.
        time: of the operation, seconds since 1970.
    """
    return {
        "BusinessUnitId": unit,
        "CorrelationId": str(uuid.uuid4()),
        "Depth": 1,
        "InitiatingUserId": user,
        "InputParameters": parameters,
        "IsExecutingOffline": False,
        "IsInTransaction": False,
        "IsOfflinePlayback": False,
        "IsolationMode": 1,
        "MessageName": message,
        "Mode": 1,
        "OperationCreatedOn": moment(time),
        "OperationId": str(uuid.uuid4()),
        "OrganizationId": organization,
        "OrganizationName": "sandbox",
        "OutputParameters": [],
        "OwningExtension": reference("sdkmessageprocessingstep", step, typed=False),
        "ParentContext": None,
        "PostEntityImages": images,
        "PreEntityImages": [],
        "PrimaryEntityId": row_id,
        "PrimaryEntityName": logical,
        "RequestId": None,
        "SecondaryEntityName": "none",
        "SharedVariables": [],
        "Stage": 40,
        "UserId": user,
    }


def sealed(document: Json, headers: dict[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers as they are sent; a body that is too large loses what makes it large."""
    body = encode(document)
    headers = {"Content-Type": "application/json; charset=utf-8", **headers}
    if len(body) > LARGEST:
        large = ("ParentContext", "InputParameters", "PreEntityImages", "PostEntityImages")
        body = encode({name: value for name, value in document.items() if name not in large})
        headers["x-ms-dynamics-msg-size-exceeded"] = "true"
    return body, headers
