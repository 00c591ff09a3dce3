"""Currencies and exchange rates."""

from __future__ import annotations

from tasks.entity import entity

currencies = entity("Currencies")
exchange_rate_types = entity("Exchange rate type")
exchange_rate_pairs = entity("Exchange rate currency pair")
exchange_rates = entity("CDS Exchange Rates")
