"""Rows that every Dataverse environment has: organization, root business unit, users, solutions, messages.

Their ids are computed from their names, so that they are the same after every reset and in every sandbox;
only the organization's is the sandbox's own, since it tells environments apart.
"""

from __future__ import annotations

import uuid
from functools import cache
from typing import Any

from deployments.sandbox.dataverse.rows import Rows
from deployments.sandbox.dataverse.virtual import CATALOGUE
from deployments.sandbox.messages import Caller
from deployments.sandbox.store.store import Store

_SPACE = uuid.UUID("6f2d0b52-8f0c-4f4e-9d1e-4f5a7c1e0001")
ROOT_UNIT = "root business unit"
MESSAGES = ("CreateMultiple", "UpdateMultiple", "UpsertMultiple")
EVERYWHERE = ("Create", "Update", "Delete")
"""Messages of every table, which steps are registered for."""
SOLUTIONS = {
    "DualWriteCore": "Dual-write core",
    "Dynamics365Company": "Dynamics 365 Company",
    "CurrencyExchangeRates": "Currency Exchange Rates",
    "msdyn_FinanceAndOperationsCommon": "Finance and Operations Common",
    "Dynamics365FinanceCommon": "Dynamics 365 Finance Common",
    "Dynamics365SupplyChainCommon": "Dynamics 365 Supply Chain Common",
}


@cache
def fixed_id(name: str) -> str:
    """The guid of a row that is the same everywhere."""
    return str(uuid.uuid5(_SPACE, name))


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
    for unique_name, friendly in SOLUTIONS.items():
        _put(
            rows,
            "solutions",
            fixed_id(f"solution {unique_name}"),
            uniquename=unique_name,
            friendlyname=friendly,
            version="1.0.0.0",
            installedon="2020-01-01T00:00:00Z",
        )
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


def forget_messages(store: Store, logical: str) -> None:
    """Forget which bulk messages a table takes; `fill` puts in those of its schema."""
    filters = store.dataverse("sdkmessagefilters")
    for row_id in [row_id for row_id, row in filters.rows.items() if row["primaryobjecttypecode"] == logical]:
        store.delete(filters, row_id)


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
