"""Parts of an operation: bound lookups, company and owner, and what keeps a row from being sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from mappings.errors import FatalError
from mappings.metadata import SideName
from tasks.sync.cases import Comparison, Work
from tasks.sync.compare import Comparer
from tasks.sync.diff import Flags
from tasks.sync.lane import Lane
from tasks.sync.lookups import Bound, Elsewhere, Lookups, MissingParent
from tasks.sync.notes import Notes
from tasks.transform.canonical import Problem


@dataclass(frozen=True, slots=True)
class _Reference:
    """How a lookup is bound to a row of one table.

    Attributes:
        name: property of the body.
        place: what comes before the row's id in its value.
        stamp: what goes with it: the column that says which table it is, where the map names one.
    """

    table: str
    name: str
    place: str
    stamp: dict[str, str]


class Parts:
    """What creates and updates of one lane are made of."""

    def __init__(self, lane: Lane, lookups: Lookups, comparer: Comparer, notes: Notes) -> None:
        self._lane = lane
        self._lookups = self.lookups = lookups
        self._comparer = comparer
        self._notes = notes
        table = lane.dataverse_table
        self._references = {column: self._references_of(column) for column in lookups.columns}
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
        self._behind_lookups = np.array([pair.lookup is not None for pair in lane.layout.pairs], dtype=bool)

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

    def _bind_rows(self, work: Work, at: Sequence[int], columns: Sequence[str]) -> dict[str, list[Bound]]:
        """Ids behind the lookups of F&O rows that are about to be written; looked at where Dataverse said that one is gone."""
        bound = self.bind(work.comparison, at, columns)
        doubted = [place for place, i in enumerate(at) if work.cases[i].doubted]
        for column in columns if doubted else ():
            own = self._lookups.pairs_of(column)
            keys = [tuple(work.comparison.texts_fno[at[place], own].tolist()) for place in doubted]
            alive = self._lookups.alive(column, keys, [bound[column][place] for place in doubted])
            for place, parent in zip(doubted, alive, strict=True):
                bound[column][place] = parent
        return bound

    def _references_of(self, column: str) -> list[_Reference]:
        """How a lookup is bound to each of the tables that it may point at.

        Raises:
            FatalError: the live column can't point at one of them.
        """
        lane = self._lane
        live = lane.dataverse_table.columns[column]
        typed = lane.map.lookups[column].type
        found = []
        for table in self._lookups.tables_of(column):
            logical = lane.dataverse.table(table).logical
            if logical not in live.navigation:
                raise FatalError(
                    f"map {lane.map.name!r}: {column} of {lane.dataverse_table.name} can't point at {table}, only at"
                    f" {', '.join(sorted(live.navigation)) or 'nothing'}",
                    code="map_misfit",
                    remedy="correct the table of this lookup in the map",
                    map=lane.map.name,
                )
            stamp = {typed: logical} if typed is not None else {}
            found.append(_Reference(table, f"{live.navigation[logical]}@odata.bind", f"/{table}(", stamp))
        return found

    def _refer(self, body: dict[str, Any], column: str, parent: str | Elsewhere) -> None:
        """Bind a lookup."""
        references = self._references[column]
        if isinstance(parent, str):
            reference, id_ = references[0], parent
        else:
            reference, id_ = next(each for each in references if each.table == parent.table), parent.id
        body[reference.name] = f"{reference.place}{id_})"
        body.update(reference.stamp)

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
        """Bind the lookups of one row; False when the whole row has to wait.

        What shares a unit with a lookup that waits is taken out of `pairs` too, and of the body of a new row: an amount without its
        currency would be one of another currency.
        """
        lane, before = self._lane, pairs.copy()
        for column in columns:
            parent = bound[column][place]
            if not isinstance(parent, MissingParent) or not pairs[self._lookups.pairs_of(column)].any():
                continue
            if create and self._skip[column]:
                lane.counts.count(out_of_scope=1)
                return False
            whole = create and self._wait[column]
            if parent.gone:
                # its link would wake who waits for it, over and over
                self._notes.park_parent_gone(work, i, self._units_of_column[column], parent)
            else:
                self._notes.wait(work, i, self._units_of_column[column], parent, whole=whole)
            if whole:
                return False
            pairs &= lane.directions.unit_of != self._units_of_column[column]
        for column in columns:
            parent = bound[column][place]
            if isinstance(parent, MissingParent) or not pairs[self._lookups.pairs_of(column)].any():
                continue
            if parent is not None:
                self._refer(body, column, parent)
            elif not create:  # a new row simply doesn't name it
                body[self._references[column][0].name] = None
        if create:
            self._leave_out(body, before & ~pairs, pairs, "dataverse")
        return True

    def _leave_out(self, body: dict[str, Any], left: Flags, pairs: Flags, towards: SideName) -> None:
        """Take field pairs that have to wait out of the body of a new row, unless others that go fill the same field."""
        layout = self._lane.layout
        constants = layout.constants_to_dataverse if towards == "dataverse" else layout.constants_to_fno

        def fields(of: Flags) -> set[str]:
            plans = [layout.pairs[p] for p in np.flatnonzero(of)]
            if towards == "fno":
                return {plan.fno.name for plan in plans}
            return {plan.dataverse.name for plan in plans if plan.lookup is None}

        for name in fields(left) - fields(pairs):
            body.pop(name, None)
            if name in constants:
                body[name] = constants[name]

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
        lane, parents, before = self._lane, work.comparison.parents, pairs.copy()
        for column in columns:
            own = self._lookups.pairs_of(column)
            if not pairs[own].any() or parents.in_fno[column][i]:
                continue
            parent = self._lookups.missing(column, parents.parts[column][i] or ())
            if create and self._skip[column]:
                lane.counts.count(out_of_scope=1)
                return False
            self._notes.wait(
                work, i, self._units_of_column[column], parent, whole=create and self._wait[column]
            )
            if create and self._wait[column]:
                return False
            pairs &= lane.directions.unit_of != self._units_of_column[column]
        if create:
            self._leave_out(body, before & ~pairs, pairs, "fno")
        return True


def there(row: dict[str, Any] | None) -> dict[str, Any]:
    if row is None:
        raise AssertionError("a decision asked for a row that was not read")
    return row
