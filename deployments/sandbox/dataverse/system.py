"""Rows that every Dataverse environment has: organization, root business unit, users, solutions, messages.

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
SOLUTIONS = {
    "DualWriteCore": ("Dual Write Core", "1.0.37.0"),
    "Dynamics365Company": ("Dynamics 365 Company", "2.0.2.10"),
    "CurrencyExchangeRates": ("Currency Exchange Rates", "2.0.2.10"),
    "Dynamics365FinanceAndOperationsCommon": ("Dynamics 365 Finance and Operations Common", "2.0.2.10"),
    "Dynamics365FinanceCommon": ("Dynamics 365 Finance Common", "2.0.2.10"),
    "Dynamics365SupplyChainCommon": ("Dynamics 365 Supply Chain Common", "2.0.2.10"),
}
"""Unique name → display name and version, as far as the switch of the same name doesn't say otherwise."""


def fill(rows: Rows, callers: list[Caller], organization: str) -> None:
    """Put the system rows in, where they are missing.

    Args:
        organization: the environment's own id; the one guid here that differs between sandboxes.
    """
    root = fixed_id(ROOT_UNIT)
    retention = int(rows.switches.tracking_retention_days)
    _put(
        rows,
        "organizations",
        organization,
        name="sandbox",
        expirechangetrackingindays=retention,
        issopintegrationenabled=True,
    )
    _put(rows, "businessunits", root, name="sandbox")
    _put(rows, "teams", fixed_id("root team"), name="sandbox", isdefault=True, _businessunitid_value=root)
    for caller in callers:
        _put(
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
    _install(rows)
    listed = rows.schema.fno.values() if CATALOGUE in rows.schema.dataverse else ()
    for entity in listed:
        _put(
            rows,
            CATALOGUE,
            fixed_id(f"data entity {entity.entity}"),
            mserp_physicalname=entity.entity,
        )
    for message in (*EVERYWHERE, *MESSAGES):
        message_id = fixed_id(f"message {message}")
        _put(rows, "sdkmessages", message_id, name=message)
        for spec in rows.schema.dataverse.values():
            if message in spec.bulk or message in EVERYWHERE:
                _put(
                    rows,
                    "sdkmessagefilters",
                    fixed_id(f"filter {message} {spec.logical}"),
                    name=f"{message} {spec.logical}",
                    primaryobjecttypecode=spec.logical,
                    _sdkmessageid_value=message_id,
                )


def follow(rows: Rows, changes: Container[str], application: Caller) -> None:
    """Bring system rows in line with switches that changed."""
    if "solutions" in changes:
        _install(rows)
    if "dataverse_user_enabled" in changes:
        disabled = not rows.switches.dataverse_user_enabled
        _change(rows, "systemusers", application.user_id, isdisabled=disabled)


def _install(rows: Rows) -> None:
    """The solutions that are installed, no others."""
    wanted: dict[str, str | None] = {name: version for name, (_, version) in SOLUTIONS.items()}
    wanted |= rows.switches.solutions
    installed = {fixed_id(f"solution {name}"): name for name, version in wanted.items() if version}
    table = rows.store.dataverse("solutions")
    for row_id in [row_id for row_id in table.rows if row_id not in installed]:
        rows.store.delete(table, row_id)
    for row_id, name in installed.items():
        friendly, _ = SOLUTIONS.get(name, (name, ""))
        version = wanted[name]
        _put(
            rows,
            "solutions",
            row_id,
            uniquename=name,
            friendlyname=friendly,
            version=version,
            installedon="2020-01-01T00:00:00Z",
        )
        _change(rows, "solutions", row_id, version=version)


def forget_messages(store: Store, logical: str) -> None:
    """Forget which bulk messages a table takes; `fill` puts in those of its schema."""
    filters = store.dataverse("sdkmessagefilters")
    for row_id in [row_id for row_id, row in filters.rows.items() if row["primaryobjecttypecode"] == logical]:
        store.delete(filters, row_id)


def _change(rows: Rows, name: str, row_id: str, /, **values: Any) -> None:
    table = rows.store.dataverse(name)
    row = table.rows[row_id]
    if all(row[column] == value for column, value in values.items()):
        return
    version = rows.store.next_version()
    stamps = {"@odata.etag": f'W/"{version}"', "versionnumber": version, "modifiedon": rows.now()}
    rows.store.put(table, row_id, {**row, **values, **stamps})


def _put(rows: Rows, name: str, row_id: str, /, **values: Any) -> None:
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
