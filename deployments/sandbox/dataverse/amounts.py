"""Amounts of sales documents: the platform works them out itself, unless an integration user brings them.

That takes both flags: `issopintegrationenabled` of the organization and `isintegrationuser` of the user. Only the application is
held to it; users of the sandbox stand for whatever else fills documents.
"""

from __future__ import annotations

from decimal import Decimal

from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.store.index import Row

DOCUMENTS = {
    "quotes": ("quotedetails", "_quoteid_value"),
    "salesorders": ("salesorderdetails", "_salesorderid_value"),
    "invoices": ("invoicedetails", "_invoiceid_value"),
}
"""Documents with their lines, and the lines' lookup."""


def price_line(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A line's amounts are its quantity times its price, less its discount."""
    if _brought_along(rows, context):
        return
    base = _number(row, "quantity") * _number(row, "priceperunit")
    _put(row, "baseamount", base)
    _put(row, "extendedamount", base - _number(row, "manualdiscountamount") + _number(row, "tax"))


def total(document: str, rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A document's total is that of its lines, less its discount, with its freight."""
    lines, lookup = DOCUMENTS[document]
    if lines not in rows.schema.dataverse or _brought_along(rows, context):
        return
    table = rows.store.dataverse(lines)
    ids = table.index_on((lookup,)).many(row[rows.schema.dataverse[document].id])
    found = sum((_number(table.rows[line], "extendedamount") for line in ids), Decimal(0))
    _put(row, "totalamount", found - _number(row, "discountamount") + _number(row, "freightamount"))


def _brought_along(rows: Rows, context: Context) -> bool:
    if context.logged_as != "application":
        return True
    organization = next(iter(rows.store.dataverse("organizations").rows.values()))
    user = rows.store.dataverse("systemusers").rows[context.caller.user_id]
    return bool(organization["issopintegrationenabled"] and user["isintegrationuser"])


def _number(row: Row, column: str) -> Decimal:
    return Decimal(str(row.get(column) or 0))


def _put(row: Row, column: str, value: Decimal) -> None:
    if column in row:
        row[column] = value
