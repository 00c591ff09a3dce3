"""Quotes, orders and invoices that are closed: nobody edits them or their lines until they are open again.

Open is state 0. A closed row takes nothing but another state; its lines carry its state and take nothing either.
"""

from __future__ import annotations

from collections.abc import Mapping

from deployments.sandbox.dataverse import errors
from deployments.sandbox.schema.model import DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store

STATE = "statecode"


class Closing:
    """Which rows are closed."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._store = store
        # table → (lookup to the parent, parent's table, column with the parent's state)
        self._parents: dict[str, tuple[str, str, str]] = {}
        self._children: dict[str, list[str]] = {}
        for spec in schema.dataverse.values():
            column = spec.columns.get(spec.closed_with)
            if column is None or not column.targets:
                continue
            parent = schema.dataverse[column.targets[0]]
            own = f"{parent.logical}{STATE}"
            self._parents[spec.set] = (column.wire, parent.set, own if own in spec.columns else "")
            self._children.setdefault(parent.set, []).append(spec.set)

    def check(self, spec: DataverseTable, row: Row, old: Row | None) -> None:
        """Refuse a change of a closed row, or a new or changed row below one.

        Raises:
            ServiceFault: as a plug-in that says no.
        """
        if spec.closes and old is not None and old[STATE] != 0 and row[STATE] == old[STATE]:
            raise errors.aborted(f"The {spec.logical} is closed (state {old[STATE]}) and can't be changed.")
        found = self._parents.get(spec.set)
        if found is None:
            return
        wire, table, own = found
        parent = self._store.dataverse(table).rows.get(row[wire])
        if parent is None:
            return
        if parent[STATE] != 0:
            raise errors.aborted(
                f"The {spec.logical} can't be changed: what it belongs to is closed (state {parent[STATE]})."
            )
        if own:
            row[own] = parent[STATE]

    def lines_of(self, spec: DataverseTable, row: Row, old: Row) -> Mapping[str, list[tuple[str, Row]]]:
        """Rows below one whose state changed, as they are from now on, by table."""
        if row[STATE] == old[STATE]:
            return {}
        found: dict[str, list[tuple[str, Row]]] = {}
        for name in self._children.get(spec.set, ()):
            wire, _, own = self._parents[name]
            if not own:
                continue
            table = self._store.dataverse(name)
            found[name] = [
                (line, {**table.rows[line], own: row[STATE]})
                for line in sorted(table.index_on((wire,)).many(row[spec.id]))
            ]
        return found
