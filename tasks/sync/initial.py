"""Initial sync of one lane: pair what stands on both sides, create what stands on one, settle what differs.

Dataverse is looked over first, in pages, into a staging table of the state (key, version, digests); then F&O is read in the order
of its key and each page is matched against it; what no F&O row claimed comes last. So memory stays a page whatever the tables'
size, an interrupted run goes on where the links end, and reading, comparing and writing overlap.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import TypeVar

import numpy as np

from mappings.errors import FatalError
from tasks.connectors.side import Row
from tasks.state.leases import Lease
from tasks.state.records import Link, Sighting
from tasks.sync.cases import Case, version_of
from tasks.sync.delta import drain, halted
from tasks.sync.engine import Engine
from tasks.sync.feeds import company_filter
from tasks.sync.gather import cases_of_dataverse
from tasks.sync.intents import pack
from tasks.sync.lane import Lane
from tasks.sync.mode import Mode
from tasks.sync.pairing import Pairing, one_of
from tasks.sync.pipeline import Pipeline
from tasks.transform.digests import key_text, raw_digests
from tasks.transform.matching import match_texts

log = logging.getLogger("dualflow.initial")

T = TypeVar("T")

Progress = Callable[[int], None]
"""Told how many rows were worked on since the last call."""


class InitialSync:
    """First connection of one lane."""

    def __init__(self, lane: Lane, lease: Lease, mode: Mode, progress: Progress | None = None) -> None:
        self.lane = lane
        self.lease = lease
        self.mode = mode
        self.engine = Engine(lane, lease, mode)
        self._pairing = Pairing(self.engine)
        self._progress = progress or (lambda _: None)
        self._executor = lane.seams.executor(lane.settings.connections)
        self._pages = self._fno_pages()
        # the first page of F&O is on its way while tokens are taken and Dataverse is looked over
        self._first_page = self._executor.submit(next, self._pages, None)
        self._states = lane.seams.executor(1)
        self._pipeline = Pipeline(
            self.engine, self._states, self._executor, room=2 * lane.settings.connections
        )
        self._sighted = 0
        self._matchable = False

    def run(self) -> None:
        """Bring the lane to where both sides are equal; safe to run again at any time, after any crash."""
        lane = self.lane
        try:
            with quiet_collector():
                self._sight_dataverse()
                self._walk_fno()
                # what an F&O row claimed must be known before the rest is looked at
                self._pipeline.noted()
                self._walk_unclaimed()
                self._pipeline.finish()
        finally:
            # first the thread that hands batches to the other one
            self._states.shutdown(wait=True, cancel_futures=True)
            self._executor.shutdown(wait=True, cancel_futures=True)
        if self._pipeline.again:
            self._settle_again(self._pipeline.again)
        with lane.store.transaction(self.lease) as tx:
            tx.clear_sightings(lane.pair, lane.map.name, lane.company)
        if self.mode.write:
            # self references and whatever else waited for a row of this very map
            drain(lane, self.lease, engine=self.engine)

    def _go_on(self) -> None:
        """Keep the lease, between two pages.

        Raises:
            FatalError: somebody paused or stopped the lane; what was done so far stays.
        """
        lane = self.lane
        lane.store.renew(self.lease)
        with lane.store.read() as stored:
            record = stored.lane(lane.pair, lane.map.name, lane.company)
        if halted(record) and (state := record.state) != "error":
            raise FatalError(
                f"the initial sync of {lane.map.name!r} was interrupted: "
                + ("it is paused" if state == "paused" else "it was stopped"),
                code="interrupted",
                remedy="`dualflow resume`, then the initial sync again: it goes on where it stopped"
                if state == "paused"
                else "start it again with an initial sync, and say in which mode",
            )

    # Dataverse

    def _dataverse_filter(self) -> str | None:
        """Rows of the lane's company and rows without any: the map's own filter is applied afterwards, to tell them apart."""
        lane = self.lane
        if lane.company_value is None:
            return None
        return f"{lane.company_value} eq {lane.company_id} or {lane.company_value} eq null"

    def _sight_dataverse(self) -> None:
        lane = self.lane
        with lane.store.transaction(self.lease) as tx:
            tx.clear_sightings(lane.pair, lane.map.name, lane.company)
        for page in lane.dataverse.pages(
            lane.map.dataverse.table,
            columns=self.engine.dataverse_columns,
            filter=self._dataverse_filter(),
            size=lane.settings.dataverse_page_size,
        ):
            lane.counts.count(read_dataverse=len(page))
            self._sighted += len(page)
            for rows in _chunks(page, lane.settings.page_size):
                self._sight(rows)
            self._go_on()

    def _sight(self, rows: Sequence[Row]) -> None:
        lane, comparer = self.lane, self.engine.comparer
        canonical, _ = comparer.dataverse(rows)
        digests = comparer.digests(canonical)
        takes = comparer.dataverse_mask(rows).tolist()
        matches = [match_texts(lane.layout, canonical.texts, columns) for columns in lane.map.match]
        key_texts = canonical.texts[:, list(lane.layout.key_pairs)].tolist()
        sightings = []
        for i, row in enumerate(rows):
            blank = lane.company_value is not None and row.get(lane.company_value) is None
            parts = key_texts[i]
            sightings.append(
                Sighting(
                    pair=lane.pair,
                    map=lane.map.name,
                    company=lane.company,
                    side="dataverse",
                    row=str(row[lane.dataverse_table.id_column]),
                    key=key_text(parts, lane.company) if lane.keyed(parts) else None,
                    version=version_of(row),
                    digests=pack(digests[i]),
                    verdict="blank" if blank else "in" if takes[i] else "out",
                    match=[values[i] for values in matches] or None,
                )
            )
            self._matchable |= sightings[-1].key is None and any(values[i] for values in matches)
        with lane.store.transaction(self.lease) as tx:
            tx.put_sightings(sightings)

    # F&O

    def _fno_pages(self) -> Iterator[list[Row]]:
        lane = self.lane
        return lane.fno.pages(
            lane.map.fno.set,
            columns=lane.layout.fno_columns,
            filter=company_filter([lane]),
            size=lane.settings.fno_page_size,
        )

    def _walk_fno(self) -> None:
        lane = self.lane
        first = self._first_page.result()
        for page in chain([] if first is None else [first], self._pages):
            lane.counts.count(read_fno=len(page))
            for rows in _chunks(page, lane.settings.page_size):
                lane.seams.failpoint("read")
                self._match_fno(rows)
                self._progress(len(rows))
            self._go_on()

    def _match_fno(self, rows: Sequence[Row]) -> None:
        lane, engine = self.lane, self.engine
        takes = engine.comparer.fno_mask(rows)
        lane.counts.count(out_of_scope=int((~takes).sum()))
        rows = [row for row, taken in zip(rows, takes.tolist(), strict=True) if taken]
        if not rows:
            return
        keys = engine.keys_of_fno(rows)
        with lane.store.read() as state:
            links = state.links_by_key(lane.pair, lane.map.name, lane.company, keys)
            sightings = (
                state.sightings_by_key(lane.pair, lane.map.name, lane.company, "dataverse", keys)
                if self._sighted
                else {}
            )
            linked_ids = [link.dataverse_id for link in links.values() if link.dataverse_id]
            sighted_ids = (
                state.sightings_by_row(lane.pair, lane.map.name, lane.company, "dataverse", linked_ids)
                if self._sighted and linked_ids
                else {}
            )
        linked_already = self._linked_already([hit.row for hits in sightings.values() for hit in hits])
        unmatched = [
            row for key, row in zip(keys, rows, strict=True) if key not in links and key not in sightings
        ]
        by_match = self._pairing.by_match(unmatched) if self._matchable else {}
        anyone = self._pairing.anyones(keys, rows, links, sightings)
        rivals = self._pairing.rivals(keys, rows, links)
        raw = (
            raw_digests(rows, lane.layout.raw_fno, lane.secret).astype(np.int64).tolist()
            if links
            else [0] * len(rows)
        )
        cases: list[Case] = []
        equal = 0
        to_read: list[tuple[Case, str]] = []
        claimed: list[str] = []
        for key, row, digest in zip(keys, rows, raw, strict=True):
            link, hits = links.get(key), sightings.get(key, [])
            if id(row) in rivals:
                cases.append(Case(fno=row, key=key, rival=rivals[id(row)]))
                continue
            if link is not None and link.dataverse_id:
                claimed.append(link.dataverse_id)
                seen = sighted_ids.get(link.dataverse_id)
                if (
                    link.state == "paired"
                    and link.raw_fno == digest
                    and seen is not None
                    and seen.version == link.dataverse_version
                    and link.layout_id == lane.layout_id
                ):
                    equal += 1
                    continue
                # what is not there under its id may be there under its key: a create that never came to be, or a row made again
                case = Case(link=link, fno=row, searched=seen is not None)
                if seen is None:
                    claimed += [hit.row for hit in hits if hit.row not in linked_already]
                cases.append(case)
                to_read.append((case, link.dataverse_id))
                continue
            case = Case(link=link, fno=row, key=key, searched=True)
            hits = [hit for hit in hits if key not in anyone or hit.verdict != "blank"]
            free = [hit for hit in hits if hit.row not in linked_already]
            hit, match = one_of(free), by_match.get(id(row))
            if hit is None and match is not None:
                hit = match.hit
                case.paired_by, case.alike_by = (
                    (match.columns, ()) if hit is not None else ((), match.columns)
                )
            if hit is not None:
                case.stamp = hit.verdict == "blank" or hit.key is None
                if hit.verdict == "blank" and not case.paired_by:
                    case.paired_by = (str(lane.map.dataverse.company),)
                to_read.append((case, hit.row))
                claimed.append(hit.row)
            elif hits:
                claimed += [each.row for each in hits]
                case.searched = False  # several rows claim the key: the search by key will say so
            cases.append(case)
        lane.counts.count(equal=equal)
        self._read_dataverse(to_read)
        if claimed:
            with lane.store.transaction(self.lease) as tx:
                tx.mark_matched(lane.pair, lane.map.name, lane.company, "dataverse", claimed)
        self._submit(cases)

    def _linked_already(self, ids: Sequence[str]) -> Mapping[str, Link]:
        """Which of these Dataverse rows have a link: those that batches under way are about to make count as well."""
        if not ids:
            return {}
        self._pipeline.noted()
        with self.lane.store.read() as state:
            return state.links_by_id(self.lane.pair, self.lane.map.name, self.lane.company, ids)

    def _read_dataverse(self, to_read: Sequence[tuple[Case, str]]) -> None:
        if not to_read:
            return
        lane = self.lane
        rows = lane.dataverse.read(
            lane.map.dataverse.table, [id_ for _, id_ in to_read], self.engine.dataverse_columns
        )
        for (case, _), row in zip(to_read, rows, strict=True):
            case.dataverse = row

    # what only Dataverse has

    def _walk_unclaimed(self) -> None:
        lane = self.lane
        if not self._sighted:
            return
        after = 0
        while True:
            with lane.store.read() as state:
                page = state.iterate_sightings(
                    lane.pair,
                    lane.map.name,
                    lane.company,
                    "dataverse",
                    after=after,
                    limit=lane.settings.page_size,
                    unmatched=True,
                )
            if not page:
                return
            after = page[-1].id
            self._settle_unclaimed(page)
            self._progress(len(page))
            self._go_on()

    def _settle_unclaimed(self, page: Sequence[Sighting]) -> None:
        lane = self.lane
        wanted = [each for each in page if each.verdict == "in"]
        lane.counts.count(out_of_scope=len(page) - len(wanted))
        if not wanted:
            return
        rows = lane.dataverse.read(
            lane.map.dataverse.table, [each.row for each in wanted], self.engine.dataverse_columns
        )
        cases = cases_of_dataverse(self.engine, [row for row in rows if row is not None])
        self._submit(cases)

    # overlap

    def _submit(self, cases: Sequence[Case]) -> None:
        """Compare here, write and record elsewhere: reading goes on meanwhile."""
        if cases:
            self._pipeline.submit(self.engine.plan(cases, bulk=True))

    def _settle_again(self, again: Sequence[Case]) -> None:
        for cases in _chunks(_once(again), self.lane.settings.page_size):
            for case in cases:
                case.attempts += 1
                case.search_again()
            self.engine.recorder.reload_links(cases)
            self.engine.read_fresh(cases)
            self.engine.process_until_settled(cases)


@contextmanager
def quiet_collector() -> Iterator[None]:
    """Let the garbage collector look less often while pages of plain rows come and go.

    Rows hold no cycles, and the default threshold has it walk a whole page of them every few hundred rows: a tenth of the run.
    """
    before = gc.get_threshold()
    gc.set_threshold(100_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _once(cases: Sequence[Case]) -> list[Case]:
    """A case for each row: batches that were under way at the same time may both have come upon it."""
    linked = {case.link.id: case for case in reversed(cases) if case.link is not None and case.link.id}
    return [case for case in cases if case.link is None or linked.get(case.link.id, case) is case]


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
