"""How many requests of one side are under way at once."""

from __future__ import annotations

import threading
from types import TracebackType


class Gate:
    """A semaphore that follows the degree of parallelism that the service recommends (`x-ms-dop-hint`).

    Args:
        limit: most requests at once; a hint can lower it, never raise it.
    """

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("at least one connection is needed")
        self.limit = limit
        self.allowed = limit
        self._busy = 0
        self._changed = threading.Condition()

    def hint(self, text: str | None) -> None:
        """Take over what the last answer recommends; anything but a positive number is ignored."""
        if not text or not text.isdecimal() or text == "0":
            return
        allowed = min(self.limit, int(text))
        if allowed != self.allowed:
            with self._changed:
                self.allowed = allowed
                self._changed.notify_all()

    def __enter__(self) -> None:
        with self._changed:
            while self._busy >= self.allowed:
                self._changed.wait()
            self._busy += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            self._busy -= 1
            self._changed.notify()
