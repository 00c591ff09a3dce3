"""Where maps of quotes, orders or invoices run: are their totals left as F&O has them?

Dataverse works prices and totals out anew, unless two flags say that an integration does: one of the organization, one of the user
who writes.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

TABLES = frozenset(
    {"quotes", "quotedetails", "salesorders", "salesorderdetails", "invoices", "invoicedetails"}
)


def orders(around: Surroundings) -> Iterator[Finding]:
    """Flags that are not set."""
    maps = tuple(each.name for each in around.maps if each.dataverse.table in TABLES and each.to_dataverse)
    if not maps:
        return
    if not around.organization().keeps_order_totals:
        yield Finding(
            "orders_organization",
            "error",
            "dataverse",
            "organization",
            "issopintegrationenabled = true",
            "false: prices and totals of orders are worked out anew",
            "set issopintegrationenabled of the organization (OrgDBOrgSettings, or PATCH organizations(…)) to true",
            maps=maps,
        )
    user = around.me()
    if not user.integration:
        yield Finding(
            "orders_user",
            "error",
            "dataverse",
            user.name or user.id,
            "Integration user mode = Yes",
            "No: prices and totals of orders that this user writes are worked out anew",
            "set “Integration user mode” (isintegrationuser) of the application user to Yes",
            maps=maps,
        )


CHECK = Check("orders", "Orders as F&O has them", orders, needs=("dataverse",))
