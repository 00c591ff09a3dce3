"""F&O's refusals: OData envelope with an infolog, or the routing layer's own form."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from deployments.sandbox.fno.texts import text, translated
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
    why = f"No HTTP resource was found that matches the request URI '{url}'. No route data was found for this request."
    return ServiceFault(404, {"Message": why})


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
    parts = [*items, *([text("check", check=tail, source=source)] if tail else [])]
    log = "; ".join(f"{text('warning')}{part}" for part in parts)
    return fault(status, f"{text('refused', entity=entity.entity)}{log}.")


def must_be_filled(column: Column) -> str:
    return text("mandatory", field=column.label)


def not_found(value: Any, column: Column, related: str) -> str:
    return text("reference", value=value, field=column.label, related=related)


def duplicate(entity: FnoEntity, values: dict[str, Any]) -> str:
    shown = ", ".join(f"{entity.columns[name].label}: {value}" for name, value in values.items())
    return text("duplicate", label=entity.label, table=entity.table, values=shown)


def too_long(value: str, column: Column) -> str:
    return text("long", value=value, field=column.label, length=column.length)


def dependent(entity: FnoEntity, child: FnoEntity) -> str:
    return text("dependent", label=entity.label, child=child.label)


def read_only(column: Column) -> str:
    return text("read only", field=column.label)


def stale(entity: FnoEntity) -> ServiceFault:
    return fault(412, text("conflict", label=entity.label, table=entity.table))


def no_privilege(entity: FnoEntity) -> ServiceFault:
    return fault(403, text("privilege", label=entity.label, entity=entity.entity))


def spoken(body: dict[str, Any], language: str) -> dict[str, Any]:
    """An error document in a user's language; what the OData layer itself says stays English."""
    error = body.get("error") or {}
    inner = error.get("innererror") or {}
    if not inner:
        return body
    message = translated(inner["message"], language)
    return {**body, "error": {**error, "innererror": {**inner, "message": message}}}


def hidden_company(entity: FnoEntity, company: str) -> ServiceFault:
    return fault(403, text("company", company=company, label=entity.label, table=entity.table))
