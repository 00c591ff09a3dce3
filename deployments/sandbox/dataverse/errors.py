"""Dataverse's refusals: code, status and wording."""

from __future__ import annotations

from typing import Any

from deployments.sandbox.messages import ServiceFault
from deployments.sandbox.schema.model import Column, DataverseTable


def fault(status: int, code: str, message: str, headers: dict[str, str] | None = None) -> ServiceFault:
    """An error in Dataverse's envelope."""
    return ServiceFault(status, {"error": {"code": code, "message": message}}, headers)


def not_imitated(what: str) -> ServiceFault:
    """The sandbox doesn't do this; it never guesses."""
    return fault(501, "0x80040216", f"The sandbox does not imitate {what}.")


def query(message: str) -> ServiceFault:
    """A query option that makes no sense."""
    return fault(400, "0x80060888", message)


def unknown_property(name: str, table: DataverseTable) -> ServiceFault:
    return query(
        f"Could not find a property named '{name}' on type 'Microsoft.Dynamics.CRM.{table.logical}'."
    )


def unknown_segment(name: str) -> ServiceFault:
    return fault(404, "0x8006088a", f"Resource not found for the segment '{name}'.")


def no_resource(url: str) -> ServiceFault:
    return fault(404, "", f"No HTTP resource was found that matches the request URI '{url}'.")


def method_not_allowed(method: str) -> ServiceFault:
    return fault(405, "0x80060888", f"The requested resource does not support http method '{method}'.")


def absent(table: DataverseTable, row_id: str, long_text: bool, status: int = 404) -> ServiceFault:
    name = f"Entity '{table.logical}'" if long_text else table.logical
    return fault(status, "0x80040217", f"{name} With Id = {row_id} Does Not Exist")


def absent_key(table: DataverseTable, status: int = 404) -> ServiceFault:
    return fault(
        status,
        "0x80060891",
        f"A record with the specified key values does not exist in {table.logical} entity",
    )


def wrong_key(table: DataverseTable) -> ServiceFault:
    resource = f"Microsoft.Dynamics.CRM.{table.logical}"
    return query(
        f"The key in the request URI is not valid for resource '{resource}'. Ensure that the names and "
        "number of key properties match the declared or alternate key properties for the resource "
        f"'{resource}'."
    )


def stale() -> ServiceFault:
    return fault(
        412,
        "0x80060882",
        "The version of the existing record doesn't match the RowVersion property provided.",
    )


def duplicate_id(status: int = 412) -> ServiceFault:
    return fault(status, "0x80040237", "A record with matching key values already exists.")


def duplicate_key(name: str, columns: tuple[str, ...], status: int = 412) -> ServiceFault:
    return fault(
        status,
        "0x80060892",
        f"Entity Key {name} violated. A record with the same value for {', '.join(columns)} already "
        "exists. A duplicate record cannot be created. Select one or more unique values and try again.",
    )


def payload(table: DataverseTable, message: str) -> ServiceFault:
    return fault(
        400,
        "0x80048d19",
        f"Error identified in Payload provided by the user for Entity :'{table.set}', For more information "
        "on this error please follow this help link https://go.microsoft.com/fwlink/?linkid=2195293  ---->  "
        f"InnerException : Microsoft.OData.ODataException: {message}",
    )


def wrong_literal(table: DataverseTable, value: Any, edm: str) -> ServiceFault:
    return payload(table, f"Cannot convert the literal '{value}' to the expected type '{edm}'.")


def unknown_in_payload(name: str, table: DataverseTable, code: str) -> ServiceFault:
    return fault(
        400,
        code,
        "An error occurred while validating input parameters: Microsoft.Crm.CrmException: Invalid property "
        f"'{name}' was found in entity 'Microsoft.Dynamics.CRM.{table.logical}'. ---> "
        "Microsoft.OData.ODataException: Does not support untyped value in non-open type.",
    )


def unknown_navigation(name: str, table: DataverseTable) -> ServiceFault:
    return payload(
        table,
        f"An undeclared property '{name}' which only has property annotations in the payload but no property "
        "value was found in the payload. In OData, only declared navigation properties and declared named "
        "streams can be represented as properties without values.",
    )


def direct_lookup(table: DataverseTable) -> ServiceFault:
    return payload(
        table,
        "CRM do not support direct update of Entity Reference properties, Use Navigation properties instead.",
    )


def too_long(column: Column, table: DataverseTable) -> ServiceFault:
    return fault(
        400,
        "0x80044331",
        f"A validation error occurred.  The length of the '{column.name}' attribute of the "
        f"'{table.logical}' entity exceeded the maximum allowed length of '{column.length}'.",
    )


def out_of_range(code: str, value: Any, column: Column, table: DataverseTable) -> ServiceFault:
    accepted = (
        ",".join(map(str, column.options)) if column.options else f"{column.minimum} to {column.maximum}"
    )
    return fault(
        400,
        code,
        f"A validation error occurred. The value {value} of '{column.name}' on record of type "
        f"'{table.logical}' is outside the valid range. Accepted Values: {accepted}",
    )


def too_precise(value: Any, column: Column, table: DataverseTable) -> ServiceFault:
    return fault(
        400,
        "0x80044330",
        f"A validation error occurred. The value {value} of '{column.name}' on record of type "
        f"'{table.logical}' has more than {column.scale} decimal places.",
    )


def missing(column: Column, table: DataverseTable) -> ServiceFault:
    return fault(
        400, "0x80040203", f"Required attribute '{column.name}' of entity '{table.logical}' is missing."
    )


def bad_status(table: DataverseTable, state: Any, status: Any) -> ServiceFault:
    return fault(
        400,
        "0x80048408",
        f"{status} is not a valid status code for state code {state} on {table.logical}.",
    )


def restricted(table: DataverseTable, row_id: str, child: DataverseTable, count: int) -> ServiceFault:
    return fault(
        405,
        "0x80040227",
        f"The object you tried to delete is associated with another object and cannot be deleted. "
        f"({table.logical} {row_id} is referred to by {count} {child.logical})",
    )


def aborted(message: str) -> ServiceFault:
    """A plug-in said no."""
    return fault(400, "0x80040265", message)


def no_privilege(privilege: str, privilege_id: str, table: DataverseTable, user_id: str) -> ServiceFault:
    return fault(
        403,
        "0x80040220",
        f"Principal user (Id={user_id}, type=8, roleCount=1, privilegeCount=100, accessMode=4), is missing "
        f"{privilege} privilege (Id={privilege_id}) on OTC={table.code} for entity '{table.logical}'. "
        f"context.Caller={user_id}",
    )


def no_role(table: DataverseTable, team_id: str) -> ServiceFault:
    """A team without a role can't own a row."""
    return fault(
        403,
        "0x80040220",
        f"Principal team (Id={team_id}, type=9, roleCount=0, privilegeCount=0), is missing prvRead{table.logical} "
        f"privilege on OTC={table.code} for entity '{table.logical}'.",
    )


def no_access(verb: str, table: DataverseTable, row_id: str, owner: str | None, user_id: str) -> ServiceFault:
    """The privilege doesn't reach this row."""
    return fault(
        403,
        "0x80048306",
        f"SecLib::AccessCheckEx failed. Returned hr = -2147187962, ObjectID: {row_id}, OwnerId: {owner} and "
        f"CallingUser: {user_id}. ObjectTypeCode: {table.code}, AccessRights: {verb}Access",
    )
