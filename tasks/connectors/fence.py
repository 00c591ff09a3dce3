"""Fence: the right to send, asked again before each request leaves.

A batch may be throttled for minutes and sent again; by then whoever let it out may have lost the right to. So it isn't enough to
ask once before the first attempt.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

Check = Callable[[], None]
"""Raises if nothing may be sent any more."""

_here = threading.local()


@contextmanager
def fenced(*checks: Check) -> Iterator[None]:
    """For the length of a block, no request of this thread leaves unless these checks pass."""
    before = current()
    _here.checks = (*before, *(check for check in checks if check not in before))
    try:
        yield
    finally:
        _here.checks = before


def current() -> tuple[Check, ...]:
    """The checks of this thread."""
    found: tuple[Check, ...] = getattr(_here, "checks", ())
    return found


def pass_all(checks: Sequence[Check] | None = None) -> None:
    """Run the checks given, or those of this thread."""
    for check in current() if checks is None else checks:
        check()
