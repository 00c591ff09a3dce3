"""Users' changes in the rows of the seed `everything`: one for each map and direction, through the public APIs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mappings import fno_entities
from mappings.model import FieldPair, Map
from tasks.state.records import Link
from tests.integration.installation import Installation
from tests.integration.stored import fold, id_of
from tests.local_services import Services, Side

Choices = list[tuple[Any, Any]]
"""Values for a user to choose from: in F&O, and what is the same in Dataverse."""


@dataclass(frozen=True)
class Edit:
    """A user's change of one field of one row."""

    map: Map
    side: Side
    pair: FieldPair
    choices: Choices
    link: Link

    def __str__(self) -> str:
        return f"{self.map.name}: {self.side}: {self.pair.id} of {self.link.key}"


class Tables:
    """What both systems hold at one moment, by the identities that links know."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._fno: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, Any]]] = {}
        self._dataverse: dict[str, dict[str, dict[str, Any]]] = {}

    def value(self, edit: Edit, side: Side) -> str:
        """What a side has in the field of the edit."""
        return folded(self.row(edit.map, edit.link, side)[str(column(edit.pair, side))])

    def row(self, each: Map, link: Link, side: Side) -> dict[str, Any]:
        """A linked row."""
        if side == "dataverse":
            table = each.dataverse.table
            if table not in self._dataverse:
                rows = self._services.dump("dataverse", table)
                self._dataverse[table] = {id_of(row): row for row in rows}
            return self._dataverse[table][str(link.dataverse_id)]
        known = (each.fno.set, each.fno.key)
        if known not in self._fno:
            rows = self._services.dump("fno", each.fno.set)
            self._fno[known] = {_identity({name: row[name] for name in each.fno.key}): row for row in rows}
        return self._fno[known][_identity(link.fno_key or {})]


def _identity(key: Mapping[str, Any]) -> str:
    return "\x1f".join(f"{name}={folded(key[name])}" for name in sorted(key))


def column(pair: FieldPair, side: Side) -> str | None:
    return pair.fno if side == "fno" else pair.dataverse


def folded(value: Any) -> str:
    """A stored value as text, equal for what the services take for equal."""
    return fold(int(value) if isinstance(value, float) and value == int(value) else value)


def edits(installation: Installation, companies: tuple[str, ...] = ("usmf", "demf")) -> Iterator[Edit]:
    """One change in each direction that each map allows; no row is changed twice, by whatever map it is seen."""
    used: set[tuple[str, str]] = set()
    for each in installation.catalogue.maps.values():
        known = companies if each.company_specific else ("",)
        links = [link for company in known for link in installation.links(each.name, company)]
        for side, pair, choices in _editable(each):
            for link in links:
                rows = {
                    (each.fno.set, _identity(link.fno_key or {})),
                    (each.dataverse.table, str(link.dataverse_id)),
                }
                if link.state == "paired" and not rows & used:
                    used |= rows
                    yield Edit(each, side, pair, choices, link)
                    break


def _editable(each: Map) -> Iterator[tuple[Side, FieldPair, Choices]]:
    """A pair for each direction that a map allows, which a user may change without further thought."""
    filtered = f"{each.fno.filter} {each.dataverse.filter}"
    shared = [pair.fno for pair in each.compared]
    free = [
        (pair, choices)
        for pair in each.compared
        if not pair.lookup
        and pair.fno not in each.fno.key
        and pair.dataverse not in each.dataverse.key
        and shared.count(pair.fno) == 1
        and str(pair.fno) not in filtered
        and str(pair.dataverse) not in filtered
        and (choices := _choices(each, pair))
    ]
    sides: tuple[Side, ...] = ("fno", "dataverse")
    for side in sides:
        for pair, choices in free:
            if pair.to_dataverse if side == "fno" else pair.to_fno:
                yield side, pair, choices
                break


def _choices(each: Map, pair: FieldPair) -> Choices:
    found = fno_entities.load().sets[each.fno.set].properties[str(pair.fno)]
    if pair.values:
        one_to_one = len({*pair.values.values()}) == len(pair.values) > 1
        if not one_to_one or found.type == "Edm.Boolean":
            return []
        return [(member, _typed(value)) for member, value in pair.values.items()]
    if found.type == "Edm.String":
        return [("x1", "x1")]  # short enough for every column
    return [(5, 5)] if found.type in ("Edm.Int32", "Edm.Decimal") else []


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value


def make(services: Services, edit: Edit, before: Tables) -> str:
    """Edit the row as a user, through the service's own API; the value that is to arrive on the other side."""
    own = 0 if edit.side == "fno" else 1
    chosen = next(choice for choice in edit.choices if folded(choice[own]) != before.value(edit, edit.side))
    if edit.side == "fno":
        path = address(edit.map, edit.link.fno_key or {})
    else:
        path = f"{edit.map.dataverse.table}({edit.link.dataverse_id})"
    answer = services.request(edit.side, "PATCH", path, {str(column(edit.pair, edit.side)): chosen[own]})
    assert answer.status_code < 300, f"{edit}: {answer.text}"
    return folded(chosen[1 - own])


def address(each: Map, key: Mapping[str, Any]) -> str:
    """A row of F&O in a URL."""
    properties = fno_entities.load().sets[each.fno.set].properties

    def literal(name: str, value: Any) -> str:
        known = properties.get(name)
        if known is not None and known.enum:
            return f"Microsoft.Dynamics.DataEntities.{known.enum}'{value}'"
        if known is None or known.type == "Edm.String":
            return "'" + quote(str(value).replace("'", "''"), safe="") + "'"
        return str(value)

    return f"{each.fno.set}({','.join(f'{n}={literal(n, v)}' for n, v in key.items())})?cross-company=true"
