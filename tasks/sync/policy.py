"""Policy: what the table of decisions says about a row, bent to what its map and the mode of the run allow."""

from __future__ import annotations

from tasks.connectors.side import SideName
from tasks.sync.cases import Case
from tasks.sync.diff import PRESENCE, Decision, Seen
from tasks.sync.lane import Lane
from tasks.sync.leaving import Leaving
from tasks.sync.mode import Mode

TO_DATAVERSE = frozenset({Decision.DELETE_DATAVERSE, Decision.DEACTIVATE, Decision.RECREATE_DATAVERSE})
TO_FNO = frozenset({Decision.DELETE_FNO, Decision.RECREATE_FNO})


class Policy:
    """Decides about the rows of one lane, as far as that rests on where they stand."""

    def __init__(self, lane: Lane, mode: Mode, leaving: Leaving) -> None:
        self._map = lane.map
        self._mode = mode
        self._leaving = leaving
        self._company = (lane.company_value, lane.company_id)

    def decide(self, case: Case, seen: tuple[bool, Seen, Seen]) -> Decision:
        """What is to be done about a row, before its values are compared."""
        if case.disputed or self._is_abroad(case):
            return Decision.SKIP
        decision = self._bent(case, seen, PRESENCE.get(seen, Decision.SKIP))
        # a row that is gone, or left, moves nothing that the mode of this run doesn't let be written
        if decision in TO_DATAVERSE and not self._mode.update_dataverse:
            return Decision.SKIP
        return Decision.SKIP if decision in TO_FNO and not self._mode.update_fno else decision

    def _is_abroad(self, case: Case) -> bool:
        """Was the paired Dataverse row given to another company? F&O can't follow: there the company is the row's for good."""
        column, own = self._company
        if column is None or case.link is None or case.fno is None or case.dataverse is None:
            return False
        now = case.dataverse.get(column)
        if now is None or now == own:
            return False
        case.abroad = str(now)
        return True

    def _bent(self, case: Case, seen: tuple[bool, Seen, Seen], decision: Decision) -> Decision:
        sync, mode = self._map, self._mode
        if (
            decision is Decision.SKIP
            and seen[0] is False
            and Seen.LEFT in seen[1:]
            and case.fno
            and case.dataverse
        ):
            if not sync.adopt:
                return Decision.SKIP
            outside: tuple[tuple[SideName, Seen], ...] = (("fno", seen[1]), ("dataverse", seen[2]))
            case.adopted = {side for side, how in outside if how is Seen.LEFT}
            return Decision.PAIR
        if decision is Decision.DETACH:
            return self._leaving.decide(case, seen)
        if decision in TO_DATAVERSE | TO_FNO and case.link is not None and case.link.state == "detached":
            # nothing flows about a row that left, nor does it take anybody along
            return Decision.LET_GO
        if decision is Decision.DELETE_FNO and not sync.to_fno:
            return Decision.RECREATE_DATAVERSE
        if decision is Decision.DELETE_DATAVERSE and not sync.to_dataverse:
            return Decision.RECREATE_FNO
        if decision is Decision.RECREATE_FNO and not sync.to_fno:
            # a one-way row is gone at its source: what the target changed meanwhile can't bring it back
            return Decision.DELETE_DATAVERSE
        if decision is Decision.RECREATE_DATAVERSE and not sync.to_dataverse:
            return Decision.DELETE_FNO
        if decision is Decision.CREATE_DATAVERSE and not (sync.to_dataverse and mode.create_dataverse):
            return Decision.SKIP
        if decision is Decision.CREATE_FNO and not (sync.to_fno and mode.create_fno):
            return Decision.SKIP
        return decision
