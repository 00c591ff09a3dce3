"""Sales tax groups of customers, vendors and items."""

from __future__ import annotations

from tasks.entity import entity

sales_tax_groups = entity("Sales tax groups")
item_sales_tax_groups = entity("Item sales tax group")
