"""Sites and warehouses: the places, the work that is done there, and what lies there."""

from __future__ import annotations

from tasks.entity import entity

sites = entity("Sites")
warehouses = entity("Warehouses")
zone_groups = entity("Warehouse zone groups")
zones = entity("Warehouse zones")
aisles = entity("Inventory aisle")
locations = entity("Warehouse locations")
work_headers = entity("Warehouse work headers")
work_lines = entity("Warehouse work lines")
on_hand_requests = entity("CDS inventory on-hand requests")
on_hand_entries = entity("CDS inventory on-hand entries")
