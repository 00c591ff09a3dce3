"""Users' changes in the rows of the seed `everything`: one for each map and direction, through the public APIs.

A field of a row is changed where the map has one that is no key, looks up nothing and is read by no filter; of the other maps
a new row is made, as a copy of one that is there with a key of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from mappings import fno_entities
from mappings.metadata import Column
from mappings.model import FieldPair, Map
from tasks.state.records import Link
from tests.integration.installation import Installation
from tests.integration.stored import id_of, key_part
from tests.local_services import Services, Side

SIDES: tuple[Side, Side] = ("fno", "dataverse")
DATE, NOON = "Edm.DateTimeOffset", "T12:00:00Z"
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


@dataclass(frozen=True)
class Addition:
    """A user's new row: a copy of the linked one but for its key.

    Attributes:
        key: in F&O, on whichever side the row is made.
        parts: links of rows whose values of these key properties it has.
    """

    map: Map
    side: Side
    link: Link
    key: Mapping[str, Any]
    parts: Mapping[str, Link | None]

    def __str__(self) -> str:
        return f"{self.map.name}: {self.side}: new {dict(self.key)}"


class Tables:
    """What both systems hold at one moment, by the identities that links know."""

    def __init__(self, installation: Installation) -> None:
        self._installation = installation
        self._services = installation.services
        self._fno: dict[tuple[str, tuple[str, ...]], dict[str, dict[str, Any]]] = {}
        self._dataverse: dict[str, dict[str, dict[str, Any]]] = {}

    def value(self, edit: Edit, side: Side) -> str:
        """What a side has in the field of the edit."""
        return key_part(self.row(edit.map, edit.link, side)[str(column(edit.pair, side))])

    def has(self, added: Addition) -> bool:
        """Is the row on both sides, and are they linked?"""
        company = str(added.key.get("dataAreaId", "")) if added.map.company_specific else ""
        own = [
            link
            for link in self._installation.links(added.map.name, company)
            if _identity(link.fno_key or {}) == _identity(added.key)
        ]
        try:
            return len(own) == 1 and all(self.row(added.map, own[0], side) for side in SIDES)
        except KeyError:
            return False

    def bound(self, each: Map, lookup: str) -> str:
        """What a lookup that points at one table is set by."""
        (navigation,) = self._column(each, lookup).navigation.values()
        return f"{navigation}@odata.bind"

    def taken(self, each: Map, column: str, value: Any) -> Any:
        """A value as a column of Dataverse takes it."""
        return str(value).removesuffix(NOON) if self._column(each, column).kind == "date" else value

    def _column(self, each: Map, name: str) -> Column:
        return self._installation.sides.dataverse.table(each.dataverse.table).columns[name]

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
    return "\x1f".join(f"{name}={key_part(key[name])}" for name in sorted(key))


def column(pair: FieldPair, side: Side) -> str | None:
    return pair.fno if side == "fno" else pair.dataverse


def directions(each: Map) -> tuple[Side, ...]:
    """Sides on which a change is one for the other side as well."""
    return tuple(side for side in SIDES if (each.to_dataverse if side == "fno" else each.to_fno))


def changes(
    installation: Installation, companies: tuple[str, ...] = ("usmf", "demf")
) -> Iterator[Edit | Addition]:
    """One change in each direction that each map allows; no row is changed twice, by whatever map it is seen."""
    used: set[tuple[str, str]] = set()
    for each in installation.catalogue.maps.values():
        known = companies if each.company_specific else ("",)
        links = [
            link
            for company in known
            for link in installation.links(each.name, company)
            if link.state == "paired"
        ]
        new = _new_keys(each, links)
        for side in directions(each):
            pair, choices = next(_editable(each, side), (None, []))
            if pair is None:
                if links:
                    yield Addition(each, side, links[0], *next(new))
                continue
            for link in links:
                rows = {
                    (each.fno.set, _identity(link.fno_key or {})),
                    (each.dataverse.table, str(link.dataverse_id)),
                }
                if not rows & used:
                    used |= rows
                    yield Edit(each, side, pair, choices, link)
                    break


def _editable(each: Map, side: Side) -> Iterator[tuple[FieldPair, Choices]]:
    """Pairs which a user of a side may change without further thought, and which flow to the other side."""
    filtered = f"{each.fno.filter} {each.dataverse.filter}"
    shared = [pair.fno for pair in each.compared]
    free = [
        pair
        for pair in each.compared
        if not pair.lookup
        and pair.fno not in each.fno.key
        and pair.dataverse not in each.dataverse.key
        and shared.count(pair.fno) == 1
        and str(pair.fno) not in filtered
        and str(pair.dataverse) not in filtered
        and (pair.to_dataverse if side == "fno" else pair.to_fno)
    ]
    for pair in sorted(free, key=lambda pair: _kind(each, str(pair.fno)) == DATE):
        if choices := _choices(each, pair):
            yield pair, choices


def _kind(each: Map, name: str) -> str:
    found = fno_entities.load().sets[each.fno.set].properties.get(name)
    return found.type if found is not None else ""


def _choices(each: Map, pair: FieldPair) -> Choices:
    kind = _kind(each, str(pair.fno))
    if pair.values:
        one_to_one = len({*pair.values.values()}) == len(pair.values) > 1
        if not one_to_one or kind == "Edm.Boolean":
            return []
        return [(member, _typed(value)) for member, value in pair.values.items()]
    if kind == "Edm.String":
        return [("x1", "x1")]  # short enough for every column
    if kind == DATE:
        return [(f"2027-03-01{NOON}", f"2027-03-01{NOON}")]
    return [(5, 5)] if kind in ("Edm.Int32", "Edm.Decimal") else []


def _typed(value: str) -> Any:
    if value in ("true", "false"):
        return value == "true"
    return int(value) if value.isdigit() else value


def _new_keys(
    each: Map, links: Sequence[Link]
) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Link | None]]]:
    """Keys that no row has: another text or date, else what two rows have together."""
    first = links[0].fno_key if links else None
    if not first:
        return
    of = {pair.fno: pair for pair in each.key_pairs}
    for name in (name for name in each.fno.key if name in of and not of[name].lookup and not of[name].values):
        for number in (1, 2):
            value = f"2027-0{number}-01{NOON}" if _kind(each, name) == DATE else f"NEW{number}"
            yield {**first, name: value}, {name: None}
    taken = {_identity(link.fno_key or {}) for link in links}
    for name in each.fno.key:
        for other in links:
            key = {**first, name: (other.fno_key or {})[name]}
            if name in of and _identity(key) not in taken:
                taken.add(_identity(key))
                yield key, {name: other}


def make(services: Services, change: Edit | Addition, before: Tables) -> str:
    """Make the change as a user, through the service's own API.

    Returns:
        the value that is to arrive on the other side; "" for a new row.
    """
    if isinstance(change, Addition):
        _add(services, change, before)
        return ""
    own = SIDES.index(change.side)
    chosen = next(
        choice for choice in change.choices if key_part(choice[own]) != before.value(change, change.side)
    )
    if change.side == "fno":
        path = address(change.map, change.link.fno_key or {})
    else:
        path = f"{change.map.dataverse.table}({change.link.dataverse_id})"
    name, value = str(column(change.pair, change.side)), chosen[own]
    if change.side == "dataverse":
        value = before.taken(change.map, name, value)
    answer = services.request(change.side, "PATCH", path, {name: value})
    assert answer.status_code < 300, f"{change}: {answer.text}"
    return key_part(chosen[1 - own])


def _add(services: Services, new: Addition, before: Tables) -> None:
    each = new.map
    if new.side == "fno":
        path, like = each.fno.set, before.row(each, new.link, "fno")
        names = {pair.fno for pair in each.fields if pair.fno} | {*each.fno.key}
        body = {name: like[name] for name in names} | dict(new.key)
    else:
        path, body = each.dataverse.table, _like(new, before)
    answer = services.request(new.side, "POST", path, body)
    assert answer.status_code < 300, f"{new}: {answer.text}"


def _like(new: Addition, before: Tables) -> dict[str, Any]:
    """The new row as Dataverse takes it."""
    each = new.map
    rows = {name: before.row(each, link or new.link, "dataverse") for name, link in new.parts.items()}
    like = before.row(each, new.link, "dataverse")
    body: dict[str, Any] = {}
    for pair in each.compared:
        row = rows.get(str(pair.fno), like)
        if pair.lookup:
            target = row[f"_{pair.lookup}_value"]
            if target:
                body[before.bound(each, pair.lookup)] = f"/{each.lookups[pair.lookup].table}({target})"
        else:
            body[pair.path[0]] = row[pair.path[0]]
            if str(pair.fno) in rows and new.parts[str(pair.fno)] is None:
                body[pair.path[0]] = before.taken(each, pair.path[0], new.key[str(pair.fno)])
    if company := each.dataverse.company:
        body[before.bound(each, company)] = f"/cdm_companies({like[f'_{company}_value']})"
    return body


def arrived(change: Edit | Addition, expected: str, after: Tables) -> bool:
    """Is the change on the other side?"""
    if isinstance(change, Addition):
        return after.has(change)
    return after.value(change, SIDES[1 - SIDES.index(change.side)]) == expected


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


# the two maps of question and answer, which no initial sync fills


def ask(services: Services) -> str:
    """A user of Dataverse asks for the stock on hand of a product; the question's number."""
    by = {
        name: next(row for row in services.dump("dataverse", table) if row[column] == "K1")
        for name, table, column in (
            ("msdyn_product", "products", "msdyn_productnumber"),
            ("msdyn_inventorysite", "msdyn_operationalsites", "msdyn_siteid"),
            ("msdyn_inventorywarehouse", "msdyn_warehouses", "msdyn_warehouseidentifier"),
        )
    }
    tables = {"msdyn_product": "products", "msdyn_inventorysite": "msdyn_operationalsites"}
    number = "11111111-0000-0000-0000-000000000001"
    body = {
        "msdyn_requestid": number,
        "msdyn_orderquantity": 2,
        "msdyn_company@odata.bind": "/cdm_companies(cdm_companycode='usmf')",
        **{
            f"{name}@odata.bind": f"/{tables.get(name, 'msdyn_warehouses')}({id_of(row)})"
            for name, row in by.items()
        },
    }
    asked = services.request("dataverse", "POST", "msdyn_inventoryonhandrequests", body)
    assert asked.status_code < 300, asked.text
    return number


def answer(services: Services, question: str) -> None:
    """F&O answers a question that has come, with a quantity."""
    (asked,) = services.dump("fno", "CDSInventoryOnHandRequests")
    assert asked["RequestId"] == question and asked["ProductNumber"] == "K1"
    body = {
        "dataAreaId": "usmf",
        "RequestId": question,
        "InventorySiteId": asked["InventorySiteId"],
        "InventoryWarehouseId": asked["InventoryWarehouseId"],
        "ATPDate": f"2026-02-01{NOON}",
        "OnHandQuantity": 7,
    }
    made = services.request("fno", "POST", "CDSInventoryOnHandEntries", body)
    assert made.status_code < 300, made.text


def answered(services: Services, question: str) -> Any:
    """The quantity that whoever asked has got."""
    (entry,) = services.dump("dataverse", "msdyn_inventoryonhandentries")
    (asked,) = services.dump("dataverse", "msdyn_inventoryonhandrequests")
    assert asked["msdyn_requestid"] == question and entry["_msdyn_request_value"] == id_of(asked)
    return entry["msdyn_onhandquantity"]
