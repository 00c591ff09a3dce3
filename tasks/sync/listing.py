"""Listing: rows that can't be synced now, each listed with the field, the reason and what to do about it.

They stop no other row, and are tried again by themselves: later and later, or as soon as they change.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mappings.metadata import SIDE_NAMES, SideName
from tasks.connectors.side import ServiceError
from tasks.state.records import ParkedKind, ParkedRow
from tasks.sync.cases import Case, Work, fno_name
from tasks.sync.closed import closed_by
from tasks.sync.fields import meant
from tasks.sync.lane import COMPANY_PROPERTY, Lane
from tasks.transform.canonical import Problem


class Listing:
    """Names the rows of one lane, and lists those that need somebody."""

    def __init__(self, lane: Lane) -> None:
        self._lane = lane

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

    def fields(self, units: Sequence[int]) -> list[str]:
        """Names of the field pairs of some units."""
        layout = self._lane.layout
        return [layout.pairs[p].pair.id for unit in units for p in layout.units[unit]]

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

    def park_refused(
        self,
        work: Work,
        i: int,
        side: SideName,
        kind: str,
        error: ServiceError | None,
        children: Mapping[str, int] | None = None,
    ) -> None:
        """A write that a service refused, in its own words.

        Args:
            children: of a delete: how many rows of which tables still name the row.
        """
        lane, name = self._lane, SIDE_NAMES[side]
        said = f"{name} refused the {kind}: {error.message if error else 'no reason given'}"
        if children:
            counted = ", ".join(f"{count} of {table}" for table, count in sorted(children.items()))
            self.park(
                work,
                i,
                "referred",
                f"{self._about(work, i)}: {sum(children.values())} row(s) of {name} still name it ({counted}). {said}",
                "delete those rows, or let them name another one; it is tried again by itself",
            )
            return
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
            f"{self._about(work, i)}: {said}"
            + (f" (HTTP {error.status})" if error else "")
            + self._keys(work, i),
            f"correct what {name} complains about; the row is tried again when it changes, or with `dualflow sync delta`",
            field=meant(error.message, side, lane.layout.pairs) if error is not None else "",
        )

    def _keys(self, work: Work, i: int) -> str:
        """Both keys of a row that was renamed on one side, as part of a message."""
        case, comparison, key_pairs = work.cases[i], work.comparison, list(self._lane.layout.key_pairs)
        if case.fno is None or case.dataverse is None:
            return ""
        fno, dataverse = comparison.texts_fno[i, key_pairs], comparison.texts_dataverse[i, key_pairs]
        if (fno == dataverse).all():
            return ""
        return f"; F&O's key is {'/'.join(map(str, fno))!r}, Dataverse's {'/'.join(map(str, dataverse))!r}"

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

    def park_abroad(self, work: Work, i: int, company: str) -> None:
        """A paired row whose company changed in Dataverse; nothing flows in either direction before that is settled."""
        lane = self._lane
        other = lane.companies.code_of(company) or company
        self.park(
            work,
            i,
            "company_changed",
            f"{self._about(work, i)}: Dataverse now says company {other!r}, but F&O keeps the row in {lane.company!r}",
            f"set the company back in Dataverse, or delete the row in F&O's {lane.company!r}, whereupon it is made in {other!r};"
            " nothing is written before",
            field=str(lane.map.dataverse.company),
        )

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
            f"give one of the two another number, or let both write the row: `shares: [{other}]` in map {sync.name!r}"
            if other != sync.name
            else "set its company back in Dataverse, or delete the row in F&O that it belongs to",
        )

    def park_ambiguous(self, work: Work, i: int, case: Case) -> None:
        """Several rows of the other side claim one key."""
        side = SIDE_NAMES["dataverse" if case.fno is not None else "fno"]
        more = case.claims - len(case.claimants)
        names = ", ".join(case.claimants) + (f" and {more} more" if more > 0 else "")
        self.park(
            work,
            i,
            "ambiguous",
            f"{self._about(work, i)}: {case.claims} rows of {side} have this key ({names})",
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

    def hold_delete(
        self, work: Work, i: int, gone_from: SideName, code: str, message: str, remedy: str
    ) -> None:
        """A delete that a person has to approve."""
        name = SIDE_NAMES[gone_from]
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
