"""Sends: from decisions to operations, each with the field pairs it carries.

A row that can't be sent is parked or waits, with the field named; the rows beside it go out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tasks.connectors.side import Operation, SideName
from tasks.sync.cases import Case, Comparison, Send, Work, version_of
from tasks.sync.compare import Comparer
from tasks.sync.diff import Flags, Merge
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.lookups import Bound, Lookups, MissingParent
from tasks.sync.notes import Notes
from tasks.transform import payload
from tasks.transform.canonical import Problem


class Sends:
    """Builds the operations of one lane's batches."""

    def __init__(self, lane: Lane, lookups: Lookups, comparer: Comparer, notes: Notes) -> None:
        self._lane = lane
        self._lookups = lookups
        self._comparer = comparer
        self._notes = notes
        table = lane.dataverse_table
        self._navigation = {
            column: table.columns[column].navigation[
                lane.dataverse.table(lane.map.lookups[column].table).logical
            ]
            for column in lookups.columns
        }
        self._address = {column: f"/{lane.map.lookups[column].table}" for column in lookups.columns}
        self._wait = {
            column: lane.map.lookups[column].missing == "wait" or table.columns[column].required
            for column in lookups.columns
        }
        self._skip = {column: lane.map.lookups[column].missing == "skip-row" for column in lookups.columns}
        self._units_of_column = {
            column: int(lane.layout.unit_of[lookups.pairs_of(column)[0]]) for column in lookups.columns
        }
        self._fno_key_pairs = np.array(
            [pair.pair.fno in lane.map.fno.key for pair in lane.layout.pairs], dtype=bool
        )
        self._key_pairs = np.array([pair.key for pair in lane.layout.pairs], dtype=bool)

    # creates

    def creates_to_dataverse(self, work: Work, at: Sequence[int], chosen: Sequence[str | None]) -> None:
        """Whole new rows for Dataverse; `chosen` are ids noted by an earlier, unfinished attempt."""
        lane, comparison = self._lane, work.comparison
        rows = [_row(work.cases[i].fno) for i in at]
        bodies = payload.to_dataverse(lane.layout, rows, create=True)
        flowing = lane.directions.pair_to_dataverse
        columns = [c for c in self._lookups.columns if flowing[self._lookups.pairs_of(c)].any()]
        bound = self.bind(comparison, at, columns)
        # a lookup that names nobody in the whole page needs no look at each row
        columns = [c for c in columns if any(bound[c])]
        common = self._dataverse_stamp()
        takes = self._comparer.takes_new("dataverse", bodies)
        id_column = lane.dataverse_table.id_column
        new_ids = random_ids(len(at))
        for place, i in enumerate(at):
            if not takes[place]:
                lane.counts.out_of_scope += 1
                continue
            body: dict[str, Any] = bodies[place]
            pairs = flowing
            parents = [(c, bound[c][place]) for c in columns]
            if any(isinstance(parent, MissingParent) for _, parent in parents):
                pairs = flowing.copy()
                if not self._apply_lookups(
                    work, i, "dataverse", columns, bound, place, body, pairs, create=True
                ):
                    continue
            else:
                for column, parent in parents:
                    if parent is not None:
                        body[f"{self._navigation[column]}@odata.bind"] = f"{self._address[column]}({parent})"
            if self._refuse(work, i, "dataverse", pairs):
                continue
            row_id = chosen[place] or new_ids[place]
            body[id_column] = row_id
            body.update(common)
            work.sends.append(Send(i, "dataverse", Operation("create", body), pairs, chosen_id=row_id))

    def creates_to_fno(self, work: Work, at: Sequence[int]) -> None:
        """Whole new rows for F&O; a row without its key is not yet eligible and is left alone.

        What is empty in Dataverse is not sent: F&O fills in its own defaults and numbers, which then flow back as its change.
        """
        lane, comparison = self._lane, work.comparison
        rows = [_row(work.cases[i].dataverse) for i in at]
        parts = {column: [values[i] for i in at] for column, values in comparison.parents.parts.items()}
        bodies = payload.to_fno(lane.layout, rows, lookups=parts, create=True)
        flowing = lane.directions.pair_to_fno
        columns = [c for c in self._lookups.columns if flowing[self._lookups.pairs_of(c)].any()]
        filled = [self._filled(rows[place], parts, place) & flowing for place in range(len(at))]
        for body, pairs in zip(bodies, filled, strict=True):
            self._leave_out_empty(body, pairs)
        takes = self._comparer.takes_new("fno", bodies)
        for place, i in enumerate(at):
            body = bodies[place]
            if lane.company:
                body[COMPANY_PROPERTY] = lane.company
            if not takes[place] or any(body.get(name) in (None, "") for name in lane.key_properties):
                lane.counts.out_of_scope += 1
                continue
            pairs = filled[place]
            if not self._parents_in_fno(work, i, columns, pairs, body, create=True):
                continue
            if self._refuse(work, i, "fno", pairs):
                continue
            address = {name: body[name] for name in lane.map.fno.key}
            work.sends.append(Send(i, "fno", Operation("create", body, address=address), pairs))

    def _filled(self, row: Mapping[str, Any], parts: Mapping[str, Sequence[Any]], place: int) -> Flags:
        """Pairs that a Dataverse row has something to say about, be it the map's default."""
        return np.array(
            [
                plan.pair.default is not None
                or (
                    parts[plan.lookup][place] is not None
                    if plan.lookup is not None and plan.lookup in parts
                    else row.get(plan.dataverse.name) not in (None, "")
                )
                for plan in self._lane.layout.pairs
            ],
            dtype=bool,
        )

    def _leave_out_empty(self, body: dict[str, Any], pairs: Flags) -> None:
        layout = self._lane.layout
        kept = {layout.pairs[p].pair.fno for p in np.flatnonzero(pairs)} | layout.constants_to_fno.keys()
        for plan in layout.pairs:
            if plan.pair.fno not in kept:
                body.pop(str(plan.pair.fno), None)

    def addresses_of(self, work: Work, at: Sequence[int]) -> list[dict[str, Any] | None]:
        """The F&O key that each Dataverse row would get; None where part of it is empty."""
        lane = self._lane
        rows = [_row(work.cases[i].dataverse) for i in at]
        parts = {column: [values[i] for i in at] for column, values in work.comparison.parents.parts.items()}
        bodies = payload.to_fno(lane.layout, rows, lookups=parts, create=True)
        out: list[dict[str, Any] | None] = []
        for body in bodies:
            if lane.company:
                body[COMPANY_PROPERTY] = lane.company
            address = {name: body.get(name) for name in lane.map.fno.key}
            out.append(None if any(value in (None, "") for value in address.values()) else address)
        return out

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
        plain = [part for part in lane.map.dataverse.key if "." not in part]
        bodies = payload.to_dataverse(lane.layout, [_row(work.cases[i].fno) for i in at], create=False)
        queries: list[dict[str, Any] | None] = []
        for place in range(len(at)):
            query: dict[str, Any] = {part: bodies[place].get(part) for part in plain}
            for column in key_columns:
                parent = bound[column][place]
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
        lane, comparison = self._lane, work.comparison
        places = [
            place
            for place in range(len(at))
            if units[place].any() or (case := work.cases[at[place]]).stamp or "dataverse" in case.adopted
        ]
        if not places:
            return
        carried = [self._pairs_of_units(units[place], "dataverse") for place in places]
        for pairs, place in zip(carried, places, strict=True):
            if work.cases[at[place]].stamp:
                pairs |= self._key_pairs & lane.directions.pair_to_dataverse
        rows = [_row(work.cases[at[place]].fno) for place in places]
        sent = self._sendable(work, [at[place] for place in places], "dataverse", carried)
        columns = self._lookups.columns
        bound = self.bind(comparison, [at[place] for place in places], columns)
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
            elif not sent[k].any():
                continue
            dataverse = _row(case.dataverse)
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
        carried = [self._pairs_of_units(units[place], "fno") for place in places]
        cases_at = [at[place] for place in places]
        sent = self._sendable(work, cases_at, "fno", carried)
        for k, i in enumerate(cases_at):
            renamed = sent[k] & self._fno_key_pairs
            if renamed.any():
                self._notes.park_rename(work, i, _indexes(renamed))
                sent[k] &= ~self._fno_key_pairs
            self._parents_in_fno(work, i, self._lookups.columns, sent[k], {}, create=False)
        rows = [_row(work.cases[i].dataverse) for i in cases_at]
        parts = {column: [values[i] for i in cases_at] for column, values in comparison.parents.parts.items()}
        bodies = payload.updates_to_fno(lane.layout, rows, [_indexes(pairs) for pairs in sent], lookups=parts)
        for k, i in enumerate(cases_at):
            body = bodies[k]
            if "fno" in work.cases[i].adopted:
                body = {**lane.layout.constants_to_fno, **body}
            elif not sent[k].any():
                continue
            fno = _row(work.cases[i].fno)
            operation = Operation("update", body, address=lane.fno_address(fno), version=version_of(fno))
            work.sends.append(Send(i, "fno", operation, sent[k]))

    # deletes

    def delete(self, work: Work, i: int, side: SideName) -> None:
        """Remove a row by its own identity, unless somebody touched it since it was read."""
        lane, case = self._lane, work.cases[i]
        row = _row(case.fno if side == "fno" else case.dataverse)
        address = lane.fno_address(row) if side == "fno" else str(row[lane.dataverse_table.id_column])
        work.sends.append(
            Send(
                i,
                side,
                Operation("delete", address=address, version=version_of(row)),
                np.zeros(lane.pairs, dtype=bool),
            )
        )

    # parts

    def bind(
        self, comparison: Comparison, at: Sequence[int], columns: Sequence[str]
    ) -> dict[str, list[Bound]]:
        """Ids behind the lookups of F&O rows."""
        texts = {
            index: comparison.texts_fno[at, index].tolist()
            for column in columns
            for index in self._lookups.pairs_of(column)
        }
        return self._lookups.bind(texts, columns)

    def _dataverse_stamp(self, *, owner: bool = True) -> dict[str, Any]:
        lane = self._lane
        body: dict[str, Any] = {}
        company = lane.map.dataverse.company
        if company is not None:
            navigation = next(iter(lane.dataverse_table.columns[company].navigation.values()))
            body[f"{navigation}@odata.bind"] = f"/cdm_companies({lane.company_id})"
        if owner and lane.dataverse_table.user_owned:
            team = lane.companies.owner_of(lane.company) if lane.company else lane.map.owner
            if team is not None:
                body["ownerid@odata.bind"] = f"/teams({team})"
        return body

    def _pairs_of_units(self, units: Flags, towards: SideName) -> Flags:
        directions = self._lane.directions
        flowing = directions.pair_to_dataverse if towards == "dataverse" else directions.pair_to_fno
        return np.asarray(units[directions.unit_of] & flowing, dtype=bool)

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

    def _refuse(self, work: Work, i: int, towards: SideName, pairs: Flags) -> bool:
        """Does a value of a new row forbid to send it at all? Parked with the first such field named."""
        problems = work.comparison.problems[towards].get(i)
        if not problems:
            return False
        found: list[Problem] = [p for p in problems if pairs[p.pair]]
        if found:
            self._notes.park_problem(work, i, found[0])
        return bool(found)

    def _apply_lookups(
        self,
        work: Work,
        i: int,
        towards: SideName,
        columns: Sequence[str],
        bound: dict[str, list[Bound]],
        place: int,
        body: dict[str, Any],
        pairs: Flags,
        *,
        create: bool,
    ) -> bool:
        """Bind the lookups of one row; False when the whole row has to wait."""
        lane = self._lane
        for column in columns:
            parent = bound[column][place]
            if parent is None and create:
                continue  # a new row simply doesn't name it
            own = self._lookups.pairs_of(column)
            if not pairs[own].any():
                continue
            navigation = self._navigation[column]
            if isinstance(parent, MissingParent):
                if create and self._skip[column]:
                    lane.counts.out_of_scope += 1
                    return False
                self._notes.wait(
                    work, i, self._units_of_column[column], parent, whole=create and self._wait[column]
                )
                if create and self._wait[column]:
                    return False
                pairs[own] = False
                # the unit stays together: what shares it waits with it
                pairs &= lane.directions.unit_of != self._units_of_column[column]
            elif parent is not None:
                body[f"{navigation}@odata.bind"] = f"{self._address[column]}({parent})"
            elif not create:
                body[f"{navigation}@odata.bind"] = None
        return True

    def _parents_in_fno(
        self,
        work: Work,
        i: int,
        columns: Sequence[str],
        pairs: Flags,
        body: dict[str, Any],
        *,
        create: bool,
    ) -> bool:
        """Take out of an F&O write what names a parent that F&O doesn't have; False when the row has to wait."""
        lane, parents = self._lane, work.comparison.parents
        for column in columns:
            own = self._lookups.pairs_of(column)
            if not pairs[own].any() or parents.in_fno[column][i]:
                continue
            target = self._lookups.target(column)
            values = parents.parts[column][i] or ()
            ordered = [""] * len(target.dataverse.key)
            for index, value in zip(own, values, strict=True):
                rest = ".".join(lane.layout.pairs[index].pair.path[1:])
                ordered[target.dataverse.key.index(rest)] = value
            parent = self._lookups.missing(target, tuple(ordered))
            if create and self._skip[column]:
                lane.counts.out_of_scope += 1
                return False
            self._notes.wait(
                work, i, self._units_of_column[column], parent, whole=create and self._wait[column]
            )
            if create and self._wait[column]:
                return False
            pairs &= lane.directions.unit_of != self._units_of_column[column]
            for index in own:
                name = lane.layout.pairs[index].pair.fno
                if name is not None:
                    body.pop(name, None)
        return True


def _row(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise AssertionError("a decision asked for a row that was not read")
    return row


def _indexes(pairs: Flags) -> list[int]:
    return [int(index) for index in np.flatnonzero(pairs)]


def random_ids(count: int) -> list[str]:
    """So many random guids (version 4), made together."""
    drawn = os.urandom(16 * count).hex()
    return [
        f"{hex_[:8]}-{hex_[8:12]}-4{hex_[13:16]}-{'89ab'[int(hex_[16], 16) & 3]}{hex_[17:20]}-{hex_[20:]}"
        for hex_ in (drawn[at : at + 32] for at in range(0, 32 * count, 32))
    ]


def chosen_ids(cases: Sequence[Case], at: Sequence[int]) -> list[str | None]:
    """Ids that an unfinished create already noted for these rows."""
    out: list[str | None] = []
    for i in at:
        link = cases[i].link
        out.append(link.dataverse_id if link is not None and link.state == "half" else None)
    return out
