"""What both flows have in common: a typed way to declare them, and the runner that their tasks run on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from prefect import Flow
from prefect.task_runners import ThreadPoolTaskRunner

P = ParamSpec("P")
R = TypeVar("R")

WORKERS_VARIABLE = "DUALFLOW_WORKERS"
WORKERS = 4
"""Maps worked on at a time. Each keeps up to `DUALFLOW_CONNECTIONS` requests per side under way by itself."""


def task_runner() -> ThreadPoolTaskRunner[Any]:
    """Threads of the run's own process: the tasks share connections, metadata and state."""
    return ThreadPoolTaskRunner(max_workers=int(os.environ.get(WORKERS_VARIABLE) or WORKERS))


def sync_flow(name: str) -> Callable[[Callable[P, R]], Flow[P, R]]:
    """Declare a flow whose tasks are entities; results are JSON."""

    def declare(function: Callable[P, R]) -> Flow[P, R]:
        return Flow(
            function,
            name=name,
            task_runner=task_runner(),  # type: ignore[arg-type]  # a runner of a subclass of futures: typed invariant
            result_serializer="json",
        )

    return declare
