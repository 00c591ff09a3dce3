"""What both systems tell others of their writes: data events of F&O, webhooks of Dataverse."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from deployments.sandbox.dataverse.webhooks import Webhooks
from deployments.sandbox.deliveries import Deliveries
from deployments.sandbox.fno.events import DataEvents
from deployments.sandbox.messages import SideName
from deployments.sandbox.schema.model import Schema
from deployments.sandbox.store.store import Noted


class Notifications:
    """Listens to the store, and hands what has to be sent to the deliveries."""

    def __init__(self, events: DataEvents, webhooks: Webhooks, deliveries: Deliveries) -> None:
        self.events = events
        self.webhooks = webhooks
        self.deliveries = deliveries
        self._muted = False

    def wants(self, side: SideName, name: str) -> bool:
        if self._muted:
            return False
        return name in self.events.active if side == "fno" else self.webhooks.wants(name)

    def committed(self, noted: list[Noted]) -> None:
        found = []
        for each in noted:
            raised = self.events.raised if each.write.side == "fno" else self.webhooks.raised
            found += raised(each)
        if found:
            self.deliveries.submit(found)

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Nobody is told of what is written inside: a seed is there from the start."""
        self._muted = True
        try:
            yield
        finally:
            self._muted = False

    def use(self, schema: Schema) -> None:
        """Go on with another schema."""
        self.events.schema = self.webhooks.schema = schema

    def clear(self) -> None:
        self.events.clear()
        self.deliveries.clear()

    def told(self) -> dict[str, Any]:
        """How far deliveries are."""
        return {
            "pending": self.deliveries.pending,
            "events": self.deliveries.counted("event"),
            "webhooks": self.deliveries.counted("webhook"),
        }
