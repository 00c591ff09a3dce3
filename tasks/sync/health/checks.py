"""All checks, in the order in which their findings are shown."""

from __future__ import annotations

from tasks.sync.health import (
    clocks,
    companies,
    duplicates,
    engines,
    feeds,
    fno_user,
    orders,
    privileges,
    probe,
    prospect,
    reaching,
    solutions,
    state,
    steps,
    tables,
    teams,
    versions,
)
from tasks.sync.health.check import Check

CHECKS: tuple[Check, ...] = (
    reaching.CHECK,
    state.CHECK,
    versions.FNO,
    versions.OF_DATAVERSE,
    clocks.CHECK,
    fno_user.CHECK,
    privileges.CHECK,
    companies.CHOSEN,
    companies.IN_FNO,
    companies.IN_DATAVERSE,
    teams.CHECK,
    prospect.CHECK,
    engines.CHECK,
    solutions.CHECK,
    tables.TABLES,
    tables.KEYS,
    steps.CHECK,
    duplicates.CHECK,
    orders.CHECK,
    tables.SETS,
    feeds.CHECK,
    state.ENVIRONMENTS,
    state.LANES,
    state.BUDGETS,
    probe.CHECK,
)
"""A new one goes into a module of its own beside this one, and its `Check` here."""
