"""CreateMultiple, UpdateMultiple, UpsertMultiple: one table, one transaction, all or nothing."""

from __future__ import annotations

from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.messages import Response, encode
from deployments.sandbox.odata.expressions import SyntaxFault
from deployments.sandbox.odata.keys import segments
from deployments.sandbox.schema.model import DataverseTable

PREFIX = "Microsoft.Dynamics.CRM."
MESSAGES = frozenset({"CreateMultiple", "UpdateMultiple", "UpsertMultiple", "DeleteMultiple"})
VERBS = {"CreateMultiple": ("Create",), "UpdateMultiple": ("Write",), "UpsertMultiple": ("Create", "Write")}
"""Privileges that a message takes."""


class Bulk:
    """The bulk messages of standard tables."""

    def __init__(self, rows: Rows, root: str) -> None:
        self._rows = rows
        self._root = root

    def run(self, message: str, spec: DataverseTable, body: dict[str, Any], context: Context) -> Response:
        """One bulk message.

        Raises:
            ServiceFault: the error of the first bad item; nothing was written.
        """
        if message == "DeleteMultiple":
            raise errors.fault(400, "0x80040216", "DeleteMultiple has not yet been implemented.")
        if message not in spec.bulk or not self._rows.switches.bulk_messages:
            raise errors.fault(
                400, "0x80040203", f"The message {message} isn't supported for the entity {spec.logical}."
            )
        targets = body.get("Targets")
        if not isinstance(targets, list):
            raise errors.payload(spec, "The parameter 'Targets' in the request payload is missing.")
        expected = f"{PREFIX}{spec.logical}"
        for item in targets:
            if not isinstance(item, dict) or item.get("@odata.type", "").lstrip("#") != expected:
                raise errors.payload(
                    spec, "A type annotation '@odata.type' of the table is missing in an item of 'Targets'."
                )
        mark = self._rows.store.mark()
        try:
            ids = [getattr(self, f"_{message}")(spec, item, context) for item in targets]
        except BaseException:
            self._rows.store.undo(mark)
            raise
        return self._answer(message, ids)

    def _answer(self, message: str, ids: list[str]) -> Response:
        if message == "CreateMultiple":
            context = f"{self._root}/$metadata#{PREFIX}CreateMultipleResponse"
            return Response(
                200,
                {"Content-Type": "application/json; odata.metadata=minimal"},
                encode({"@odata.context": context, "Ids": ids}),
            )
        if message == "UpsertMultiple":
            return Response(self._rows.switches.upsert_multiple_status)
        return Response(204)

    def _CreateMultiple(self, spec: DataverseTable, item: dict[str, Any], context: Context) -> str:
        return self._rows.create(spec.set, item, context)

    def _UpdateMultiple(self, spec: DataverseTable, item: dict[str, Any], context: Context) -> str:
        row_id = str(item.get(spec.id, "")).lower()
        if not row_id:
            raise errors.payload(spec, f"The primary key '{spec.id}' is missing in an item of 'Targets'.")
        if row_id not in self._rows.store.dataverse(spec.set).rows:
            raise errors.absent(spec, row_id, self._rows.switches.long_not_found_text)
        self._rows.update(spec.set, row_id, item, context)
        return row_id

    def _UpsertMultiple(self, spec: DataverseTable, item: dict[str, Any], context: Context) -> str:
        reference = item.get("@odata.id")
        if reference is None:
            row_id = str(item.get(spec.id, "")).lower()
            if not row_id:
                raise errors.payload(spec, "An item of 'Targets' has neither '@odata.id' nor a primary key.")
            if row_id in self._rows.store.dataverse(spec.set).rows:
                self._rows.update(spec.set, row_id, item, context)
                return row_id
            return self._rows.create(spec.set, item, context)
        return self.upsert(spec, str(reference), item, context)[0]

    def upsert(
        self, spec: DataverseTable, reference: str, body: dict[str, Any], context: Context
    ) -> tuple[str, bool]:
        """Update the row that a reference names, or create it with the reference's key values.

        Returns:
            guid, created.

        Raises:
            ServiceFault: the reference is no key of the table; the write is refused.
        """
        text = (
            reference.rpartition("/api/data/")[2].partition("/")[2]
            if "/api/data/" in reference
            else reference
        )
        try:
            steps = segments(text)
        except SyntaxFault as syntax:
            raise errors.query(str(syntax)) from None
        if len(steps) != 1 or steps[0].key is None or steps[0].name != spec.set:
            raise errors.query(f"Invalid URI '{reference}'.")
        step = steps[0]
        found = self._rows.references.find(spec, step)
        key = dict(step.key or ())
        if found is not None:
            named = key.keys() - {""}
            rest = {name: value for name, value in body.items() if name not in named}
            self._rows.update(spec.set, found, rest, context)
            return found, False
        full = dict(body)
        for name, literal in key.items():
            if name in ("", spec.id):
                full.setdefault(spec.id, str(literal.value))
            elif name.startswith("_") and name.endswith("_value"):
                column = spec.columns[name[1:-6]]
                target = column.targets[0]
                bind = f"{column.navigation[target]}@odata.bind"
                full.setdefault(bind, f"/{target}({literal.value})")
            else:
                value = literal.value
                full.setdefault(name, value)
        return self._rows.create(spec.set, full, context), True
