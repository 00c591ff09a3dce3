"""Rows of F&O for every map: a few of each, which refer to others by whatever lookups the maps have.

Made from the maps themselves, both forms of them. The n-th row of a map refers to the n-th row of each map that it
looks up, so that properties which serve several lookups agree; a row that looks up its own table names the one
before it. Every member that a value map names stands in some row of the first company, so a map has as many rows
there as its longest value map has members.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mappings import fno_entities
from mappings.catalogue import Catalogue
from mappings.filters import equalities, parse
from mappings.fno_entities import Property
from mappings.lookup import Lookup
from mappings.model import FieldPair, Map

Row = dict[str, Any]

TWICE = {"Legal entities to msdyn_internalorganizations", "Vendors V2 to accounts"}
"""Maps of rows that another map already makes."""
ALONE = {"Legal entities to cdm_companies", "Ledger"}
"""Maps with one row for each company."""
CIRCULAR = {
    "Customers V3 to accounts": "ContactPersonId",
    "Customers V3 to contacts": "ContactPersonId",
    "Vendors V2": "PrimaryContactPersonId",
    "CDS sales quotation header": "GeneratedSalesOrderNumber",
}
"""Properties that name rows which name this row: filled when all are there."""
KINDS = {
    "Customers V3 to contacts": "P",
    "Vendors V2": "V",
    "CDS Contacts V2 for vendors": "VC",
    "CDS Contacts V2 for customers": "CC",
    "Contacts V2": "CC",  # the same people with the party model
    "Operating unit": "U",
}
"""What texts of these maps' keys begin with, so that rows of one table or set don't have the same."""
PLAIN = {"Vendors V2"}
"""Maps whose filter has alternatives, and whose rows that others refer to take the first: persons are no accounts."""
FIRST = {"CDS purchase order line soft deleted entity": 100}
"""Where numbers of these maps' keys begin."""


@dataclass(frozen=True)
class Company:
    """A legal entity.

    Attributes:
        code: as F&O keeps it in `dataAreaId`.
        place: among the companies, counted from 1; its row among those of the legal entities.
        each: rows that every map has in it.
        whole: with as many rows as a map's value maps have members.
    """

    code: str
    place: int
    each: int
    whole: bool = False


COMPANIES = (Company("usmf", 1, 6, whole=True), Company("demf", 2, 3), Company("gbsi", 3, 2))


class Rows:
    """The rows of F&O that the shipped maps are about, sensitive ones included.

    Attributes:
        catalogue: the maps in their classic form.
        party: those in the form of the party model.
    """

    def __init__(self) -> None:
        self.catalogue = Catalogue.load(sensitive=["all"])
        self.party = Catalogue.load(form="party", sensitive=["all"])
        self._sets = fno_entities.load().sets
        self._place = {name: place for place, name in enumerate(self.catalogue.maps)}
        self._made: dict[tuple[str, int, str], Row] = {}

    def all(self) -> Iterator[tuple[str, list[Row]]]:
        """Sets and rows, parents first; the rows that come again at the end close the circles."""
        for each in self.in_order():
            for company in COMPANIES if each.company_specific else COMPANIES[:1]:
                yield each.fno.set, self.of(each, company)
        for each in self.in_order():
            if each.name in CIRCULAR:
                for company in COMPANIES:
                    yield each.fno.set, [self._circular(each, company)]

    def in_order(self) -> list[Map]:
        """The maps that need rows in F&O, in their order."""
        names = [name for wave in self.catalogue.order() for name in wave]
        maps = [self.catalogue.maps[name] for name in names]
        return [each for each in maps if each.to_dataverse and each.initial and each.name not in TWICE]

    def of(self, each: Map, company: Company) -> list[Row]:
        if each.name in ALONE:
            places = [company.place] if each.company_specific else [one.place for one in COMPANIES]
            return [self.row(each, place, company) for place in places]
        members = [len(pair.values) for pair, _ in self._pairs(each) if pair.values] if company.whole else []
        count = max(company.each, *members) if self.named(each) and members else company.each
        return [self.row(each, number, company) for number in range(1, count + 1)]

    def _circular(self, each: Map, company: Company) -> Row:
        """The change that closes a circle through the first row of a map."""
        name = CIRCULAR[each.name]
        pair, of = next((pair, of) for pair, of in self._pairs(each) if pair.fno == name and pair.lookup)
        first = self.row(each, 1, company)
        return {key: first[key] for key in each.fno.key} | {name: self._referred(of, pair, 1, company)}

    def row(self, each: Map, number: int, company: Company) -> Row:
        """One row; numbers are counted from 1."""
        known = self._made.get((each.name, number, company.code))
        if known is None:
            known = self._made[each.name, number, company.code] = self._make(each, number, company)
        return known

    def _make(self, each: Map, number: int, company: Company) -> Row:
        properties = self._sets[each.fno.set].properties
        row: Row = {}
        for pair, of in self._pairs(each):
            if pair.fno is None or pair.fno in row:
                continue
            if pair.fno == CIRCULAR.get(each.name):
                row[pair.fno] = ""
            elif pair.lookup:
                row[pair.fno] = self._referred(of, pair, number, company)
            elif pair.values:
                members = list(pair.values)
                member = members[(number - 1) % len(members)]
                boolean = properties[pair.fno].type == "Edm.Boolean"
                row[pair.fno] = member == "true" if boolean else member
            else:
                row[pair.fno] = self._own(each, properties[pair.fno], number, company)
        for name in each.fno.key:
            if name not in row and name != "dataAreaId" and name not in {pair.fno for pair in each.constants}:
                row[name] = self._own(each, properties[name], number, company)
        row |= {pair.fno: pair.constant for pair in each.constants if pair.fno}
        row |= equalities(parse(each.fno.filter)) if each.fno.filter else {}
        if each.fno.filter and " or " in each.fno.filter:
            plain = each.name in PLAIN and number <= company.each
            name, _, value = each.fno.filter.split(" or ")[0 if plain else number % 2].split(" ")
            row[name] = value.strip("'")
        return row | ({"dataAreaId": company.code} if each.company_specific else {})

    def _pairs(self, each: Map) -> list[tuple[FieldPair, Map]]:
        """The pairs of both forms, and the plain ones of a map that is made of the same rows.

        What a lookup names comes first: the same property may stand as text in another column.
        """
        found = [(pair, of) for of in (each, self.party.maps[each.name]) for pair in of.compared]
        for guest in (self.catalogue.maps[name] for name in sorted(TWICE)):
            if guest.fno.set == each.fno.set:
                found += [(pair, guest) for pair in guest.compared if not pair.lookup]
        return sorted(found, key=lambda pair: pair[0].lookup is None)

    @staticmethod
    def named(each: Map) -> bool:
        """The map's rows have a key of their own, not only those of other rows."""
        looked_up = {pair.fno for pair in each.compared if pair.lookup}
        return any(part not in looked_up and part != "dataAreaId" for part in each.fno.key)

    def _referred(self, each: Map, pair: FieldPair, number: int, company: Company) -> Any:
        """What the property behind a lookup names in this row."""
        lookup = each.lookups[str(pair.lookup)]
        if lookup.table == each.dataverse.table:
            if number == 1:
                return ""
            number -= 1
        table = lookup.targets[number % len(lookup.targets)]
        target = self._target(lookup, table)
        column = lookup.tables.get(table) or ".".join(pair.path[1:])
        if target.dataverse.table != table:
            column = target.dataverse.key[0]
        named = next(p for p, _ in self._pairs(target) if p.dataverse == column)
        if target.name in ALONE:
            return self.row(target, company.place, company)[str(named.fno)]
        return self.row(target, (number - 1) % company.each + 1, company)[str(named.fno)]

    def _target(self, lookup: Lookup, table: str) -> Map:
        """The map that makes the rows which a lookup means; accounts of vendors are made of vendors."""
        meant = [target for target in self.catalogue.of_table(table) if lookup.means(target)]
        if all(target.name in TWICE for target in meant):
            return self.catalogue.maps["Vendors V2"]
        return next(target for target in meant if target.name not in TWICE)

    def _own(self, each: Map, found: Property, number: int, company: Company) -> Any:
        """A value of the property's type that tells the row apart."""
        if found.name == "LegalEntityId":
            legal = each.fno.set == "LegalEntities" or each.name in ALONE
            return COMPANIES[number - 1].code if legal else company.code
        match found.type:
            case "Edm.String":
                return f"{KINDS.get(each.name, 'K')}{number}"
            case "Edm.Int32" | "Edm.Int64" | "Edm.Decimal" | "Edm.Double":
                return FIRST.get(each.name, 0) + number if found.name in each.fno.key else number % 5
            case "Edm.DateTimeOffset":
                return f"2026-01-{(number - 1) % 28 + 1:02d}T12:00:00Z"
            case "Edm.Guid":
                return f"{self._place[each.name]:08d}-0000-0000-0000-{number:012d}"
            case "Edm.Boolean":
                return number % 2 == 0
            case _:
                raise AssertionError(f"{each.name}: {found.name}: {found.type}")
