"""Creating, changing and deleting F&O rows: initValue, number sequences, validation, restricted deletes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.fno import errors
from deployments.sandbox.fno.parties import PARTIES, founded
from deployments.sandbox.fno.values import Coerce, coerce, empty
from deployments.sandbox.odata.values import iso_seconds
from deployments.sandbox.schema.model import FnoEntity, Reference, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import FIRST_RECORD, Store
from deployments.sandbox.store.table import Table
from deployments.sandbox.switches import Switches

COMPANY = "dataAreaId"


@dataclass(frozen=True, slots=True)
class _Compiled:
    """An entity, ready for writing."""

    entity: FnoEntity
    table: Table
    blank: Row
    writers: dict[str, Coerce]
    dependents: tuple[tuple[str, Reference, tuple[str, ...]], ...]


class FnoRows:
    """All writes to F&O rows."""

    def __init__(self, schema: Schema, store: Store, switches: Switches) -> None:
        self.schema = schema
        self.store = store
        self.switches = switches
        self._compiled = {name: self._compile(entity) for name, entity in schema.fno.items()}

    def create(self, name: str, body: Mapping[str, Any], company: str, caller: str) -> int:
        """Store a new row.

        Args:
            company: where the row goes when the body names no company.

        Returns:
            its record id.

        Raises:
            ServiceFault: in F&O's words; nothing was stored.
        """
        compiled = self._compiled[name]
        entity, table = compiled.entity, compiled.table
        row = compiled.blank.copy()
        if entity.company_specific:
            row[COMPANY] = company
        sent = self._apply(compiled, row, body, creating=True)
        numbered: list[str] = []
        if self.switches.normalize_defaults:
            self._defaults(entity, row, sent)
            numbered = self._number(compiled, row)
        self._validate(entity, row, None)
        index = table.unique[0]
        if index.holder(row) is not None:
            values = {key: row[key] for key in entity.key}
            text = errors.duplicate(entity, values)
            raise errors.infolog(self.switches.fno_duplicate_status, entity, [text], "")
        parties = self.schema.fno.get(PARTIES)
        if numbered and parties and (party := founded(entity, row, numbered, parties)):
            self.create(PARTIES, party, company, "plug-in")
        record = self.store.count("record", FIRST_RECORD)
        self._stamp(entity, row, None, etag(0, record))
        self.store.put(table, record, row)
        self._note(compiled, "create", record, row, body, caller)
        return record

    def update(
        self, name: str, record: int, body: Mapping[str, Any], caller: str, *, rename: bool = False
    ) -> None:
        """Change a row that is there.

        Args:
            rename: key fields may change, as the rename of F&O's own forms does.

        Raises:
            ServiceFault: in F&O's words; nothing was changed.
        """
        compiled = self._compiled[name]
        entity, table = compiled.entity, compiled.table
        old = table.rows[record]
        row = old.copy()
        self._apply(compiled, row, body, creating=rename)
        self._validate(entity, row, old)
        holder = table.unique[0].holder(row)
        if holder is not None and holder != record:
            text = errors.duplicate(entity, {key: row[key] for key in entity.key})
            raise errors.infolog(self.switches.fno_duplicate_status, entity, [text], "")
        self._stamp(entity, row, old, etag(self.store.count("recversion"), record))
        self.store.put(table, record, row)
        self._note(compiled, "update", record, row, body, caller)
        if rename:
            self._rename_references(compiled, old, row, caller)

    def delete(self, name: str, record: int, caller: str) -> None:
        """Delete a row.

        Raises:
            ServiceFault: other rows refer to it.
        """
        compiled = self._compiled[name]
        row = compiled.table.rows[record]
        for child, reference, properties in compiled.dependents:
            found = self._referring(child, reference, properties, row)
            if child == name:
                found = found - {record}
            if found and not self._elsewhere(child, reference, found, (name, record)):
                text = errors.dependent(compiled.entity, self.schema.fno[child])
                raise errors.infolog(
                    self.switches.fno_business_error_status, compiled.entity, [text], "validateDelete"
                )
        self.store.delete(compiled.table, record)
        self._note(compiled, "delete", record, row, {}, caller)

    def blank(self, name: str) -> Row:
        """A row of an entity without any value."""
        return self._compiled[name].blank.copy()

    # steps

    def _stamp(self, entity: FnoEntity, row: Row, old: Row | None, tag: str) -> None:
        """The row's versions, and the time that the entity shows if its root data source changed."""
        row["@odata.etag"] = tag
        row["#version"] = self.store.next_version()
        if not entity.modified:
            return
        if old is None or any(
            row[name] != old[name] for name in entity.columns if name not in entity.elsewhere
        ):
            row[entity.modified] = iso_seconds(int(self.store.clock() + self.switches.fno_clock_offset))

    def _apply(self, compiled: _Compiled, row: Row, body: Mapping[str, Any], *, creating: bool) -> set[str]:
        """Put the sent values into the row; what can't be edited is refused."""
        sent: set[str] = set()
        for name, value in body.items():
            writer = compiled.writers.get(name)
            if writer is None:
                if "@" in name:
                    continue
                raise errors.unknown_in_payload(name, compiled.entity)
            column = compiled.entity.columns[name]
            stored = writer(value)
            if (not creating and not column.updatable) or (creating and not column.creatable):
                if stored != row[name]:
                    status = self.switches.fno_business_error_status
                    raise errors.infolog(status, compiled.entity, [errors.read_only(column)], "validateField")
                continue
            row[name] = stored
            sent.add(name)
        return sent

    def _defaults(self, entity: FnoEntity, row: Row, sent: set[str]) -> None:
        """initValue: what a new row gets in properties that were not sent."""
        for name, value in entity.defaults.items():
            column = entity.columns.get(name)
            if column is None or name in sent:
                continue
            if value == "@company":
                currency = self.schema.company_currency.get(row.get(COMPANY, ""), "")
                known = self.store.tables.get(("fno", "Currencies"))
                if known is not None and known.unique[0].one([currency]) is not None:
                    row[name] = currency
            elif column.kind in ("integer", "bigint", "decimal"):
                row[name] = int(value)
            else:
                row[name] = value

    def _number(self, compiled: _Compiled, row: Row) -> list[str]:
        """Number sequences: the next free number for what was left out; the properties that got one."""
        numbered = []
        for name, sequence in compiled.entity.sequences.items():
            if row.get(name) != "":
                continue
            form = self.schema.sequences[sequence]
            digits = form.count("#")
            taken = compiled.table.index_on((name,))
            while True:
                number = self.store.count(f"sequence {sequence}")
                text = form.replace("#" * digits, f"{number:0{digits}d}")
                if not taken.many(text.casefold()):
                    break
            row[name] = text
            numbered.append(name)
        return numbered

    def _validate(self, entity: FnoEntity, row: Row, old: Row | None) -> None:
        """Mandatory fields and references, all findings in one infolog."""
        found = [
            errors.must_be_filled(column)
            for column in entity.columns.values()
            if column.required and column.kind == "text" and row[column.name] == ""
        ]
        for reference in entity.references:
            values = [row[name] for name in reference.properties]
            if not any(values) or (old is not None and values == [old[n] for n in reference.properties]):
                continue
            if not self._exists(entity, reference, row):
                column = entity.columns[reference.properties[0]]
                shown = ", ".join(str(value) for value in values)
                found.append(errors.not_found(shown, column, reference.label))
        if found:
            raise errors.infolog(self.switches.fno_business_error_status, entity, found)

    def _elsewhere(
        self, child: str, reference: Reference, referring: set[Any], besides: tuple[str, int]
    ) -> bool:
        """Rows that refer to one row find what they name in another row too."""
        if len(reference.targets) == 1:
            return False
        row = self.store.fno(child).rows[next(iter(referring))]
        return self._exists(self.schema.fno[child], reference, row, besides)

    def _exists(
        self, entity: FnoEntity, reference: Reference, row: Row, besides: tuple[str, int] | None = None
    ) -> bool:
        """Some row (besides one) has the values that a row refers to."""
        for name, properties in reference.targets:
            columns = (COMPANY, *properties) if reference.company else properties
            own = (COMPANY, *reference.properties) if reference.company else reference.properties
            index = self.store.fno(name).index_on(columns)
            wanted = index.folded(row[each] for each in own)
            found = index.many(wanted)
            if besides is not None and besides[0] == name:
                found = found - {besides[1]}
            if found:
                return True
            if besides is None and name == entity.set and index.key(row) == wanted:
                return True  # a row may refer to itself
        return False

    def _referring(self, child: str, reference: Reference, properties: tuple[str, ...], row: Row) -> set[Any]:
        """Rows of another set that refer to this one."""
        values = [row[name] for name in properties]
        if not any(values):
            return set()
        columns = (COMPANY, *reference.properties) if reference.company else reference.properties
        index = self.store.fno(child).index_on(columns)
        return index.many(index.folded([row[COMPANY], *values] if reference.company else values))

    def _rename_references(self, compiled: _Compiled, old: Row, row: Row, caller: str) -> None:
        """A rename in F&O carries along every field that refers to the key."""
        for child, reference, properties in compiled.dependents:
            if all(old[name] == row[name] for name in properties):
                continue
            table = self.store.fno(child)
            found = self._referring(child, reference, properties, old)
            if found and self._elsewhere(child, reference, found, ("", 0)):
                continue
            for record in sorted(found):
                changed = dict(table.rows[record])
                for own, other in zip(reference.properties, properties, strict=True):
                    changed[own] = row[other]
                version = etag(self.store.count("recversion"), record)
                self._stamp(self.schema.fno[child], changed, table.rows[record], version)
                self.store.put(table, record, changed)
                self._note(
                    self._compiled[child],
                    "update",
                    record,
                    changed,
                    dict.fromkeys(reference.properties),
                    "plug-in",
                )

    def _note(
        self, compiled: _Compiled, kind: str, record: int, row: Row, body: Mapping[str, Any], caller: str
    ) -> None:
        key = {name: row[name] for name in compiled.entity.key}
        self.store.note(compiled.table, kind, record, key, tuple(body), caller)

    def _compile(self, entity: FnoEntity) -> _Compiled:
        return _Compiled(
            entity=entity,
            table=self.store.fno(entity.set),
            blank=blank_row(entity),
            writers={
                column.name: coerce(column, entity, self.switches) for column in entity.columns.values()
            },
            dependents=tuple(
                (other.set, reference, properties)
                for other in self.schema.fno.values()
                for reference in other.references
                for target, properties in reference.targets
                if target == entity.set
            ),
        )


def blank_row(entity: FnoEntity) -> Row:
    """A row of an entity in which every property is empty."""
    return {
        "@odata.etag": "",
        "#version": 0,
        **{column.name: empty(column) for column in entity.columns.values()},
    }


def etag(version: int, record: int) -> str:
    """The row's tag: Base64 of quoted ``recVersion,recId`` of the root data source."""
    inner = base64.b64encode(f"'{version},{record}'".encode()).decode()
    return f'W/"{inner}"'
