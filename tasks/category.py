"""Product categories: hierarchies, what they are for, the categories and what is in them."""

from __future__ import annotations

from tasks.entity import entity

hierarchies = entity("Product category hierarchies")
hierarchy_roles = entity("Product category hierarchy roles")
categories = entity("Product categories")
assignments = entity("Product category assignments")
