"""Webhooks: service endpoints and processing steps that were registered as rows, and what they send.

Steps run after the commit, as asynchronous ones do. An image comes only as the service adds it to every asynchronous
step: the primary name. Images of a step's own are not imitated.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.deliveries import Delivery
from deployments.sandbox.execution_context import (
    MESSAGES,
    Json,
    context,
    entity,
    moment_of,
    money,
    option,
    reference,
    sealed,
)
from deployments.sandbox.messages import Caller
from deployments.sandbox.schema.model import Column, DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Noted, Store
from deployments.sandbox.store.table import Table

ENDPOINTS, STEPS = "serviceendpoints", "sdkmessageprocessingsteps"
FILTERS, SDK_MESSAGES = "sdkmessagefilters", "sdkmessages"
WEBHOOK, ASYNCHRONOUS = 8, 1
KEY, HEADER, QUERY = 4, 5, 6
RETRY_ON = frozenset({502, 503, 504})


@dataclass(frozen=True, slots=True)
class Step:
    """A registered step: when it runs, and what it calls."""

    id: str
    attributes: frozenset[str]
    url: str
    headers: Mapping[str, str]


class Webhooks:
    """All registered webhooks.

    Args:
        url: root of the environment.
        callers: whom the payload names.
    """

    def __init__(self, schema: Schema, store: Store, url: str, callers: Mapping[str, Caller]) -> None:
        self.schema = schema
        self._store = store
        self._host = urlsplit(url).netloc
        self._callers = callers
        self._steps: dict[tuple[str, str], list[Step]] = {}
        self._tables: frozenset[str] = frozenset()
        self._seen: tuple[Table, int, int, int] | None = None

    def wants(self, name: str) -> bool:
        """Does a step look at this table?"""
        self._look()
        return name in self._tables

    def _look(self) -> None:
        """Take over the registrations, if they changed."""
        tables = self._store.tables
        steps = tables.get(("dataverse", STEPS))
        if steps is None:
            return
        endpoints, filters = tables["dataverse", ENDPOINTS], tables["dataverse", FILTERS]
        seen = (steps, steps.changes, endpoints.changes, filters.changes)
        if self._seen == seen:
            return
        self._seen = seen
        self._steps = {}
        for step in steps.rows.values():
            endpoint = endpoints.rows.get(step["_eventhandler_value"])
            if step["statecode"] != 0 or step["mode"] != ASYNCHRONOUS or endpoint is None:
                continue
            message = self._store.dataverse(SDK_MESSAGES).rows.get(step["_sdkmessageid_value"])
            chosen = filters.rows.get(step["_sdkmessagefilterid_value"])
            logical = chosen["primaryobjecttypecode"] if chosen is not None else None
            name = self.schema.logical.get(logical or "")
            if message is None or name is None or endpoint["contract"] != WEBHOOK:
                continue
            self._steps.setdefault((name, message["name"]), []).append(_step(step, endpoint))
        self._tables = frozenset(name for name, _ in self._steps)

    def raised(self, noted: Noted) -> list[Delivery]:
        """What a write sends."""
        write = noted.write
        message = MESSAGES[write.kind]
        steps = self._steps.get((write.set, message))
        if not steps:
            return []
        spec = self.schema.dataverse[write.set]
        sent = _sent(spec, write.fields)
        return [
            self._delivery(step, spec, noted, message, sent)
            for step in steps
            if message != "Update" or not step.attributes or step.attributes & {each.name for each in sent}
        ]

    def _delivery(
        self, step: Step, spec: DataverseTable, noted: Noted, message: str, sent: list[Column]
    ) -> Delivery:
        operation = str(uuid.uuid4())

        def make() -> tuple[bytes, dict[str, str]]:
            document = self._document(step, spec, noted, message, sent)
            headers = {
                "x-request-id": operation,
                "x-ms-dynamics-organization": self._host,
                "x-ms-dynamics-entity-name": spec.logical,
                "x-ms-dynamics-request-name": message,
                "x-ms-correlation-request-id": document["CorrelationId"],
                **step.headers,
            }
            return sealed(document, headers)

        return Delivery("webhook", step.url, make, 1, RETRY_ON)

    def _document(
        self, step: Step, spec: DataverseTable, noted: Noted, message: str, sent: list[Column]
    ) -> Json:
        row_id, images = str(noted.write.id), []
        if noted.new is None:
            target = reference(spec.logical, row_id)
        else:
            columns = list(spec.columns.values())
            if message == "Update":
                added = ("modifiedon", "modifiedby")
                columns = [*sent, *(spec.columns[name] for name in added)]
            target = entity(spec.logical, row_id, self._attributes(spec, noted.new, columns))
            name = spec.columns.get(spec.primary_name)
            image = self._attributes(spec, noted.new, [name] if name is not None else [])
            images.append(
                {
                    "key": "AsynchronousStepPrimaryName",
                    "value": entity(spec.logical, row_id, image, typed=False),
                }
            )
        caller = self._callers.get(noted.write.caller) or self._callers["application"]
        user = self._store.dataverse("systemusers").rows.get(caller.user_id)
        return context(
            message=message,
            logical=spec.logical,
            row_id=row_id,
            parameters=[{"key": "Target", "value": target}],
            images=images,
            user=caller.user_id,
            unit=user["_businessunitid_value"] if user else None,
            organization=next(iter(self._store.dataverse("organizations").rows), ""),
            step=step.id,
            time=noted.write.time,
        )

    def _attributes(
        self, spec: DataverseTable, row: Row, columns: Iterable[Column]
    ) -> Iterable[tuple[str, Any]]:
        for column in columns:
            value = row[column.wire]
            if value is not None or column.kind != "lookup":
                yield column.name, self._value(column, value)
        if spec.id not in {column.name for column in columns}:
            yield spec.id, row[spec.id]

    def _value(self, column: Column, value: Any) -> Any:
        if value is None:
            return None
        if column.kind in ("option", "options") and isinstance(value, int):
            return option(value)
        if column.kind == "lookup":
            return reference(self._target(column, value), value)
        if column.kind in ("date", "datetime"):
            return moment_of(value)
        return money(value) if column.money else value

    def _target(self, column: Column, row_id: str) -> str:
        for name in column.targets:
            if name in self.schema.dataverse and row_id in self._store.dataverse(name).rows:
                return self.schema.dataverse[name].logical
        return self.schema.dataverse[column.targets[0]].logical


def _sent(spec: DataverseTable, fields: Iterable[str]) -> list[Column]:
    """The columns that a body named."""
    navigation = {name: column for column in spec.columns.values() for name in column.navigation.values()}
    found: dict[str, Column] = {}
    for field in fields:
        name = field.partition("@")[0]
        column = spec.columns.get(name) or navigation.get(name)
        if column is not None:
            found[column.name] = column
    return list(found.values())


def _step(step: Row, endpoint: Row) -> Step:
    url, headers = str(endpoint["url"]), {}
    kind, value = endpoint["authtype"], endpoint["authvalue"] or ""
    if kind == KEY:
        url = _with(url, {"code": value})
    elif kind == QUERY:
        url = _with(url, _settings(value))
    elif kind == HEADER:
        headers = _settings(value)
    attributes = (step["filteringattributes"] or "").split(",")
    return Step(
        step["sdkmessageprocessingstepid"],
        frozenset(name.strip() for name in attributes if name.strip()),
        url,
        headers,
    )


def _with(url: str, values: Mapping[str, str]) -> str:
    query = "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in values.items())
    return f"{url}{'&' if urlsplit(url).query else '?'}{query}"


def _settings(text: str) -> dict[str, str]:
    """``<settings><setting name="a" value="b"/></settings>`` as names and values."""
    root = ElementTree.fromstring(text)
    return {each.get("name", ""): each.get("value", "") for each in root.iter("setting")}


def check_endpoint(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """What the platform checks of a webhook's endpoint.

    Raises:
        ServiceFault: the URL or the authentication value can't be used.
    """
    if row["contract"] != WEBHOOK:
        raise errors.not_imitated("service endpoints other than webhooks")
    parts = urlsplit(row["url"] or "")
    standard = rows.switches.webhook_ports == "standard"
    if parts.scheme not in ("http", "https") or (standard and parts.port not in (None, 80, 443)):
        raise errors.aborted("The URL of the webhook is not valid; only ports 80 and 443 are supported.")
    if row["authtype"] in (HEADER, QUERY):
        try:
            _settings(row["authvalue"] or "")
        except ElementTree.ParseError:
            raise errors.aborted("The authentication value of the webhook is not valid XML.") from None


def check_step(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """What the sandbox can do of a step.

    Raises:
        ServiceFault: it can't.
    """
    if old is not None and (old["mode"], old["stage"]) == (row["mode"], row["stage"]):
        return
    if row["mode"] != ASYNCHRONOUS or row["stage"] != 40:
        raise errors.not_imitated("steps that are not asynchronous after the operation")
