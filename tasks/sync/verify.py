"""Verify: do both systems hold the same facts? Asked of the systems themselves, not of what the engine remembers.

Rows pair by their integration key, and lookups are followed by reading Dataverse, so a wrong link can't hide a difference. One
side of a lane goes to a temporary file by key and digest, the other is compared with it page by page: memory stays a page. The
state is asked only at the end, to tell a value that a service is known to have normalized from one that differs.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np

from tasks.connectors.side import Row
from tasks.sync.cases import fno_name
from tasks.sync.claims import Claims
from tasks.sync.compare import Comparer
from tasks.sync.destinations import Parts, Source
from tasks.sync.diff import Digests, at_odds
from tasks.sync.feeds import company_filter
from tasks.sync.intents import Layouts, pack, unpack
from tasks.sync.lane import Lane
from tasks.sync.lookups import Lookups
from tasks.sync.session import Session
from tasks.transform.digests import key_text

Kind = Literal["different", "missing_in_dataverse", "missing_in_fno", "duplicate"]

CHUNK = 1000
KNOWN = 50_000
"""Keys of parents that are remembered; where a table refers to itself, each of its rows may be one."""
Note = Callable[["Difference"], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """One row on which the systems don't agree.

    Attributes:
        key: The row's key as a person writes it.
        fields: Ids of the field pairs that differ.
        fno: F&O key as a JSON list; "" where F&O has no such row.
        dataverse: Id of the Dataverse row; "" where there is none.
    """

    map: str
    company: str
    key: str
    kind: Kind
    fields: tuple[str, ...] = ()
    fno: str = ""
    dataverse: str = ""


@dataclass(frozen=True, slots=True)
class MapVerification:
    """What a comparison found in one map, over all its companies."""

    map: str
    rows: int
    differences: int
    seconds: float


@dataclass
class Verification:
    """What a comparison found; numbers of rows.

    Attributes:
        rows_compared: Rows that stand on both sides under one key.
        differences: Rows that differ, miss their counterpart or are double.
        normalized: Rows that differ only in what a service made of a value, as the engine noted when it happened.
        orphans: Rows only in Dataverse, of maps that flow only there: made by hand, and nobody's error.
        out_of_scope: Rows outside a map's filter, without a company or without a key, and rows that another map has.
        details: The differences, as many as were asked for.
    """

    maps: int = 0
    rows_compared: int = 0
    differences: int = 0
    normalized: int = 0
    orphans: int = 0
    out_of_scope: int = 0
    details: list[Difference] = field(default_factory=list)
    by_map: list[MapVerification] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def verify(
    session: Session,
    maps: Sequence[str] | None = None,
    companies: Sequence[str] | None = None,
    *,
    limit: int = 1000,
) -> Verification:
    """Compare both systems afresh.

    Args:
        maps: Map names; all that the settings name, if None.
        companies: Companies; all in scope, if None.
        limit: How many differences to list; all are counted.
    """
    found = Verification()

    def note(difference: Difference) -> None:
        found.differences += 1
        if len(found.details) < limit:
            found.details.append(difference)

    session.companies.refresh()
    for sync in session.selected(maps):
        if not sync.initial:
            continue  # answers are as old as their questions, and nobody keeps the old ones equal
        started, rows, differences = time.perf_counter(), found.rows_compared, found.differences
        found.maps += 1
        for company in session.companies_of(sync, companies):
            compare_lane(session.lane(sync, company), found, note)
        found.by_map.append(
            MapVerification(
                sync.name,
                found.rows_compared - rows,
                found.differences - differences,
                round(time.perf_counter() - started, 3),
            )
        )
    return found


@dataclass(frozen=True, slots=True)
class Suspect:
    """A row that stands on both sides and isn't the same there."""

    key: str
    name: str
    fno: Digests
    dataverse: Digests
    address: str
    dataverse_id: str


class _FreshLookups(Lookups):
    """Lookups that ask Dataverse, never the links."""

    def __init__(self, lane: Lane) -> None:
        super().__init__(lane)
        self._known: dict[tuple[str, str], Parts] = {}

    def _keys_behind(self, asked: Mapping[Source, set[str]]) -> dict[Source, dict[str, tuple[Parts, bool]]]:
        return {source: self._keys_of(source, ids) for source, ids in asked.items()}

    def _keys_of(self, source: Source, ids: set[str]) -> dict[str, tuple[Parts, bool]]:
        table = source.map.name
        missing = [id_ for id_ in ids if (table, id_) not in self._known]
        if len(self._known) > KNOWN:
            self._known = {at: parts for at, parts in self._known.items() if at[0] == table and at[1] in ids}
        for start in range(0, len(missing), CHUNK):
            for id_, parts in self._read_keys(source, missing[start : start + CHUNK]).items():
                self._known[(table, id_)] = parts
        return {id_: (self._known[(table, id_)], True) for id_ in ids if (table, id_) in self._known}


def compare_lane(lane: Lane, found: Verification, note: Note) -> None:
    """Compare a map in one company.

    Args:
        found: Takes the counts of everything that is no difference.
        note: Told of each difference as it is found.
    """
    lookups = _FreshLookups(lane)
    comparer = Comparer(lane, lookups)
    with (
        tempfile.TemporaryDirectory(prefix="dualflow-verify-") as folder,
        closing(sqlite3.connect(Path(folder) / "rows.db")) as spill,
    ):
        spill.execute(
            "CREATE TABLE fno (key TEXT PRIMARY KEY, name TEXT, row TEXT, digests BLOB, met INTEGER DEFAULT 0)"
            " WITHOUT ROWID"
        )
        _spill_fno(lane, comparer, spill, found, note)
        claims = Claims(lane)
        _compare_dataverse(lane, comparer, claims, spill, found, note)
        if lane.map.to_dataverse:
            unmet = spill.execute("SELECT key, name, row FROM fno WHERE met = 0")
            while rows := unmet.fetchmany(CHUNK):
                _judge_unmet(lane, claims, rows, found, note)


def _keys(lane: Lane, texts: np.ndarray[Any, np.dtype[np.object_]]) -> list[tuple[str, str]]:
    """(folded key, readable key) of rows; "" where part of the key is empty."""
    parts = texts[:, list(lane.layout.key_pairs)].tolist()
    return [
        (key_text(each, lane.company), "/".join(each)) if lane.keyed(each) else ("", "") for each in parts
    ]


def _spill_fno(
    lane: Lane, comparer: Comparer, spill: sqlite3.Connection, found: Verification, note: Note
) -> None:
    for page in lane.fno.pages(
        lane.map.fno.set,
        columns=lane.layout.fno_columns,
        filter=company_filter([lane]),
        size=lane.settings.fno_page_size,
    ):
        for rows in _taken(page, comparer.fno_mask(page), found):
            canonical = comparer.fno(rows)
            digests = comparer.digests(canonical)
            addresses = [fno_name(lane.map.fno.key, row) for row in rows]
            for (key, name), digest, address in zip(
                _keys(lane, canonical.texts), digests, addresses, strict=True
            ):
                cursor = spill.execute(
                    "INSERT INTO fno (key, name, row, digests) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (key, name, address, pack(digest)),
                )
                if cursor.rowcount == 0:
                    note(Difference(lane.map.name, lane.company, name, "duplicate", fno=address))
    spill.commit()


def _taken(page: Sequence[Row], mask: Sequence[bool] | Any, found: Verification) -> Iterator[list[Row]]:
    rows = [row for row, taken in zip(page, mask, strict=True) if taken]
    found.out_of_scope += len(page) - len(rows)
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _compare_dataverse(
    lane: Lane, comparer: Comparer, claims: Claims, spill: sqlite3.Connection, found: Verification, note: Note
) -> None:
    own = lane.company_value
    for page in lane.dataverse.pages(
        lane.map.dataverse.table,
        columns=lane.layout.dataverse_columns,
        filter=f"{own} eq {lane.company_id}" if own else None,
        size=lane.settings.dataverse_page_size,
    ):
        for rows in _taken(page, comparer.dataverse_mask(page), found):
            _compare_rows(lane, comparer, claims, rows, spill, found, note)
    spill.commit()


def _compare_rows(
    lane: Lane,
    comparer: Comparer,
    claims: Claims,
    rows: list[Row],
    spill: sqlite3.Connection,
    found: Verification,
    note: Note,
) -> None:
    canonical, _ = comparer.dataverse(rows)
    digests = comparer.digests(canonical)
    id_column = lane.dataverse_table.id_column
    suspects: list[Suspect] = []
    alone: list[tuple[str, Row]] = []
    for (key, name), digest, row in zip(_keys(lane, canonical.texts), digests, rows, strict=True):
        if not key:
            found.out_of_scope += 1
            continue
        met = spill.execute("SELECT digests, met, row FROM fno WHERE key = ?", (key,)).fetchone()
        if met is None:
            alone.append((name, row))
            continue
        if met[1]:
            id_ = str(row[id_column])
            note(Difference(lane.map.name, lane.company, name, "duplicate", dataverse=id_))
            continue
        spill.execute("UPDATE fno SET met = 1 WHERE key = ?", (key,))
        found.rows_compared += 1
        fno = unpack(met[0], lane.pairs)
        if (fno != digest).any():
            suspects.append(Suspect(key, name, fno, digest, met[2], str(row[id_column])))
    _judge(lane, suspects, found, note)
    _judge_alone(lane, claims, alone, found, note)


def _judge_alone(
    lane: Lane, claims: Claims, alone: Sequence[tuple[str, Row]], found: Verification, note: Note
) -> None:
    """Rows without a counterpart in F&O; one that another map has is that map's affair."""
    if not alone:
        return
    held = claims.held([row for _, row in alone])
    ids = [str(row[lane.dataverse_table.id_column]) for _, row in alone]
    with lane.store.read() as state:
        links = state.links_by_id(lane.pair, lane.map.name, lane.company, ids)
    # deletes that the map doesn't propagate leave rows behind
    given_up = {id_ for id_, link in links.items() if link.state == "detached" and link.fno_key is None}
    for (name, _), id_ in zip(alone, ids, strict=True):
        if id_ in held or id_ in given_up:
            found.out_of_scope += 1
        elif lane.map.to_fno:
            note(Difference(lane.map.name, lane.company, name, "missing_in_fno", dataverse=id_))
        else:
            found.orphans += 1


def _judge_unmet(
    lane: Lane, claims: Claims, unmet: Sequence[tuple[str, str, str]], found: Verification, note: Note
) -> None:
    """Rows without a counterpart in Dataverse; one whose counterpart was handed over to another map has none here."""
    id_column = lane.dataverse_table.id_column
    with lane.store.read() as state:
        links = state.links_by_key(lane.pair, lane.map.name, lane.company, [key for key, *_ in unmet])
    let_go = {key: {id_column: link.dataverse_id} for key, link in links.items() if link.state == "detached"}
    held = claims.held([row for row in let_go.values() if row[id_column] is not None])
    for key, name, address in unmet:
        if key in let_go and (let_go[key][id_column] is None or let_go[key][id_column] in held):
            found.out_of_scope += 1
        else:
            note(Difference(lane.map.name, lane.company, name, "missing_in_dataverse", fno=address))


def _judge(lane: Lane, suspects: Sequence[Suspect], found: Verification, note: Note) -> None:
    """Tell differences from values that a service normalized and that both bases know as they are."""
    if not suspects:
        return
    with lane.store.read() as state:
        links = state.links_by_key(lane.pair, lane.map.name, lane.company, [each.key for each in suspects])
    bases_fno, bases_dataverse = Layouts(lane).bases([links.get(each.key) for each in suspects])
    for each, base_fno, base_dataverse in zip(suspects, bases_fno, bases_dataverse, strict=True):
        rest = at_odds(each.fno, each.dataverse, base_fno, base_dataverse)
        if not rest.any():
            found.normalized += 1
            continue
        fields = tuple(lane.layout.pairs[int(p)].pair.id for p in np.flatnonzero(rest))
        note(
            Difference(
                lane.map.name, lane.company, each.name, "different", fields, each.address, each.dataverse_id
            )
        )
