"""Dataverse's service protection limits: requests in a sliding window, and how many at once."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable

from deployments.sandbox.messages import Caller, Response, encode
from deployments.sandbox.switches import Switches


class Limits:
    """Counts requests per caller; refuses only when the switch `limits` is on."""

    def __init__(self, switches: Switches, clock: Callable[[], float]) -> None:
        self._switches = switches
        self._clock = clock
        self._times: dict[str, deque[float]] = {}
        self._running: Counter[str] = Counter()

    def clear(self) -> None:
        self._times.clear()

    def enter(self, side: str, caller: Caller) -> Response | None:
        """Count a request in; a 429 if it is one too many."""
        self._running[f"{side} {caller.name}"] += 1
        if side != "dataverse":
            return None
        now, switches = self._clock(), self._switches
        times = self._times.setdefault(caller.name, deque())
        while times and times[0] <= now - switches.limit_seconds:
            times.popleft()
        times.append(now)
        if not switches.limits:
            return None
        refusal = None
        if len(times) > switches.limit_requests:
            wait = max(1, round(times[0] + switches.limit_seconds - now))
            text = (
                f"Number of requests exceeded the limit of {switches.limit_requests} over time window of "
                f"{switches.limit_seconds:g} seconds."
            )
            refusal = _refusal("0x80072322", text, wait)
        elif self._running[f"{side} {caller.name}"] > switches.limit_concurrency:
            text = f"Number of concurrent requests exceeded the limit of {switches.limit_concurrency}."
            refusal = _refusal("0x80072326", text, 1)
        if refusal is not None:
            self.leave(side, caller)
        return refusal

    def leave(self, side: str, caller: Caller) -> None:
        self._running[f"{side} {caller.name}"] -= 1

    def remaining(self, side: str, caller: Caller) -> tuple[int, float]:
        """Requests left in the window, and seconds of execution time left (not counted here)."""
        used = len(self._times.get(caller.name, ()))
        return max(0, self._switches.limit_requests - used), 1200.0


def _refusal(code: str, text: str, wait: float) -> Response:
    body = {"error": {"code": code, "message": text}}
    return Response(429, {"Content-Type": "application/json", "Retry-After": f"{wait:g}"}, encode(body))
