"""The ledger: fiscal calendars, charts of accounts, financial dimensions."""

from __future__ import annotations

from tasks.entity import entity

fiscal_calendars = entity("Fiscal calendar integration entity")
fiscal_calendar_years = entity("Fiscal calendar year integration entity")
fiscal_calendar_periods = entity("Fiscal calendar period")
charts_of_accounts = entity("Chart of accounts")
main_account_categories = entity("Main account categories")
main_accounts = entity("Main account")
ledgers = entity("Ledger")
financial_dimensions = entity("Financial dimensions")
financial_dimension_formats = entity("Financial dimension format")
