"""Units: which pairs of a map merge as one.

Pairs behind one lookup name one row, pairs of one F&O property (or of one Dataverse column) carry one
value, and a declared group is one thing to its users. Merging parts of such a thing from two sides would
name something that exists on neither.
"""

from __future__ import annotations

from collections.abc import Sequence

from mappings.model import FieldPair, Map


def units_of(map: Map, pairs: Sequence[FieldPair]) -> tuple[tuple[int, ...], ...]:
    """Indexes of `pairs` that merge as one, in order of each unit's first pair."""
    first: dict[tuple[str, str], int] = {}
    leader = list(range(len(pairs)))

    def find(index: int) -> int:
        while leader[index] != index:
            leader[index] = leader[leader[index]]
            index = leader[index]
        return index

    for index, pair in enumerate(pairs):
        for bond in _bonds(map, pair):
            one, other = find(first.setdefault(bond, index)), find(index)
            leader[max(one, other)] = min(one, other)
    units: dict[int, list[int]] = {}
    for index in range(len(pairs)):
        units.setdefault(find(index), []).append(index)
    return tuple(tuple(members) for members in units.values())


def _bonds(map: Map, pair: FieldPair) -> list[tuple[str, str]]:
    """What ties a pair to others."""
    names = {pair.fno, pair.dataverse, pair.lookup}
    return [
        ("fno", pair.fno or ""),
        ("dataverse", pair.lookup or pair.dataverse or ""),
        *(("group", name) for name, members in map.groups.items() if names & set(members)),
    ]
