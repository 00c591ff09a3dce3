"""Links of rows that had none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mappings.model import FieldPair
from tasks.state.records import Link
from tasks.sync.cases import Case, Work, fno_row_id
from tasks.sync.lane import Lane
from tasks.transform.digests import key_text

LinkState = Literal["half", "paired", "detached"]


def new_links(
    lane: Lane, work: Work, given: Mapping[int, Mapping[str, Any]], state: LinkState
) -> dict[int, Link]:
    """Links of rows that had none, by case; `given` has what is known about each beyond its rows."""
    comparison, key_pairs = work.comparison, list(lane.layout.key_pairs)
    at = list(given)
    from_fno = [work.cases[i].fno is not None for i in at]
    texts_fno = comparison.texts_fno[np.ix_(at, key_pairs)].tolist()
    texts_dataverse = comparison.texts_dataverse[np.ix_(at, key_pairs)].tolist()
    pairs = [lane.layout.pairs[p].pair for p in key_pairs]
    id_column = lane.dataverse_table.id_column
    links = {}
    for place, i in enumerate(at):
        case = work.cases[i]
        parts = texts_fno[place] if from_fno[place] else texts_dataverse[place]
        own: dict[str, Any] = {
            "fno_key": lane.fno_address(case.fno) if case.fno is not None else None,
            "fno_row": fno_row_id(case.fno) if case.fno is not None else None,
            "dataverse_id": str(case.dataverse[id_column]) if case.dataverse is not None else None,
            "state": state,
            **given[i],
        }
        links[i] = Link(
            0,
            lane.pair,
            lane.map.name,
            lane.company,
            lane.map.dataverse.table,
            case.key
            or (key_text(parts, lane.company) if case.fno is not None or lane.keyed(parts) else None),
            layout_id=lane.layout_id,
            key_text=spelled(case, pairs, parts),
            **own,
        )
    return links


def half_rows(
    lane: Lane, work: Work, noted: Sequence[tuple[int, str, bytes]]
) -> list[tuple[str, Mapping[str, Any], str | None, str, bytes, Sequence[str]]]:
    """Rows for `insert_half`, from (case, id chosen in Dataverse, intent) of rows that only F&O has."""
    if not noted:
        return []
    key_pairs = list(lane.layout.key_pairs)
    texts = work.comparison.texts_fno[np.ix_([i for i, _, _ in noted], key_pairs)].tolist()
    pairs = [lane.layout.pairs[p].pair for p in key_pairs]
    out: list[tuple[str, Mapping[str, Any], str | None, str, bytes, Sequence[str]]] = []
    for (i, id_, intent), parts in zip(noted, texts, strict=True):
        case = work.cases[i]
        if case.fno is None:
            raise AssertionError("a create for Dataverse without its row in F&O")
        out.append(
            (
                case.key or key_text(parts, lane.company),
                lane.fno_address(case.fno),
                fno_row_id(case.fno),
                id_,
                intent,
                spelled(case, pairs, parts),
            )
        )
    return out


def spelled(case: Case, pairs: Sequence[FieldPair], parts: Sequence[str]) -> list[str]:
    """Key parts as F&O spells them (Dataverse where F&O has no row): what is written into references."""
    out = []
    for pair, text in zip(pairs, parts, strict=True):
        value = case.fno.get(pair.fno) if case.fno is not None and pair.fno else None
        if value is None and case.dataverse is not None and pair.lookup is None and pair.dataverse:
            value = case.dataverse.get(pair.dataverse)
        out.append(value if isinstance(value, str) and pair.values is None else text)
    return out
