"""What changed in a table's metadata since it was last seen, and which maps that touches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any, Literal

from mappings.filters import fields_of, parse
from mappings.metadata import Column, SideName, Table
from mappings.model import FieldPair, Map

What = Literal[
    "table removed",
    "column added",
    "column removed",
    "type",
    "length",
    "precision",
    "range",
    "values",
    "targets",
    "required",
    "writable",
    "key",
    "alternate keys",
    "tracking",
    "bulk messages",
    "ownership",
    "read-only",
]

_DECIMALS = ("minimum", "maximum")
_LISTS = ("members", "targets")


@dataclass(frozen=True, slots=True)
class Drift:
    """One change.

    Attributes:
        side, table: the table, by entity set name.
        what: what changed.
        column: the column; "" where the table itself changed.
        before, after: what it was and what it is, as text; "" where that says nothing. Of values: those that are
            gone and those that are new.
        touches: map → ids of its field pairs that use the column; no ids where the map as a whole is meant.
    """

    side: SideName
    table: str
    what: What
    column: str = ""
    before: str = ""
    after: str = ""
    touches: Mapping[str, tuple[str, ...]] | None = None

    @property
    def text(self) -> str:
        """The change in one line, without the maps."""
        name = f"{self.table}.{self.column}" if self.column else self.table
        if self.what in ("table removed", "column added", "column removed"):
            done = self.what.split()[1]
            return f"{name} {done}{f' ({self.after or self.before})' if self.after or self.before else ''}"
        if self.what == "values":
            parts = (
                f"without {self.before}" if self.before else "",
                f"with {self.after}" if self.after else "",
            )
            return f"{name}: values now {' and '.join(part for part in parts if part)}"
        return f"{name}: {self.what} {self.before or 'none'} → {self.after or 'none'}"

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return asdict(self)


def changes(before: Table, after: Table | None) -> list[Drift]:
    """What is different, without the maps.

    Args:
        after: the table as it is now; None if it is gone.
    """
    if after is None:
        return [Drift(before.side, before.name, "table removed")]

    def drift(what: What, column: str, old: object = "", new: object = "") -> Drift:
        return Drift(before.side, before.name, what, column, str(old), str(new))

    found = [drift(what, "", old, new) for what, old, new in _of_table(before, after) if old != new]
    for name, column in before.columns.items():
        now = after.columns.get(name)
        if now is None:
            found.append(drift("column removed", name, column.kind))
        else:
            found += [drift(what, name, old, new) for what, old, new in _of_column(column, now) if old != new]
    found += [
        drift("column added", name, "", f"{column.kind}, required" if column.required else column.kind)
        for name, column in after.columns.items()
        if name not in before.columns
    ]
    return found


def _of_table(before: Table, after: Table) -> Iterator[tuple[What, str, str]]:
    yield "key", ", ".join(before.key), ", ".join(after.key)
    keys = [{", ".join(sorted(key)) for key in table.alternate_keys} for table in (before, after)]
    yield "alternate keys", "; ".join(sorted(keys[0])), "; ".join(sorted(keys[1]))
    yield "tracking", _on(before.tracked), _on(after.tracked)
    yield "bulk messages", ", ".join(sorted(before.bulk)), ", ".join(sorted(after.bulk))
    yield "ownership", _owner(before), _owner(after)
    yield "read-only", _on(before.read_only), _on(after.read_only)


def _of_column(before: Column, after: Column) -> Iterator[tuple[What, str, str]]:
    yield "type", before.kind, after.kind
    yield "length", _or_none(before.max_length), _or_none(after.max_length)
    yield "precision", _or_none(before.scale), _or_none(after.scale)
    yield "range", f"{before.minimum} to {before.maximum}", f"{after.minimum} to {after.maximum}"
    gone = [member for member in before.members if member not in after.members]
    new = [member for member in after.members if member not in before.members]
    yield "values", ", ".join(gone), ", ".join(new)
    yield "targets", ", ".join(sorted(before.targets)), ", ".join(sorted(after.targets))
    yield "required", _on(before.required), _on(after.required)
    yield "writable", _writable(before), _writable(after)


def _on(value: bool) -> str:
    return "yes" if value else "no"


def _or_none(value: int | None) -> str:
    return "" if value is None else str(value)


def _owner(table: Table) -> str:
    return "users" if table.user_owned else "organization"


def _writable(column: Column) -> str:
    words = [word for word, is_it in (("create", column.creatable), ("update", column.updatable)) if is_it]
    return " and ".join(words) or "read-only"


def touching(drift: Drift, maps: Iterable[Map]) -> dict[str, tuple[str, ...]]:
    """Maps that a change touches, with the field pairs that use the column.

    A new column touches nobody, unless it is required.
    """
    found = {}
    for each in maps:
        own = drift.table == (each.fno.set if drift.side == "fno" else each.dataverse.table)
        if drift.what == "column added" and not (own and "required" in drift.after):
            continue
        pairs = tuple(pair.id for pair in each.fields if _uses(pair, each, drift, own))
        looked_up = any(drift.table in lookup.targets for lookup in each.lookups.values())
        if not drift.column:
            # of a table that is looked up, only its absence matters
            concerned = own or (drift.what == "table removed" and drift.side == "dataverse" and looked_up)
        else:
            concerned = bool(pairs) or (own and drift.column in _besides(each, drift.side))
            concerned = concerned or drift.what == "column added"
        if concerned:
            found[each.name] = pairs
    return found


def _uses(pair: FieldPair, each: Map, drift: Drift, own: bool) -> bool:
    if not drift.column:
        return False
    if drift.side == "fno":
        return own and pair.fno == drift.column
    if own and pair.path[:1] == (drift.column,):
        return True
    lookup = each.lookups.get(pair.lookup or "")
    if lookup is None or drift.table not in lookup.targets:
        return False
    return drift.column == (lookup.tables.get(drift.table) or pair.path[1])


def _besides(each: Map, side: SideName) -> set[str]:
    """Columns of its own table that a map uses without a field pair."""
    end = each.fno if side == "fno" else each.dataverse
    names = {part.split(".")[0] for part in end.key} | set(end.filter_fields)
    if end.filter:
        names |= {name.removeprefix("_").removesuffix("_value") for name in fields_of(parse(end.filter))}
    if side == "fno":
        names |= {
            name for name in (each.fno.modified, each.number.reference if each.number else None) if name
        }
        names |= set(each.fno.effective)
    else:
        names |= {column.split(".")[0] for rule in each.match for column in rule}
        names |= {each.dataverse.company} if each.dataverse.company else set()
    return names


# what is kept of a table between two looks

_COLUMN_DEFAULTS = {
    each.name: each.default for each in fields(Column) if each.name not in ("name", "kind", "navigation")
}


def document(table: Table) -> dict[str, Any]:
    """A table as JSON, to be stored; what has its usual value is left out."""
    return {
        "logical": table.logical,
        "id_column": table.id_column,
        "key": list(table.key),
        "alternate_keys": [list(key) for key in table.alternate_keys],
        "bulk": sorted(table.bulk),
        "tracked": table.tracked,
        "user_owned": table.user_owned,
        "read_only": table.read_only,
        "columns": {name: _document(column) for name, column in table.columns.items()},
    }


def _document(column: Column) -> dict[str, Any]:
    found: dict[str, Any] = {"kind": column.kind}
    for name, usual in _COLUMN_DEFAULTS.items():
        value = getattr(column, name)
        if value != usual:
            found[name] = str(value) if name in _DECIMALS else list(value) if name in _LISTS else value
    if column.navigation:
        found["navigation"] = dict(column.navigation)
    return found


def table_of(side: SideName, name: str, stored: Mapping[str, Any], fingerprint: str = "") -> Table:
    """A table out of its document."""
    columns = {}
    for column, about in stored["columns"].items():
        values: dict[str, Any] = {
            each: Decimal(value) if each in _DECIMALS else tuple(value) if each in _LISTS else value
            for each, value in about.items()
            if each in _COLUMN_DEFAULTS or each in ("kind", "navigation")
        }
        columns[column] = Column(column, **values)
    return Table(
        side=side,
        name=name,
        logical=stored["logical"],
        id_column=stored.get("id_column", ""),
        key=tuple(stored.get("key", ())),
        alternate_keys=tuple(tuple(key) for key in stored.get("alternate_keys", ())),
        columns=columns,
        bulk=frozenset(stored.get("bulk", ())),
        tracked=stored.get("tracked", False),
        user_owned=stored.get("user_owned", False),
        read_only=stored.get("read_only", False),
        fingerprint=fingerprint,
    )
