"""OData text: literals, key predicates, query strings, and the folding by which keys compare."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import quote

from mappings.errors import FatalError
from tasks.connectors.side import Column, Row, SideName, Table

ENUM_NAMESPACE = "Microsoft.Dynamics.DataEntities"

QUERY_SAFE = "(),$*'/:!-._~"
"""Characters that need no percent-encoding within a query string's value."""

_KEY_SAFE = "'!-._~"

_TEXT = frozenset({"text", "memo"})
_GUID = frozenset({"guid", "lookup"})
_NUMBER = frozenset({"integer", "bigint", "decimal", "double", "option"})
_TIME = frozenset({"date", "datetime"})


def fold(text: str) -> str:
    """Text as both services compare it: without case and without trailing blanks."""
    return text.rstrip(" ").casefold()


def comparable(column: Column, value: Any) -> Any:
    """A value in the form in which two of one column are equal when the service takes them for equal; None
    when empty."""
    if value is None or value == "":
        return None
    kind = column.kind
    if kind in _TEXT or kind == "enum":
        return fold(str(value)) or None
    if kind in _GUID:
        return str(value).strip("{}").lower()
    if kind in _NUMBER:
        try:
            return Decimal(str(value))
        except InvalidOperation:
            return str(value)
    if kind in _TIME:
        return _moment(str(value))
    return value


def literal(side: SideName, column: Column, value: Any) -> str:
    """`value` in a filter or key predicate, not yet percent-encoded."""
    kind = column.kind
    if value is None:
        return "''" if side == "fno" and kind in _TEXT else "null"
    if kind in _TEXT or kind == "options":
        return text_literal(str(value))
    if kind == "enum":
        return f"{ENUM_NAMESPACE}.{column.enum}{text_literal(str(value))}"
    if kind == "boolean":
        return "true" if value in (True, "true", 1) else "false"
    if kind in _GUID:
        return str(value).strip("{}")
    return str(value)


def text_literal(text: str) -> str:
    """Text in quotes, quotes within doubled."""
    return "'" + text.replace("'", "''") + "'"


def column_of(table: Table, name: str) -> Column:
    """The column of this name; lookups also by the name under which they are read (`_x_value`).

    Raises:
        FatalError: there is none; names the columns with similar names.
    """
    column = table.columns.get(name)
    if column is None and name.startswith("_") and name.endswith("_value"):
        column = table.columns.get(name[1:-6])
    if column is None:
        raise absent(table.side, f"column of {table.name}", name, table.columns)
    return column


def read_name(table: Table, name: str) -> str:
    """The name under which a column is selected and read: `_x_value` for a Dataverse lookup."""
    column = table.columns.get(name)
    if table.side == "dataverse" and column is not None and column.kind == "lookup":
        return f"_{name}_value"
    return name


def select(table: Table, columns: Iterable[str]) -> str:
    """A `$select` list without repetitions; annotations (`x@y`) are asked for by `annotated`."""
    return ",".join(dict.fromkeys(read_name(table, name) for name in columns if "@" not in name))


def annotated(columns: Iterable[str]) -> str:
    """The preference that asks for the annotations among some columns (`_x_value@name`); "" for none.

    A service adds an annotation to every property that can have it, so it is asked for only where needed.
    """
    named = sorted({name.partition("@")[2] for name in columns if "@" in name})
    return f'odata.include-annotations="{",".join(named)}"' if named else ""


def preference(*wanted: str) -> str:
    """A `Prefer` header's value out of its parts, empty ones left out."""
    return ",".join(part for part in wanted if part)


def query(options: Mapping[str, str]) -> str:
    """A query string, values percent-encoded."""
    return "&".join(f"{name}={quote(value, safe=QUERY_SAFE)}" for name, value in options.items() if value)


def fno_address(table: Table, address: Mapping[str, Any]) -> str:
    """`CustomersV3(dataAreaId='usmf',CustomerAccount='US-001')`, percent-encoded.

    Raises:
        FatalError: a key property is missing, which the service would answer as if the row did not exist.
    """
    parts = []
    for name in table.key:
        if name not in address:
            raise FatalError(
                f"an address in {table.name} lacks {name}",
                code="incomplete_key",
                remedy=f"name all of {', '.join(table.key)} in the map's fno.key",
                side="fno",
                table=table.name,
            )
        text = literal("fno", table.columns[name], address[name])
        parts.append(f"{name}={quote(text, safe=_KEY_SAFE)}")
    return f"{table.name}({','.join(parts)})"


def dataverse_address(table: Table, address: str) -> str:
    """`accounts(<guid>)`."""
    return f"{table.name}({quote(address.strip('{}'), safe='-')})"


def absent(side: SideName, what: str, name: str, known: Iterable[str]) -> FatalError:
    """An error for a name that the service does not have, with the names most like it."""
    names = list(known)
    folded = {each.lower(): each for each in names}
    near = [folded[each] for each in difflib.get_close_matches(name.lower(), list(folded), n=5, cutoff=0.6)]
    return FatalError(
        f"{side} has no {what} named {name!r}",
        code="absent_name",
        remedy=f"did you mean {', '.join(near)}?" if near else "check that its solution is installed",
        side=side,
        name=name,
    )


def matches(keys: Sequence[Mapping[str, Any]], rows: Iterable[Row], table: Table) -> list[list[Row]]:
    """For each key the rows whose columns equal its values, whatever else the service let through."""
    found: list[list[Row]] = [[] for _ in keys]
    wanted: dict[tuple[str, ...], dict[tuple[Any, ...], list[int]]] = {}
    for index, key in enumerate(keys):
        names = tuple(key)
        values = tuple(comparable(column_of(table, name), value) for name, value in key.items())
        wanted.setdefault(names, {}).setdefault(values, []).append(index)
    columns = {
        names: [(read_name(table, name), column_of(table, name)) for name in names] for names in wanted
    }
    seen: set[int] = set()
    for row in rows:
        if id(row) in seen:
            continue
        seen.add(id(row))
        for names, by_values in wanted.items():
            values = tuple(comparable(column, row.get(name)) for name, column in columns[names])
            for index in by_values.get(values, ()):
                found[index].append(row)
    return found


def _moment(text: str) -> Any:
    """A date or time as a moment; text that is neither stays text."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
