"""Payment: days, schedules and terms, and how customers and vendors pay."""

from __future__ import annotations

from tasks.entity import entity

payment_days = entity("Payment days CDS")
payment_day_lines = entity("Payment day lines CDS V2")
payment_schedules = entity("Payment schedule")
payment_schedule_lines = entity("Payment schedule lines")
terms_of_payment = entity("Terms of payment")
customer_payment_methods = entity("Customer payment method")
vendor_payment_methods = entity("Vendor payment method")
