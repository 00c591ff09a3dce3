"""The report of a run: what each map did in each company, in which verdict it ends, and what to do about it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from flows.states import states
from mappings.errors import DualflowError
from mappings.model import Map
from mappings.troubleshooting.catalogue import ARROW, advice, advised
from tasks.entity import EntityResult
from tasks.state.records import RunLane
from tasks.sync.lane import Counts
from tasks.sync.session import Session

WORST_FIRST = ("failed", "error", "busy", "ok")
FAILING = ("failed", "error")
REMEDIES = 20
"""Kinds of parked rows that the report explains; the rest is counted."""


class RunFailed(DualflowError):
    """A run in which maps failed; the others were worked on.

    Attributes:
        report: what it did all the same.
    """

    def __init__(self, message: str, report: dict[str, Any]) -> None:
        super().__init__(message, code="run_failed", remedy="see the messages of these maps")
        self.report = report


@dataclass
class LaneReport:
    """One map in one company, over all steps of the run.

    Attributes:
        waiting: rows that still wait for others, of this run and earlier ones.
        parked: rows on the list of parked ones, likewise.
    """

    map: str
    company: str
    verdict: str = "ok"
    message: str = ""
    counts: Counts = field(default_factory=Counts)
    waiting: int = 0
    parked: int = 0

    def as_json(self) -> dict[str, Any]:
        counts = {name: value for name, value in vars(self.counts).items() if value}
        counts["seconds"] = round(self.counts.seconds, 3)
        return {
            "map": self.map,
            "company": self.company,
            "verdict": self.verdict,
            "message": advised(self.message),
            "waiting": self.waiting,
            "parked": self.parked,
            "counts": counts,
        }


@dataclass
class Report:
    """What a run did.

    Attributes:
        remedies: what to do about parked rows, a line per map and kind of error.
        asked: how often feeds were asked and what they named, by side and kind of feed.
        budgets: what is used of each side's limits, by all runs.
        alerts: where a budget ran short in this run.
        states: how all maps stand after it.
    """

    kind: str
    run: int
    lanes: dict[tuple[str, str], LaneReport] = field(default_factory=dict)
    seconds: float = 0.0
    remedies: list[str] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    budgets: list[dict[str, Any]] = field(default_factory=list)
    alerts: list[str] = field(default_factory=list)
    states: list[dict[str, Any]] = field(default_factory=list)

    def add(self, results: Iterable[EntityResult]) -> None:
        """Add what tasks returned; several steps of one lane add up."""
        for result in results:
            for given in result["lanes"]:
                lane = self.lanes.setdefault(
                    (given["map"], given["company"]), LaneReport(given["map"], given["company"])
                )
                lane.counts.add(Counts(**given["counts"]))
                lane.verdict = min(lane.verdict, given["verdict"], key=WORST_FIRST.index)
                lane.message = given["message"] or lane.message

    def settle(self, session: Session) -> None:
        """Ask the state what is left to do in the lanes of this run, and what is left of the budgets."""
        self.budgets = [each.standing().as_json() for each in session.budgets.values()]
        parked: Counter[tuple[str, str, str, str]] = Counter()
        example: dict[tuple[str, str, str, str], str] = {}
        with session.store.read() as state:
            self.states = states(state.lanes(session.pair))
            for lane in self.lanes.values():
                lane.waiting = state.count_waiting(session.pair, lane.map, lane.company)
                lane.parked = state.count_parked(session.pair, lane.map, lane.company)
                if lane.parked:
                    for row in state.parked(session.pair, lane.map, lane.company, limit=1000):
                        kind = (row.map, row.kind, row.code, row.remedy)
                        parked[kind] += 1
                        example.setdefault(kind, f"{row.key}: {row.message}")
        self.remedies = [
            f"{name}: {count} × {kind.replace('_', ' ')} ({code}), such as {example[name, kind, code, remedy]}"
            + _what_to_do(remedy, example[name, kind, code, remedy], code)
            for (name, kind, code, remedy), count in parked.most_common(REMEDIES)
        ]

    @property
    def failing(self) -> list[LaneReport]:
        """Lanes that end in a verdict that fails the run."""
        return [lane for lane in self.lanes.values() if lane.verdict in FAILING]

    @property
    def verdict(self) -> str:
        """ "ok" or "failed"."""
        return "failed" if self.failing else "ok"

    @property
    def written(self) -> int:
        return sum(lane.counts.written for lane in self.lanes.values())

    @property
    def message(self) -> str:
        """One line for the run's final state; names what failed."""
        if self.failing:
            names = [f"{lane.map}{f' ({lane.company})' if lane.company else ''}" for lane in self.failing]
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            return f"{len(names)} of {len(self.lanes)} lanes failed: {', '.join(names[:5])}{more}"
        maps = len({lane.map for lane in self.lanes.values()})
        left = [
            f"{number} {word}"
            for word, number in (
                ("waiting", sum(lane.waiting for lane in self.lanes.values())),
                ("parked", sum(lane.parked for lane in self.lanes.values())),
            )
            if number
        ]
        return f"{maps} maps, {self.written:,} rows written" + "".join(f", {text}" for text in left)

    def table(self, maps: Sequence[Map]) -> list[dict[str, Any]]:
        """Rows of the table artifact: area by area, as the areas and then the maps come in these maps."""
        areas = {each.name: each.area for each in maps}
        first = list(dict.fromkeys(areas.values()))
        order = {each.name: (first.index(each.area), at) for at, each in enumerate(maps)}
        lanes = sorted(self.lanes.values(), key=lambda lane: (order.get(lane.map, (0, 0)), lane.company))
        return [
            {
                "area": areas.get(lane.map, ""),
                "map": lane.map,
                "company": lane.company,
                "read F&O": lane.counts.read_fno,
                "read Dataverse": lane.counts.read_dataverse,
                "created → Dataverse": lane.counts.created_dataverse,
                "updated → Dataverse": lane.counts.updated_dataverse,
                "deleted → Dataverse": lane.counts.deleted_dataverse,
                "created → F&O": lane.counts.created_fno,
                "updated → F&O": lane.counts.updated_fno,
                "deleted → F&O": lane.counts.deleted_fno,
                "equal": lane.counts.equal,
                "conflicts": lane.counts.conflicts,
                "waiting": lane.waiting,
                "parked": lane.parked,
                "seconds": round(lane.counts.seconds, 2),
                "verdict": lane.verdict,
            }
            for lane in lanes
        ]

    def requests(self) -> list[dict[str, Any]]:
        """Rows of the table of what was asked: feeds by kind, and each side's budget."""
        feeds = [
            {"side": each["side"], "what": f"polls by {each['feed']}", "count": each["polls"]}
            | {"of": "", "rows named": each["named"]}
            for each in self.asked
        ]
        limits = (
            ("requests", "requests in five minutes"),
            ("seconds", "seconds of work in five minutes"),
            ("today", "rows today"),
        )
        return feeds + [
            {"side": each["side"], "what": what, "count": each[name]}
            | {"of": each[f"{name}_limit"], "rows named": ""}
            for each in self.budgets
            for name, what in limits
        ]

    def markdown(self) -> str:
        """What went wrong and what to do about it; "" if nothing did."""
        parts = [
            f"### {lane.map}{f', company {lane.company}' if lane.company else ''}\n\n{advised(lane.message)}\n"
            for lane in self.failing
        ]
        if self.remedies:
            parts.append("### Parked rows\n\n" + "\n".join(f"- {line}" for line in self.remedies) + "\n")
        if self.alerts:
            parts.append("### Budgets\n\n" + "\n".join(f"- {line}" for line in self.alerts) + "\n")
        return "\n".join(parts)

    def run_lanes(self, session: Session) -> list[RunLane]:
        """Records for the state: one a lane and direction.

        What has no direction (equal rows, conflicts, waiting and parked ones) stands with the map's first.
        """
        records = []
        for lane in self.lanes.values():
            sync = session.catalogue.maps.get(lane.map)
            ways = [
                way
                for way, there in (
                    ("to-dataverse", sync is None or sync.to_dataverse),
                    ("to-fno", sync is not None and sync.to_fno),
                )
                if there
            ]
            for position, way in enumerate(ways):
                counts, first = lane.counts, position == 0
                target = "dataverse" if way == "to-dataverse" else "fno"
                source = "fno" if way == "to-dataverse" else "dataverse"
                records.append(
                    RunLane(
                        pair=session.pair,
                        run=self.run,
                        map=lane.map,
                        company=lane.company,
                        direction=way,
                        read=getattr(counts, f"read_{source}"),
                        created=getattr(counts, f"created_{target}"),
                        updated=getattr(counts, f"updated_{target}"),
                        deleted=getattr(counts, f"deleted_{target}"),
                        equal=counts.equal if first else 0,
                        conflicts=counts.conflicts if first else 0,
                        waiting=lane.waiting if first else 0,
                        parked=lane.parked if first else 0,
                        seconds=counts.seconds if first else 0.0,
                        other=_other(counts) if first else {},
                    )
                )
        return records

    def as_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "run": self.run,
            "verdict": self.verdict,
            "message": self.message,
            "seconds": round(self.seconds, 3),
            "written": self.written,
            "lanes": [lane.as_json() for lane in self.lanes.values()],
            "remedies": self.remedies,
            "asked": self.asked,
            "budgets": self.budgets,
            "alerts": self.alerts,
        }


def _other(counts: Counts) -> dict[str, int]:
    names = ("paired", "no_base", "drift", "normalized", "held", "detached", "out_of_scope")
    return {name: getattr(counts, name) for name in names if getattr(counts, name)}


def _what_to_do(remedy: str, said: str, code: str) -> str:
    found = remedy or advice(said, code)
    return f"{ARROW}{found}" if found else ""
