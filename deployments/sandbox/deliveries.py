"""Sending notifications to receivers: background threads, retries, an error log, and everything that can go wrong.

Requests only hand over what to send; bodies are made and sent by threads, so that a slow or dead receiver holds up
nothing. The threads end with the process.
"""

from __future__ import annotations

import heapq
import http.client
import itertools
import random
import ssl
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from deployments.sandbox.switches import Switches

THREADS = 4
TIMEOUT = 60.0
ERRORS = 1_000
FLUSH = 0.2
Send = Callable[[str, bytes, dict[str, str]], int]


@dataclass(slots=True)
class Delivery:
    """One notification.

    Attributes:
        kind: ``event`` of F&O or ``webhook`` of Dataverse.
        make: body and headers, made when it is sent.
        retries: how often it is sent again after a failure.
        retry_on: statuses after which it is sent again; empty = all but success.
    """

    kind: str
    url: str
    make: Callable[[], tuple[bytes, dict[str, str]]]
    retries: int
    retry_on: Collection[int] = ()
    attempts: int = 0
    generation: int = 0
    id: int = 0
    error: str = ""
    at: float = 0


@dataclass(order=True, slots=True)
class _Due:
    due: float
    seq: int
    delivery: Delivery = field(compare=False)


class Deliveries:
    """A queue of notifications, and the threads that send them.

    Args:
        authority: file with a certificate authority that receivers may have their certificate of, beside the
            system's.
        clock: seconds since 1970, for the error log.
    """

    def __init__(self, switches: Switches, authority: Path | None, clock: Callable[[], float]) -> None:
        self._switches = switches
        self._authority = authority
        self._clock = clock
        self._ready = threading.Condition()
        self._heap: list[_Due] = []
        self._held: list[Delivery] = []
        self._numbers = itertools.count(1)
        self._random = random.Random(20190701)
        self._threads: list[threading.Thread] = []
        self._context: ssl.SSLContext | None = None
        self._generation = 0
        self._sending = 0
        self._closed = False
        self._events: deque[float] = deque()
        self.counts: Counter[str] = Counter()
        self.errors: deque[Delivery] = deque(maxlen=ERRORS)

    # in

    def submit(self, deliveries: Iterable[Delivery]) -> None:
        """Send these, as the switches say: some twice, late, in another order, or not at all."""
        switches, now = self._switches, time.monotonic()
        with self._ready:
            for delivery in deliveries:
                kind = delivery.kind
                delivery.generation = self._generation
                self.counts[f"{kind} raised"] += 1
                number, delay = self.counts[f"{kind} raised"], switches.event_delay
                if kind == "event" and self._over(now):
                    self.counts["event over_limit"] += 1
                    if switches.event_overload == "lost":
                        self.counts["event lost"] += 1
                        continue
                    if switches.event_overload == "late":
                        delay += switches.event_late_seconds
                if switches.event_drop_every and number % switches.event_drop_every == 0:
                    self.counts[f"{kind} dropped"] += 1
                    continue
                self._put(delivery, now + delay)
                if switches.event_duplicate_every and number % switches.event_duplicate_every == 0:
                    self.counts[f"{kind} duplicated"] += 1
                    self._put(_again(delivery), now + delay)
            if not self._threads and not self._closed:
                self._start()
            self._ready.notify_all()

    def _over(self, now: float) -> bool:
        """Is this event beyond what is supported in five minutes or an hour?"""
        times, switches = self._events, self._switches
        while times and times[0] < now - 3600:
            times.popleft()
        times.append(now)
        if len(times) > switches.event_limit_hour:
            return True
        limit = switches.event_limit_5_minutes
        return len(times) > limit and times[-limit - 1] > now - 300

    def _put(self, delivery: Delivery, due: float) -> None:
        size = self._switches.event_reorder
        if size > 1 and not delivery.attempts:
            self._held.append(delivery)
            if len(self._held) >= size:
                self._release()
            return
        heapq.heappush(self._heap, _Due(due, next(self._numbers), delivery))

    def _release(self) -> None:
        """Let go what was held back, in another order."""
        held, self._held = self._held, []
        self._random.shuffle(held)
        now = time.monotonic() + self._switches.event_delay
        for place, delivery in enumerate(held):
            heapq.heappush(self._heap, _Due(now + place / 1e6, next(self._numbers), delivery))

    # out

    def _start(self) -> None:
        # made once: loading the authorities costs milliseconds
        self._context = ssl.create_default_context()
        if self._authority is not None:
            self._context.load_verify_locations(self._authority)
        self._threads = [
            threading.Thread(target=self._work, name=f"deliveries {number}", daemon=True)
            for number in range(THREADS)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        connections: dict[str, http.client.HTTPConnection] = {}
        while (delivery := self._next()) is not None:
            try:
                status, text = self._send(delivery, connections), ""
            except Exception as error:  # whatever a receiver or a body does, the other notifications go on
                status, text = 0, f"{type(error).__name__}: {error}"
            self._finish(delivery, status, text)

    def _next(self) -> Delivery | None:
        with self._ready:
            while not self._closed:
                wait = None
                if self._held:
                    wait = FLUSH
                if self._heap:
                    left = self._heap[0].due - time.monotonic()
                    wait = left if wait is None else min(wait, left)
                    if left <= 0:
                        delivery = heapq.heappop(self._heap).delivery
                        if delivery.generation == self._generation:
                            self._sending += 1
                            return delivery
                        continue
                if not self._ready.wait(wait) and self._held:
                    self._release()
            return None

    def _send(self, delivery: Delivery, connections: dict[str, http.client.HTTPConnection]) -> int:
        body, headers = delivery.make()
        parts = urlsplit(delivery.url)
        target = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        address = f"{parts.scheme}://{parts.netloc}"
        known = connections.pop(address, None)
        for connection in (known, None):
            fresh = connection is None
            connection = connection or self._connect(parts.scheme, parts.hostname or "", parts.port)
            try:
                connection.request("POST", target, body, headers)
                response = connection.getresponse()
                response.read()
            except (http.client.HTTPException, OSError):
                connection.close()
                if fresh:
                    raise
                continue  # the receiver closed a connection that was kept open
            if response.will_close:
                connection.close()
            else:
                connections[address] = connection
            return response.status
        raise AssertionError("a fresh connection answers or raises")

    def _connect(self, scheme: str, host: str, port: int | None) -> http.client.HTTPConnection:
        if scheme == "https":
            return http.client.HTTPSConnection(host, port, timeout=TIMEOUT, context=self._context)
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT)

    def _finish(self, delivery: Delivery, status: int, text: str) -> None:
        with self._ready:
            self._sending -= 1
            if delivery.generation != self._generation:
                return
            if 200 <= status < 300:
                self.counts[f"{delivery.kind} delivered"] += 1
                return
            delivery.attempts += 1
            again = not delivery.retry_on or status in delivery.retry_on
            if again and delivery.attempts <= delivery.retries:
                self.counts[f"{delivery.kind} retried"] += 1
                self._put(delivery, time.monotonic() + self._switches.event_retry_seconds)
                self._ready.notify()
                return
            self.counts[f"{delivery.kind} failed"] += 1
            delivery.error = text or f"status {status}"
            delivery.id, delivery.at = next(self._numbers), self._clock()
            self.errors.append(delivery)

    # looking and steering

    @property
    def pending(self) -> int:
        """Notifications not sent yet, those that wait for another attempt included."""
        with self._ready:
            return len(self._heap) + len(self._held) + self._sending

    def failed(self, kind: str) -> list[dict[str, Any]]:
        """The error log of a kind, oldest first."""
        with self._ready:
            found = [each for each in self.errors if each.kind == kind]
        return [
            {
                "id": each.id,
                "at": each.at,
                "url": each.url,
                "error": each.error,
                "body": each.make()[0].decode(),
            }
            for each in found
        ]

    def resend(self, kind: str, ids: Collection[int] | None) -> int:
        """Send again what failed; by default everything of a kind. Returns how many."""
        with self._ready:
            chosen = [each for each in self.errors if each.kind == kind and (ids is None or each.id in ids)]
            for each in chosen:
                self.errors.remove(each)
                self._put(_again(each), time.monotonic())
            self._ready.notify_all()
        return len(chosen)

    def counted(self, kind: str) -> dict[str, int]:
        """What happened to notifications of a kind."""
        names = ("raised", "delivered", "failed", "retried", "dropped", "duplicated", "over_limit", "lost")
        with self._ready:
            return {name: self.counts[f"{kind} {name}"] for name in names}

    def clear(self) -> None:
        """Forget what is not sent yet, what failed, and all counts."""
        with self._ready:
            self._generation += 1
            self._heap.clear()
            self._held.clear()
            self._events.clear()
            self.counts.clear()
            self.errors.clear()

    def close(self) -> None:
        """Send nothing more."""
        with self._ready:
            self._closed = True
            self._ready.notify_all()


def _again(delivery: Delivery) -> Delivery:
    return Delivery(
        delivery.kind,
        delivery.url,
        delivery.make,
        delivery.retries,
        delivery.retry_on,
        generation=delivery.generation,
    )
