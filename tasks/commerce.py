"""Commerce: loyalty, prospects of a site, and customers that buy together."""

from __future__ import annotations

from tasks.entity import entity

loyalty_cards = entity("Loyalty card")
loyalty_reward_points = entity("Loyalty reward points")
prospects = entity("Prospects")
customer_hierarchies = entity("Customer hierarchies")
customer_hierarchy_nodes = entity("Customer hierarchy nodes")
