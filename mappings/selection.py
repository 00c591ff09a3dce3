"""Which maps somebody means: by name, by business area, by solution."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.model import Map


def choose(
    catalogue: Catalogue,
    maps: Iterable[str] = (),
    areas: Collection[str] = (),
    solutions: Collection[str] = (),
    *,
    within: Collection[str] = (),
) -> tuple[Map, ...]:
    """Maps in the order of an initial sync.

    Args:
        catalogue: the active maps.
        maps: names; these are meant in any case.
        areas: all maps of these business areas, upper and lower case alike.
        solutions: all maps of these solutions; with `areas`, only what is in both.
        within: the maps that areas and solutions choose from, and that are meant if nothing else is said; all if
            empty.

    Raises:
        FatalError: a map, area or solution that there isn't; names the nearest.
    """
    wanted = {catalogue.get(name).name for name in maps}
    scope = [catalogue.get(name) for name in within] or [*catalogue.maps.values()]
    in_areas = _known(areas, {each.area for each in catalogue.maps.values()}, "area")
    in_solutions = _known(solutions, {each.solution for each in catalogue.maps.values()}, "solution")
    if areas or solutions or not wanted:
        wanted |= {
            each.name
            for each in scope
            if (not areas or each.area in in_areas) and (not solutions or each.solution in in_solutions)
        }
    return tuple(catalogue.maps[name] for wave in catalogue.order() for name in wave if name in wanted)


def with_related(catalogue: Catalogue, chosen: Iterable[Map]) -> tuple[Map, ...]:
    """These maps and those that they depend on, in the order of an initial sync."""
    return tuple(catalogue.maps[name] for name in catalogue.related(each.name for each in chosen))


def _known(given: Collection[str], known: Collection[str], what: str) -> set[str]:
    by_folded = {name.casefold(): name for name in known}
    found = set()
    for name in given:
        if name.casefold() not in by_folded:
            near = difflib.get_close_matches(name.casefold(), by_folded, n=1)
            raise FatalError(
                f"there is no {what} “{name}” among the active maps",
                code=f"no_such_{what}",
                remedy=f"did you mean “{by_folded[near[0]]}”?"
                if near
                else f"known are {', '.join(sorted(known))}",
            )
        found.add(by_folded[name.casefold()])
    return found
