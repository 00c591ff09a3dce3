"""Parties: persons and organizations, where they live, how to reach them, whom to talk to."""

from __future__ import annotations

from tasks.entity import entity

parties = entity("CDS Parties")
location_roles = entity("CDS location roles")
postal_address_locations = entity("CDS postal address locations")
postal_addresses = entity("CDS postal address history V2")
party_postal_addresses = entity("CDS Party postal address locations")
party_electronic_addresses = entity("Party contacts V3")
contacts = entity("Contacts V2")
salutations = entity("Salutations")
complimentary_closings = entity("Complimentary closings")
decision_making_roles = entity("Decision making roles")
loyalty_levels = entity("Loyalty levels")
personal_character_types = entity("Personal character types")
contact_person_titles = entity("Contact person titles")
employment_job_functions = entity("Employment job functions")
