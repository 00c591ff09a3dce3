"""Duplicates: rows of one side that fold to one integration key.

Nobody but a person can say which of them is meant, so none is taken for granted: the row that is linked stays linked, rows that
come together are all left alone, and each is listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mappings.metadata import SideName
from tasks.state.records import Link
from tasks.sync.cases import Case, Comparison, Work, fno_name
from tasks.sync.lane import Lane
from tasks.transform.digests import key_text


def dispute(lane: Lane, cases: Sequence[Case], comparison: Comparison) -> None:
    """Mark the rows without a link that share their key with another row of their side in this batch."""
    at = [i for i, case in enumerate(cases) if case.link is None and not case.disputed]
    if len(at) < 2:
        return
    keys = new_keys(lane, cases, comparison, at)
    sides: tuple[SideName, SideName] = ("fno", "dataverse")
    for side in sides:
        by_key: dict[str, list[int]] = {}
        for i in at:
            row = cases[i].fno if side == "fno" else cases[i].dataverse
            if row is not None and i in keys:
                by_key.setdefault(keys[i], []).append(i)
        for same in by_key.values():
            if len(same) > 1:
                for i in same:
                    cases[i].rival = ", ".join(_name(lane, side, cases[j]) for j in same if j != i)


def new_keys(lane: Lane, cases: Sequence[Case], comparison: Comparison, at: Sequence[int]) -> dict[int, str]:
    """Keys under which these cases would be linked; without those of which a part is empty."""
    key_pairs = list(lane.layout.key_pairs)
    found: dict[int, str] = {}
    for i in at:
        case = cases[i]
        if case.key:
            found[i] = case.key
            continue
        texts = comparison.texts_fno if case.fno is not None else comparison.texts_dataverse
        parts = [str(text) for text in texts[i, key_pairs]]
        if lane.keyed(parts):
            found[i] = key_text(parts, lane.company)
    return found


def taken(lane: Lane, work: Work, at: Sequence[int]) -> dict[int, Link]:
    """Which of these new cases have a key that another link has by now."""
    keys = new_keys(lane, work.cases, work.comparison, at)
    with lane.store.read() as state:
        links = state.links_by_key(lane.pair, lane.map.name, lane.company, list(keys.values()))
    return {i: links[key] for i, key in keys.items() if key in links}


def linked_name(link: Link, key: Sequence[str]) -> str:
    """Name of the row that a link has, for a message."""
    if link.fno_key is not None:
        return fno_name(key, link.fno_key)
    return link.dataverse_id or "another row"


def _name(lane: Lane, side: SideName, case: Case) -> str:
    if side == "fno" and case.fno is not None:
        return fno_name(lane.map.fno.key, case.fno)
    row: Mapping[str, object] = case.dataverse or {}
    return str(row.get(lane.dataverse_table.id_column))
