"""Sales: quotations, orders, invoices, and the codes that they use."""

from __future__ import annotations

from tasks.entity import entity

modes_of_delivery = entity("Modes of delivery")
terms_of_delivery = entity("Terms of delivery")
order_origin_codes = entity("Sales order origin codes")
price_customer_groups = entity("Price customer groups")
quotation_headers = entity("CDS sales quotation header")
quotation_lines = entity("CDS sales quotation lines")
order_headers = entity("CDS sales order headers")
order_lines = entity("CDS sales order lines")
invoice_headers = entity("Sales invoice headers V2")
invoice_lines = entity("Sales invoice lines V2")
