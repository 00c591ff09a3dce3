"""Proposals: what a first connection makes of rows that no key holds together, for a person to look at before it is done.

A row without a key or a company is paired by the map's match rules, or by its key alone, and gets both. Where several rows could be
meant none is taken: then the other side gets a new row beside those that look like it. Rows that stay without a company belong to
nobody, and nothing is done about them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from mappings.model import Map
from tasks.state.records import Link
from tasks.sync.cases import fno_name
from tasks.sync.finding import observer
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.session import Session

CANDIDATES = 10
"""Rows that a proposal names, at most."""
PAGE = 1000


@dataclass(frozen=True, slots=True)
class Proposal:
    """A row that a first connection pairs, or makes again, because of what it holds.

    Attributes:
        key: of the F&O row.
        columns: of Dataverse, whose values say so; the company's where the row of Dataverse names none.
        fno: name of the F&O row.
        dataverse: id of the row of Dataverse that it is paired with; "" if it is made again.
        candidates: ids of rows of Dataverse that it could be, where it isn't clear which.
    """

    map: str
    company: str
    key: str
    columns: tuple[str, ...]
    fno: str = ""
    dataverse: str = ""
    candidates: tuple[str, ...] = ()


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


def proposals(session: Session, action: str, maps: Sequence[Map]) -> list[Proposal]:
    """What a run noted about rows of these maps, in its order.

    Args:
        session: one that has rehearsed the run.
        action: `pair` or `lookalike`, as history calls it.
    """
    found = []
    for sync in maps:
        with session.store.read() as state:
            noted = state.history(session.pair, sync.name, action=action)
        own = [Proposal(each.map, each.company, each.key, tuple(each.fields)) for each in reversed(noted)]
        for company in dict.fromkeys(each.company for each in own):
            lane = session.lane(sync, company)
            here = [each for each in own if each.company == company]
            found += _named(lane, here, alike=action == "lookalike")
    return found


def _named(lane: Lane, given: Sequence[Proposal], *, alike: bool) -> list[Proposal]:
    """Proposals with the rows that they are about.

    Args:
        alike: they are about rows that are made, and about those of Dataverse that look like them.
    """
    links = _links(lane, {each.key for each in given})
    made = [link.dataverse_id or "" if (link := links.get(each.key)) else "" for each in given]
    candidates = _candidates(lane, given, made) if alike else [()] * len(given)
    return [
        replace(
            each,
            fno=fno_name(lane.map.fno.key, link.fno_key)
            if (link := links.get(each.key)) and link.fno_key
            else "",
            dataverse="" if alike else id_,
            candidates=others,
        )
        for each, id_, others in zip(given, made, candidates, strict=True)
    ]


def _links(lane: Lane, keys: set[str]) -> dict[str, Link]:
    """Links by the key of their F&O row as people read it; one walk over a lane's links."""
    found: dict[str, Link] = {}
    names, after = [name for name in lane.map.fno.key if name != COMPANY_PROPERTY], 0
    while len(found) < len(keys):
        with lane.store.read() as state:
            page = state.iterate_links(lane.pair, lane.map.name, lane.company, after, PAGE)
        if not page:
            break
        after = page[-1].id
        for link in page:
            shown = "/".join(str((link.fno_key or {}).get(name, "")) for name in names)
            if shown in keys:
                found[shown] = link
    return found


def _candidates(lane: Lane, given: Sequence[Proposal], made: Sequence[str]) -> list[tuple[str, ...]]:
    """Ids of rows that nobody has and that hold the same as those made, in the columns of each proposal."""
    table, names = lane.map.dataverse.table, lane.dataverse_table
    wired = [[_wire(lane, column) for column in each.columns] for each in given]
    columns = sorted({column for own in wired for column in own})
    rows = lane.dataverse.read(table, made, _asked(columns))
    out: list[tuple[str, ...]] = [()] * len(given)
    asked: list[tuple[int, Mapping[str, object]]] = [
        (place, {column: row.get(column) for column in own})
        for place, (row, own) in enumerate(zip(rows, wired, strict=True))
        if row is not None
    ]
    answers = lane.dataverse.find(table, [query for _, query in asked], _asked(columns)) if asked else []
    ids = [[str(row[names.id_column]) for row in found] for found in answers]
    with lane.store.read() as state:
        every = [id_ for own in ids for id_ in own]
        linked = state.links_by_id(lane.pair, lane.map.name, lane.company, every)
    for (place, _), own in zip(asked, ids, strict=True):
        out[place] = tuple(id_ for id_ in own if id_ not in linked)[:CANDIDATES]
    return out


def _wire(lane: Lane, column: str) -> str:
    """A column as rows have it."""
    name = column.partition(".")[0]
    return f"_{name}_value" if lane.dataverse_table.columns[name].kind == "lookup" else name


def _asked(columns: Sequence[str]) -> list[str]:
    """The same as they are asked for: lookups by their own names."""
    return [
        name.removeprefix("_").removesuffix("_value") if name.startswith("_") else name for name in columns
    ]


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
