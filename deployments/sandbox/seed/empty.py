"""Nothing: two systems without a row."""

from __future__ import annotations

from deployments.sandbox.seed.seeds import SeedRows


def rows(size: int = 0) -> SeedRows:
    """No rows, whatever the size."""
    return iter(())
