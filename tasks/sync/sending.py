"""Sending: what a batch decided goes out, as long as the lane is ours, and what the services made of it is read back."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mappings.metadata import SideName
from tasks.connectors.fence import fenced
from tasks.connectors.side import Outcome
from tasks.state.leases import Lease
from tasks.sync.cases import Send, Work, version_of
from tasks.sync.compare import Comparer
from tasks.sync.lane import Lane
from tasks.sync.newest import MODIFIED_ON


class Sending:
    """Sends the batches of one lane under one lease."""

    def __init__(self, lane: Lane, lease: Lease, comparer: Comparer) -> None:
        self.lane = lane
        self.lease = lease
        self.comparer = comparer

    @property
    def dataverse_columns(self) -> list[str]:
        """What to select from Dataverse: the layout's columns and who modified the row last."""
        stamp = [MODIFIED_ON] if self.lane.map.conflict == "newest" else []
        return list(dict.fromkeys([*self.lane.layout.dataverse_columns, "modifiedby", *stamp]))

    def send(self, work: Work) -> None:
        """Write; safe to call on another thread, since it touches neither batch state nor notes.

        Raises:
            LeaseLost: another run took the lane over; nothing more was sent, and what was is recognized by its intent.
        """
        outcomes: list[Outcome | None] = [None] * len(work.sends)
        places_of: dict[tuple[SideName, str], list[int]] = {}
        for k, send in enumerate(work.sends):
            places_of.setdefault((send.side, send.operation.kind), []).append(k)
        order: tuple[tuple[SideName, str], ...] = (
            ("dataverse", "create"),
            ("dataverse", "update"),
            ("fno", "create"),
            ("fno", "update"),
            ("dataverse", "delete"),
            ("fno", "delete"),
        )
        for side, kind in order:
            places = places_of.get((side, kind), [])
            if not places:
                continue
            self._hold()
            bulk = work.bulk and kind == "create" and side == "dataverse"
            with fenced(self._hold):
                answered = self._write([work.sends[k] for k in places], bulk=bulk)
            for k, outcome in zip(places, answered, strict=True):
                outcomes[k] = outcome
            if not bulk:
                self._read_back(work, places, outcomes)
        work.outcomes = [outcome for outcome in outcomes if outcome is not None]

    def _hold(self) -> None:
        """A request must not still be under way when somebody else may already own the lane; asked again after each wait."""
        settings = self.lane.settings
        if not self.lease.outlives(settings.connect_seconds + settings.request_seconds):
            self.lane.store.renew(self.lease)

    def _write(self, sends: Sequence[Send], *, bulk: bool) -> list[Outcome]:
        lane = self.lane
        side: SideName = sends[0].side
        table = lane.map.fno.set if side == "fno" else lane.map.dataverse.table
        columns = list(lane.layout.fno_columns) if side == "fno" else self.dataverse_columns
        return lane.side(side).write(table, [send.operation for send in sends], columns=columns, bulk=bulk)

    def _read_back(self, work: Work, places: Sequence[int], outcomes: list[Outcome | None]) -> None:
        """A service may acknowledge a write without saying what it now holds: ask."""
        lane, sends = self.lane, work.sends
        at = [
            (k, outcome)
            for k in places
            if (outcome := outcomes[k]) is not None
            and outcome.status == "done"
            and outcome.row is None
            and sends[k].operation.kind != "delete"
        ]
        if not at:
            return
        side: SideName = sends[at[0][0]].side
        table = lane.map.fno.set if side == "fno" else lane.map.dataverse.table
        columns = list(lane.layout.fno_columns) if side == "fno" else self.dataverse_columns
        for k, outcome in at:
            if side == "fno" and sends[k].operation.address is None:
                outcomes[k] = replace(outcome, status="unknown")  # a number that nobody told us
        at = [(k, outcome) for k, outcome in at if outcomes[k] is outcome]
        addresses = [
            sends[k].operation.address or outcome.id or sends[k].chosen_id or "" for k, outcome in at
        ]
        for (k, outcome), row in zip(at, lane.side(side).read(table, addresses, columns), strict=True):
            work.read_back.add(k)
            if row is not None:
                # somebody may have been quicker than this read: then its version is not that of our write
                version = version_of(row) if self.comparer.is_ours(row) else None
                outcomes[k] = replace(outcome, row=row, version=version)
