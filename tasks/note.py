"""Notes: what is attached to customers, vendors and orders."""

from __future__ import annotations

from tasks.entity import entity

customer_notes = entity("Customer Attachments")
vendor_notes = entity("Vendor document attachments")
sales_order_notes = entity("Sales order header document attachments")
purchase_order_notes = entity("Purchase order header document attachments")
