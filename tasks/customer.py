"""Customers: organizations become accounts, persons become contacts."""

from __future__ import annotations

from tasks.entity import entity

customer_groups = entity("Customer groups")
customers_to_accounts = entity("Customers V3 to accounts")
customers_to_contacts = entity("Customers V3 to contacts")
