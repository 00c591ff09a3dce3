"""The maps that the demo runs: what a trading company needs before its first order, and nothing that comes later."""

from __future__ import annotations

CORE_CHAIN = (
    "Legal entities to cdm_companies",
    "Currencies",
    "Exchange rate type",
    "Exchange rate currency pair",
    "CDS Exchange Rates",
    "Name affixes",
    "Payment days CDS",
    "Payment day lines CDS V2",
    "Payment schedule",
    "Payment schedule lines",
    "Terms of payment",
    "Customer groups",
    "Customer payment method",
    "Vendor groups",
    "Vendor payment method",
    "Sales tax groups",
    "Item sales tax group",
    "Customers V3 to accounts",
    "Customers V3 to contacts",
    "Vendors V2",
    "CDS Contacts V2 for customers",
    "CDS Contacts V2 for vendors",
    "Units",
    "Unit conversions",
    "All products",
    "Product dimension groups",
    "Colors",
    "Sizes",
    "Styles",
    "Configurations",
    "Released products V2",
    "CDS released distinct products",
)
"""Companies, currencies, terms, groups, customers, vendors, contact persons and products, parents first."""
