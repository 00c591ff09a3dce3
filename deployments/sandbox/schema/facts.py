"""Reader of `facts.yaml`: what the maps don't tell about the two systems."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).parent.parent / "facts.yaml"


class Facts:
    """Facts by side, with defaults filled in.

    Args:
        document: content of a facts file.
    """

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._dataverse: Mapping[str, Any] = document["dataverse"]
        self._fno: Mapping[str, Any] = document["fno"]
        self.dataverse_defaults: Mapping[str, int] = self._dataverse["defaults"]
        self.fno_defaults: Mapping[str, int] = self._fno["defaults"]
        self.sequences: dict[str, str] = dict(self._fno["sequences"])
        self.company_currency: dict[str, str] = dict(self._fno["company_currency"])

    @property
    def platform_tables(self) -> list[str]:
        """Tables that exist without a map: those whose logical name the facts give."""
        return [name for name, table in self._dataverse["tables"].items() if "logical" in table]

    def table(self, name: str) -> Mapping[str, Any]:
        return self._dataverse["tables"].get(name) or {}

    def column(self, table: str, column: str) -> dict[str, Any]:
        """Facts about a column: of any table, overlaid by those of this table."""
        return {
            **(self._dataverse["columns"].get(column) or {}),
            **((self.table(table).get("columns") or {}).get(column) or {}),
        }

    def entity(self, name: str) -> Mapping[str, Any]:
        return self._fno["entities"].get(name) or {}

    def property(self, entity: str, name: str) -> dict[str, Any]:
        """Facts about a property: of any entity, overlaid by those of this entity."""
        return {
            **(self._fno["properties"].get(name) or {}),
            **((self.entity(entity).get("properties") or {}).get(name) or {}),
        }


@cache
def load(file: Path = FILE) -> Facts:
    """The shipped facts."""
    return Facts(yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
