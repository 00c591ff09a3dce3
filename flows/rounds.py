"""Rounds of tasks: submit an entity's task wherever there is work, collect what came of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict

from prefect.futures import PrefectFuture

from flows.ordering import direct_parents
from mappings.model import Map
from tasks.entity import EntityResult, entity_task
from tasks.sync.lane import Counts
from tasks.sync.session import Session
from tasks.sync.work import LaneSummary, settle

Future = PrefectFuture[EntityResult]


def collect(futures: Iterable[tuple[str, Future]]) -> list[EntityResult]:
    """Wait for tasks and take their results; a task that crashed is a failed map."""
    results: list[EntityResult] = []
    for name, future in futures:
        found = future.result(raise_on_failure=False)
        if not isinstance(found, dict):
            message = f"the task ended without a result: {found!r} → see its log"
            lane = LaneSummary(name, "", "failed", message, asdict(Counts()), "task_crashed")
            found = EntityResult(map=name, verdict="failed", lanes=[asdict(lane)])
        results.append(found)
    return results


def drain(session: Session, maps: Sequence[Map], companies: list[str] | None, run: int) -> list[EntityResult]:
    """Work off all inboxes, parents first, each map in a task; maps that turn out to be in trouble are left alone."""
    results: list[EntityResult] = []

    def work(busy: Sequence[str]) -> set[str]:
        futures: dict[str, Future] = {}
        for name, parents in direct_parents(session.catalogue, set(busy)).items():
            awaited = [futures[parent] for parent in parents]
            futures[name] = entity_task(name, "delta").submit(
                "delta", companies=companies, run=run, wait_for=awaited
            )
        finished = collect(futures.items())
        results.extend(finished)
        return {result["map"] for result in finished if result["verdict"] != "ok"}

    settle(session, [sync.name for sync in maps], companies, work)
    return results
