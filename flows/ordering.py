"""Which map waits for which: the dependency graph without the arrows that others imply."""

from __future__ import annotations

from collections.abc import Collection

from mappings.catalogue import Catalogue


def direct_parents(catalogue: Catalogue, names: Collection[str]) -> dict[str, tuple[str, ...]]:
    """For each of these maps, in the order of an initial sync, those that it has to wait for itself.

    Who waits for a map waits for all that this one waited for: saying so again would only fill pictures with arrows, the
    company's to every map first of all.
    """
    ordered = [name for wave in catalogue.order() for name in wave if name in names]
    parents = {
        name: {parent.name for parent in catalogue.parents(catalogue.maps[name]) if parent.name in names}
        for name in ordered
    }
    above: dict[str, set[str]] = {}
    for name in ordered:
        above[name] = parents[name].union(*(above[parent] for parent in parents[name]))
    return {
        name: tuple(
            sorted(
                parent
                for parent in parents[name]
                if not any(parent in above[other] for other in parents[name])
            )
        )
        for name in ordered
    }
