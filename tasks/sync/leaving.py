"""Leaving: what becomes of a row that stays on one side when it is gone from the other, or leaves the map's filter there.

By default nothing is written about a row outside the filter; the map may say that it is deactivated or deleted instead. The row
itself is the evidence, but the brake counts it like any delete. A row that another map takes over is left to that map.
"""

from __future__ import annotations

from mappings import filters as expressions
from mappings.errors import FatalError
from mappings.metadata import SideName
from tasks.connectors.side import Row
from tasks.sync.cases import Case
from tasks.sync.diff import Decision, Seen
from tasks.sync.lane import Lane
from tasks.transform.filters import mask

STATE = "statecode"
ACTIVE, INACTIVE = 0, 1
"""States that nearly every table of Dataverse has, and has alone."""


class Leaving:
    """Decides about the rows of one lane that leave.

    Raises:
        FatalError: the map deactivates rows of a table for which that means something else, or nothing.
    """

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self._on_leave = lane.map.on_leave
        self._when_gone = lane.map.delete.to_dataverse
        if "deactivate" in (self._on_leave, self._when_gone):
            self._check()

    def _check(self) -> None:
        table = self._lane.dataverse_table
        column = table.columns.get(STATE)
        states = None if column is None else set(column.members)
        if states is None or (states and states != {str(ACTIVE), str(INACTIVE)}):
            has = "no states" if states is None else f"states of its own ({', '.join(sorted(states))})"
            raise FatalError(
                f"map {self._lane.map.name!r} deactivates rows of {table.name}, which has {has}",
                code="no_inactive_state",
                remedy="let the map `ignore` or `propagate` deletes, and `detach` or `delete` rows that leave its filter",
                map=self._lane.map.name,
            )

    def decide(self, case: Case, seen: tuple[bool, Seen, Seen]) -> Decision:
        """What to do about a row outside its own side's filter."""
        _, fno, dataverse = seen
        sync, link = self._lane.map, case.link
        if self._on_leave == "detach" or link is None or link.state != "paired":
            return Decision.DETACH
        if (fno, dataverse) == (Seen.LEFT, Seen.SAME) and sync.to_dataverse and not self._handed_over(case):
            if self._on_leave == "delete":
                return Decision.DELETE_DATAVERSE
            return Decision.DEACTIVATE if is_active(case.dataverse) else Decision.DETACH
        if (fno, dataverse) == (Seen.SAME, Seen.LEFT) and sync.to_fno and self._on_leave == "delete":
            return Decision.DELETE_FNO
        return Decision.DETACH

    def gone(self, case: Case) -> Decision:
        """What to do about a Dataverse row whose F&O row is proven gone, where the map says anything but `propagate`."""
        if self._when_gone == "deactivate" and is_active(case.dataverse):
            return Decision.DEACTIVATE
        return Decision.LET_GO

    def is_back(self, case: Case) -> bool:
        """Was this Dataverse row deactivated for want of its F&O row, which is back now?"""
        link = case.link
        if link is None or link.state != "detached" or case.fno is None or is_active(case.dataverse):
            return False
        return (self._when_gone if link.fno_key is None else self._on_leave) == "deactivate"

    def _handed_over(self, case: Case) -> bool:
        """Does another map of the same table take the F&O row, as far as that can be told from what was read of it?"""
        own, row = self._lane.map, case.fno
        for other in self._lane.catalogue.of_set(own.fno.set):
            if other.name == own.name or other.dataverse.table != own.dataverse.table or row is None:
                continue
            if other.fno.filter is None:
                return True
            node = expressions.parse(other.fno.filter)
            if not expressions.fields_of(node) <= row.keys() or mask(node, [row], self._lane.fno_table)[0]:
                return True
        return False


def is_active(row: Row | None) -> bool:
    """Is a Dataverse row in use? A table without states has no others."""
    return row is None or row.get(STATE) in (None, ACTIVE)


def row_of(case: Case, side: SideName) -> Row | None:
    """The case's row on a side."""
    return case.fno if side == "fno" else case.dataverse
