"""Creating, changing and deleting Dataverse rows: what the platform checks and fills, whatever the way in."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from deployments.sandbox.dataverse import duplicates, errors
from deployments.sandbox.dataverse.closing import Closing
from deployments.sandbox.dataverse.lookups import References
from deployments.sandbox.dataverse.values import Coerce, coerce
from deployments.sandbox.messages import Caller
from deployments.sandbox.odata.values import iso_seconds
from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Table
from deployments.sandbox.switches import Switches

PlugIn = Callable[["Rows", "Context", Row, "Row | None"], None]
"""(rows, context, new row, old row): may change the new row before it is checked and stored."""
BEFORE, AFTER = 20, 40
"""Stages at which plug-ins run: before the row is checked and stored, and once it is."""


class Running(Protocol):
    """Tells which plug-ins run."""

    def running(self, table: str, message: str, stage: int, *, bypass: bool) -> Iterable[PlugIn]: ...


@dataclass(slots=True)
class Context:
    """Who writes, and what the request brought along.

    Attributes:
        caller: whom the row remembers.
        logged_as: name in the write log; ``plug-in`` for what the service does by itself.
        content_ids: entity paths by Content-ID, within a change set.
        bypass: the caller asked to bypass custom logic, so plug-ins don't run.
        detect: the caller asked for duplicate detection.
    """

    caller: Caller
    logged_as: str
    content_ids: dict[str, str] | None = None
    bypass: bool = False
    detect: bool = False


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A table, ready for writing."""

    spec: DataverseTable
    table: Table
    blank: Row
    writers: dict[str, Coerce]
    binds: dict[str, tuple[Column, str]]
    ignored: frozenset[str]
    required: tuple[Column, ...]
    references: tuple[tuple[str, Column], ...]


class Rows:
    """All writes to Dataverse rows.

    Args:
        plugins: what the platform and the solutions do with a row.
    """

    def __init__(
        self,
        schema: Schema,
        store: Store,
        switches: Switches,
        plugins: Running,
    ) -> None:
        self.schema = schema
        self.store = store
        self.switches = switches
        self.references = References(schema, store, switches)
        self.closing = Closing(schema, store)
        self._plugins = plugins
        self._compiled = {name: self._compile(spec) for name, spec in schema.dataverse.items()}

    # writing

    def create(self, name: str, body: Mapping[str, Any], context: Context) -> str:
        """Store a new row.

        Returns:
            its guid.

        Raises:
            ServiceFault: in Dataverse's words; nothing was stored.
        """
        compiled = self._compiled[name]
        spec, table = compiled.spec, compiled.table
        row = compiled.blank.copy()
        self._apply(compiled, row, body, context, creating=True)
        row_id = row[spec.id] or str(uuid.uuid4())
        row[spec.id] = row_id
        if row_id in table.rows:
            raise errors.duplicate_id(self.switches.duplicate_status)
        self._stamp_new(compiled, row, context)
        for plugin in self._plugins.running(name, "Create", BEFORE, bypass=context.bypass):
            plugin(self, context, row, None)
        self.closing.check(spec, row, None)
        self._finish(compiled, row, None)
        if context.detect:
            duplicates.check(self.schema, self.store, spec, row)
        self.store.put(table, row_id, row)
        self._note(compiled, "create", row, body, context)
        for plugin in self._plugins.running(name, "Create", AFTER, bypass=context.bypass):
            plugin(self, context, row, None)
        return str(row_id)

    def update(self, name: str, row_id: str, body: Mapping[str, Any], context: Context) -> None:
        """Change a row that is there.

        Raises:
            ServiceFault: in Dataverse's words; nothing was changed.
        """
        compiled = self._compiled[name]
        old = compiled.table.rows[row_id]
        row = old.copy()
        self._apply(compiled, row, body, context, creating=False)
        self._check_company(compiled.spec, row, old)
        self._stamp_changed(row, context)
        for plugin in self._plugins.running(name, "Update", BEFORE, bypass=context.bypass):
            plugin(self, context, row, old)
        self._finish(compiled, row, old)
        if context.detect:
            duplicates.check(self.schema, self.store, compiled.spec, row)
        self.closing.check(compiled.spec, row, old)
        self.store.put(compiled.table, row_id, row)
        self._note(compiled, "update", row, body, context)
        inside = Context(context.caller, "plug-in")
        for child, lines in self.closing.lines_of(compiled.spec, row, old).items():
            for line_id, line in lines:
                self._stamp_changed(line, context)
                self.store.put(self._compiled[child].table, line_id, line)
                self._note(self._compiled[child], "update", line, {}, inside)

    def delete(self, name: str, row_id: str, context: Context) -> None:
        """Delete a row, and do to the rows that refer to it what their relationships say.

        Raises:
            ServiceFault: another row refers to it and the relationship restricts.
        """
        compiled = self._compiled[name]
        row = compiled.table.rows[row_id]
        inside = Context(context.caller, "plug-in")
        for child, column in compiled.references:
            children = self._compiled[child]
            found = sorted(children.table.index_on((column.wire,)).many(row_id) - {row_id})
            if not found:
                continue
            if column.deletion == "restrict":
                raise errors.restricted(compiled.spec, row_id, children.spec, len(found))
            for child_id in found:
                if column.deletion == "cascade":
                    if child_id in children.table.rows:
                        self.delete(child, child_id, inside)
                else:
                    emptied = {**children.table.rows[child_id], column.wire: None}
                    self._stamp_changed(emptied, context)
                    self.store.put(children.table, child_id, emptied)
                    self._note(children, "update", emptied, {column.name: None}, inside)
        self.store.delete(compiled.table, row_id)
        self._note(compiled, "delete", row, {}, context)

    def etag(self, name: str, row_id: str) -> str:
        return str(self._compiled[name].table.rows[row_id]["@odata.etag"])

    def blank(self, name: str) -> Row:
        """A row of a table without any value."""
        return self._compiled[name].blank.copy()

    # steps

    def _apply(
        self, compiled: _Compiled, row: Row, body: Mapping[str, Any], context: Context, *, creating: bool
    ) -> None:
        writers, binds, identity = compiled.writers, compiled.binds, compiled.spec.id
        for name, value in body.items():
            writer = writers.get(name)
            if writer is not None:
                row[name] = writer(value)
            elif name.endswith("@odata.bind"):
                self._bind(compiled, row, name, value, context)
            elif "@" in name or name in compiled.ignored:
                continue
            elif name == identity:
                self._identify(compiled, row, value, creating=creating)
            elif name in binds and value is None:
                row[binds[name][0].wire] = None
            else:
                self._refuse_name(compiled, name, value)

    def _identify(self, compiled: _Compiled, row: Row, value: Any, *, creating: bool) -> None:
        """The primary key in a body: the caller's choice for a new row, fixed ever after."""
        spec = compiled.spec
        row_id = coerce(spec.columns[spec.id], spec, self.switches)(value)
        if not creating and row_id != row[spec.id]:
            raise errors.fault(400, "0x80040203", f"The primary key of {spec.logical} can't change.")
        row[spec.id] = row_id

    def _bind(self, compiled: _Compiled, row: Row, name: str, value: Any, context: Context) -> None:
        navigation = name[: -len("@odata.bind")]
        bound = compiled.binds.get(navigation)
        if bound is None:
            raise errors.unknown_navigation(navigation, compiled.spec)
        column, _ = bound
        if value is None:
            row[column.wire] = None
            return
        if not isinstance(value, str):
            raise errors.not_imitated("binding of collections (only single-valued lookups)")
        target, row_id = self.references.bind(value, context.content_ids)
        if column.navigation.get(target) != navigation:
            raise errors.payload(
                compiled.spec,
                f"The entity set '{target}' does not fit the navigation property '{navigation}'.",
            )
        row[column.wire] = row_id
        if column.name == "ownerid":
            if target == "teams" and not self.switches.team_roles:
                raise errors.no_role(compiled.spec, row_id)
            self._own(row, target, row_id)

    def _refuse_name(self, compiled: _Compiled, name: str, value: Any) -> None:
        spec = compiled.spec
        if isinstance(value, dict | list):
            raise errors.not_imitated("deep insert (nested objects in a body)")
        if name in spec.columns and spec.columns[name].kind == "lookup":
            raise errors.direct_lookup(spec)
        if name.startswith("_") and name.endswith("_value"):
            raise errors.direct_lookup(spec)
        raise errors.unknown_in_payload(name, spec, self.switches.unknown_property_code)

    def _stamp_new(self, compiled: _Compiled, row: Row, context: Context) -> None:
        now = self.now()
        row["createdon"] = row["overriddencreatedon"] or now
        row["modifiedon"] = now
        user = context.caller.user_id
        row["_createdby_value"] = row["_modifiedby_value"] = user
        if compiled.spec.user_owned:
            if row["_ownerid_value"] is None:
                row["_ownerid_value"] = user
                self._own(row, "systemusers", user)
        else:
            row["_organizationid_value"] = self.organization_id
        self._version(row)

    def _stamp_changed(self, row: Row, context: Context) -> None:
        row["modifiedon"] = self.now()
        row["_modifiedby_value"] = context.caller.user_id
        self._version(row)

    def _version(self, row: Row) -> None:
        version = self.store.next_version()
        row["versionnumber"] = version
        row["@odata.etag"] = f'W/"{version}"'

    def _own(self, row: Row, target: str, owner: str) -> None:
        row["_owningteam_value"] = owner if target == "teams" else None
        row["_owninguser_value"] = owner if target == "systemusers" else None
        found = self.store.dataverse(target).rows.get(owner)
        row["_owningbusinessunit_value"] = found["_businessunitid_value"] if found else None

    def _finish(self, compiled: _Compiled, row: Row, old: Row | None) -> None:
        """Defaults that a null falls back to, state and status, required columns, alternate keys."""
        spec = compiled.spec
        reasons = spec.columns["statuscode"].states
        if old is None or row["statecode"] != old["statecode"]:
            if row["statecode"] is None:
                row["statecode"] = 0
            if old is not None and row["statuscode"] == old["statuscode"]:
                row["statuscode"] = next(
                    reason for reason, state in reasons.items() if state == row["statecode"]
                )
        if reasons.get(row["statuscode"]) != row["statecode"]:
            raise errors.bad_status(spec, row["statecode"], row["statuscode"])
        for column in compiled.required:
            if row[column.wire] is None:
                raise errors.missing(column, spec)
        if self.switches.key_status(spec.set) != "Active":
            return
        for key, index in zip(spec.keys, compiled.table.unique, strict=True):
            holder = index.holder(row)
            if holder is not None and holder != row[spec.id]:
                raise errors.duplicate_key(key.name, key.columns, self.switches.duplicate_status)

    @staticmethod
    def _check_company(spec: DataverseTable, row: Row, old: Row) -> None:
        wire = f"_{spec.company}_value"
        if spec.company and old[wire] is not None and row[wire] != old[wire]:
            raise errors.aborted(f"The company of a {spec.logical} can't be changed once it is saved.")

    def _note(
        self, compiled: _Compiled, kind: str, row: Row, body: Mapping[str, Any], context: Context
    ) -> None:
        key = {name: row[name] for index in compiled.table.unique[:1] for name in index.columns}
        self.store.note(compiled.table, kind, row[compiled.spec.id], key, tuple(body), context.logged_as)

    def now(self) -> str:
        """Dataverse's clock."""
        return iso_seconds(int(self.store.clock() + self.switches.dataverse_clock_offset))

    @property
    def organization_id(self) -> str | None:
        own = next(iter(self.store.dataverse("organizations").rows), None)
        return self.switches.dataverse_organization or own

    # once

    def _compile(self, spec: DataverseTable) -> _Compiled:
        writers: dict[str, Coerce] = {}
        binds: dict[str, tuple[Column, str]] = {}
        ignored: set[str] = set()
        for column in spec.columns.values():
            if column.kind == "lookup":
                for target, navigation in column.navigation.items():
                    if not column.system:
                        binds[navigation] = (column, target)
            elif column.system:
                ignored.add(column.name)
            elif column.name != spec.id:
                writers[column.name] = coerce(column, spec, self.switches)
        return _Compiled(
            spec=spec,
            table=self.store.dataverse(spec.set),
            blank=blank_row(spec, self.switches),
            writers=writers,
            binds=binds,
            ignored=frozenset(ignored),
            required=tuple(column for column in spec.columns.values() if column.required),
            references=tuple(
                (other.set, column)
                for other in self.schema.dataverse.values()
                for column in other.columns.values()
                if spec.set in column.targets and not column.system and column.name != "ownerid"
            ),
        )


def blank_row(spec: DataverseTable, switches: Switches) -> Row:
    """A row of a table with nothing but the columns' defaults."""
    blank: Row = {"@odata.etag": "", spec.id: None}
    for column in spec.columns.values():
        value = column.default
        blank[column.wire] = None if value is None else coerce(column, spec, switches)(value)
    return blank
