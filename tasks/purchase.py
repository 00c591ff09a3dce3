"""Purchase: orders and what was received."""

from __future__ import annotations

from tasks.entity import entity

order_headers = entity("Purchase order headers V2")
order_lines = entity("CDS purchase order line entity")
soft_deleted_lines = entity("CDS purchase order line soft deleted entity")
receipt_headers = entity("Product receipt header")
receipt_lines = entity("Product receipt line")
