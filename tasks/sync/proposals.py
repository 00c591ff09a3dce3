"""Proposals: what a first connection makes of rows that no key holds together, for a person to look at before it is done.

A row without a key or a company is paired by the map's match rules, or by its key alone, and gets both. Where several rows could be
meant none is taken: then the other side gets a new row beside those that look like it. Rows that stay without a company belong to
nobody, and nothing is done about them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mappings.model import Map
from tasks.sync.finding import observer
from tasks.sync.lane import Lane
from tasks.sync.session import Session


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row that a first connection pairs, or makes again, because of what it holds.

    Attributes:
        key: of the F&O row.
        columns: of Dataverse, whose values say so; the company's where the row of Dataverse names none.
    """

    map: str
    company: str
    key: str
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ownerless:
    """A row of Dataverse without a company, in a table of rows that belong to one.

    Attributes:
        row: its id.
        key: its integration key as people read it.
    """

    map: str
    table: str
    row: str
    key: str


def proposals(session: Session, action: str, maps: Sequence[str]) -> list[Proposal]:
    """What a run noted about rows of these maps, in its order.

    Args:
        action: `pair` or `lookalike`, as history calls it.
    """
    found = []
    with session.store.read() as state:
        for name in maps:
            for entry in reversed(state.history(session.pair, name, action=action)):
                found.append(Proposal(entry.map, entry.company, entry.key, tuple(entry.fields)))
    return found


def ownerless(session: Session, maps: Sequence[Map], companies: Sequence[str] | None) -> list[Ownerless]:
    """Rows of Dataverse that the maps take, that have a key and that name no company; one request a table and page.

    Args:
        session: one that has rehearsed a run: what that would give a company has one.
    """
    found: dict[tuple[str, str], Ownerless] = {}
    for sync in maps:
        known = session.companies_of(sync, companies)
        if not sync.company_specific or not known:
            continue
        lane = session.lane(sync, known[0])
        for each in _of_table(lane):
            found.setdefault((each.table, each.row), each)
    return list(found.values())


def _of_table(lane: Lane) -> list[Ownerless]:
    engine = observer(lane)
    comparer, table, out = engine.comparer, lane.dataverse_table, list[Ownerless]()
    for page in lane.dataverse.pages(
        lane.map.dataverse.table,
        columns=engine.dataverse_columns,
        filter=f"{lane.company_value} eq null",
        size=lane.settings.dataverse_page_size,
    ):
        rows = [row for row, taken in zip(page, comparer.dataverse_mask(page).tolist(), strict=True) if taken]
        canonical, _ = comparer.dataverse(rows)
        keys = canonical.texts[:, list(lane.layout.key_pairs)].tolist() if rows else []
        for row, parts in zip(rows, keys, strict=True):
            if lane.keyed(parts):  # one without a key isn't meant to be anybody's yet
                out.append(
                    Ownerless(
                        lane.map.name, lane.map.dataverse.table, str(row[table.id_column]), "/".join(parts)
                    )
                )
    return out
