"""Pretending: a system that is read for real and written in the mind only.

The engine works on it as on any other. What it writes is noted, answered as the service would if nothing went wrong, and seen
again by later reads. So a whole run can be rehearsed, parents first and children after them, without one write.
"""

from __future__ import annotations

import re
import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mappings import filters as expressions
from mappings.errors import DualflowError
from mappings.metadata import Table
from tasks.connectors.paging import ENCODER, ROW
from tasks.connectors.side import Address, ChangePage, Operation, OperationKind, Outcome, Row, Side, SideName
from tasks.sync.cases import fno_name
from tasks.sync.lane import COMPANY_PROPERTY
from tasks.transform.filters import mask
from tasks.transform.folding import fold
from tasks.transform.forms import OMITTED, empty_fno

BATCH = 1000
"""Operations that go out in one request, at most."""
_POINTS = re.compile(r"(_\w+_value) eq ([0-9a-fA-F-]+|null)")
_BIND = re.compile(r"^/(\w+)\(([^)]*)\)$")


@dataclass(frozen=True, slots=True)
class Pretended:
    """One write that would have gone out.

    Attributes:
        lane: (map, company) that wrote it.
        row: F&O key as a JSON list, or Dataverse id.
        key: F&O key without the company, as people read it; the id again in Dataverse.
        fields: names in the body, without the row's own id.
    """

    lane: tuple[str, str]
    side: SideName
    table: str
    kind: OperationKind
    row: str
    key: str
    fields: tuple[str, ...]
    body: Mapping[str, Any]


class PretendedSide:
    """One of the two systems, rehearsed.

    Args:
        side: the real one; only ever read.

    Attributes:
        written: what would have been written, in order.
        requests_saved: requests that the writes would have taken.
        lane: (map, company) that works now.
    """

    def __init__(self, side: Side) -> None:
        self._side = side
        self.name: SideName = side.name
        self.written: list[Pretended] = []
        self.requests_saved = 0
        self.lane = ("", "")
        self._lock = threading.RLock()
        self._rows: dict[str, dict[str, Row | None]] = {}
        self._indexes: dict[tuple[str, tuple[str, ...]], dict[tuple[Any, ...], set[str]]] = {}
        self._made = 0

    def __getattr__(self, name: str) -> Any:
        # what sides can do beside the protocol: counters, skew, metadata of many tables; all of it reads
        return getattr(self._side, name)

    @property
    def environment(self) -> str:
        """Identity of the real environment."""
        return self._side.environment

    def table(self, name: str) -> Table:
        """Live metadata."""
        return self._side.table(name)

    def who(self) -> str:
        """Our own identity."""
        return self._side.who()

    def track(self, table: str, columns: Sequence[str]) -> str:
        """A token of the real feed."""
        return self._side.track(table, columns)

    def changes(self, table: str, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        """What really changed."""
        return self._side.changes(table, token, columns)

    # reading

    def pages(
        self,
        table: str,
        *,
        columns: Sequence[str],
        filter: str | None = None,
        order: Sequence[str] = (),
        size: int | None = None,
    ) -> Iterator[list[Row]]:
        """The real rows as they would stand by now, and after them those that would have been made."""
        seen: set[str] = set()
        for page in self._side.pages(table, columns=columns, filter=filter, order=order, size=size):
            with self._lock:
                changed = self._rows.get(table, {})
                out = []
                for row in page:
                    name = self._name(table, row)
                    seen.add(name)
                    now = changed.get(name, row)
                    if now is row:
                        out.append(row)
                    elif now is not None:
                        out += self._taken(table, [{**row, **now}], filter, unsure=True)
            yield out
        with self._lock:
            made = [
                row
                for name, row in self._rows.get(table, {}).items()
                if row is not None and row.get(_NEW) and name not in seen
            ]
        taken = self._taken(table, made, filter)
        if taken:
            yield taken

    def read(self, table: str, addresses: Sequence[Address], columns: Sequence[str]) -> list[Row | None]:
        """Rows by identity, as they would stand by now."""
        names = [self._address(table, address) for address in addresses]
        with self._lock:
            changed = self._rows.get(table, {})
            known = {name: changed[name] for name in names if name in changed}
        real = [
            (place, address)
            for place, (name, address) in enumerate(zip(names, addresses, strict=True))
            if name not in known or not (known[name] is None or (known[name] or {}).get(_NEW))
        ]
        out: list[Row | None] = [known.get(name) for name in names]
        found = self._side.read(table, [address for _, address in real], columns) if real else []
        for (place, _), row in zip(real, found, strict=True):
            over = known.get(names[place])
            out[place] = None if row is None else {**row, **over} if over else row
        return out

    def find(self, table: str, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[Row]]:
        """Rows by key, as they would stand by now."""
        found = self._side.find(table, keys, columns)
        with self._lock:
            changed = self._rows.get(table)
            if not changed:
                return found
            out = []
            for key, rows in zip(keys, found, strict=True):
                own = []
                for row in rows:
                    now = changed.get(self._name(table, row), row)
                    if now is row:
                        own.append(row)
                    elif now is not None and _folded({**row, **now}, tuple(key)) == _folded(key, tuple(key)):
                        own.append({**row, **now})
                there = {self._name(table, row) for row in own}
                for name in self._named(table, key):
                    made = changed[name]
                    if made is not None and name not in there:
                        own.append(made)
                out.append(own)
        return out

    # writing, in the mind

    def write(
        self, table: str, operations: Sequence[Operation], *, columns: Sequence[str], bulk: bool = False
    ) -> list[Outcome]:
        """Note what would be written, and answer as if it had been."""
        known = self.table(table)
        updated = [each.address for each in operations if each.kind == "update" and each.address is not None]
        before = (
            dict(zip(map(str, updated), self.read(table, updated, columns), strict=True)) if updated else {}
        )
        outcomes = []
        with self._lock:
            # where rows are looked at in the batch that writes them, half as many go into it
            looks = not bulk and getattr(getattr(self._side, "client", None), "looks", False)
            self.requests_saved += -(-len(operations) // (BATCH // 2 if looks else BATCH))
            for each in operations:
                outcome = self._apply(known, each, before, bulk=bulk)
                outcomes.append(outcome)
                row, key = _named(known, each.address if each.address is not None else _made(known, outcome))
                self.written.append(
                    Pretended(
                        self.lane,
                        self.name,
                        table,
                        each.kind,
                        row,
                        key,
                        tuple(sorted({name.partition("@")[0] for name in each.body} - {known.id_column})),
                        each.body,
                    )
                )
        return outcomes

    def _apply(
        self, table: Table, operation: Operation, before: Mapping[str, Row | None], *, bulk: bool
    ) -> Outcome:
        version = self._version()
        if operation.kind == "delete":
            self._put(table.name, self._address(table.name, _given(operation.address)), None)
            return Outcome("done")
        if operation.kind == "create":
            row = self._new(table, _sent(operation.body))
            row["@odata.etag"] = version
            name = self._name(table.name, row)
            self._put(table.name, name, row)
            id_ = str(row[table.id_column]) if table.id_column else None
            return Outcome("done", None if bulk else _shown(row), id_, None if bulk else version)
        address = _given(operation.address)
        held = before.get(str(address))
        if held is None:
            return Outcome("absent")
        values = {**self._values(table, _sent(operation.body)), "@odata.etag": version, **self._stamp()}
        name = self._address(table.name, address)
        earlier = self._rows.get(table.name, {}).get(name) or {}
        self._put(table.name, name, {**earlier, **values})
        return Outcome("done", _shown({**held, **values}), operation_id(address), version)

    def _new(self, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
        values = {**self._values(table, body), **self._stamp(), _NEW: True}
        if self.name == "dataverse":
            blank: dict[str, Any] = {
                _wire(column.name, column.kind): None for column in table.columns.values()
            }
            if "statecode" in table.columns:
                blank["statecode"] = 0
            made = {**blank, **values}
            made[table.id_column] = values.get(table.id_column) or str(uuid.uuid4())
            return made
        empty = {
            column.name: "" if (value := empty_fno(column)) is OMITTED else value
            for column in table.columns.values()
        }
        made = {**empty, **values}
        for part in table.key:
            if body.get(part) in (None, ""):
                self._made += 1
                made[part] = f"(number {self._made})"
        return made

    def _values(self, table: Table, body: Mapping[str, Any]) -> dict[str, Any]:
        """A body as the row that it makes: lookups by the ids that they bind."""
        if self.name == "fno":
            return dict(body)
        column_of = {
            navigation: column
            for column in table.columns.values()
            for navigation in column.navigation.values()
        }
        values: dict[str, Any] = {}
        for name, value in body.items():
            navigation, bound, _ = name.partition("@odata.bind")
            if not bound:
                values[name] = value
                continue
            column = column_of.get(navigation)
            match = _BIND.match(str(value or ""))
            if column is None:
                continue
            own = f"_{column.name}_value"
            values[own] = match[2] if match else None
            if match and len(column.targets) > 1:
                logical = next(
                    (target for target, named in column.navigation.items() if named == navigation), ""
                )
                values[f"{own}@Microsoft.Dynamics.CRM.lookuplogicalname"] = logical
        return values

    def _stamp(self) -> dict[str, Any]:
        return {"_modifiedby_value": self.who()} if self.name == "dataverse" else {}

    def _version(self) -> str:
        self._made += 1
        return f'W/"pretended {self._made}"'

    # what would stand by now

    def _put(self, table: str, name: str, row: Row | None) -> None:
        self._rows.setdefault(table, {})[name] = row
        for (of, columns), index in self._indexes.items():
            if of == table and row is not None:
                index.setdefault(_folded(row, columns), set()).add(name)

    def _named(self, table: str, key: Mapping[str, Any]) -> list[str]:
        """Names of the rows made or changed that have this key."""
        columns = tuple(key)
        index = self._indexes.get((table, columns))
        if index is None:
            index = self._indexes[(table, columns)] = {}
            for name, row in self._rows.get(table, {}).items():
                if row is not None:
                    index.setdefault(_folded(row, columns), set()).add(name)
        wanted = _folded(key, columns)
        own = self._rows.get(table, {})
        return [
            name
            for name in sorted(index.get(wanted, ()))
            if (row := own.get(name)) is not None and _folded(row, columns) == wanted
        ]

    def _taken(self, table: str, rows: list[Row], filter: str | None, *, unsure: bool = False) -> list[Row]:
        """Those of the rows that a filter takes.

        Args:
            unsure: whether rows count as taken where the filter is beyond what can be judged here.
        """
        if not rows or filter is None:
            return rows
        points = [_POINTS.fullmatch(part.strip()) for part in filter.split(" or ")]
        if all(points):
            # the company of a page: the only filter that speaks of a lookup's value
            wanted = {(found[1], None if found[2] == "null" else found[2]) for found in points if found}
            return [row for row in rows if any(row.get(name) == value for name, value in wanted)]
        try:
            taken = mask(expressions.parse(filter), rows, self.table(table)).tolist()
        except (DualflowError, KeyError):
            return rows if unsure else []
        return [row for row, yes in zip(rows, taken, strict=True) if yes]

    def _name(self, table: str, row: Mapping[str, Any]) -> str:
        known = self.table(table)
        if self.name == "dataverse":
            return str(row.get(known.id_column))
        return str(_folded(row, known.key))

    def _address(self, table: str, address: Address) -> str:
        if isinstance(address, Mapping):
            return str(_folded(address, self.table(table).key))
        return str(address)


_NEW = "@pretended"
"""Marks a row that exists in the mind only."""


def _sent(body: Mapping[str, Any]) -> Row:
    """A body as it comes back from a service: the same values in the types that answers are read in."""
    return ROW.decode(ENCODER.encode(body))


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != _NEW}


def _folded(row: Mapping[str, Any], columns: Sequence[str]) -> tuple[Any, ...]:
    return tuple(
        (fold(value) or None) if isinstance(value := row.get(name), str) else value for name in columns
    )


def _made(table: Table, outcome: Outcome) -> Address:
    """Identity of a row just made."""
    if table.side == "dataverse":
        return outcome.id or ""
    return {name: (outcome.row or {}).get(name, "") for name in table.key}


def _named(table: Table, address: Address) -> tuple[str, str]:
    """Name and readable key of a row."""
    if not isinstance(address, Mapping):
        return str(address), str(address)
    parts = [str(address.get(name, "")) for name in table.key if name != COMPANY_PROPERTY]
    return fno_name(table.key, address), "/".join(parts)


def _wire(name: str, kind: str) -> str:
    return f"_{name}_value" if kind == "lookup" else name


def _given(address: Address | None) -> Address:
    if address is None:
        raise AssertionError("an update or delete without an address")
    return address


def operation_id(address: Address) -> str | None:
    """The id in an address; None where the row has a key instead."""
    return None if isinstance(address, Mapping) else str(address)
