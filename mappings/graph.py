"""The dependency graph of maps: which map's rows must be there before another's.

An edge exists for every lookup, for the company, for every `after` and for every map whose rows are shared.
A lookup marked `cycle: true` is a deferred edge: it is patched afterwards and doesn't order anything. What is
left must have no cycle.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import Literal

from mappings.errors import MapError
from mappings.model import Map

COMPANIES = "cdm_companies"
"""Entity set of the companies, which every company-specific row points at."""

EdgeKind = Literal["lookup", "company", "after", "shares"]


@dataclass(frozen=True, slots=True)
class Edge:
    """One map needs another.

    Attributes:
        child: name of the map that needs the other.
        parent: name of the map that is needed.
        kind: why: a lookup column, the company, a declared `after`, or rows that it shares.
        field: the lookup or company column; "" otherwise.
        deferred: patched afterwards (`cycle: true`); such edges order nothing.
        place: file and line of the lookup, for messages.
    """

    child: str
    parent: str
    kind: EdgeKind
    field: str
    deferred: bool = False
    place: str = ""


def edges(maps: Mapping[str, Map]) -> tuple[Edge, ...]:
    """All edges between these maps, in the maps' order. Lookups to tables without a map have none.

    Args:
        maps: by name.
    """
    by_table: dict[str, list[Map]] = {}
    for each in maps.values():
        by_table.setdefault(each.dataverse.table, []).append(each)
    found: list[Edge] = []
    for child in maps.values():
        if child.dataverse.company is not None:
            found += (
                Edge(child.name, parent.name, "company", child.dataverse.company)
                for parent in by_table.get(COMPANIES, ())
            )
        for column, lookup in child.lookups.items():
            place = _place(child, f"lookups.{column}")
            for table in lookup.targets:
                found += (
                    Edge(child.name, parent.name, "lookup", column, lookup.cycle, place)
                    for parent in by_table.get(table, ())
                    if lookup.means(parent)
                )
        declared: tuple[tuple[EdgeKind, tuple[str, ...]], ...] = (
            ("after", child.after),
            ("shares", child.shares),
        )
        for kind, names in declared:
            found += (
                Edge(child.name, name, kind, "", place=_place(child, kind)) for name in names if name in maps
            )
    return tuple(found)


def waves(maps: Mapping[str, Map]) -> tuple[tuple[str, ...], ...]:
    """The maps' names in waves: each map after everything that it needs, as early as possible.

    Raises:
        MapError: a cycle without a lookup marked `cycle: true`; names its path, files and lines.
    """
    ordering = [edge for edge in edges(maps) if not edge.deferred]
    sorter: TopologicalSorter[str] = TopologicalSorter({name: () for name in maps})
    for edge in ordering:
        sorter.add(edge.child, edge.parent)
    try:
        sorter.prepare()
    except CycleError as error:
        raise _cycle(maps, error.args[1], ordering) from error
    found = []
    while sorter.is_active():
        ready = tuple(sorted(sorter.get_ready()))
        found.append(ready)
        sorter.done(*ready)
    return tuple(found)


def _cycle(maps: Mapping[str, Map], path: list[str], ordering: Iterable[Edge]) -> MapError:
    """The error for a cycle; graphlib gives the path from parent to child, the message goes the other way."""
    by_ends = {(edge.child, edge.parent): edge for edge in reversed(list(ordering))}
    names = path[::-1]
    # a cycle has no start: begin at the first name, so that the message is always the same
    start = names.index(min(names[:-1]))
    names = [*names[start:-1], *names[:start], names[start]]
    steps = [by_ends[child, parent] for child, parent in pairwise(names)]
    told = "; ".join(
        f"{edge.child} needs {edge.parent} by "
        + f"`{edge.field or edge.kind}`"
        + (f" ({edge.place})" if edge.place else "")
        for edge in steps
    )
    first = next((edge for edge in steps if edge.kind == "lookup"), steps[0])
    field = f"lookups.{first.field}" if first.kind == "lookup" else first.kind
    return MapError(
        f"these maps need each other: {' → '.join(names)}. {told}",
        file=maps[first.child].file,
        line=maps[first.child].line_of(field),
        field=field,
        code="cycle",
        remedy="write `cycle: true` at the lookup that can be patched afterwards",
    )


def _place(each: Map, field: str) -> str:
    return f"{each.file}:{each.line_of(field)}" if each.file else ""
