"""Batches under way: noted and recorded in order on one thread, written on several, while the next ones are compared.

The database works without the interpreter, so what the state costs hides behind the comparing; a batch is sent only when its
intents stand, and recorded only when its answers are in.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import dataclass

from tasks.sync.cases import Case, Work
from tasks.sync.engine import Engine


@dataclass(slots=True)
class _Flight:
    """One batch: `noted` gives its write once the intents stand (None: nothing to write), `recorded` the cases to read again."""

    work: Work
    noted: Future[Future[None] | None]
    recorded: Future[list[Case]] | None = None


class Pipeline:
    """Overlaps the batches of one lane.

    Args:
        engine: compares, writes and records.
        states: executor of one worker, which alone writes batches to the state.
        writes: executor with a worker for each connection.
        room: batches that may be under way before `submit` waits for the oldest.

    Attributes:
        again: cases that must be read again.
    """

    def __init__(self, engine: Engine, states: Executor, writes: Executor, room: int) -> None:
        self.again: list[Case] = []
        self._engine = engine
        self._states = states
        self._writes = writes
        self._room = room
        self._flights: deque[_Flight] = deque()

    def submit(self, work: Work) -> None:
        """Send a planned batch on its way.

        Raises:
            DualflowError: what an earlier batch met.
        """
        self._flights.append(_Flight(work, self._states.submit(self._note, work)))
        self._land(self._room)

    def noted(self) -> None:
        """Wait until the links of every batch so far stand in the state."""
        for flight in self._flights:
            flight.noted.result()

    def finish(self) -> None:
        """Wait for every batch."""
        self._land(0)

    def _note(self, work: Work) -> Future[None] | None:
        self._engine.note(work)
        return self._writes.submit(self._engine.send, work) if work.sends else None

    def _land(self, room: int) -> None:
        for flight in self._flights:
            if flight.recorded is None and not self._record(flight, wait=False):
                break  # in order
        while self._flights and (len(self._flights) > room or _done(self._flights[0])):
            flight = self._flights.popleft()
            if flight.recorded is None:
                self._record(flight, wait=True)
            assert flight.recorded is not None
            self.again += flight.recorded.result()

    def _record(self, flight: _Flight, *, wait: bool) -> bool:
        """Start to record a batch that was answered; False if it wasn't yet."""
        if not wait and not flight.noted.done():
            return False
        sent = flight.noted.result()
        if sent is not None:
            if not wait and not sent.done():
                return False
            sent.result()
        flight.recorded = self._states.submit(self._engine.record, flight.work)
        return True


def _done(flight: _Flight) -> bool:
    return flight.recorded is not None and flight.recorded.done()
