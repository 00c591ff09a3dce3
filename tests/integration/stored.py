"""Both systems compared by what they store.

This is the tests' own reading of the maps: it takes the YAML as plain text and the rows as the sandbox has them stored, and
shares nothing with the engine, so that an error in how the engine compares can't hide itself.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.local_services import Services, Side

Row = dict[str, Any]
Document = dict[str, Any]
MAPS = Path(__file__).parent.parent.parent / "mappings"
COMPANY = "dataAreaId"
NOBODY = "00000000-0000-0000-0000-000000000000"


@cache
def documents() -> dict[str, Document]:
    """All maps by name in their first published form, every scalar as the text that stands in the file."""
    found = [
        yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader) for path in MAPS.glob("*/*.yaml")
    ]
    return {
        document["map"]: document for document in sorted(found, key=lambda each: each["version"] == "2019")
    }


def fold(value: Any) -> str:
    """A text as the services compare it."""
    return "" if value is None else str(value).rstrip(" ").casefold()


def key_part(value: Any) -> str:
    """A part of a key, the same text whatever side it is read on."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return f"{Decimal(str(value)):f}".rstrip("0").rstrip(".") if "." in str(value) else str(value)
    return _moment(value) if _is_moment(str(value)) else fold(value)


class Stored:
    """What both systems hold at one moment.

    Args:
        services: the sandbox.
        companies: codes that are in scope.
        maps: names of the maps that are meant where none are named.
    """

    def __init__(self, services: Services, companies: Sequence[str], maps: Sequence[str]) -> None:
        self._services = services
        self._maps = tuple(maps)
        self.companies = tuple(code.casefold() for code in companies)
        self._rows: dict[tuple[Side, str], list[Row]] = {}
        self._by_id: dict[str, dict[str, Row]] = {}

    def rows(self, side: Side, name: str) -> list[Row]:
        """All rows of an entity set or table."""
        if (side, name) not in self._rows:
            self._rows[side, name] = self._services.dump(side, name)
        return self._rows[side, name]

    def row(self, table: str, guid: str) -> Row:
        """A Dataverse row by its id."""
        if table not in self._by_id:
            rows = self.rows("dataverse", table)
            self._by_id[table] = {row[_id_column(row)]: row for row in rows}
        return self._by_id[table][guid]

    def company_of(self, document: Document, row: Row) -> str:
        """Code of a Dataverse row's company; "" where it has none."""
        column = document["dataverse"].get("company")
        guid = row.get(f"_{column}_value") if column else None
        return fold(self.row("cdm_companies", guid)["cdm_companycode"]) if guid else ""

    # keys

    def fno_key(self, document: Document, row: Row) -> tuple[str, ...]:
        """Company and integration key of an F&O row."""
        by_column = {
            pair["dataverse"]: pair for pair in document["fields"] if "fno" in pair and "dataverse" in pair
        }
        pairs = [by_column[part] for part in document["dataverse"]["key"]]
        parts = [
            _mapped(pair, str(row[pair["fno"]])) if "values" in pair else key_part(row[pair["fno"]])
            for pair in pairs
        ]
        return (fold(row[COMPANY]) if document["dataverse"].get("company") else "", *parts)

    def dataverse_key(self, document: Document, row: Row) -> tuple[str, ...]:
        """Company and integration key of a Dataverse row."""
        parts = [key_part(self.follow(document, row, path)) for path in document["dataverse"]["key"]]
        return (self.company_of(document, row), *parts)

    def follow(self, document: Document, row: Row, path: str) -> Any:
        """The value at the end of a path through lookups."""
        head, _, rest = path.partition(".")
        if not rest:
            return row[head]
        guid = row[f"_{head}_value"]
        if guid is None:
            return None
        table = document["lookups"][head]["table"]
        target = next(each for each in documents().values() if each["dataverse"]["table"] == table)
        return self.follow(target, self.row(table, guid), rest)

    # what must hold

    def twins(self, names: Iterable[str] | None = None) -> list[str]:
        """Keys that more than one row of a side has, whatever the maps' filters say."""
        found = []
        for document in self._chosen(names):
            fno = Counter(self.fno_key(document, row) for row in self.rows("fno", document["fno"]["set"]))
            dataverse = Counter(
                self.dataverse_key(document, row)
                for row in self.rows("dataverse", document["dataverse"]["table"])
            )
            for side, counted in (("F&O", fno), ("Dataverse", dataverse)):
                found += [
                    f"{document['map']}: {count} rows {'/'.join(key)} in {side}"
                    for key, count in counted.items()
                    if count > 1 and all(key[1:])
                ]
        return found

    def differences(self, names: Iterable[str] | None = None) -> list[str]:
        """Rows that one side lacks and values that are not equal, one line each; [] = both systems hold the same."""
        return [line for document in self._chosen(names) for line in self._differences(document)]

    def in_scope(self, document: Document) -> tuple[dict[tuple[str, ...], Row], dict[tuple[str, ...], Row]]:
        """The rows of both sides that a map is about, by key."""
        fno = {
            self.fno_key(document, row): row
            for row in self.rows("fno", document["fno"]["set"])
            if passes(document["fno"].get("filter"), row)
        }
        dataverse = {
            self.dataverse_key(document, row): row
            for row in self.rows("dataverse", document["dataverse"]["table"])
            if passes(document["dataverse"].get("filter"), row)
        }
        if document["dataverse"].get("company"):
            fno = {key: row for key, row in fno.items() if key[0] in self.companies}
            dataverse = {key: row for key, row in dataverse.items() if key[0] in self.companies}
        return fno, {key: row for key, row in dataverse.items() if all(key[1:])}

    def _chosen(self, names: Iterable[str] | None) -> list[Document]:
        known = documents()
        return [known[name] for name in (names or self._maps)]

    def _differences(self, document: Document) -> Iterable[str]:
        fno, dataverse = self.in_scope(document)
        name = document["map"]
        one_way = all(
            pair.get("direction") == "to-dataverse"
            for pair in document["fields"]
            if len(pair.keys() & ENDS) == 2
        )
        for key in sorted(fno.keys() - dataverse.keys()):
            yield f"{name}: {'/'.join(key)} is not in Dataverse"
        if not one_way:
            for key in sorted(dataverse.keys() - fno.keys()):
                yield f"{name}: {'/'.join(key)} is not in F&O"
        for key in sorted(fno.keys() & dataverse.keys()):
            for pair in document["fields"]:
                if len(pair.keys() & ENDS) < 2:
                    continue
                left = fno[key][pair["fno"]]
                right = self.follow(document, dataverse[key], pair["dataverse"])
                if pair["dataverse"] in document["dataverse"]["key"]:
                    continue  # they fold to the same text, or the rows would not have met
                if not same(pair, left, right):
                    yield f"{name}: {'/'.join(key)}: {pair['fno']} {left!r}, {pair['dataverse']} {right!r}"


ENDS = {"fno", "dataverse"}


def _id_column(row: Row) -> str:
    # stored rows begin with their version and their id
    return next(name for name in row if name != "@odata.etag")


def id_of(row: Row) -> str:
    """Id of a stored Dataverse row."""
    return str(row[_id_column(row)])


# values


def same(pair: Mapping[str, Any], fno: Any, dataverse: Any) -> bool:
    """Do two stored values of a field pair say the same?"""
    if "values" in pair:
        return _mapped(pair, str(fno)) == _text(dataverse)
    left, right = _text(fno), _text(dataverse)
    if left == right or ("." in pair["dataverse"] and fold(left) == fold(right)):
        return True
    try:
        first, second = Decimal(left or "0"), Decimal(right or "0")
    except InvalidOperation:
        return _moment(left) == _moment(right) if _is_moment(left) or _is_moment(right) else False
    # Dataverse keeps as many places as the column has; a money column has two
    exponent = second.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 0)
    return abs(first - second) <= Decimal(5).scaleb(-places - 1)


def _mapped(pair: Mapping[str, Any], member: str) -> str:
    values: Mapping[str, str] = pair["values"]
    if member in values:
        return values[member]
    otherwise: str = pair.get("else", "park")
    return {"pass": member, "park": "parked"}.get(otherwise, otherwise)


def _text(value: Any) -> str:
    if value is None or value in ("", NOBODY):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if _is_moment(str(value)) and str(value).startswith("1900-01-01") else str(value).rstrip(" ")


def _is_moment(text: str) -> bool:
    return re.fullmatch(r"\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d.*)?", text) is not None


def _moment(value: Any) -> str:
    """A date or time; a time at noon or midnight is F&O's way to write a date."""
    text = _text(value)
    day, _, clock = text.partition("T")
    return day if not clock or clock[:8] in ("12:00:00", "00:00:00") else text[:19]


# filters


def passes(expression: str | None, row: Mapping[str, Any]) -> bool:
    """Does a stored row pass a map's filter?"""
    if not expression:
        return True
    return any(
        all(_holds(condition, row) for condition in re.split(r"\s+and\s+", alternative))
        for alternative in re.split(r"\s+or\s+", expression)
    )


def _holds(condition: str, row: Mapping[str, Any]) -> bool:
    column, operator, literal = condition.split(None, 2)
    wanted = "" if literal == "null" else literal.strip("'")
    equal = fold(_text(row[column])) == fold(wanted)
    assert operator in ("eq", "ne"), f"the tests' own filter doesn't know {operator!r}"
    return equal if operator == "eq" else not equal
