"""How long to wait before the same request again.

Both services say so themselves when they throttle (`Retry-After`, in seconds; gateways also send a date).
Where they don't, waits grow exponentially with full jitter, so that many clients that failed together don't
come back together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

import requests
from urllib3.exceptions import ConnectTimeoutError as PoolConnectTimeout
from urllib3.exceptions import MaxRetryError, NewConnectionError

TRANSIENT = frozenset({408, 500, 502, 504})
"""Statuses that may pass, and that say nothing about what was done."""

THROTTLED = frozenset({429, 503})
"""Statuses that prove that nothing was done: the request was turned away unread."""


@dataclass(frozen=True, slots=True)
class Retries:
    """How stubborn a client is.

    Attributes:
        attempts: times that one request is sent at most.
        base: seconds; the first wait without `Retry-After` is at most this.
        cap: seconds; no wait without `Retry-After` is longer.
        longest: seconds; a longer `Retry-After` is handed to the caller instead of being slept through. The
            default is the window of the service protection limits.
    """

    attempts: int = 6
    base: float = 0.5
    cap: float = 30.0
    longest: float = 300.0

    def backoff(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds to wait after the `attempt`-th failure (from 1); `random` gives numbers in [0, 1)."""
        return random() * min(self.cap, self.base * 2.0 ** min(attempt - 1, 30))


def retry_after(value: str | None, now: float) -> float | None:
    """Seconds from a `Retry-After` header, given as seconds or as an HTTP date; None when absent or
    unreadable.

    Args:
        now: current time as seconds since 1970.
    """
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, moment.timestamp() - now)


def never_left(error: requests.RequestException) -> bool:
    """True if no connection came about, so that the service can't have seen the request."""
    if isinstance(error, requests.ConnectTimeout | requests.exceptions.ProxyError):
        return True
    cause = error.args[0] if error.args else None
    if isinstance(cause, MaxRetryError):
        cause = cause.reason
    return isinstance(cause, NewConnectionError | PoolConnectTimeout)
