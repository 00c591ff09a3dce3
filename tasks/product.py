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
master_colors = entity("Product master colors")
master_sizes = entity("Product master sizes")
master_styles = entity("Product master styles")
master_configurations = entity("Product master configurations")
storage_dimension_groups = entity("Storage dimension groups")
tracking_dimension_groups = entity("Tracking dimension groups")
barcodes = entity("Product Number Identified Barcode")
default_order_settings = entity("Default order settings")
specific_order_settings = entity("Product default order settings V2")
