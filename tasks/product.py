"""Products: what there is, in which dimensions it varies, what each company released."""

from __future__ import annotations

from tasks.entity import entity

products = entity("All products")
product_dimension_groups = entity("Product dimension groups")
colors = entity("Colors")
sizes = entity("Sizes")
styles = entity("Styles")
configurations = entity("Configurations")
released_products = entity("Released products V2")
released_distinct_products = entity("CDS released distinct products")
