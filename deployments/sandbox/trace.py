"""Every request that the two services answered."""

from __future__ import annotations

import time
from collections import Counter, deque
from dataclasses import dataclass
from typing import Any

from deployments.sandbox.messages import Request

LENGTH = 50_000


@dataclass(frozen=True, slots=True)
class Traced:
    """One request in the trace."""

    seq: int
    side: str
    method: str
    url: str
    caller: str
    status: int
    if_match: str | None
    prefer: str | None
    operations: list[dict[str, Any]]
    milliseconds: float
    time: float


class Trace:
    """The last requests, and how many there were of each kind.

    Attributes:
        entries: the last ones, oldest first.
        count: of all since the start.
        requests: number by side and kind since start or reset.
    """

    def __init__(self) -> None:
        self.entries: deque[Traced] = deque(maxlen=LENGTH)
        self.count = 0
        self.requests: Counter[str] = Counter()

    def clear(self) -> None:
        self.entries.clear()
        self.requests.clear()

    def note(self, side: str, request: Request, status: int, started: float, now: float) -> None:
        """Note an answered request.

        Args:
            status: 0 = its connection was cut.
            started: when it came, by `time.perf_counter`.
            now: seconds since 1970.
        """
        self.requests[f"{side} {_kind(request)}"] += 1
        self.count += 1
        self.entries.append(
            Traced(
                seq=self.count,
                side=side,
                method=request.method,
                url=request.url,
                caller=request.caller.name if request.caller else "",
                status=status,
                if_match=request.headers.get("if-match"),
                prefer=request.headers.get("prefer"),
                operations=request.operations,
                milliseconds=(time.perf_counter() - started) * 1000,
                time=now,
            )
        )


def _kind(request: Request) -> str:
    """What sort of request it is, for counts."""
    last = request.path.rpartition("/")[2]
    if last == "$batch":
        return "batch"
    if last.endswith("Multiple"):
        return last.rpartition(".")[2]
    if last.startswith("$metadata") or "EntityDefinitions" in request.path:
        return "metadata"
    return request.method
