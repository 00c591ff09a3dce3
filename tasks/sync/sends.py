"""Sends: from decisions to operations, each with the field pairs it carries.

A row that can't be sent is parked or waits, with the field named; the rows beside it go out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tasks.connectors.side import Operation, SideName
from tasks.sync.cases import Send, Work, version_of
from tasks.sync.creates import Creates
from tasks.sync.diff import UNKNOWN, Flags, Merge
from tasks.sync.leaving import ACTIVE, INACTIVE, STATE
from tasks.sync.lookups import Elsewhere
from tasks.sync.parts import there
from tasks.transform import payload


class Sends(Creates):
    """Builds the operations of one lane's batches."""

    def key_queries(self, work: Work, at: Sequence[int], *, company: bool) -> list[dict[str, Any] | None]:
        """For F&O rows without counterpart: what to ask Dataverse for, None where a parent in the key is missing.

        Args:
            company: ask inside the lane's company; False asks for rows that have no company yet.
        """
        lane, comparison = self._lane, work.comparison
        key_columns = list(
            dict.fromkeys(part.split(".")[0] for part in lane.map.dataverse.key if "." in part)
        )
        bound = self.bind(comparison, at, key_columns)
        optional = {part.split(".")[0] for part in lane.map.dataverse.optional}
        plain = [part for part in lane.map.dataverse.key if "." not in part]
        bodies = payload.to_dataverse(lane.layout, [there(work.cases[i].fno) for i in at], create=False)
        queries: list[dict[str, Any] | None] = []
        for place in range(len(at)):
            query: dict[str, Any] = {part: bodies[place].get(part) for part in plain}
            for column in key_columns:
                parent = bound[column][place]
                if isinstance(parent, Elsewhere):
                    parent = parent.id
                if parent is None and column in optional:
                    query[f"_{column}_value"] = None
                    continue
                if not isinstance(parent, str):
                    break
                query[f"_{column}_value"] = parent
            else:
                if lane.map.dataverse.company:
                    query[f"_{lane.map.dataverse.company}_value"] = lane.company_id if company else None
                queries.append(query)
                continue
            queries.append(None)
        return queries

    # updates

    def updates(self, work: Work, at: Sequence[int], merge: Merge) -> None:
        """Changed units only, to known rows, with the version that was just read."""
        self._updates_to_dataverse(work, at, merge.to_dataverse)
        self._updates_to_fno(work, at, merge.to_fno)

    def _updates_to_dataverse(self, work: Work, at: Sequence[int], units: Flags) -> None:
        lane = self._lane
        places = [
            place
            for place in range(len(at))
            if units[place].any()
            or (case := work.cases[at[place]]).stamp
            or case.revived
            or "dataverse" in case.adopted
        ]
        if not places:
            return
        carried = self._carried(work, [at[place] for place in places], units[places], "dataverse")
        for pairs, place in zip(carried, places, strict=True):
            if work.cases[at[place]].stamp:
                pairs |= self._key_pairs & lane.directions.pair_to_dataverse
        rows = [there(work.cases[at[place]].fno) for place in places]
        sent = self._sendable(work, [at[place] for place in places], "dataverse", carried)
        columns = self._lookups.columns
        bound = self._bind_rows(work, [at[place] for place in places], columns)
        binds: list[dict[str, Any]] = []
        for k, place in enumerate(places):
            body: dict[str, Any] = {}
            self._apply_lookups(work, at[place], "dataverse", columns, bound, k, body, sent[k], create=False)
            binds.append(body)
        bodies = payload.updates_to_dataverse(lane.layout, rows, [_indexes(pairs) for pairs in sent])
        for k, place in enumerate(places):
            i = at[place]
            case = work.cases[i]
            body = {**bodies[k], **binds[k]}
            if case.stamp:
                body.update(self._dataverse_stamp(owner=False))
            if case.stamp or "dataverse" in case.adopted:
                body.update(lane.layout.constants_to_dataverse)
            if case.revived:
                body[STATE] = ACTIVE
            if not body:
                continue
            dataverse = there(case.dataverse)
            operation = Operation(
                "update",
                body,
                address=str(dataverse[lane.dataverse_table.id_column]),
                version=version_of(dataverse),
            )
            work.sends.append(Send(i, "dataverse", operation, sent[k]))

    def _updates_to_fno(self, work: Work, at: Sequence[int], units: Flags) -> None:
        lane, comparison = self._lane, work.comparison
        places = [
            place for place in range(len(at)) if units[place].any() or "fno" in work.cases[at[place]].adopted
        ]
        if not places:
            return
        cases_at = [at[place] for place in places]
        carried = self._carried(work, cases_at, units[places], "fno")
        sent = self._sendable(work, cases_at, "fno", carried)
        for k, i in enumerate(cases_at):
            renamed = sent[k] & self._fno_key_pairs
            if renamed.any():
                self._notes.park_rename(work, i, _indexes(renamed))
                sent[k] &= ~self._fno_key_pairs
            self._parents_in_fno(work, i, self._lookups.columns, sent[k], {}, create=False)
        rows = [there(work.cases[i].dataverse) for i in cases_at]
        parts = {column: [values[i] for i in cases_at] for column, values in comparison.parents.parts.items()}
        bodies = payload.updates_to_fno(lane.layout, rows, [_indexes(pairs) for pairs in sent], lookups=parts)
        for k, i in enumerate(cases_at):
            body = bodies[k]
            if "fno" in work.cases[i].adopted:
                body = {**lane.layout.constants_to_fno, **body}
            elif not sent[k].any():
                continue
            fno = there(work.cases[i].fno)
            operation = Operation("update", body, address=lane.fno_address(fno), version=version_of(fno))
            work.sends.append(Send(i, "fno", operation, sent[k]))

    # deletes

    def delete(self, work: Work, i: int, side: SideName) -> None:
        """Remove a row by its own identity, unless somebody touched it since it was read."""
        lane, case = self._lane, work.cases[i]
        row = there(case.fno if side == "fno" else case.dataverse)
        address = lane.fno_address(row) if side == "fno" else str(row[lane.dataverse_table.id_column])
        work.sends.append(
            Send(
                i,
                side,
                Operation("delete", address=address, version=version_of(row)),
                np.zeros(lane.pairs, dtype=bool),
            )
        )

    def deactivate(self, work: Work, i: int) -> None:
        """Take a Dataverse row out of use; what it holds stays. The service chooses the status reason that goes with it."""
        lane, row = self._lane, there(work.cases[i].dataverse)
        address = str(row[lane.dataverse_table.id_column])
        operation = Operation("update", {STATE: INACTIVE}, address=address, version=version_of(row))
        work.sends.append(Send(i, "dataverse", operation, np.zeros(lane.pairs, dtype=bool)))

    # parts

    def _carried(self, work: Work, at: Sequence[int], units: Flags, towards: SideName) -> list[Flags]:
        """The pairs of these units that have to be sent, row by row.

        What moved on neither side stays as each side has it, also beside a field of its group that moved: the target may hold more
        digits of it than the source, or the source a form that the target's service has made. A lookup is bound as a whole.
        """
        directions, comparison = self._lane.directions, work.comparison
        flowing = directions.pair_to_dataverse if towards == "dataverse" else directions.pair_to_fno
        base_fno, base_dataverse = comparison.base_fno[at], comparison.base_dataverse[at]
        still = (comparison.fno[at] == base_fno) & (comparison.dataverse[at] == base_dataverse)
        still &= (base_fno != UNKNOWN) & (base_dataverse != UNKNOWN) & ~self._behind_lookups
        return list(units[:, directions.unit_of] & flowing & ~still)

    def _sendable(
        self, work: Work, at: Sequence[int], towards: SideName, carried: Sequence[Flags]
    ) -> list[Flags]:
        """What is left of `carried` without the units whose value the target can't hold."""
        out = []
        for i, pairs in zip(at, carried, strict=True):
            left = pairs.copy()
            found = [p for p in work.comparison.problems[towards].get(i, ()) if pairs[p.pair]]
            for problem in found:
                self._notes.park_problem(work, i, problem)
                left &= self._lane.directions.unit_of != self._lane.directions.unit_of[problem.pair]
            out.append(left)
        return out


def _indexes(pairs: Flags) -> list[int]:
    return [int(index) for index in np.flatnonzero(pairs)]
