"""Organizations: legal entities and operating units as nodes, and the hierarchies that they stand in."""

from __future__ import annotations

from tasks.entity import entity

legal_entities = entity("Legal entities to msdyn_internalorganizations")
operating_units = entity("Operating unit")
hierarchy_types = entity("Organization hierarchy type")
hierarchy_purposes = entity("Organization hierarchy purposes")
hierarchies = entity("Organization hierarchy - published")
