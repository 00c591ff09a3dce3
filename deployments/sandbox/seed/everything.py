"""Rows for every shipped map, in both forms: every value-map member, every kind of lookup, rows planted to be parked.

The rows of F&O come out of the maps (`whole/rows.py`); what only a person can think of stands in `whole/planted.yaml`:
rows that are in Dataverse alone or there already, rows outside the maps' filters, rows that no sync can write.
Companies: usmf with everything, demf and gbsi with a few rows of each map.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from deployments.sandbox.seed.seeds import SeedRows
from deployments.sandbox.seed.whole import dataverse
from deployments.sandbox.seed.whole.rows import Rows

PLANTED = Path(__file__).parent / "whole" / "planted.yaml"


def rows(size: int = 0) -> SeedRows:
    """The rows, parents first. `size` has no meaning here."""
    fno = Rows()
    for name, found in fno.all():
        yield "fno", name, found
    for name, found in dataverse.rows(fno):
        yield "dataverse", name, found
    planted: list[dict[str, Any]] = yaml.load(PLANTED.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    for entry in planted:
        yield entry["side"], entry["set"], entry["rows"]
