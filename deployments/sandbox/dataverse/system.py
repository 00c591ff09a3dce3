"""Rows that every Dataverse environment has: organization, root business unit, users, messages.

Their ids are computed from their names, so that they are the same after every reset and in every sandbox;
only the organization's is the sandbox's own, since it tells environments apart.
"""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.dataverse.rows import Rows
from deployments.sandbox.dataverse.virtual import CATALOGUE
from deployments.sandbox.messages import Caller
from deployments.sandbox.store.store import Store

ROOT_UNIT = "root business unit"
MESSAGES = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
EVERYWHERE = ("Create", "Update", "Delete")
"""Messages of every table, which steps are registered for."""


def fill(rows: Rows, callers: list[Caller], organization: str) -> None:
    """Put the system rows in, where they are missing.

    Args:
        organization: the environment's own id; the one guid here that differs between sandboxes.
    """
    root = fixed_id(ROOT_UNIT)
    retention = int(rows.switches.tracking_retention_days)
    put(
        rows,
        "organizations",
        organization,
        name="sandbox",
        expirechangetrackingindays=retention,
        issopintegrationenabled=True,
    )
    put(rows, "businessunits", root, name="sandbox")
    put(rows, "teams", fixed_id("root team"), name="sandbox", isdefault=True, _businessunitid_value=root)
    for caller in callers:
        put(
            rows,
            "systemusers",
            caller.user_id,
            fullname=f"# {caller.name}",
            domainname=f"{caller.name}@sandbox.example",
            applicationid=caller.client_id,
            azureactivedirectoryobjectid=caller.object_id,
            isintegrationuser=caller.name == "application",
            _businessunitid_value=root,
        )
    listed = rows.schema.fno.values() if CATALOGUE in rows.schema.dataverse else ()
    for entity in listed:
        put(
            rows,
            CATALOGUE,
            fixed_id(f"data entity {entity.entity}"),
            mserp_physicalname=entity.entity,
        )
    for message in (*EVERYWHERE, *MESSAGES):
        message_id = fixed_id(f"message {message}")
        put(rows, "sdkmessages", message_id, name=message)
        for spec in rows.schema.dataverse.values():
            if message in spec.bulk or message in EVERYWHERE:
                put(
                    rows,
                    "sdkmessagefilters",
                    fixed_id(f"filter {message} {spec.logical}"),
                    name=f"{message} {spec.logical}",
                    primaryobjecttypecode=spec.logical,
                    _sdkmessageid_value=message_id,
                )


def follow(rows: Rows, changes: Container[str], application: Caller) -> None:
    """Bring system rows in line with switches that changed."""
    if "dataverse_user_enabled" in changes:
        disabled = not rows.switches.dataverse_user_enabled
        change(rows, "systemusers", application.user_id, isdisabled=disabled)


def forget_messages(store: Store, logical: str) -> None:
    """Forget which bulk messages a table takes; `fill` puts in those of its schema."""
    filters = store.dataverse("sdkmessagefilters")
    for row_id in [row_id for row_id, row in filters.rows.items() if row["primaryobjecttypecode"] == logical]:
        store.delete(filters, row_id)


def change(rows: Rows, name: str, row_id: str, /, **values: Any) -> None:
    """Change a system row, if it is different."""
    table = rows.store.dataverse(name)
    row = table.rows[row_id]
    if all(row[column] == value for column, value in values.items()):
        return
    version = rows.store.next_version()
    stamps = {"@odata.etag": f'W/"{version}"', "versionnumber": version, "modifiedon": rows.now()}
    rows.store.put(table, row_id, {**row, **values, **stamps})


def put(rows: Rows, name: str, row_id: str, /, **values: Any) -> None:
    """Store a system row, unless it is there."""
    table = rows.store.dataverse(name)
    if row_id in table.rows:
        return
    row = rows.blank(name)
    row.update(values)
    version = rows.store.next_version()
    row.update(
        {
            rows.schema.dataverse[name].id: row_id,
            "@odata.etag": f'W/"{version}"',
            "versionnumber": version,
            "createdon": rows.now(),
            "modifiedon": rows.now(),
        }
    )
    rows.store.put(table, row_id, row)
