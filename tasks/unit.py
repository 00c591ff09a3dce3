"""Units of measure."""

from __future__ import annotations

from tasks.entity import entity

units = entity("Units")
unit_conversions = entity("Unit conversions")
product_specific_unit_conversions = entity("Product specific unit conversions")
