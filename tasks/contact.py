"""People: how they are addressed, and who answers for customers and vendors."""

from __future__ import annotations

from tasks.entity import entity

name_affixes = entity("Name affixes")
contacts_for_customers = entity("CDS Contacts V2 for customers")
contacts_for_vendors = entity("CDS Contacts V2 for vendors")
