"""What is known without a system: the shipped maps in all their forms, and what is published of F&O.

An exported map names its entity as people see it (``Customers V3``), its fields in capitals, and no keys: what
it leaves open is filled from here, and the import says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from odata_query import ast

from mappings import fno_entities
from mappings.exchange.names import bare, singular, table_of
from mappings.filters import Node
from mappings.fno_entities import EntitySet
from mappings.model import Map


class Known:
    """Maps and published entities to fill gaps from.

    Args:
        maps: every form of every map (`mappings.catalogue.read_maps`).
        beside: table → columns mapped there, of what is imported in the same breath.
    """

    def __init__(self, maps: Iterable[Map], beside: Mapping[str, frozenset[str]] | None = None) -> None:
        self.maps = tuple(maps)
        self.beside = beside or {}
        self.entities = fno_entities.load()
        self.tables = sorted(
            {each.dataverse.table for each in self.maps}
            | {table for each in self.maps for lookup in each.lookups.values() for table in lookup.targets}
            | set(self.beside)
        )

    def of_source(self, source: str) -> list[Map]:
        """The maps of an F&O entity, by its name as people see it, or by that of the entity or its set."""
        wanted = source.casefold()
        return [
            each
            for each in self.maps
            if wanted in (each.template.casefold(), each.fno.entity.casefold(), each.fno.set.casefold())
        ]

    def of_table(self, table: str) -> list[Map]:
        return [each for each in self.maps if each.dataverse.table == table]

    def entity(self, source: str) -> EntitySet | None:
        """The published entity set of this name; of the entity or the set, or as maps call it."""
        wanted = source.casefold()
        for found in self.entities.sets.values():
            if wanted in (found.name.casefold(), found.entity.casefold(), found.type.casefold()):
                return found
        maps = self.of_source(source)
        return self.entities.sets.get(maps[0].fno.set) if maps else None

    def entity_like(self, source: str) -> EntitySet | None:
        """The published entity set whose name is this one without blanks, for one or several."""
        squeezed = "".join(source.split()).casefold()
        wanted = {squeezed, f"{squeezed}s", f"{squeezed}entity", f"{squeezed.removesuffix('s')}entity"}
        return next(
            (
                found
                for found in self.entities.sets.values()
                if {found.name.casefold(), found.entity.casefold()} & wanted
            ),
            None,
        )

    def table(self, name: str) -> str | None:
        """The entity set of a table named in some form."""
        return table_of(name, self.tables)

    def lookup_table(self, table: str, column: str, rest: frozenset[str]) -> tuple[str, str] | None:
        """Where a lookup points, and how that is known.

        Args:
            table: the table that has the lookup.
            column: the lookup.
            rest: the columns behind it that name the row.
        """
        for each in (*self.of_table(table), *self.maps):
            lookup = each.lookups.get(column)
            if lookup is not None and rest == {
                ".".join(pair.path[1:]) for pair in each.compared if pair.lookup == column
            }:
                return lookup.table, f"as {column} of “{each.name}”"
        keyed = {each.dataverse.table for each in self.maps if frozenset(each.dataverse.key) == rest}
        keyed |= {name for name, columns in self.beside.items() if rest <= columns}
        named = {
            name for name in keyed if bare(singular(name)) in (bare(column), bare(column).removesuffix("id"))
        }
        if len(named) == 1:
            return named.pop(), "the table of this name, with these columns"
        if len(keyed) == 1:
            return keyed.pop(), "the one table with these columns"
        return None


class Spelling:
    """How F&O spells the properties of one entity, and what the members of its enums are.

    Args:
        entity: the published entity, if it is one.
        properties: further names in their right spelling.
        enums: all enums by name, member → number.
    """

    def __init__(
        self,
        entity: EntitySet | None,
        properties: Iterable[str],
        enums: Mapping[str, Mapping[str, int]],
    ) -> None:
        self.entity = entity
        self._names = {name.casefold(): name for name in (entity.properties if entity else ())}
        self._names |= {name.casefold(): name for name in properties}
        self._enums = enums

    def of(self, name: str) -> str | None:
        """The right spelling of a property; None if nothing is known of it."""
        return self._names.get(name.casefold())

    def members(self, name: str) -> Mapping[str, int]:
        """Members of a property's enum with their numbers; empty for other properties."""
        known = self.entity.properties.get(name) if self.entity else None
        return self._enums.get(known.enum, {}) if known and known.enum else {}

    def value(self, name: str, value: str) -> str:
        """A value of a property: members of its enum in their own spelling; ``blank`` is what an empty one holds."""
        members = {_squeezed(member): member for member in self.members(name)}
        if members and _squeezed(value) not in members and value.casefold() in ("", "blank"):
            return next(iter(members.values()))
        return members.get(_squeezed(value), value)

    def filter(self, node: Node) -> Node:
        """A filter with properties and members as F&O spells them; numbers of members become the members."""
        match node:
            case ast.BoolOp():
                return ast.BoolOp(node.op, self.filter(node.left), self.filter(node.right))
            case ast.UnaryOp():
                return ast.UnaryOp(node.op, self.filter(node.operand))
            case ast.Call(args=[ast.Identifier() as column, *rest]):
                return ast.Call(node.func, [ast.Identifier(self.of(column.name) or column.name), *rest])
            case ast.Compare(left=ast.Identifier() as column):
                name = self.of(column.name) or column.name
                literal = self._literal(name, node.right)
                return ast.Compare(node.comparator, ast.Identifier(name), literal)
        return node

    def _literal(self, name: str, literal: Node) -> Node:
        if isinstance(literal, ast.String):
            return ast.String(self.value(name, literal.val))
        if isinstance(literal, ast.Integer):
            for member, number in self.members(name).items():
                if str(number) == literal.val:
                    return ast.String(member)
        if isinstance(literal, ast.Boolean) and {"No", "Yes"} <= self.members(name).keys():
            return ast.String("Yes" if literal.val == "true" else "No")
        return literal


def _squeezed(value: str) -> str:
    """A member without what people write differently: ``non-Specific`` is NonSpecific."""
    return re.sub(r"[\W_]+", "", value).casefold()
