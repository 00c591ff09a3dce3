"""Creates: whole new rows, each with the field pairs that it carries."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from itertools import repeat
from typing import Any

import numpy as np

from tasks.connectors.side import Operation
from tasks.sync.cases import Case, Send, Work
from tasks.sync.diff import Flags
from tasks.sync.lane import COMPANY_PROPERTY
from tasks.sync.lookups import Elsewhere, MissingParent
from tasks.sync.parts import Parts, there
from tasks.transform import payload


class Creates(Parts):
    """Builds the creates of one lane's batches."""

    def creates_to_dataverse(self, work: Work, at: Sequence[int], chosen: Sequence[str | None]) -> None:
        """Whole new rows for Dataverse; `chosen` are ids noted by an earlier, unfinished attempt."""
        lane = self._lane
        rows = [there(work.cases[i].fno) for i in at]
        bodies = payload.to_dataverse(lane.layout, rows, create=True)
        flowing = lane.directions.pair_to_dataverse
        columns = [c for c in self._lookups.columns if flowing[self._lookups.pairs_of(c)].any()]
        bound = self._bind_rows(work, at, columns)
        # a lookup that names nobody in the whole page needs no look at each row
        columns = [c for c in columns if any(bound[c])]
        common = self._dataverse_stamp()
        takes = self._comparer.takes_new("dataverse", bodies)
        id_column = lane.dataverse_table.id_column
        new_ids = random_ids(len(at))
        parents_of = zip(*(bound[c] for c in columns), strict=True) if columns else repeat(())
        incomplete = {
            place
            for c in columns
            for place, parent in enumerate(bound[c])
            if isinstance(parent, MissingParent)
        }
        for place, (i, parents) in enumerate(zip(at, parents_of, strict=False)):
            if not takes[place]:
                lane.counts.count(out_of_scope=1)
                continue
            body: dict[str, Any] = bodies[place]
            pairs = flowing
            if place in incomplete:
                pairs = flowing.copy()
                if not self._apply_lookups(
                    work, i, "dataverse", columns, bound, place, body, pairs, create=True
                ):
                    continue
            else:
                for column, parent in zip(columns, parents, strict=True):
                    if isinstance(parent, (str, Elsewhere)):
                        self._refer(body, column, parent)
            if self._refuse(work, i, "dataverse", pairs):
                continue
            row_id = chosen[place] or new_ids[place]
            body[id_column] = row_id
            body.update(common)
            work.sends.append(Send(i, "dataverse", Operation("create", body), pairs, chosen_id=row_id))

    def creates_to_fno(self, work: Work, at: Sequence[int]) -> None:
        """Whole new rows for F&O; a row without its key is not yet eligible and is left alone, unless F&O numbers it.

        What is empty in Dataverse is not sent: F&O fills in its own defaults and numbers, which then flow back as its change.
        """
        lane, comparison = self._lane, work.comparison
        rows = [there(work.cases[i].dataverse) for i in at]
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
            keyless = [name for name in self._needed_properties if body.get(name) in (None, "")]
            if not takes[place] or (keyless and lane.map.number is None):
                lane.counts.count(out_of_scope=1)
                continue
            pairs = filled[place]
            if keyless:
                self._leave_to_numbering(body, keyless, rows[place])
            if not self._parents_in_fno(work, i, columns, pairs, body, create=True):
                continue
            if self._refuse(work, i, "fno", pairs):
                continue
            address = None if keyless else {name: body.get(name, "") for name in lane.map.fno.key}
            work.sends.append(Send(i, "fno", Operation("create", body, address=address), pairs))

    def _leave_to_numbering(
        self, body: dict[str, Any], keyless: Sequence[str], row: Mapping[str, Any]
    ) -> None:
        """F&O numbers the row; what it carries of ours finds it again if nobody hears the number."""
        lane = self._lane
        for name in keyless:
            body.pop(name, None)
        if lane.map.number is not None:
            body[lane.map.number.reference] = row[lane.dataverse_table.id_column]

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

    @cached_property
    def _needed_properties(self) -> list[str]:
        """F&O properties without which a row has no key."""
        optional = self._lane.optional_properties
        return [name for name in self._lane.key_properties if name not in optional]

    def addresses_of(self, work: Work, at: Sequence[int]) -> list[dict[str, Any] | None]:
        """The F&O key that each Dataverse row would get; None where part of it is empty."""
        lane = self._lane
        rows = [there(work.cases[i].dataverse) for i in at]
        parts = {column: [values[i] for i in at] for column, values in work.comparison.parents.parts.items()}
        bodies = payload.to_fno(lane.layout, rows, lookups=parts, create=True)
        out: list[dict[str, Any] | None] = []
        for body in bodies:
            if lane.company:
                body[COMPANY_PROPERTY] = lane.company
            address = {name: body.get(name) or "" for name in lane.map.fno.key}
            lacking = any(address[name] == "" for name in self._needed_properties)
            out.append(None if lacking else address)
        return out


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
