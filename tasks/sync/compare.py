"""Compare: both sides of a batch in the same terms, with bases, filter verdicts and open intents settled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from mappings import filters as expressions
from tasks.connectors.side import Row, SideName
from tasks.sync.cases import Case, Comparison, another_record, version_of
from tasks.sync.diff import UNKNOWN, Seen
from tasks.sync.images import Images
from tasks.sync.intents import Layouts, Standing, is_delete, settle_intent
from tasks.sync.lane import Lane
from tasks.sync.lookups import Lookups, Parents
from tasks.transform.canonical import Canonical, Problem, canonical_dataverse, canonical_fno
from tasks.transform.digests import digests
from tasks.transform.filters import mask

MODIFIED_BY = "modifiedby"


class Comparer:
    """Puts the rows of one lane beside each other."""

    def __init__(self, lane: Lane, lookups: Lookups) -> None:
        self._lane = lane
        self._lookups = lookups
        self._layouts = Layouts(lane)
        self.images: Mapping[SideName, Images] = {
            side: Images(lane.layout, side) for side in ("fno", "dataverse")
        }
        self._who = lane.dataverse.who()
        self._references = [p for column in lookups.columns for p in lookups.pairs_of(column)]
        fno_filter, dataverse_filter = lane.map.fno.filter, lane.map.dataverse.filter
        self._fno_filter = expressions.parse(fno_filter) if fno_filter else None
        self._dataverse_filter = expressions.parse(dataverse_filter) if dataverse_filter else None

    # one side

    def fno_mask(self, rows: Sequence[Row]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which F&O rows the map's filter takes."""
        if self._fno_filter is None:
            return np.ones(len(rows), dtype=bool)
        return mask(self._fno_filter, rows, self._lane.fno_table)

    def dataverse_mask(self, rows: Sequence[Row]) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        """Which Dataverse rows the map's filter takes."""
        if self._dataverse_filter is None:
            return np.ones(len(rows), dtype=bool)
        return mask(self._dataverse_filter, rows, self._lane.dataverse_table)

    def takes_new(self, side: SideName, bodies: Sequence[Row]) -> list[bool]:
        """Would a side's filter take the rows that these bodies make? Yes, where it reads what the service itself fills in.

        A row that its own side would not hand back is not made there: it could only be detached at once.
        """
        node = self._fno_filter if side == "fno" else self._dataverse_filter
        if node is None or not bodies:
            return [True] * len(bodies)
        table = self._lane.fno_table if side == "fno" else self._lane.dataverse_table
        read = expressions.fields_of(node)
        verdicts = mask(node, bodies, table).tolist()
        return [taken or not read <= body.keys() for taken, body in zip(verdicts, bodies, strict=True)]

    def fno(self, rows: Sequence[Row]) -> Canonical:
        """Canonical values of F&O rows."""
        return canonical_fno(self._lane.layout, rows)

    def dataverse(self, rows: Sequence[Row]) -> tuple[Canonical, Parents]:
        """Canonical values of Dataverse rows, and what their lookups point at."""
        parents = self._lookups.parents(rows)
        return canonical_dataverse(self._lane.layout, rows, parents.parts), parents

    def digests(self, canonical: Canonical) -> np.ndarray[tuple[int, int], np.dtype[np.uint64]]:
        """Digests of canonical values under this installation's key."""
        return digests(canonical.texts, self._lane.secret)

    def is_ours(self, row: Row) -> bool:
        """Are we the last who wrote this row? Only Dataverse says so."""
        return row.get(f"_{MODIFIED_BY}_value") == self._who

    # both sides

    def compare(self, cases: Sequence[Case]) -> Comparison:
        """Everything that the diff needs to know about these cases."""
        lane, n, p = self._lane, len(cases), self._lane.pairs
        problems: dict[SideName, dict[int, list[Problem]]] = {"fno": {}, "dataverse": {}}

        fno_at = [i for i, case in enumerate(cases) if case.fno is not None]
        fno_rows = [case.fno for case in cases if case.fno is not None]
        texts_fno = np.full((n, p), "", dtype=object)
        fno = np.full((n, p), lane.empty, dtype=np.uint64)
        in_fno = np.zeros(n, dtype=bool)
        if fno_rows:
            canonical = self.fno(fno_rows)
            texts_fno[fno_at] = canonical.texts
            fno[fno_at] = self.digests(canonical)
            in_fno[fno_at] = self.fno_mask(fno_rows)
            _collect(problems, canonical.problems, fno_at)

        dataverse_at = [i for i, case in enumerate(cases) if case.dataverse is not None]
        dataverse_rows = [case.dataverse for case in cases if case.dataverse is not None]
        texts_dataverse = np.full((n, p), "", dtype=object)
        dataverse = np.full((n, p), lane.empty, dtype=np.uint64)
        in_dataverse = np.zeros(n, dtype=bool)
        parents = Parents()
        if dataverse_rows:
            canonical, found = self.dataverse(dataverse_rows)
            texts_dataverse[dataverse_at] = canonical.texts
            dataverse[dataverse_at] = self.digests(canonical)
            in_dataverse[dataverse_at] = self.dataverse_mask(dataverse_rows)
            _collect(problems, canonical.problems, dataverse_at)
            for column, parts in found.parts.items():
                parents.parts[column] = [None] * n
                parents.in_fno[column] = [True] * n
                for i, part, there in zip(dataverse_at, parts, found.in_fno[column], strict=True):
                    parents.parts[column][i] = part
                    parents.in_fno[column][i] = there

        base_fno, base_dataverse = self._layouts.bases([case.link for case in cases])
        self._follow_renames(cases, dataverse, base_dataverse)
        normalized = self._settle(cases, fno, dataverse, base_fno, base_dataverse, texts_fno, texts_dataverse)
        return Comparison(
            texts_fno,
            texts_dataverse,
            fno,
            dataverse,
            base_fno,
            base_dataverse,
            problems,
            parents,
            in_fno,
            in_dataverse,
            normalized,
        )

    def _follow_renames(
        self,
        cases: Sequence[Case],
        dataverse: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
        base_dataverse: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
    ) -> None:
        """A lookup of a row that nobody touched since it was settled reads otherwise only because its parent was renamed."""
        if not self._references:
            return
        now, base = dataverse[:, self._references], base_dataverse[:, self._references]
        moved = (now != base) & (base != UNKNOWN)
        for i in np.flatnonzero(moved.any(axis=1)).tolist():
            case = cases[i]
            link = case.link
            if (
                link is not None
                and link.state == "paired"
                and link.raw_fno is not None  # every unit was settled
                # a version noted with an intent is that of a row which may hold a user's change as well
                and link.intent_fno is None
                and link.intent_dataverse is None
                and case.dataverse is not None
                and link.dataverse_version == version_of(case.dataverse)
            ):
                base_dataverse[i, self._references] = np.where(moved[i], now[i], base[i])

    def _settle(
        self,
        cases: Sequence[Case],
        fno: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
        dataverse: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
        base_fno: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
        base_dataverse: np.ndarray[tuple[int, int], np.dtype[np.uint64]],
        texts_fno: np.ndarray[tuple[int, int], np.dtype[np.object_]],
        texts_dataverse: np.ndarray[tuple[int, int], np.dtype[np.object_]],
    ) -> np.ndarray[tuple[int, int], np.dtype[np.bool_]]:
        """Let open intents speak before anything is judged."""
        lane = self._lane
        normalized = np.zeros(fno.shape, dtype=bool)
        to_dataverse, to_fno = lane.directions.pair_to_dataverse, lane.directions.pair_to_fno
        for i, case in enumerate(cases):
            link = case.link
            if link is None or (link.intent_dataverse is None and link.intent_fno is None):
                continue
            if link.intent_dataverse is not None and case.dataverse is not None:
                intent = self._layouts.intent(link.intent_dataverse, link)
                created = link.state == "half"
                # a create names its row by the id we chose: another row under the same key is somebody else's
                mine = case.dataverse.get(lane.dataverse_table.id_column) == link.dataverse_id
                if intent is not None and (mine or not created):
                    if created:
                        base_dataverse[i] = lane.empty
                        base_fno[i] = np.where(to_dataverse, lane.empty, fno[i])
                    normalized[i] |= settle_intent(
                        intent,
                        Standing(dataverse[i], texts_dataverse[i]),
                        Standing(fno[i], texts_fno[i]),
                        base_dataverse[i],
                        base_fno[i],
                        self.images["dataverse"],
                        lane.secret,
                        created=created,
                        ours=self.is_ours(case.dataverse)
                        and (created or version_of(case.dataverse) != link.dataverse_version),
                    )
            if link.intent_fno is not None and case.fno is not None:
                intent = self._layouts.intent(link.intent_fno, link)
                created = link.state == "half"
                if intent is not None:
                    if created:
                        if not _is_ours(intent.sent, fno[i]):
                            continue
                        base_fno[i] = lane.empty
                        base_dataverse[i] = np.where(to_fno, lane.empty, dataverse[i])
                    normalized[i] |= settle_intent(
                        intent,
                        Standing(fno[i], texts_fno[i]),
                        Standing(dataverse[i], texts_dataverse[i]),
                        base_fno[i],
                        base_dataverse[i],
                        self.images["fno"],
                        lane.secret,
                        created=created,
                        ours=False,
                    )
                    if created:
                        # a user may have made this row, or changed ours: where it differs nobody knows what stood there before
                        part = intent.sent != UNKNOWN
                        base_fno[i][part & (fno[i] != intent.sent) & ~normalized[i]] = UNKNOWN
        return normalized

    # presence

    def seen(self, cases: Sequence[Case], comparison: Comparison) -> list[tuple[bool, Seen, Seen]]:
        """For each case: is it paired, and how does each side stand to it?"""
        same_fno = (comparison.fno == comparison.base_fno).all(axis=1)
        same_dataverse = (comparison.dataverse == comparison.base_dataverse).all(axis=1)
        settled_rows: list[bool] = np.asarray(comparison.base_fno.any(axis=1)).tolist()
        out = []
        for i, case in enumerate(cases):
            link = case.link
            settled = settled_rows[i]
            paired = link is not None and (link.state != "half" or settled)
            if link is not None and self._we_deleted(case, comparison, i):
                out.append(
                    (False, Seen.CHANGED, Seen.NEVER)
                    if case.dataverse is None
                    else (False, Seen.NEVER, Seen.CHANGED)
                )
                continue
            if case.fno is not None:
                fno = Seen.LEFT if not comparison.in_fno[i] else Seen.CHANGED
                if paired and fno is Seen.CHANGED and same_fno[i] and not another_record(case):
                    fno = Seen.SAME
            else:
                fno = Seen.GONE if link is not None and link.fno_key is not None and paired else Seen.NEVER
            if case.dataverse is not None:
                dataverse = Seen.LEFT if not comparison.in_dataverse[i] else Seen.CHANGED
                if (
                    paired
                    and dataverse is Seen.CHANGED
                    and same_dataverse[i]
                    and "dataverse" not in case.moved
                ):
                    dataverse = Seen.SAME
            else:
                dataverse = (
                    Seen.GONE if link is not None and link.dataverse_id is not None and paired else Seen.NEVER
                )
            out.append((paired, fno, dataverse))
        return out

    def _we_deleted(self, case: Case, comparison: Comparison, i: int) -> bool:
        """Is one row gone by our own doing, because the other had left its filter, and is that one back?"""
        link = case.link
        if link is None or (case.fno is None) == (case.dataverse is None):
            return False
        if case.dataverse is None:
            return is_delete(link.intent_dataverse) and bool(comparison.in_fno[i])
        return is_delete(link.intent_fno) and bool(comparison.in_dataverse[i])


def _is_ours(
    target: np.ndarray[tuple[int], np.dtype[np.uint64]], now: np.ndarray[tuple[int], np.dtype[np.uint64]]
) -> bool:
    """An F&O row under the key of an open create is ours when most of what we were about to write stands in it.

    F&O lets nobody choose a row's id, so content is the only witness.
    """
    part = target != 0
    return bool(part.any()) and int((now == target)[part].sum()) * 2 >= int(part.sum())


def _collect(
    problems: dict[SideName, dict[int, list[Problem]]], found: Sequence[Problem], places: Sequence[int]
) -> None:
    for problem in found:
        problems[problem.towards].setdefault(places[problem.row], []).append(problem)
