"""Vendors."""

from __future__ import annotations

from tasks.entity import entity

vendor_groups = entity("Vendor groups")
vendors = entity("Vendors V2")
vendors_as_accounts = entity("Vendors V2 to accounts")
