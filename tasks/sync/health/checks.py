"""All checks, in the order in which their findings are shown."""

from __future__ import annotations

from tasks.sync.health.check import Check

CHECKS: tuple[Check, ...] = ()
"""A new one goes into a module of its own beside this one, and its `CHECK` here."""
