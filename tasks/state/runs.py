"""Runs, and what they did in each lane."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update

from tasks.state.models import run, run_lane
from tasks.state.records import RunLane, RunRecord
from tasks.state.session import Session

_RUN = tuple(RunRecord.__dataclass_fields__)
_LANE = tuple(RunLane.__dataclass_fields__)


class RunReads(Session):
    """Questions about runs."""

    def run(self, id: int) -> RunRecord | None:
        """One run."""
        row = self._connection.execute(
            select(*(run.c[name] for name in _RUN)).where(run.c.id == id)
        ).one_or_none()
        return None if row is None else RunRecord(*row)

    def runs(self, pair: int, limit: int | None = None) -> list[RunRecord]:
        """Runs, newest first."""
        query = select(*(run.c[name] for name in _RUN)).where(run.c.pair == pair)
        return [
            RunRecord(*row) for row in self._connection.execute(query.order_by(run.c.id.desc()).limit(limit))
        ]

    def run_lanes(self, id: int) -> list[RunLane]:
        """What a run did, by map, company and direction."""
        query = select(*(run_lane.c[name] for name in _LANE)).where(run_lane.c.run == id)
        rows = self._connection.execute(
            query.order_by(run_lane.c.map, run_lane.c.company, run_lane.c.direction)
        )
        return [RunLane(*row) for row in rows]

    def runs_of(
        self, pair: int, map: str, company: str | None, limit: int
    ) -> list[tuple[RunRecord, list[RunLane]]]:
        """Runs that worked on a map, newest first, with what they did in it."""
        conditions = [run_lane.c.pair == pair, run_lane.c.map == map]
        if company is not None:
            conditions.append(run_lane.c.company == company)
        newest = (
            select(run_lane.c.run).distinct().where(*conditions).order_by(run_lane.c.run.desc()).limit(limit)
        )
        numbers = list(self._connection.execute(newest).scalars())
        if not numbers:
            return []
        runs = select(*(run.c[name] for name in _RUN)).where(self._among(run.c.id, numbers))
        found: dict[int, tuple[RunRecord, list[RunLane]]] = {
            row.id: (RunRecord(*row), []) for row in self._connection.execute(runs)
        }
        lanes = select(*(run_lane.c[name] for name in _LANE)).where(
            *conditions, self._among(run_lane.c.run, numbers)
        )
        for row in self._connection.execute(lanes.order_by(run_lane.c.company, run_lane.c.direction)):
            lane = RunLane(*row)
            found[lane.run][1].append(lane)
        return [found[number] for number in numbers]


class RunWrites(RunReads):
    """Changes of runs."""

    def start_run(
        self,
        pair: int,
        kind: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        started: datetime | None = None,
    ) -> int:
        """Note that a run begins; returns its number."""
        done = self._connection.execute(
            insert(run).values(
                pair=pair, kind=kind, started=started or self._now(), verdict="", parameters=parameters
            )
        )
        return int(done.inserted_primary_key[0]) if done.inserted_primary_key else 0

    def finish_run(
        self,
        id: int,
        verdict: str,
        *,
        requests: Mapping[str, Any] | None = None,
        ended: datetime | None = None,
    ) -> None:
        """Note how a run ended."""
        self._connection.execute(
            update(run)
            .where(run.c.id == id)
            .values(verdict=verdict, requests=requests, ended=ended or self._now())
        )

    def save_run_lane(self, record: RunLane) -> None:
        """Store what a run did in a lane so far; the last word on the same lane and direction counts."""
        key = ("run", "map", "company", "direction")
        self._insert(
            run_lane,
            _LANE,
            [tuple(getattr(record, name) for name in _LANE)],
            key=key,
            update=[name for name in _LANE if name not in (*key, "pair")],
        )
