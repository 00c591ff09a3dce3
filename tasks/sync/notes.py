"""Notes: what a batch leaves for people to read — parked rows, waiting rows, conflicts, history.

They are gathered while a batch is decided and written, and stored in the one transaction that records it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

from mappings.metadata import SideName
from tasks.connectors.side import ServiceError
from tasks.state.records import (
    ConflictRecord,
    ConflictStatus,
    HistoryEntry,
    ParkedKind,
    ParkedRow,
    WaitingRow,
)
from tasks.sync.cases import Case, Work, fno_name
from tasks.sync.choices import met
from tasks.sync.closed import closed_by
from tasks.sync.diff import Flags, Merge
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.sync.lookups import MissingParent
from tasks.transform.canonical import Problem


class Notes:
    """Writes notes about the rows of one lane."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._pair_ids = [pair.pair.id for pair in lane.layout.pairs]

    # names

    def row(self, case: Case) -> tuple[SideName, str]:
        """Side and name under which a case is listed: F&O's key where it has one, else the Dataverse id."""
        lane = self._lane
        if case.fno is not None:
            return "fno", fno_name(lane.map.fno.key, case.fno)
        if case.dataverse is not None:
            return "dataverse", str(case.dataverse[lane.dataverse_table.id_column])
        if case.link is not None and case.link.fno_key:
            return "fno", fno_name(lane.map.fno.key, case.link.fno_key)
        if case.link is not None and case.link.dataverse_id:
            return "dataverse", case.link.dataverse_id
        return case.entries[0].side, case.entries[0].row

    def names(self, case: Case) -> set[tuple[SideName, str]]:
        """Every name that this row may be listed under."""
        lane = self._lane
        names: set[tuple[SideName, str]] = {(entry.side, entry.row) for entry in case.entries}
        names.add(self.row(case))
        if case.dataverse is not None:
            names.add(("dataverse", str(case.dataverse[lane.dataverse_table.id_column])))
        elif case.link is not None and case.link.dataverse_id:
            names.add(("dataverse", case.link.dataverse_id))
        if case.link is not None and case.link.fno_key:
            names.add(("fno", fno_name(lane.map.fno.key, case.link.fno_key)))
        return names

    def key(self, case: Case) -> str:
        """The row's key as a person writes it."""
        lane = self._lane
        address: Mapping[str, Any] | None = case.fno or (case.link.fno_key if case.link else None)
        if address is not None:
            return "/".join(
                str(address.get(name, "")) for name in lane.map.fno.key if name != COMPANY_PROPERTY
            )
        if case.dataverse is not None:
            plain = [
                str(case.dataverse.get(part) or "") for part in lane.map.dataverse.key if "." not in part
            ]
            return "/".join(plain) or str(case.dataverse[lane.dataverse_table.id_column])
        if case.link is not None and case.link.key_text:
            return "/".join(case.link.key_text)
        return case.link.dataverse_id or "" if case.link else ""

    # parked

    def park(
        self,
        work: Work,
        i: int,
        code: str,
        message: str,
        remedy: str,
        *,
        field: str = "",
        kind: ParkedKind = "parked",
        under: SideName | None = None,
    ) -> None:
        """List a row that can't be synced now, with what to do about it."""
        lane, case = self._lane, work.cases[i]
        side, row = self.row(case)
        if under == "dataverse" and case.dataverse is not None:
            side, row = under, str(case.dataverse[lane.dataverse_table.id_column])
        work.unsettled.add(i)
        work.parked.append(
            ParkedRow(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                side=side,
                row=row,
                key=self.key(case),
                kind=kind,
                code=code,
                message=message,
                remedy=remedy,
                field=field,
                run=lane.run,
            )
        )
        if kind == "held_delete":
            lane.counts.count(held=1)
        else:
            lane.counts.count(parked=1)

    def _about(self, work: Work, i: int) -> str:
        lane = self._lane
        company = f", company {lane.company}" if lane.company else ""
        return f"{lane.map.name}{company}, row {self.key(work.cases[i])!r}"

    def park_problem(self, work: Work, i: int, problem: Problem) -> None:
        """A value that the target can't hold."""
        pair = self._lane.layout.pairs[problem.pair].pair
        source = "Dataverse" if problem.towards == "fno" else "F&O"
        self.park(
            work,
            i,
            problem.code,
            f"{self._about(work, i)}: {problem.message}",
            f"correct the value in {source}, or the field pair {pair.id} in the map; the row then flows by itself",
            field=pair.id,
        )

    def park_refused(self, work: Work, i: int, side: SideName, kind: str, error: ServiceError | None) -> None:
        """A write that a service refused, in its own words."""
        name = "F&O" if side == "fno" else "Dataverse"
        said = f"{name} refused the {kind}: {error.message if error else 'no reason given'}"
        if side == "dataverse" and (closed := self._closed(work, i)):
            self.park(
                work,
                i,
                "closed",
                f"{self._about(work, i)}: it is closed in Dataverse ({closed}). {said}",
                "open it again in Dataverse (activate the order or invoice, revise the quote), or take the change back in F&O;"
                " it is tried again by itself",
            )
            return
        self.park(
            work,
            i,
            error.code if error is not None and error.code else "refused",
            f"{self._about(work, i)}: {said}" + (f" (HTTP {error.status})" if error else ""),
            f"correct what {name} complains about; the row is tried again when it changes, or with `dualflow sync delta`",
        )

    def _closed(self, work: Work, i: int) -> str:
        sends = [send for send in work.sends if send.case == i and send.side == "dataverse"]
        return closed_by(self._lane, work.cases[i].dataverse, sends[0].operation) if sends else ""

    def park_uncertain(self, work: Work, i: int) -> None:
        """F&O was asked to number a row and did not answer: it may have."""
        number = self._lane.map.number
        self.park(
            work,
            i,
            "uncertain",
            f"{self._about(work, i)}: F&O did not answer whether it made the row, and only it knows the number",
            "it is looked for by its reference"
            + (f" ({number.reference})" if number else "")
            + " before anything is sent again; nothing has to be done",
            kind="uncertain",
        )

    def park_rename(self, work: Work, i: int, pairs: Sequence[int]) -> None:
        """A key changed in Dataverse that F&O doesn't let anybody change."""
        case = work.cases[i]
        fields = ", ".join(self._lane.layout.pairs[p].pair.id for p in pairs)
        new = "/".join(str(work.comparison.texts_dataverse[i, p]) for p in self._lane.layout.key_pairs)
        self.park(
            work,
            i,
            "key_changed",
            f"{self._about(work, i)}: Dataverse now says {new!r} ({fields}), but F&O keeps the key of an existing row",
            "rename the row in F&O, or set the old key back in Dataverse; nothing is deleted or created",
            field=fields,
        )
        del case

    def park_key_taken(self, work: Work, i: int) -> None:
        """The other side has the key, but in a row that the map's filter leaves out."""
        sync = self._lane.map
        side, expression = (
            ("F&O", sync.fno.filter)
            if not work.comparison.in_fno[i]
            else ("Dataverse", sync.dataverse.filter)
        )
        self.park(
            work,
            i,
            "key_taken",
            f"{self._about(work, i)}: {side} has this key in a row outside the map's filter ({expression})",
            "change that row so that the filter takes it, give one of the two another key, or set `adopt: true` in the map",
        )

    def park_claimed(self, work: Work, i: int, other: str, key: str) -> None:
        """A Dataverse row that another map has; a row belongs to one map."""
        sync = self._lane.map
        self.park(
            work,
            i,
            "claimed",
            f"{self._about(work, i)}: the row of {sync.dataverse.table} with this key belongs to {key!r} of map {other!r}",
            f"give one of the two another number, or let both write the row: `shares: [{other}]` in map {sync.name!r}",
        )

    def park_ambiguous(self, work: Work, i: int, hits: int) -> None:
        """Several Dataverse rows claim one key."""
        self.park(
            work,
            i,
            "ambiguous",
            f"{self._about(work, i)}: {hits} rows of Dataverse have this key",
            "merge or rekey them, so that one is left",
            kind="duplicate",
        )

    def park_duplicate(self, work: Work, i: int, rival: str) -> None:
        """Two rows of one side fold to one key; which of them is meant, a person has to say."""
        case = work.cases[i]
        side = "F&O" if case.fno is not None else "Dataverse"
        self.park(
            work,
            i,
            "duplicate",
            f"{self._about(work, i)}: another row has this key too ({rival}; case and trailing blanks"
            " don't count)",
            f"merge the two rows of {side}, or give one of them another key",
            kind="duplicate",
        )

    def park_not_kept(self, work: Work, i: int, unit: int) -> None:
        """A service keeps undoing what we write."""
        fields = self.fields([unit])
        self.park(
            work,
            i,
            "not_kept",
            f"{self._about(work, i)}: {', '.join(fields)} was set right three times within a day and did not stay",
            "look for a plug-in or process that sets this field, or take the field pair out of the map",
            field=", ".join(fields),
        )

    def hold_delete(
        self, work: Work, i: int, gone_from: SideName, code: str, message: str, remedy: str
    ) -> None:
        """A delete that a person has to approve."""
        name = "F&O" if gone_from == "fno" else "Dataverse"
        self.park(
            work,
            i,
            code,
            f"{self._about(work, i)}: gone from {name}, and held: {message}",
            remedy,
            kind="held_delete",
            # under the side where it would be deleted
            under="dataverse" if gone_from == "fno" else "fno",
        )

    # waiting

    def wait(self, work: Work, i: int, unit: int, parent: MissingParent, *, whole: bool) -> None:
        """A row, or one unit of it, that needs another row first."""
        lane = self._lane
        side, row = self.row(work.cases[i])
        work.unsettled.add(i)
        work.waiting += [
            WaitingRow(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                side=side,
                row=row,
                unit=-1 if whole else unit,
                parent_table=table,
                parent_company=company,
                parent_key=key,
                parent_map=map_,
            )
            for table, company, key, map_ in parent.places
        ]
        lane.counts.count(waiting=1)

    # conflicts

    def fields(self, units: Sequence[int]) -> list[str]:
        """Names of the field pairs of some units."""
        layout = self._lane.layout
        return [layout.pairs[p].pair.id for unit in units for p in layout.units[unit]]

    def conflict(
        self,
        work: Work,
        i: int,
        kind: Literal["conflict", "no_base", "delete", "drift", "normalized", "not_kept"],
        units: Sequence[int],
        winner: str,
        *,
        status: ConflictStatus = "decided",
        unit: str = "",
    ) -> None:
        """Record that two values met, and which one stands."""
        lane, comparison = self._lane, work.comparison
        pairs = [p for unit in units for p in lane.layout.units[unit]]
        if status == "open":
            work.open.add((self.key(work.cases[i]), kind, unit))
        side, row = self.row(work.cases[i])
        work.conflicts.append(
            ConflictRecord(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                key=self.key(work.cases[i]),
                kind=kind,
                fields=self.fields(units),
                winner=winner,
                loser={"fno": "dataverse", "dataverse": "fno"}.get(winner, ""),
                fno_digest=met(comparison.fno[i, pairs]),
                dataverse_digest=met(comparison.dataverse[i, pairs]),
                status=status,
                unit=unit,
                side=side,
                row=row,
                run=lane.run,
            )
        )

    def conflict_delete(self, work: Work, i: int, *, winner: SideName) -> None:
        """A row was deleted on one side and changed on the other: it is made again."""
        self.conflict(work, i, "delete", range(len(self._lane.layout.units)), winner)
        self._lane.counts.count(conflicts=1)

    def merged(self, work: Work, at: Sequence[int], found: Merge) -> None:
        """Conflicts, drift and differences without base among merged rows."""
        counts = self._lane.counts
        interesting = np.flatnonzero((found.conflict | found.no_base | found.drift).any(axis=1))
        for place in interesting.tolist():
            i = at[place]
            for kind, flags in (
                ("conflict", found.conflict),
                ("no_base", found.no_base),
                ("drift", found.drift),
            ):
                self._by_winner(work, i, place, kind, flags[place], found)
        counts.count(
            conflicts=int(found.conflict.any(axis=1).sum()),
            no_base=int(found.no_base.any(axis=1).sum()),
            drift=int(found.drift.any(axis=1).sum()),
        )
        open_rows = np.flatnonzero((found.open | found.hold).any(axis=1))
        work.unsettled.update(at[place] for place in open_rows.tolist())

    def _by_winner(self, work: Work, i: int, place: int, kind: Any, flags: Flags, found: Merge) -> None:
        units = np.flatnonzero(flags)
        if not units.size:
            return
        held = [int(u) for u in units if found.open[place, u] and not found.hold[place, u]]
        by_fno = [int(u) for u in units if found.to_dataverse[place, u]]
        by_dataverse = [int(u) for u in units if found.to_fno[place, u]]
        if held:
            self.conflict(work, i, kind, held, "", status="open")
        for unit in (int(u) for u in units if found.hold[place, u]):
            # one for each: a person may choose differently, and one that is over doesn't void the others' choice
            self.conflict(work, i, kind, [unit], "", status="open", unit=self.fields([unit])[0])
        if by_fno:
            self.conflict(work, i, kind, by_fno, "fno")
        if by_dataverse:
            self.conflict(work, i, kind, by_dataverse, "dataverse")

    # history

    def history(self, work: Work, i: int, action: str, side: str, pairs: Flags | None) -> None:
        """Which fields of a row changed on which side; names only, never values."""
        lane = self._lane
        fields = [] if pairs is None else [self._pair_ids[int(p)] for p in np.flatnonzero(pairs)]
        work.history.append(
            HistoryEntry(
                pair=lane.pair,
                map=lane.map.name,
                company=lane.company,
                key=self.key(work.cases[i]),
                action=action,
                side=side,
                fields=fields,
                run=lane.run,
            )
        )
