"""Reading Dataverse rows: $select, $filter, $orderby, $expand, $top, $count and pages."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import quote, unquote

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.annotations import Annotator
from deployments.sandbox.dataverse.rights import Rights
from deployments.sandbox.dataverse.values import EDM
from deployments.sandbox.folding import fold
from deployments.sandbox.messages import Caller
from deployments.sandbox.odata.expressions import Literal
from deployments.sandbox.odata.options import split_outside
from deployments.sandbox.odata.predicates import Getter, Predicate, compile_filter
from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.store.index import Row, RowId
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Table
from deployments.sandbox.switches import Switches

MAX_PAGE = 5000
_LAST = re.compile(r'last="\{([0-9a-f-]{36})\}"')
_SEEN = re.compile(r'seen="(\d+)"')
_KNOWN = {
    "$select",
    "$filter",
    "$orderby",
    "$expand",
    "$top",
    "$count",
    "$skiptoken",
    "$deltatoken",
    "$apply",
}


class _Dialect:
    """Dataverse's reading of filter expressions on one table."""

    nulls = True
    string_functions = True

    def __init__(self, reader: Reader, spec: DataverseTable) -> None:
        self._reader = reader
        self._spec = spec

    def resolve(self, parts: tuple[str, ...]) -> tuple[Getter, Column, bool]:
        spec, hops = self._spec, []
        for navigation in parts[:-1]:
            column, target = self._reader.navigation(spec, navigation)
            hops.append((column.wire, self._reader.store.dataverse(target)))
            spec = self._reader.schema.dataverse[target]
        column = self._reader.by_wire(spec).get(parts[-1])  # type: ignore[assignment]
        if column is None:
            raise errors.unknown_property(parts[-1], spec)
        if not hops:
            return itemgetter(column.wire), column, True
        return _follow(hops, column.wire), column, False

    def pattern(self, text: str) -> str | None:
        return like(text)

    def type_name(self, column: Column) -> str:
        return EDM[column.kind]

    def refuse(self, message: str) -> Exception:
        return errors.query(message)

    def not_imitated(self, what: str) -> Exception:
        return errors.not_imitated(what)

    def check_enum(self, column: Column, literal: Literal) -> str:
        raise errors.query(f"Enumerations are not supported for '{column.name}'.")


def _follow(hops: list[tuple[str, Table]], wire: str) -> Getter:
    def get(row: Row) -> Any:
        current: Row | None = row
        for lookup, table in hops:
            current = table.rows.get(current[lookup]) if current is not None else None
        return current[wire] if current is not None else None

    return get


@lru_cache(maxsize=4096)
def like(text: str) -> str | None:
    """A text with SQL wildcards (``% _ [a-z] [^a]``) as a regular expression; None without wildcards."""
    if not any(character in text for character in "%_["):
        return None
    pattern, position = "", 0
    while position < len(text):
        character = text[position]
        end = text.find("]", position + 1) if character == "[" else -1
        if character == "%":
            pattern += ".*"
        elif character == "_":
            pattern += "."
        elif end > position + 1:
            inner = text[position + 1 : end]
            negated = inner.startswith("^") and len(inner) > 1
            inner = inner[1:] if negated else inner
            escaped = re.sub(r"([\\\]\[^])", r"\\\1", inner)
            pattern += f"[{'^' if negated else ''}{escaped}]"
            position = end
        else:
            pattern += re.escape(character)
        position += 1
    return pattern


@dataclass(slots=True)
class Shape:
    """What of a row goes into an answer.

    Attributes:
        names: wire names to copy, in order.
        context: the list in ``@odata.context``, "" for all columns.
        expand: navigation → (lookup column, target set, its shape).
    """

    names: tuple[str, ...]
    context: str
    expand: dict[str, tuple[Column, str, Shape]]


class Reader:
    """All reads of Dataverse rows."""

    def __init__(self, schema: Schema, store: Store, switches: Switches, rights: Rights, root: str) -> None:
        self.schema = schema
        self.rights = rights
        self.store = store
        self.switches = switches
        self.root = root
        self._wires = {spec.set: spec.by_wire() for spec in schema.dataverse.values()}
        self._virtual: dict[str, tuple[DataverseTable, dict[str, Column]]] = {}
        self._orders: dict[tuple[Any, ...], list[RowId]] = {}

    def by_wire(self, spec: DataverseTable) -> dict[str, Column]:
        if spec.external:
            wires = self._virtual.get(spec.set)
            if wires is None or wires[0] is not spec:
                wires = self._virtual[spec.set] = (spec, spec.by_wire())
            return wires[1]
        return self._wires[spec.set]

    def navigation(self, spec: DataverseTable, name: str) -> tuple[Column, str]:
        """A single-valued navigation property as (lookup column, target set)."""
        for column in spec.columns.values():
            for target, navigation in column.navigation.items():
                if navigation == name:
                    return column, target
        raise errors.unknown_property(name, spec)

    # which columns

    def shape(self, spec: DataverseTable, select: str | None, expand: str | None = None) -> Shape:
        """$select and $expand of a table.

        Raises:
            ServiceFault: an unknown name; an $expand that the sandbox doesn't imitate.
        """
        expanded = self._expand(spec, expand) if expand else {}
        if select is None or not select.strip():
            names: list[str] = list(self.by_wire(spec))
            shown = ""
        else:
            names, listed = [spec.id], []
            for name in (part.strip() for part in select.split(",")):
                column = self.by_wire(spec).get(name) or spec.columns.get(name)
                if column is None:
                    raise errors.unknown_property(name, spec)
                listed.append(column.wire)
                names.append(column.wire)
                if column.money and "transactioncurrencyid" in spec.columns:
                    names.append(spec.columns["transactioncurrencyid"].wire)
            shown = ",".join(listed)
        if expanded:
            inner = ",".join(f"{name}({shape.context})" for name, (_, _, shape) in expanded.items())
            shown = f"{shown},{inner}" if shown else inner
        return Shape(("@odata.etag", *dict.fromkeys(names)), shown, expanded)

    def _expand(self, spec: DataverseTable, text: str) -> dict[str, tuple[Column, str, Shape]]:
        expanded: dict[str, tuple[Column, str, Shape]] = {}
        for item in split_outside(text, ","):
            name, opening, rest = item.strip().partition("(")
            if name.endswith("/$ref"):
                raise errors.not_imitated("$ref in $expand")
            column, target = self.navigation(spec, name)
            options: dict[str, str] = {}
            if opening:
                for option in split_outside(rest.rstrip()[:-1], ";"):
                    key, _, value = option.partition("=")
                    options[key.strip()] = value
            unknown = options.keys() - {"$select", "$expand"}
            if unknown:
                raise errors.not_imitated(f"{', '.join(sorted(unknown))} inside $expand")
            inner = self.shape(self.schema.dataverse[target], options.get("$select"), options.get("$expand"))
            expanded[name] = (column, target, inner)
        if len(expanded) > 15:
            raise errors.query("The number of expanded navigation properties exceeds the limit of 15.")
        return expanded

    def project(self, rows: Iterable[Row], shape: Shape, annotator: Annotator | None = None) -> list[Row]:
        """Rows in the shape of an answer."""
        names = shape.names
        pick = itemgetter(*names)
        if annotator is None:
            found = [dict(zip(names, pick(row), strict=True)) for row in rows]
        else:
            found = [annotator.annotate(dict(zip(names, pick(row), strict=True)), row) for row in rows]
        if shape.expand:
            for answer, row in zip(found, rows, strict=True):
                for name, (column, target, inner) in shape.expand.items():
                    related = self.store.dataverse(target).rows.get(row[column.wire])
                    answer[name] = None if related is None else self.project([related], inner)[0]
        return found

    # which rows

    def predicate(
        self, spec: DataverseTable, text: str | None, options: Mapping[str, str]
    ) -> Predicate | None:
        """A $filter, compiled."""
        if text is None or not text.strip():
            return None
        aliases = {name: value for name, value in options.items() if name.startswith("@")}
        return compile_filter(text, _Dialect(self, spec), aliases)

    def hidden(self, spec: DataverseTable, caller: Caller) -> list[Predicate]:
        """What the caller must not see."""
        if caller.name != "application":
            return []
        if spec.external:
            limited = self.switches.hide_companies or self.switches.fno_user_companies
            if not limited or "mserp_dataareaid" not in spec.columns:
                return []
            reaches = cache(self.switches.reaches)
            return [Predicate(lambda row: not reaches(row["mserp_dataareaid"]), lambda _: None)]
        if not self.switches.hide_rows:
            return []
        rules = [
            rule
            for rule in self.switches.hide_rows
            if rule["side"] == "dataverse" and rule["set"] == spec.set
        ]
        return [found for rule in rules if (found := self.predicate(spec, rule["filter"], {})) is not None]

    def visible(self, spec: DataverseTable, row: Row, caller: Caller) -> bool:
        return not any(rule.test(row) for rule in self.hidden(spec, caller))

    def matching(
        self,
        spec: DataverseTable,
        filter_text: str | None,
        orderby: str | None,
        caller: Caller,
        options: Mapping[str, str],
    ) -> list[RowId]:
        """Ids of all rows that pass, in order. Not to be changed.

        Raises:
            ServiceFault: a bad filter or order.
        """
        table = self.store.dataverse(spec.set)
        hiding = [*self.hidden(spec, caller), *self.rights.out_of_reach(spec, caller)]
        aliases = tuple((name, value) for name, value in options.items() if name.startswith("@"))
        key = (spec.set, filter_text, orderby, table.changes, aliases)
        foreign = "/" in f"{filter_text}{orderby}" or "_value" in (orderby or "")
        if not hiding and not foreign and key in self._orders:
            return self._orders[key]
        predicate = self.predicate(spec, filter_text, options)
        found = _passing(table, predicate)
        if hiding:
            found = [row_id for row_id in found if not any(rule.test(table.rows[row_id]) for rule in hiding)]
        if orderby:
            found = self._ordered(spec, table, found, orderby)
        if not hiding and not foreign and (predicate is not None or orderby):
            while len(self._orders) > 32:
                del self._orders[next(iter(self._orders))]
            self._orders[key] = found
        return found

    def _ordered(self, spec: DataverseTable, table: Table, found: list[RowId], orderby: str) -> list[RowId]:
        ordered = list(found)
        for item in reversed(orderby.split(",")):
            name, _, direction = item.strip().partition(" ")
            if direction.strip() not in ("", "asc", "desc"):
                raise errors.query(f"Syntax error in $orderby at '{item.strip()}'.")
            getter, column, _ = _Dialect(self, spec).resolve(tuple(name.split("/")))
            if column.kind == "lookup":
                getter = self._primary_names(column, getter)
            ordered.sort(
                key=lambda row_id, get=getter: _sort_key(get(table.rows[row_id])),  # type: ignore[misc]
                reverse=direction.strip() == "desc",
            )
        return ordered

    def _primary_names(self, column: Column, getter: Getter) -> Getter:
        """Lookups sort by the name of the row that they point at."""

        def get(row: Row) -> Any:
            for target in column.targets:
                related = self.store.dataverse(target).rows.get(getter(row))
                if related is not None:
                    return related[self.schema.dataverse[target].primary_name]
            return None

        return get

    # pages

    def page(
        self, spec: DataverseTable, ids: list[RowId], options: Mapping[str, str], size: int
    ) -> tuple[list[Row], str | None]:
        """The page that the $skiptoken asks for, and the token of the next one."""
        table = self.store.dataverse(spec.set)
        token = options.get("$skiptoken")
        start, number = 0, 1
        if token:
            last, seen = _LAST.search(unquote(unquote(token))), _SEEN.search(token)
            if last is None:
                raise errors.query("Malformed XML in the query's paging cookie.")
            start = self._after(ids, last.group(1), int(seen.group(1)) if seen else 0, options)
            found = re.search(r'pagenumber="(\d+)"', token)
            number = int(found.group(1)) if found else 2
        chosen = ids[start : start + size]
        rows = [table.rows[row_id] for row_id in chosen]
        if start + size >= len(ids):
            return rows, None
        cookie = (
            f'<cookie page="{number}"><{spec.id} last="{{{chosen[-1]}}}" first="{{{chosen[0]}}}" /></cookie>'
        )
        inner = quote(quote(cookie, safe=""), safe="")
        return rows, (
            f'<cookie pagenumber="{number + 1}" pagingcookie="{inner}" istracking="False" '
            f'seen="{start + size}" />'
        )

    @staticmethod
    def _after(ids: list[RowId], last: str, seen: int, options: Mapping[str, str]) -> int:
        """Where the next page starts: behind the last row, wherever it is by now."""
        if not options.get("$orderby"):
            return bisect_right(ids, last)
        try:
            return ids.index(last, max(0, seen - 1)) + 1
        except ValueError:
            return ids.index(last) + 1 if last in ids else seen


def check_options(options: Mapping[str, str]) -> None:
    """Refuse query options that Dataverse doesn't know, or that the sandbox doesn't imitate."""
    for name in options:
        if name in ("fetchXml", "sql", "savedQuery", "userQuery", "partitionId"):
            raise errors.not_imitated(f"?{name}=")
        if name.startswith("$") and name not in _KNOWN:
            raise errors.query(f"The query parameter {name} is not supported.")


def _passing(table: Table, predicate: Predicate | None) -> list[RowId]:
    if predicate is None:
        return table.sorted_ids()
    rows, test = table.rows, predicate.test
    candidates = predicate.candidates(table)
    if candidates is not None and len(candidates) * 2 < len(rows):
        return sorted(row_id for row_id in candidates if test(rows[row_id]))
    return [row_id for row_id in table.sorted_ids() if test(rows[row_id])]


def _sort_key(value: Any) -> tuple[bool, Any]:
    return (value is not None, fold(value) if value is not None else 0)
