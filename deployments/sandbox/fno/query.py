"""Reading F&O rows: company scope, $select, $filter, $orderby, $top, $skip, $count and pages."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Mapping
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any
from urllib.parse import quote

from deployments.sandbox.fno import errors
from deployments.sandbox.fno.rows import COMPANY
from deployments.sandbox.fno.values import edm_type
from deployments.sandbox.folding import fold
from deployments.sandbox.messages import Caller
from deployments.sandbox.odata.expressions import Literal
from deployments.sandbox.odata.predicates import Getter, Predicate, Test, compile_filter
from deployments.sandbox.odata.values import iso_seconds
from deployments.sandbox.schema.model import Column, FnoEntity, Schema
from deployments.sandbox.store.index import Row, RowId
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Table
from deployments.sandbox.switches import Switches

MAX_PAGE = 10_000
_KNOWN = {
    "$select",
    "$filter",
    "$orderby",
    "$top",
    "$skip",
    "$count",
    "$skiptoken",
    "$format",
}


class _Dialect:
    """F&O's reading of filter expressions on one entity."""

    nulls = False

    def __init__(self, entity: FnoEntity, switches: Switches) -> None:
        self._entity = entity
        self.string_functions = switches.fno_string_functions

    def resolve(self, parts: tuple[str, ...]) -> tuple[Getter, Column, bool]:
        if len(parts) > 1:
            raise errors.not_imitated("navigation paths in $filter")
        column = self._entity.columns.get(parts[0])
        if column is None:
            raise errors.unknown_property(parts[0], self._entity)
        return itemgetter(column.name), column, True

    def pattern(self, text: str) -> str | None:
        return wildcard(text)

    def type_name(self, column: Column) -> str:
        return edm_type(column)

    def refuse(self, message: str) -> Exception:
        return errors.query(message)

    def not_imitated(self, what: str) -> Exception:
        return errors.not_imitated(what)

    def check_enum(self, column: Column, literal: Literal) -> str:
        if literal.enum != edm_type(column):
            raise errors.query(
                f"A binary operator with incompatible types was detected. Found operand types "
                f"'{edm_type(column)}' and '{literal.enum}' for operator kind 'Equal'."
            )
        for member in column.members:
            if member.casefold() == str(literal.value).casefold():
                return member
        raise errors.query(f"The string '{literal.value}' is not a valid enumeration type constant.")


@lru_cache(maxsize=4096)
def wildcard(text: str) -> str | None:
    """A text with ``*`` as a regular expression; None without."""
    if "*" not in text:
        return None
    return ".*".join(re.escape(piece) for piece in text.split("*"))


class FnoReader:
    """All reads of F&O rows."""

    def __init__(self, schema: Schema, store: Store, switches: Switches, root: str) -> None:
        self.schema = schema
        self.store = store
        self.switches = switches
        self.root = root
        self._random = random.Random(20190701)
        self._orders: dict[tuple[Any, ...], list[RowId]] = {}

    # scope

    def cross_company(self, options: Mapping[str, str]) -> bool:
        given = options.get("cross-company")
        if given is None:
            return self.switches.fno_cross_company_default
        return given.lower() == "true"

    def hiding(self, entity: FnoEntity, caller: Caller) -> list[Test]:
        """Tests of rows that the caller must not see."""
        tests = [self._invalid(rule) for rule in self.switches.valid_only if rule["set"] == entity.set]
        if caller.name != "application":
            return tests
        if entity.company_specific and (self.switches.hide_companies or self.switches.fno_user_companies):
            reaches = cache(self.switches.reaches)
            tests.append(lambda row: not reaches(row[COMPANY]))
        for rule in self.switches.hide_rows:
            if rule["side"] == "fno" and rule["set"] == entity.set:
                tests.append(compile_filter(rule["filter"], _Dialect(entity, self.switches)).test)
        return tests

    def passing(self, entity: FnoEntity, rows: Iterable[Row], text: str | None) -> list[Row]:
        """Rows that are in no table, as far as they pass $filter.

        Raises:
            ServiceFault: a bad filter.
        """
        if not text or not text.strip():
            return list(rows)
        return list(filter(compile_filter(text, _Dialect(entity, self.switches)).test, rows))

    def _invalid(self, rule: Mapping[str, str]) -> Test:
        now = iso_seconds(int(self.store.clock() + self.switches.fno_clock_offset))
        begin, end = rule["from"], rule["to"]
        return lambda row: row[begin] > now or row[end] <= now

    def in_scope(self, entity: FnoEntity, row: Row, cross_company: bool, caller: Caller) -> bool:
        """May a request for this one row find it?"""
        if (
            entity.company_specific
            and not cross_company
            and row[COMPANY] != fold(self.switches.fno_default_company)
        ):
            return False
        return not any(test(row) for test in self.hiding(entity, caller))

    # which columns

    def names(self, entity: FnoEntity, select: str | None) -> tuple[tuple[str, ...], str]:
        """Properties of an answer, and the list in ``@odata.context``."""
        if not select or not select.strip() or select.strip() == "*":
            return ("@odata.etag", *entity.columns), ""
        chosen = []
        for name in (part.strip() for part in select.split(",")):
            if name not in entity.columns:
                raise errors.unknown_property(name, entity)
            chosen.append(name)
        return ("@odata.etag", *dict.fromkeys(chosen)), f"({','.join(chosen)})"

    @staticmethod
    def project(rows: Iterable[Row], names: tuple[str, ...]) -> list[Row]:
        pick = itemgetter(*names)
        return [dict(zip(names, pick(row), strict=True)) for row in rows]

    # which rows

    def matching(self, entity: FnoEntity, options: Mapping[str, str], caller: Caller) -> list[RowId]:
        """Ids of all rows in scope that pass $filter, in the order of $orderby. Not to be changed.

        Raises:
            ServiceFault: a bad filter or order.
        """
        table = self.store.fno(entity.set)
        cross, orderby = self.cross_company(options), options.get("$orderby")
        text = options.get("$filter")
        hiding = self.hiding(entity, caller)
        key = (entity.set, text, orderby, cross, self.switches.fno_default_company, table.changes)
        if not hiding and key in self._orders:
            found = self._orders[key]
        else:
            found = self._evaluate(entity, table, text, cross, hiding)
            if orderby:
                found = self._ordered(entity, table, found, orderby)
            if not hiding:
                while len(self._orders) > 32:
                    del self._orders[next(iter(self._orders))]
                self._orders[key] = found
        if not orderby and self.switches.shuffle:
            found = list(found)
            self._random.shuffle(found)
        return found

    def _evaluate(
        self, entity: FnoEntity, table: Table, text: str | None, cross: bool, hiding: list[Test]
    ) -> list[RowId]:
        rows = table.rows
        predicate: Predicate | None = None
        if text and text.strip():
            predicate = compile_filter(text, _Dialect(entity, self.switches))
        ids: Iterable[RowId] = rows
        candidates = predicate.candidates(table) if predicate is not None else None
        if candidates is not None and len(candidates) * 2 < len(rows):
            ids = sorted(candidates)
        found = [i for i in ids if predicate is None or predicate.test(rows[i])]
        if entity.company_specific and not cross:
            company = fold(self.switches.fno_default_company)
            found = [i for i in found if rows[i][COMPANY] == company]
        if hiding:
            found = [i for i in found if not any(test(rows[i]) for test in hiding)]
        return found

    def _ordered(self, entity: FnoEntity, table: Table, found: list[RowId], orderby: str) -> list[RowId]:
        rows = table.rows
        items = []
        for item in orderby.split(","):
            name, _, direction = item.strip().partition(" ")
            if name not in entity.columns:
                raise errors.unknown_property(name, entity)
            if direction.strip().lower() not in ("", "asc", "desc"):
                raise errors.query(f"Syntax error in $orderby at '{item.strip()}'.")
            items.append((name, direction.strip().lower() == "desc"))
        if len({descending for _, descending in items}) == 1:
            pick = itemgetter(*(name for name, _ in items))
            if len(items) == 1:
                return sorted(found, key=lambda i: fold(pick(rows[i])), reverse=items[0][1])
            return sorted(found, key=lambda i: tuple(map(fold, pick(rows[i]))), reverse=items[0][1])
        ordered = list(found)
        for name, descending in reversed(items):
            ordered.sort(key=lambda i, name=name: fold(rows[i][name]), reverse=descending)  # type: ignore[misc]
        return ordered

    # pages

    def page(
        self, entity: FnoEntity, ids: list[RowId], options: Mapping[str, str], size: int
    ) -> tuple[list[Row], str | None]:
        """The page that $skip, $top and $skiptoken ask for, and the link to the next one."""
        skip, top = _number(options, "$skip", 0), options.get("$top")
        if top is not None:
            ids = ids[: skip + _number(options, "$top", 0)]
        start = _number(options, "$skiptoken", 0) if "$skiptoken" in options else skip
        table = self.store.fno(entity.set)
        rows = [table.rows[row_id] for row_id in ids[start : start + size]]
        if start + size >= len(ids):
            return rows, None
        kept = {key: value for key, value in options.items() if key != "$skiptoken"}
        kept["$skiptoken"] = str(start + size)
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in kept.items())
        return rows, f"{self.root}/{entity.set}?{query}"


def check_options(options: Mapping[str, str]) -> None:
    """Refuse query options that F&O doesn't know, or that the sandbox doesn't imitate."""
    for name in options:
        if name in ("$expand", "$compute"):
            raise errors.not_imitated(f"{name} on F&O entities")
        if name.startswith("$") and name not in _KNOWN:
            raise errors.query(f"The query parameter '{name}' is not supported.")


def _number(options: Mapping[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isdigit():
        raise errors.query(f"Invalid value '{text}' for {name} query option found.")
    return int(text)
