"""What the engine takes from outside so that tests can hold it still: a clock, a sleep, an executor, failpoints."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, ParamSpec, TypeVar

Failpoint = Literal["polled", "read", "diffed", "intent", "written", "recorded"]
"""The places between two steps of the pipeline where a process can die or a user can interfere."""

P = ParamSpec("P")
T = TypeVar("T")


class Crash(BaseException):
    """Raised by a failpoint to play the death of the process; no `except Exception` can swallow it."""


class SerialExecutor(Executor):
    """Runs each submission at once in the caller's thread, so that a test decides what happens when."""

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # handed to whoever asks for the result, as a pool would
            future.set_exception(error)
        return future


def _utc_now() -> datetime:
    return datetime.now(UTC)


def _pass(_: Failpoint) -> None:
    return None


@dataclass(frozen=True)
class Seams:
    """Everything that makes a run depend on the moment it happens in.

    Attributes:
        now: Current time, UTC and timezone-aware.
        sleep: Waits so many seconds.
        executor: Makes the executor that writes overlap on; `workers` is the number of connections a side has.
        failpoint: Called between steps with the name of the step just done; raises `Crash` to die there.
    """

    now: Callable[[], datetime] = _utc_now
    sleep: Callable[[float], None] = time.sleep
    executor: Callable[[int], Executor] = field(default=lambda workers: ThreadPoolExecutor(workers, "write"))
    failpoint: Callable[[Failpoint], None] = _pass

    @classmethod
    def serial(cls, **kwargs: Any) -> Seams:
        """Seams of a run in one thread, in one order."""
        return cls(executor=lambda _: SerialExecutor(), **kwargs)
