"""Requests of many threads in few: what several ask for at the same moment goes out as one `$batch`.

Lanes that work side by side read and write a handful of rows each. One request apiece would cost the services' limits, and both
ends more time than the rows themselves; a batch takes all of them, whatever their tables. Whoever asks first waits for the others,
a moment at most and not at all once nobody else is about to ask, sends for all, and hands out the answers.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

Asked = TypeVar("Asked")
Answered = TypeVar("Answered")


@dataclass
class _Group:
    """What goes out as one.

    Attributes:
        working: how many of those who asked may ask again soon.
        joined_at: when the last of them joined.
        answers: one for each that asked; an exception is raised in its thread.
    """

    asked: list[Any] = field(default_factory=list)
    size: int = 0
    working: int = 0
    joined_at: float = 0.0
    answers: list[Any] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)


class Together:
    """Collects what threads ask for at the same time.

    Args:
        window: seconds that a request waits for others at most.
        lull: seconds after the last that joined before a request leaves: threads that begin together come one after the other.
        most: operations that go out as one.
        clock: seconds that only grow.
    """

    def __init__(
        self,
        window: float = 0.15,
        most: int = 100,
        lull: float = 0.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.window = window
        self.lull = lull
        self.most = most
        self._clock = clock
        self._changed = threading.Condition()
        self._open: dict[Hashable, _Group] = {}
        self._here = threading.local()
        self._about_to_ask = 0

    def expect(self, count: int) -> None:
        """So many threads are about to begin: whoever asks first waits for them, too, though none of them runs yet."""
        self._count(count)

    @contextmanager
    def at_work(self, *, expected: bool = False, once: bool = False) -> Iterator[None]:
        """For the length of a block this thread counts as one that may ask soon; others wait for it.

        Args:
            expected: it was counted before it began.
            once: until it has asked; what it may ask later isn't worth waiting for.
        """
        self._here.working, self._here.once = True, once
        if not expected:
            self._count(1)
        try:
            yield
        finally:
            if self._here.working:
                self._count(-1)
            self._here.working = False

    def ask(
        self,
        kind: Hashable,
        size: int,
        asked: Asked,
        send: Callable[[Sequence[Asked]], Sequence[Answered | Exception]],
    ) -> Answered:
        """Have something sent together with what others ask of the same kind.

        Args:
            size: operations that it stands for.
            send: sends what all asked for; an answer, or an exception, for each.
        """
        group, place, first = self._join(kind, size, asked)
        if first:
            try:
                self._wait(kind, group)
                group.answers = list(send(group.asked))
            except BaseException as error:
                group.answers = [error] * len(group.asked)
                raise
            finally:
                self._close(kind, group)
                # all at once: the first of them to go on must not think that it's the only one
                self._count(group.working)
                group.done.set()
        else:
            group.done.wait()
        answer = group.answers[place]
        if isinstance(answer, BaseException):
            raise answer
        found: Answered = answer
        return found

    def _join(self, kind: Hashable, size: int, asked: Any) -> tuple[_Group, int, bool]:
        with self._changed:
            group = self._open.get(kind)
            first = group is None or group.size + size > self.most
            if group is None or first:
                # the one that is full by now goes out without us
                group = self._open[kind] = _Group()
            group.asked.append(asked)
            group.size += size
            group.joined_at = self._clock()
            if getattr(self._here, "working", False):
                if self._here.once:
                    self._here.working = False
                else:
                    group.working += 1
                self._about_to_ask -= 1
            self._changed.notify_all()
            return group, len(group.asked) - 1, first

    def _wait(self, kind: Hashable, group: _Group) -> None:
        """Until the group is complete: full, replaced, or nobody is left who could join it in time."""
        until = self._clock() + self.window
        with self._changed:
            while (
                self._open.get(kind) is group
                and group.size < self.most
                and (left := self._leaves_at(group, until) - self._clock()) > 0
            ):
                self._changed.wait(left)
        self._close(kind, group)

    def _leaves_at(self, group: _Group, until: float) -> float:
        """When it leaves if nothing else happens."""
        return until if self._about_to_ask > 0 else min(until, group.joined_at + self.lull)

    def _close(self, kind: Hashable, group: _Group) -> None:
        """Nobody joins it any more."""
        with self._changed:
            if self._open.get(kind) is group:
                del self._open[kind]

    def _count(self, number: int) -> None:
        with self._changed:
            self._about_to_ask += number
            self._changed.notify_all()
