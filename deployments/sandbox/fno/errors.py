"""F&O's refusals: OData envelope with an infolog, or the routing layer's own form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployments.sandbox.messages import ServiceFault
from deployments.sandbox.schema.model import Column, FnoEntity

NAMESPACE = "Microsoft.Dynamics.DataEntities"


def fault(status: int, message: str, kind: str = "System.InvalidOperationException") -> ServiceFault:
    """A refusal in the OData envelope; the useful text is in `innererror`."""
    body: dict[str, Any] = {
        "error": {
            "code": "",
            "message": "An error has occurred.",
            "innererror": {"message": message, "type": kind, "stacktrace": ""},
        }
    }
    return ServiceFault(status, body)


def not_imitated(what: str) -> ServiceFault:
    """The sandbox doesn't do this; it never guesses."""
    return fault(501, f"The sandbox does not imitate {what}.", "System.NotImplementedException")


def no_route(url: str) -> ServiceFault:
    text = f"No HTTP resource was found that matches the request URI '{url}'. No route data was found for this request."
    return ServiceFault(404, {"Message": text})


def absent(entity: FnoEntity) -> ServiceFault:
    return fault(404, f"Resource not found for the segment '{entity.set}'.", "Microsoft.OData.ODataException")


def method_not_allowed(method: str) -> ServiceFault:
    return ServiceFault(405, {"Message": f"The requested resource does not support http method '{method}'."})


def read_only_entity(entity: FnoEntity) -> ServiceFault:
    return fault(403, f"The entity {entity.public} is read-only.")


def query(message: str) -> ServiceFault:
    """A query option that makes no sense."""
    return fault(
        400, f"The query specified in the URI is not valid. {message}", "Microsoft.OData.ODataException"
    )


def unknown_property(name: str, entity: FnoEntity) -> ServiceFault:
    return query(f"Could not find a property named '{name}' on type '{NAMESPACE}.{entity.public}'.")


def unknown_in_payload(name: str, entity: FnoEntity) -> ServiceFault:
    return fault(
        400,
        f"The property '{name}' does not exist on type '{NAMESPACE}.{entity.public}'. Make sure to only use "
        "property names that are defined by the type.",
        "Microsoft.OData.ODataException",
    )


def wrong_literal(value: Any, column: Column, edm: str) -> ServiceFault:
    shown = str(value).lower() if isinstance(value, bool) else value
    return fault(
        400,
        f"Cannot convert the literal '{shown}' to the expected type '{edm}'.",
        "Microsoft.OData.ODataException",
    )


def infolog(
    status: int, entity: FnoEntity, items: Iterable[str], tail: str = "validateWrite"
) -> ServiceFault:
    """A write that business logic refuses: infolog entries, then the generic tail.

    Args:
        items: texts with their own periods, without the severity.
    """
    source = f"{entity.table} ({entity.table})"
    parts = [f"Warning: {item}" for item in items]
    if tail:
        parts.append(f"Warning: {tail} failed on data source '{source}'")
    return fault(
        status, f"Write failed for table row of type '{entity.entity}'. Infolog: {'; '.join(parts)}."
    )


def must_be_filled(column: Column) -> str:
    return f"Field '{column.label}' must be filled in."


def not_found(value: Any, column: Column, related: str) -> str:
    return f"The value '{value}' in field '{column.label}' is not found in the related table '{related}'."


def duplicate(entity: FnoEntity, values: dict[str, Any]) -> str:
    shown = ", ".join(f"{entity.columns[name].label}: {value}" for name, value in values.items())
    return f"Cannot create a record in {entity.label} ({entity.table}). {shown}. The record already exists."


def too_long(value: str, column: Column) -> str:
    return (
        f"The value '{value}' in field '{column.label}' is too long. The maximum length is {column.length} "
        "characters."
    )


def dependent(entity: FnoEntity, child: FnoEntity) -> str:
    return (
        f"{entity.label} cannot be deleted while dependent {child.label} exist. "
        f"Delete dependent {child.label} and try again."
    )


def read_only(column: Column) -> str:
    return f"Field '{column.label}' does not allow editing."


def stale(entity: FnoEntity) -> ServiceFault:
    return fault(
        412,
        f"Cannot edit a record in {entity.label} ({entity.table}). An update conflict occurred due to another "
        "user process deleting the record or changing one or more fields in the record.",
    )


def no_privilege(entity: FnoEntity) -> ServiceFault:
    return fault(403, f"Access denied: the user has no permission to {entity.label} ({entity.entity}).")


def hidden_company(entity: FnoEntity, company: str) -> ServiceFault:
    return fault(403, f"Access denied to company '{company}' for {entity.label} ({entity.table}).")
