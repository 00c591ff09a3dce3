"""Taxes: groups of customers, vendors and items, and what taxes refer to."""

from __future__ import annotations

from tasks.entity import entity

sales_tax_groups = entity("Sales tax groups")
item_sales_tax_groups = entity("Item sales tax group")
sales_tax_codes = entity("Sales tax codes")
sales_tax_authorities = entity("Sales tax authorities")
sales_tax_exempt_codes = entity("Sales tax exempt code entity CDS")
sales_tax_posting_groups = entity("Sales tax ledger posting groups V2")
withholding_tax_codes = entity("Withholding tax codes")
withholding_tax_groups = entity("Withholding tax groups")
