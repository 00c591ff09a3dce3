"""A run on record: in the state from its first to its last moment, as artifacts in Prefect once it is over."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from prefect import State
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.events import emit_event
from prefect.states import Completed, Failed

from flows.report import Report, RunFailed
from mappings.model import Map
from tasks.sync.session import Session


@contextmanager
def recorded(session: Session, kind: str, parameters: Mapping[str, Any]) -> Iterator[Report]:
    """Note that a run begins, hand out its report, and note how it ended, whatever happened."""
    with session.store.unfenced() as tx:
        number = tx.start_run(session.pair, kind, parameters=dict(parameters))
    report = Report(kind, number)
    before, started = session.requests(), time.perf_counter()
    alerted = {side: len(each.alerts) for side, each in session.budgets.items()}
    try:
        yield report
    except BaseException as error:
        with session.store.unfenced() as tx:
            tx.finish_run(number, f"failed: {error}" if str(error) else f"failed: {type(error).__name__}")
        raise
    report.seconds = time.perf_counter() - started
    report.settle(session)
    report.alerts = [
        alert for side, each in session.budgets.items() for alert in each.alerts[alerted.get(side, 0) :]
    ]
    verdict = "ok" if report.verdict == "ok" else f"failed: {report.message}"
    with session.store.unfenced() as tx:
        for lane in report.run_lanes(session):
            tx.save_run_lane(lane)
        tx.finish_run(number, verdict, requests=_since(before, session.requests()))


def conclude(report: Report, maps: Sequence[Map]) -> State[dict[str, Any]]:
    """Leave the artifacts, and say in which state the flow run ends."""
    key = report.kind.replace("_", "-")
    create_table_artifact(
        report.table(maps) or [{"map": "nothing to do"}],
        key=key,
        description=f"Run {report.run}: {report.message}, {report.seconds:.1f} s",
    )
    create_table_artifact(
        report.states or [{"map": "nothing was ever started"}],
        key="states",
        description=f"How all maps stand after run {report.run}",
    )
    if asked := report.requests():
        create_table_artifact(
            asked, key=f"{key}-requests", description=f"Run {report.run}: what was asked of both systems"
        )
    for alert in report.alerts:
        emit_event(
            "dualflow.budget.short",
            resource={"prefect.resource.id": f"dualflow.run.{report.run}"},
            payload={"alert": alert},
        )
    trouble = report.markdown()
    if trouble:
        create_markdown_artifact(trouble, key=f"{key}-remedies", description=f"Run {report.run}: what to do")
    if report.failing:
        return Failed(message=report.message, data=RunFailed(report.message, report.as_json()))
    return Completed(message=report.message, data=report.as_json())


def _since(
    before: Mapping[Any, Mapping[str, float]], now: Mapping[Any, Mapping[str, float]]
) -> dict[str, dict[str, float]]:
    return {
        side: {kind: round(count - before.get(side, {}).get(kind, 0), 3) for kind, count in counts.items()}
        for side, counts in now.items()
    }
