"""All checks, in the order in which their findings are shown."""

from __future__ import annotations

from tasks.sync.health import (
    clocks,
    companies,
    engines,
    feeds,
    fno_user,
    privileges,
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
    tables.SETS,
    feeds.CHECK,
    state.LANES,
    state.BUDGETS,
)
"""A new one goes into a module of its own beside this one, and its `Check` here."""
