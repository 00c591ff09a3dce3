"""Data events: creates, updates and deletes of entities, told to endpoints after the commit."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from deployments.sandbox.deliveries import Delivery
from deployments.sandbox.execution_context import (
    MESSAGES,
    Json,
    context,
    entity,
    moment,
    moment_of,
    option,
    reference,
    sealed,
)
from deployments.sandbox.fno.rows import COMPANY
from deployments.sandbox.folding import fold
from deployments.sandbox.messages import Caller
from deployments.sandbox.schema.model import FnoEntity, Schema
from deployments.sandbox.schema.virtual import Virtual, record_id, virtual
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Noted, Store
from deployments.sandbox.switches import Switches
from mappings.errors import FatalError

RETRIES = 3
STEP = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True, slots=True)
class Activation:
    """An entity's data events, activated for an endpoint.

    Attributes:
        set: entity set.
        company: legal entity; "" = all.
        messages: ``Create``, ``Update``, ``Delete``.
        url: endpoint; a secret can be part of its query.
        headers: sent along, for a secret that is no part of the URL.
    """

    set: str
    company: str
    messages: frozenset[str]
    url: str
    headers: Mapping[str, str]

    def as_dict(self) -> Json:
        return {
            "set": self.set,
            "company": self.company,
            "messages": sorted(self.messages),
            "url": self.url,
            "headers": dict(self.headers),
        }


class DataEvents:
    """All active data events.

    Args:
        organization: of the Dataverse environment that raises them.
        callers: whom the payload names as the initiating user.
    """

    def __init__(
        self,
        schema: Schema,
        store: Store,
        switches: Switches,
        organization: str,
        callers: Mapping[str, Caller],
    ) -> None:
        self.schema = schema
        self._store = store
        self._switches = switches
        self._organization = organization
        self._callers = callers
        self._virtual: dict[str, tuple[FnoEntity, Virtual]] = {}
        self.active: dict[str, list[Activation]] = {}
        self._control = 0
        kept = [each for each in store.setup("data events") or () if each["set"] in schema.fno]
        self._add(self._activation(each) for each in kept)

    def activate(self, documents: Iterable[Mapping[str, Any]], *, replace: bool = False) -> None:
        """Activate data events, all of these or none.

        Args:
            replace: instead of those that are active.

        Raises:
            FatalError: an unknown set or message; a global entity for one company; not https; there are none here.
        """
        if not self._switches.data_events:
            raise FatalError("data events are not available in this environment", code="no_data_events")
        fresh = [self._activation(each) for each in documents]
        if replace:
            self.active.clear()
        self._add(fresh)
        self._keep()

    def _activation(self, document: Mapping[str, Any]) -> Activation:
        found = self.schema.fno.get(str(document["set"]))
        if found is None:
            raise FatalError(f"no set '{document['set']}' on fno")
        company = fold(str(document.get("company") or ""))
        if company and not found.company_specific:
            raise FatalError(f"{found.set} is not company-specific")
        messages = frozenset(document.get("messages") or MESSAGES.values())
        if not messages <= set(MESSAGES.values()):
            raise FatalError(f"messages are {', '.join(MESSAGES.values())}")
        url = str(document["url"])
        if urlsplit(url).scheme != "https":
            raise FatalError("an endpoint of data events is https")
        return Activation(found.set, company, messages, url, dict(document.get("headers") or {}))

    def _add(self, activations: Iterable[Activation]) -> None:
        for each in activations:
            self.active.setdefault(each.set, []).append(each)

    def _keep(self) -> None:
        active = [each.as_dict() for of_set in self.active.values() for each in of_set]
        self._store.keep("data events", active)

    def clear(self) -> None:
        """Deactivate all."""
        if self.active:
            self.active.clear()
            self._keep()

    def raised(self, noted: Noted) -> list[Delivery]:
        """What a write sends."""
        if not self._switches.data_events:
            return []
        write = noted.write
        message = MESSAGES[write.kind]
        row = noted.new or noted.old or {}
        return [
            self._delivery(activation, noted, message)
            for activation in self.active.get(write.set, ())
            if message in activation.messages and activation.company in ("", row.get(COMPANY))
        ]

    def _delivery(self, activation: Activation, noted: Noted, message: str) -> Delivery:
        self._control += 1
        control, event = 5_637_000_000 + self._control, str(uuid.uuid4())

        def make() -> tuple[bytes, dict[str, str]]:
            document = self._document(noted, message, control, event)
            return sealed(document, dict(activation.headers))

        return Delivery("event", activation.url, make, RETRIES)

    def _document(self, noted: Noted, message: str, control: int, event: str) -> Json:
        write = noted.write
        found = self._virtual.get(write.set)
        spec = self.schema.fno[write.set]
        if found is None or found[0] is not spec:
            found = self._virtual[write.set] = (spec, virtual(spec, False))
        made = found[1]
        logical = made.spec.logical if self._switches.event_names == "virtual" else spec.entity
        row_id = record_id(made.number, int(write.id), self._switches.virtual_record_id)
        parameters = []
        if noted.new is not None:
            target = entity(logical, row_id, self._attributes(made, row_id, noted.new))
        else:
            target = reference(logical, row_id)
        parameters.append({"key": "Target", "value": target})
        if noted.old is not None:
            image = entity(logical, row_id, self._attributes(made, row_id, noted.old))
            parameters.append({"key": "PreImage", "value": image})
        caller = self._callers.get(write.caller) or self._callers["user"]
        row = noted.new or noted.old or {}
        return {
            "BusinessEventId": f"{spec.entity}{message}",
            "BusinessEventLegalEntity": str(row.get(COMPANY, "")),
            "ControlNumber": control,
            "EventId": event,
            "EventTime": moment(write.time),
            "MajorVersion": 0,
            "MinorVersion": 0,
            "InitiatingUserAzureActiveDirectoryObjectId": caller.object_id,
            **context(
                message=message,
                logical=logical,
                row_id=row_id,
                parameters=parameters,
                images=[],
                user=caller.user_id,
                unit=None,
                organization=self._organization,
                step=STEP,
                time=write.time,
            ),
        }

    def _attributes(self, made: Virtual, row_id: str, row: Row) -> Iterable[tuple[str, Any]]:
        """The record as the virtual table shows it; date-times without a value are left out."""
        named = self._switches.event_names == "virtual"
        if named:
            yield made.spec.id, row_id
        for column, name, convert in made.read:
            value, kind = convert(row[name]), made.spec.columns[column].kind
            if kind in ("date", "datetime"):
                if value is None:
                    continue
                value = moment_of(value)
            elif kind == "option":
                value = option(value)
            yield (column if named else name), value
