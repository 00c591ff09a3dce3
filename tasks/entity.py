"""The Prefect task of a map: what the UI shows as one node with the entity's name.

    customer_groups = entity("Customer groups")
    customer_groups.submit("initial", companies=["usmf"], run=7, wait_for=[…])

A task takes names, works through all pages of its map by the shared engine and returns a small summary with a verdict. It never
fails for what the data or a service does: a map in trouble must not keep the maps behind it from running, whose rows wait
for their parents by themselves.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any, Literal, Protocol, TypedDict, runtime_checkable
from uuid import UUID

from prefect import State, Task, get_run_logger
from prefect.cache_policies import NO_CACHE
from prefect.context import TaskRunContext
from prefect.exceptions import MissingContextError
from prefect.states import get_state_exception

import tasks
from mappings.errors import DualflowError, RetriableError
from mappings.model import Map
from tasks.progress import Progress
from tasks.sync.lane import Counts
from tasks.sync.session import Session, shared_session
from tasks.sync.work import LaneSummary, delta_sync, initial_sync
from tasks.sync.worklist import WORKLISTS, Sum

Step = Literal["initial", "deferred", "delta", "watch"]
"""initial: first connection; deferred: what had to wait for rows that came later; delta: what the feeds named; watch: the same,
round by round, for as long as the run goes on."""

RETRY_DELAYS = [2, 5, 15, 30, 60]
"""Seconds before another try, where the service or another run said that one is worth it."""
LONGEST_WAIT = 60.0
"""Seconds that an initial load waits for its budget before it looks again: others may have given some back."""
DEFERRED = "deferred references"


class EntityResult(TypedDict):
    """What a task returns, as JSON.

    `verdict` is the worst of its lanes: "ok", "busy" (another run holds it), "error" (needs a person) or "failed" (could not
    be worked on). Nothing that a task was given stands in it: Prefect would draw an edge from this task to every other one that
    is given the same object.
    """

    map: str
    verdict: str
    lanes: list[dict[str, Any]]


EntityTask = Task[..., EntityResult]


def entity(name: str) -> EntityTask:
    """The task of a map, named as the map."""

    def sync_entity(
        step: Step,
        companies: list[str] | None = None,
        mode: str | None = None,
        run: int | None = None,
    ) -> EntityResult:
        return _work(name, step, companies, mode, run)

    # no tags: at each tagged task run Prefect asks its server whether the tag's concurrency is limited
    sync_entity.__name__ = sync_entity.__qualname__ = re.sub(r"\W+", "_", name.lower()).strip("_")
    return Task(
        sync_entity,
        name=name,
        task_run_name=name,
        cache_policy=NO_CACHE,
        retries=len(RETRY_DELAYS),
        retry_delay_seconds=list(RETRY_DELAYS),
        retry_condition_fn=_worth_another_try,
        result_serializer="json",
    )


def entity_task(name: str, step: Step = "initial") -> EntityTask:
    """The task of any map; a map without one of its own, such as a custom map, gets it here."""
    found = shipped_tasks().get(name) or entity(name)
    if step != "deferred":
        return found
    renamed = f"{name}: {DEFERRED}"
    return found.with_options(name=renamed, task_run_name=renamed)


@cache
def shipped_tasks() -> dict[str, EntityTask]:
    """The tasks in the modules beside this one, by map."""
    found: dict[str, EntityTask] = {}
    for module in pkgutil.iter_modules(tasks.__path__):
        if not module.ispkg:
            members = vars(importlib.import_module(f"tasks.{module.name}")).values()
            found.update({member.name: member for member in members if isinstance(member, Task)})
    return found


_settled: dict[UUID, list[LaneSummary]] = {}
"""Lanes that an earlier try of a task run brought to an end: they are not worked on again."""


def _work(
    name: str,
    step: Step,
    companies: Sequence[str] | None,
    mode: str | None,
    run: int | None,
) -> EntityResult:
    if step == "watch":
        return _watch(name, run)
    context = TaskRunContext.get()
    attempt = context.task_run if context else None
    done = _settled.pop(attempt.id, []) if attempt else []
    progress = Progress(name, step, artifact=attempt is not None)
    progress.begin()
    try:
        summaries = _lanes(name, step, companies, mode, run, done, progress)
        while step != "delta" and (wait := _short_of_budget(summaries)) is not None:
            # initial loads stand back first; nothing is held meanwhile, and what is done is not done again
            shared_session().seams.sleep(min(wait, LONGEST_WAIT))
            done += [summary for summary in summaries if summary.code != "budget"]
            summaries = _lanes(name, step, companies, mode, run, done, progress)
    except DualflowError as error:
        summaries = [_unworkable(name, error)]
    except Exception as error:  # a fault of ours: this map stops, the others go on
        _log().exception("%s stopped by a fault in Dualflow", name)
        summaries = [_unworkable(name, error)]
    again = [summary for summary in summaries if summary.retry_after is not None]
    if again and attempt is not None and attempt.run_count <= len(RETRY_DELAYS):
        _settled[attempt.id] = done + [summary for summary in summaries if summary.retry_after is None]
        raise RetriableError(again[0].message, retry_after=again[0].retry_after, code=again[0].code)
    result = _result(name, done + summaries)
    progress.end(result["verdict"])
    return result


def _watch(name: str, run: int | None) -> EntityResult:
    """Work off the rounds of a map until its run is over."""
    worklist, session, total = WORKLISTS[run or 0], shared_session(), Sum()
    while (companies := worklist.take(name)) is not None:
        summaries: list[LaneSummary] = []
        try:
            with session.together():
                summaries = delta_sync(session, name, companies, run=run)
        except DualflowError as error:
            summaries = [replace(_unworkable(name, error), company=company) for company in companies]
        except Exception as error:  # a fault of ours: this map stops, the others go on
            _log().exception("%s stopped by a fault in Dualflow", name)
            summaries = [replace(_unworkable(name, error), company=company) for company in companies]
        finally:
            worklist.done(name, summaries)
        total.add(_left_to_others(summary) for summary in summaries)
    return _result(name, list(total.lanes.values()))


def _short_of_budget(summaries: Sequence[LaneSummary]) -> float | None:
    """Seconds until lanes that the budget stopped can go on; None if it stopped none."""
    return min(
        (summary.retry_after or 0.0 for summary in summaries if summary.code == "budget"), default=None
    )


def _lanes(
    name: str,
    step: Step,
    companies: Sequence[str] | None,
    mode: str | None,
    run: int | None,
    done: Sequence[LaneSummary],
    progress: Progress,
) -> list[LaneSummary]:
    session = shared_session()
    sync = session.catalogue.get(name)
    behind = {summary.company for summary in done}
    todo = [company for company in session.companies_of(sync, companies) if company not in behind]
    if step != "initial":
        return delta_sync(session, name, todo, run=run)
    with session.loading():
        progress.total = _rows(session, sync, todo)
        return initial_sync(session, name, todo, mode=mode, run=run, progress=progress.advance)


@runtime_checkable
class Countable(Protocol):
    """A side that can say how many rows a table has without reading them."""

    def count(self, table: str, *, filter: str | None = None) -> int:
        """Number of rows that pass an OData filter."""


def _rows(session: Session, sync: Map, companies: Sequence[str]) -> int | None:
    """Rows that an initial sync has to work on, as far as F&O can count them."""
    if not isinstance(session.fno, Countable):
        return None
    quoted = " or ".join(f"dataAreaId eq '{code}'" for code in companies)
    try:
        return session.fno.count(sync.fno.set, filter=quoted if sync.company_specific else None)
    except DualflowError:
        return None  # only a percentage is lost; the sync itself says what is wrong


def _unworkable(name: str, error: Exception) -> LaneSummary:
    """The summary of a map that could not be worked on at all."""
    if isinstance(error, DualflowError):
        code, message = error.code, str(error)
    else:
        code, message = "fault", f"{type(error).__name__}: {error} → report this with the log of the task run"
    again = (error.retry_after or 0.0) if isinstance(error, RetriableError) else None
    return LaneSummary(name, "", "failed", message, asdict(Counts()), code, again)


def _left_to_others(summary: LaneSummary) -> LaneSummary:
    """A lane that another run holds is no trouble of ours: its inbox stays, and who holds it works on it."""
    if summary.code != "lease_held":
        return summary
    return replace(summary, verdict="busy", retry_after=None)


def _result(name: str, summaries: Sequence[LaneSummary]) -> EntityResult:
    verdicts = {summary.verdict for summary in summaries}
    worst = next((verdict for verdict in ("failed", "error", "busy") if verdict in verdicts), "ok")
    return EntityResult(map=name, verdict=worst, lanes=[asdict(summary) for summary in summaries])


def _worth_another_try(_: Any, __: Any, state: State[Any]) -> bool:
    return isinstance(get_state_exception(state), RetriableError)


def _log() -> logging.Logger | logging.LoggerAdapter[Any]:
    try:
        return get_run_logger()
    except MissingContextError:
        return logging.getLogger("dualflow.entity")
