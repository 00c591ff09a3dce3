"""Many rows at once, without the cost of a request for each, but with every check of the services."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from deployments.sandbox.dataverse.rows import Context
from deployments.sandbox.messages import ServiceFault
from deployments.sandbox.sandbox import Sandbox
from mappings.errors import FatalError


class Loader:
    """Loads and changes rows as a user.

    Args:
        sandbox: what to load into. The caller commits.
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._user = sandbox.callers["user"]
        self._context = Context(self._user, self._user.name)

    def load(self, side: str, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
        """Create rows; an F&O row whose key is there, or a Dataverse row with ``@odata.id``, is updated.

        Args:
            rows: bodies as the service's own POST takes them.

        Returns:
            how many.

        Raises:
            FatalError: an unknown set; a row that the service refuses, with its number and the service's words.
        """
        if ("fno" if side == "fno" else "dataverse", name) not in self._sandbox.store.tables:
            known = [table for of, table in self._sandbox.store.tables if of == side]
            raise FatalError(f"no set '{name}' on {side}", remedy=f"there are {', '.join(sorted(known))}")
        put = self._fno if side == "fno" else self._dataverse
        count = 0
        for row in rows:
            try:
                put(name, row)
            except ServiceFault as fault:
                raise FatalError(f"{side} {name}, row {count}: {words(fault)}", code="seed_refused") from None
            count += 1
        return count

    def _fno(self, name: str, row: Mapping[str, Any]) -> None:
        entity = self._sandbox.schema.fno[name]
        if all(key in row for key in entity.key):
            known = self._sandbox.store.fno(name).unique[0].one([row[key] for key in entity.key])
            if known is not None:
                rest = {key: value for key, value in row.items() if key not in entity.key}
                self._sandbox.fno_rows.update(name, known, rest, self._user.name)
                return
        company = self._sandbox.switches.fno_default_company
        self._sandbox.fno_rows.create(name, row, company, self._user.name)

    def _dataverse(self, name: str, row: Mapping[str, Any]) -> None:
        reference = row.get("@odata.id")
        if reference is None:
            self._sandbox.rows.create(name, row, self._context)
        else:
            spec = self._sandbox.schema.dataverse[name]
            body = {key: value for key, value in row.items() if key != "@odata.id"}
            self._sandbox.dataverse.bulk.upsert(spec, str(reference), body, self._context)

    def change(self, side: str, name: str, condition: str | None, body: Mapping[str, Any] | None) -> int:
        """Change every row that passes a filter; body None deletes.

        Returns:
            how many.
        """
        sandbox = self._sandbox
        options = {"cross-company": "true", **({"$filter": condition} if condition else {})}
        if side == "fno":
            entity = sandbox.schema.fno[name]
            found = list(sandbox.fno.reader.matching(entity, options, self._user))
        else:
            spec = sandbox.schema.dataverse[name]
            found = list(sandbox.dataverse.reader.matching(spec, condition, None, self._user, {}))
        for row_id in found:
            try:
                self._change_one(side, name, row_id, body)
            except ServiceFault as fault:
                raise FatalError(f"{side} {name} {row_id}: {words(fault)}", code="change_refused") from None
        return len(found)

    def _change_one(self, side: str, name: str, row_id: Any, body: Mapping[str, Any] | None) -> None:
        sandbox = self._sandbox
        if side == "fno":
            if body is None:
                sandbox.fno_rows.delete(name, row_id, self._user.name)
            else:
                sandbox.fno_rows.update(name, row_id, body, self._user.name)
        elif row_id in sandbox.store.dataverse(name).rows:  # a cascade may have taken it along
            if body is None:
                sandbox.rows.delete(name, row_id, self._context)
            else:
                sandbox.rows.update(name, row_id, body, self._context)


def words(fault: ServiceFault) -> str:
    """The service's own words in a refusal."""
    error = fault.body.get("error", fault.body)
    inner = error.get("innererror", error)
    return str(inner.get("message", inner))
