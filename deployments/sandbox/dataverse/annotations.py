"""Annotations in answers: formatted values, and where lookups point."""

from __future__ import annotations

from collections.abc import Mapping

from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store

FORMATTED = "OData.Community.Display.V1.FormattedValue"
LOGICAL = "Microsoft.Dynamics.CRM.lookuplogicalname"
NAVIGATION = "Microsoft.Dynamics.CRM.associatednavigationproperty"


def wanted(preference: str, name: str) -> bool:
    """Does ``odata.include-annotations`` ask for this annotation?"""
    for pattern in preference.split(","):
        pattern = pattern.strip()
        if pattern == "*" or pattern == name:
            return True
        if pattern.endswith("*") and name.startswith(pattern[:-1]):
            return True
    return False


class Annotator:
    """Adds the annotations that a request asked for to rows of one table."""

    def __init__(
        self, spec: DataverseTable, columns: Mapping[str, Column], schema: Schema, store: Store, asked: str
    ) -> None:
        self._columns = columns
        self._schema = schema
        self._store = store
        self._formatted = wanted(asked, FORMATTED)
        self._logical = wanted(asked, LOGICAL)
        self._navigation = wanted(asked, NAVIGATION)

    def annotate(self, answer: Row, row: Row) -> Row:
        """The answer with annotations before their properties; `row` is the stored row."""
        full: Row = {}
        for name, value in answer.items():
            column = self._columns.get(name)
            if column is not None and value is not None:
                if column.kind == "lookup":
                    self._lookup(full, name, value, column)
                elif self._formatted and column.options:
                    full[f"{name}@{FORMATTED}"] = column.options.get(value, str(value))
                elif self._formatted and column.kind in ("integer", "decimal", "double", "datetime", "date"):
                    full[f"{name}@{FORMATTED}"] = str(value)
                elif self._formatted and column.kind == "boolean":
                    full[f"{name}@{FORMATTED}"] = "Yes" if value else "No"
            full[name] = value
        return full

    def _lookup(self, full: Row, name: str, value: str, column: Column) -> None:
        for target in column.targets:
            related = self._store.dataverse(target).rows.get(value)
            if related is None:
                continue
            spec = self._schema.dataverse[target]
            if self._formatted:
                full[f"{name}@{FORMATTED}"] = related[spec.primary_name] or ""
            if self._navigation and not column.system:
                full[f"{name}@{NAVIGATION}"] = column.navigation[target]
            if self._logical:
                full[f"{name}@{LOGICAL}"] = spec.logical
