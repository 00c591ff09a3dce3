"""`@odata.bind`: from a reference in a body to the guid of a row."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from deployments.sandbox.dataverse import errors
from deployments.sandbox.messages import ServiceFault
from deployments.sandbox.odata.expressions import Literal, SyntaxFault
from deployments.sandbox.odata.keys import Segment, segments
from deployments.sandbox.odata.values import date_text, utc_text
from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.store.index import Index
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

_DIRECT = re.compile(r"/?(\w+)\(([0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12})\)")
_ROOT = re.compile(r"^/?(?:api/data/v9\.\d/)?")


class References:
    """Resolves references to rows, by guid or by alternate key."""

    def __init__(self, schema: Schema, store: Store, switches: Switches) -> None:
        self._schema = schema
        self._store = store
        self._switches = switches
        self._keys: dict[str, list[tuple[frozenset[str], tuple[Column, ...], Index]]] = {
            spec.set: [
                (
                    frozenset(spec.columns[name].wire for name in key.columns),
                    tuple(spec.columns[name] for name in key.columns),
                    index,
                )
                for key, index in zip(spec.keys, store.dataverse(spec.set).unique, strict=True)
            ]
            for spec in schema.dataverse.values()
        }

    def bind(self, reference: str, content_ids: dict[str, str] | None) -> tuple[str, str]:
        """A reference as (entity set, guid).

        Args:
            reference: ``/accounts(<guid>)``, ``accounts(accountnumber='X')``, an absolute URL, or ``$1``.
            content_ids: entity paths by Content-ID, within a change set.

        Raises:
            ServiceFault: nothing there; unreadable.
        """
        match = _DIRECT.fullmatch(reference)
        if match is None:
            return self._resolve(reference, content_ids)
        name, row_id = match.group(1), match.group(2).lower()
        spec = self._schema.dataverse.get(name)
        if spec is None:
            raise errors.unknown_segment(name)
        if row_id not in self._store.dataverse(name).rows:
            raise errors.absent(
                spec, row_id, self._switches.long_not_found_text, self._switches.unresolved_bind_status
            )
        return name, row_id

    def _resolve(self, reference: str, content_ids: dict[str, str] | None) -> tuple[str, str]:
        if reference.startswith("$"):
            known = (content_ids or {}).get(reference[1:])
            if known is None:
                raise errors.query(
                    f"Content-ID Reference: '{reference}' does not exist in the batch context."
                )
            return self.bind(known, None)
        path = urlsplit(reference).path if "://" in reference else reference
        path = _ROOT.sub("", path, count=1)
        try:
            steps = segments(path)
        except SyntaxFault as syntax:
            raise errors.query(str(syntax)) from None
        if len(steps) != 1 or steps[0].key is None:
            raise errors.query(f"Invalid URI '{reference}' in a reference.")
        spec = self._schema.dataverse.get(steps[0].name)
        if spec is None:
            raise errors.unknown_segment(steps[0].name)
        found = self.find(spec, steps[0])
        if found is None:
            raise self.nothing_there(spec, steps[0], self._switches.unresolved_bind_status)
        return spec.set, found

    def find(self, spec: DataverseTable, step: Segment) -> str | None:
        """The guid that a key predicate names; None if no row has it.

        Raises:
            ServiceFault: no key of the table.
        """
        table = self._store.dataverse(spec.set)
        key = step.key or ()
        if len(key) == 1 and key[0][0] in ("", spec.id):
            value = key[0][1]
            if value.kind not in ("guid", "text"):
                raise errors.wrong_key(spec)
            row_id = str(value.value).lower()
            return row_id if row_id in table.rows else None
        return self._by_alternate_key(spec, dict(key))

    def _by_alternate_key(self, spec: DataverseTable, given: dict[str, Literal]) -> str | None:
        for wires, columns, index in self._keys.get(spec.set, ()):
            if wires == given.keys():
                values = [self._value(column, given[column.wire]) for column in columns]
                return None if None in values else index.one(values)
        raise errors.wrong_key(spec)

    @staticmethod
    def _value(column: Column, literal: Literal) -> object:
        if literal.kind in ("datetime", "date"):
            return (date_text if column.kind == "date" else utc_text)(str(literal.value))
        return literal.value

    def nothing_there(self, spec: DataverseTable, step: Segment, status: int = 404) -> ServiceFault:
        """The refusal for a key predicate that names no row."""
        key = step.key or ()
        if len(key) == 1 and key[0][0] in ("", spec.id):
            return errors.absent(spec, str(key[0][1].value), self._switches.long_not_found_text, status)
        return errors.absent_key(spec, status)
