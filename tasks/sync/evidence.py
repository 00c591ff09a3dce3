"""Evidence: a delete is believed only when the row is proven gone, and only in small numbers.

Not found is not deleted: a company that security hides answers as if its rows didn't exist, and a row can live on under a new
id. So every delete needs a second look by id and by key, beside a canary: a row of the same company that must be visible. Above
the brake the deletes are held and the lane stops until a person approves.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum

from mappings.errors import FatalError
from mappings.metadata import SIDE_NAMES, SideName
from tasks.state.records import GONE, Link
from tasks.sync.brake import allowance
from tasks.sync.cases import Case, Work, relink
from tasks.sync.diff import Decision
from tasks.sync.family import Family
from tasks.sync.lane import Lane
from tasks.sync.leaving import Leaving, row_of
from tasks.sync.notes import Notes
from tasks.sync.sends import Sends

WINDOW = timedelta(hours=24)
CANARIES = 20
"""Links looked at when searching for a canary: the first that is not itself in doubt serves."""


DOUBTFUL = frozenset(
    {
        Decision.DELETE_DATAVERSE,
        Decision.DELETE_FNO,
        Decision.DEACTIVATE,
        Decision.RECREATE_DATAVERSE,
        Decision.RECREATE_FNO,
    }
)
"""Decisions that rest on a row being gone."""


class Sight(Enum):
    """What a side lets us see of a company, judged by rows that were there before."""

    CLEAR = "clear"
    DOUBTFUL = "doubtful"  # rows of other tables only, or nothing there was to look for
    NONE = "none"


class Evidence:
    """Judges the deletes of one lane's batches."""

    def __init__(self, lane: Lane, notes: Notes, sends: Sends, leaving: Leaving) -> None:
        self._lane = lane
        self._notes = notes
        self._sends = sends
        self._leaving = leaving
        self._family = Family(lane, sends)

    def judge(self, work: Work) -> bool:
        """Hold or confirm what claims to be gone; True when rows turned out to live on and must be judged again."""
        if not (DOUBTFUL | {Decision.UNLINK}).intersection(work.decisions):
            return False
        for i, decision in enumerate(work.decisions):
            rests = decision in DOUBTFUL or decision is Decision.UNLINK
            if rests and work.cases[i].fno is None and not named_gone(work.cases[i]):
                work.decisions[i] = Decision.SKIP
                # whatever it is listed for was not settled by that
                work.kept_parked.add(i)
        # the id is gone; the key may live on in a row that was deleted and made again
        without_id = [
            i
            for i, decision in enumerate(work.decisions)
            if decision in (Decision.DELETE_FNO, Decision.RECREATE_DATAVERSE)
            and work.cases[i].dataverse is None
            and work.cases[i].fno is not None
        ]
        if without_id and self._relink(work, without_id):
            return True
        gone_fno = [
            i
            for i, decision in enumerate(work.decisions)
            if decision in (Decision.DELETE_DATAVERSE, Decision.DEACTIVATE, Decision.RECREATE_FNO)
        ]
        gone_dataverse = [
            i
            for i, decision in enumerate(work.decisions)
            if decision in (Decision.DELETE_FNO, Decision.RECREATE_DATAVERSE)
        ]
        self._judge_side(work, "fno", gone_fno)
        self._judge_side(work, "dataverse", gone_dataverse)
        return False

    def _relink(self, work: Work, at: Sequence[int]) -> bool:
        lane = self._lane
        queries = [
            (i, query)
            for i, query in zip(at, self._sends.key_queries(work, at, company=True), strict=True)
            if query is not None
        ]
        if not queries:
            return False
        columns = [*lane.layout.dataverse_columns, "modifiedby"]
        found = False
        for (i, _), rows in zip(
            queries,
            lane.dataverse.find(lane.map.dataverse.table, [query for _, query in queries], columns),
            strict=True,
        ):
            if len(rows) == 1:
                relink(work.cases[i], rows[0], lane.dataverse_table.id_column)
                found = True
        return found

    def _judge_side(self, work: Work, gone_from: SideName, at: list[int]) -> None:
        """Rows gone from one side: believe, ignore by policy, or hold the deletes that this would cause."""
        if not at:
            return
        lane = self._lane
        target: SideName = "dataverse" if gone_from == "fno" else "fno"
        kind = Decision.DELETE_DATAVERSE if target == "dataverse" else Decision.DELETE_FNO
        deletes = [i for i in at if work.decisions[i] in (kind, Decision.DEACTIVATE)]
        policy = lane.map.delete.to_dataverse if target == "dataverse" else lane.map.delete.to_fno
        with lane.store.read() as state:
            approved = state.approved(lane.pair, lane.map.name, lane.company, gone_from, lane.seams.now())
            gone = max(len(at), state.count_gone(lane.pair, lane.map.name, lane.company).get(gone_from, 0))
        sight = self._sight(gone_from, {id(work.cases[i]) for i in at}, work)
        # a person may say that a table was emptied, but not that we see what we don't
        if sight is Sight.NONE or (sight is Sight.DOUBTFUL and approved < len(deletes)):
            self._hold(
                work,
                at,
                gone_from,
                code="not_visible",
                message=f"{gone} row(s) of map {lane.map.name!r}"
                + (f", company {lane.company}," if lane.company else "")
                + f" can't be found in {SIDE_NAMES[gone_from]}, and neither can any other row there: this looks like lost"
                " access, not like deletes",
                remedy=f"check the rights of the integration user in {SIDE_NAMES[gone_from]}, then {self._approve} to go on",
            )
            return
        if policy != "propagate":
            # what left its filter is still there, and was decided about by another rule
            for i in deletes:
                if row_of(work.cases[i], gone_from) is None:
                    work.decisions[i] = (
                        self._leaving.gone(work.cases[i]) if target == "dataverse" else Decision.LET_GO
                    )
            deletes = [i for i in deletes if work.decisions[i] is not Decision.LET_GO]
        kept = self._family.kept(
            work, [i for i in deletes if row_of(work.cases[i], gone_from) is None], gone_from
        )
        if kept:
            # where a parent stays although it is gone, what went with it stays too
            for i in kept:
                work.decisions[i] = Decision.LET_GO
            deletes = [i for i in deletes if i not in kept]
        if not deletes or approved >= len(deletes):
            return
        with lane.store.read() as state:
            paired = state.count_links(lane.pair, lane.map.name, lane.company, "paired")
            done = state.deleted_since(
                lane.pair, lane.map.name, lane.company, target, lane.seams.now() - WINDOW
            )
        if done + len(deletes) > allowance(lane, paired):
            self._hold(
                work,
                deletes,
                gone_from,
                code="delete_brake",
                message=f"{gone} row(s) of map {lane.map.name!r}"
                + (f", company {lane.company}," if lane.company else "")
                + f" were deleted in {SIDE_NAMES[gone_from]}, or left the filter there; with {done} in the last 24 hours"
                f" this is more than {allowance(lane, paired)} of {paired} paired rows",
                remedy=f"look at `dualflow deletes list`, then {self._approve} or restore the rows",
            )

    @property
    def _approve(self) -> str:
        company = f" --company {self._lane.company}" if self._lane.company else ""
        return f"`dualflow deletes approve {self._lane.map.name!r}{company}`"

    def _sight(self, side: SideName, doubtful: set[int], work: Work) -> Sight:
        """Are rows of the same company, that were there before, still visible on this side?"""
        lane = self._lane
        in_doubt = {case.link.id for case in work.cases if id(case) in doubtful and case.link is not None}
        for case in work.cases:
            row = case.fno if side == "fno" else case.dataverse
            if row is not None and id(case) not in doubtful and not case.stamp:
                return Sight.CLEAR  # another row of this very batch was read a moment ago
        with lane.store.read() as state:
            own = state.iterate_links(lane.pair, lane.map.name, lane.company, 0, CANARIES + len(in_doubt))
        candidates = [link for link in own if link.id not in in_doubt and link.state != "half"]
        table = lane.map.dataverse.table
        if candidates and self._any_there(side, lane.map.fno.set, table, candidates[:CANARIES]):
            return Sight.CLEAR
        elsewhere = self._visible_elsewhere(side)
        if elsewhere is False:
            return Sight.NONE
        return Sight.CLEAR if elsewhere and not candidates else Sight.DOUBTFUL

    def _visible_elsewhere(self, side: SideName) -> bool | None:
        """A table that held nothing else has no canary of its own: a row of the same company in another table serves.

        Returns: None where no other table has a row to look for.
        """
        lane = self._lane
        asked = False
        for other in lane.catalogue.maps.values():
            if other.name == lane.map.name or other.company_specific != lane.map.company_specific:
                continue
            with lane.store.read() as state:
                links = [
                    link
                    for link in state.iterate_links(lane.pair, other.name, lane.company, 0, CANARIES)
                    if link.state == "paired"
                ]
            if links and self._any_there(side, other.fno.set, other.dataverse.table, links):
                return True
            asked |= bool(links)
        return False if asked else None

    def _any_there(self, side: SideName, fno_set: str, table: str, links: Sequence[Link]) -> bool:
        lane = self._lane
        if side == "fno":
            addresses = [link.fno_key for link in links if link.fno_key is not None]
            columns = list(addresses[0]) if addresses else []
            return (
                any(row is not None for row in lane.fno.read(fno_set, addresses, columns))
                if addresses
                else False
            )
        ids = [link.dataverse_id for link in links if link.dataverse_id is not None]
        column = lane.dataverse.table(table).id_column
        return any(row is not None for row in lane.dataverse.read(table, ids, [column])) if ids else False

    def _hold(
        self, work: Work, at: Sequence[int], gone_from: SideName, *, code: str, message: str, remedy: str
    ) -> None:
        for i in at:
            work.decisions[i] = Decision.HOLD
            work.held.add(i)
            self._notes.hold_delete(work, i, gone_from, code, message, remedy)
        work.error = FatalError(
            message, code=code, remedy=remedy, map=self._lane.map.name, company=self._lane.company
        )


def named_gone(case: Case) -> bool:
    """Did a feed or a whole scan say that the F&O row is gone, now or when nothing could come of it yet?

    It is read by its key, so one that is not there may have been renamed a moment ago: that is told by its record id, which only
    feeds and scans see. If it is gone, the next of them names it; but a feed does so once, so the link remembers.
    """
    if case.link is not None and case.link.fno_version == GONE:
        return True
    return any(each.kind in ("missing", "delete") for each in case.entries)
