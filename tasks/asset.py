"""Assets to maintain, where they are, and the states they go through."""

from __future__ import annotations

from tasks.entity import entity

lifecycle_states = entity("Asset management asset lifecycle states")
lifecycle_models = entity("Asset management asset lifecycle models")
types = entity("Asset management asset types")
manufacturers = entity("Asset management manufacturers")
models = entity("Asset management models")
warranties = entity("Asset management warranty")
location_lifecycle_states = entity("Asset management functional location lifecycle states")
location_lifecycle_models = entity("Asset management functional location lifecycle models")
location_types = entity("Asset management functional location types")
locations = entity("Asset management functional locations")
assets = entity("Asset management assets")
guides = entity("Mixed reality guides entity")
