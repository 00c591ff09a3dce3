"""Both systems together: data, services, tokens, faults and gates behind three handlers."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import Mapping
from email.utils import formatdate
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from deployments.sandbox.admission import refusal
from deployments.sandbox.benchmark import Benchmark
from deployments.sandbox.dataverse import installed, system
from deployments.sandbox.dataverse.plugins import PlugIns
from deployments.sandbox.dataverse.rows import Rows, blank_row
from deployments.sandbox.dataverse.service import Dataverse
from deployments.sandbox.dataverse.webhooks import Webhooks
from deployments.sandbox.deliveries import Deliveries
from deployments.sandbox.faults import Fault, Gate
from deployments.sandbox.fno.events import DataEvents
from deployments.sandbox.fno.packages import Packages
from deployments.sandbox.fno.rows import FnoRows
from deployments.sandbox.fno.rows import blank_row as fno_blank_row
from deployments.sandbox.fno.service import Fno
from deployments.sandbox.latency import seconds_of
from deployments.sandbox.limits import Limits
from deployments.sandbox.listener import Lost
from deployments.sandbox.login import Application, BadToken, Login
from deployments.sandbox.messages import Request, Response, encode
from deployments.sandbox.notifications import Notifications
from deployments.sandbox.schema.alter import altered
from deployments.sandbox.schema.model import Schema
from deployments.sandbox.schema.virtual import set_of
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Snapshot, Store
from deployments.sandbox.switches import Switches
from deployments.sandbox.trace import Trace

Host = Literal["fno", "dataverse"]
ELSEWHERE = "https://elsewhere.example"


class Sandbox:
    """The simulated systems.

    Args:
        schema: tables and entities of both sides.
        path: SQLite file of the data; None keeps them in memory.
        urls: side (and ``login``) → root URL.
        apps: who may log in.
        key: signs tokens.
        organization: guid of the Dataverse organization.
        authority: certificate authority that receivers of notifications may have their certificate of, beside
            the system's.
    """

    def __init__(
        self,
        schema: Schema,
        path: Path | None,
        urls: dict[str, str],
        apps: list[Application],
        key: bytes,
        organization: str,
        authority: Path | None = None,
    ) -> None:
        self.schema = self._first_schema = schema
        self.organization = organization
        self.switches = Switches()
        self.store = Store(schema, path, _blanks(schema, self.switches))
        self.callers = {app.caller.name: app.caller for app in apps}
        self._urls = urls
        self.packages = Packages(schema, self.store, self.switches, urls["login"])
        self.notifications = Notifications(
            DataEvents(schema, self.store, self.switches, organization, self.callers),
            Webhooks(schema, self.store, urls["dataverse"], self.callers),
            Deliveries(self.switches, authority, self.store.clock),
        )
        self.store.listener = self.notifications
        self._build()
        resources = {side: urls[side] for side in ("fno", "dataverse")}
        self.login = Login(urls["login"], resources, apps, self.switches, self.store.clock, key)
        self.limits = Limits(self.switches, self.store.clock)
        self.faults: list[Fault] = []
        self.gates: list[Gate] = []
        self.trace = Trace()
        self.snapshots: dict[str, Snapshot] = {}
        self.benchmark: Benchmark | None = None
        self._fill()

    def _build(self) -> None:
        """The services, for the schema as it is now."""
        schema, store, switches = self.schema, self.store, self.switches
        self.plugins = PlugIns(schema, store)
        self.rows = Rows(schema, store, switches, self.plugins)
        self.fno_rows = FnoRows(schema, store, switches)
        self.packages.schema = schema
        self.notifications.use(schema)
        self.fno = Fno(schema, store, switches, self.fno_rows, self._urls["fno"], self.packages, self.callers)
        application = self.callers["application"]
        self.dataverse = Dataverse(schema, store, switches, self.rows, self._urls["dataverse"], application)
        self.fno.batch.before_operation = lambda request: self._part_fault("fno", request)
        self.dataverse.batch.before_operation = lambda request: self._part_fault("dataverse", request)

    def alter(self, change: Mapping[str, Any]) -> None:
        """Change the schema, see `schema.alter`; rows keep what is still a column. A reset takes it back.

        Raises:
            FatalError: the change makes no sense.
        """
        schema = altered(self.schema, change)
        name = str(change["set"])
        if change["side"] != "fno":
            # delta tokens end with the schema that they were given for
            self.dataverse.tracking.voided[name] = self.store.next_version()
            system.forget_messages(self.store, self.schema.dataverse[name].logical)
        else:
            shown = set_of(self.schema.fno[name].entity)
            self.dataverse.tracking.voided[shown] = self.store.next_version()
        self._use(schema)
        self._fill()

    def _use(self, schema: Schema) -> None:
        voided = self.dataverse.tracking.voided
        self.schema = schema
        self.store.adopt(schema, _blanks(schema, self.switches))
        self._build()
        self.dataverse.tracking.voided.update(voided)

    def _fill(self) -> None:
        with self.notifications.muted():
            system.fill(self.rows, list(self.callers.values()), self.organization)
            installed.install(self.rows, self.plugins.all)
            self.store.commit()

    def switch(self, changes: dict[str, Any]) -> None:
        """Set switches, and the rows that tell of them.

        Raises:
            FatalError: an unknown name.
        """
        self.switches.set(changes)
        schema = installed.adapted(self.schema, self.switches)
        if schema is not self.schema:
            self._use(schema)
            self._fill()
        with self.notifications.muted():
            system.follow(self.rows, changes, self.callers["application"])
            installed.follow(self.rows, self.plugins.all, changes)
            self.store.commit()

    def reset(self) -> None:
        """Empty both systems; switches, faults, gates, trace and write log go back to their start."""
        self.faults.clear()
        self.gates.clear()
        self.trace.clear()
        self.packages.clear()
        self.notifications.clear()
        self.switches.set(Switches().as_dict())
        self.limits.clear()
        self.dataverse.tracking.voided.clear()
        self.store.clear()
        if self.schema is not self._first_schema:
            self._use(self._first_schema)
        self._fill()

    # requests

    async def answer(self, side: Host, request: Request) -> Response:
        """One request to a service, from the wire to the wire.

        Raises:
            Lost: a fault cuts the connection.
        """
        started = time.perf_counter()
        response: Response | None = None
        try:
            response = await self._answer(side, request)
            response.headers["Date"] = _date(int(self.store.clock() + self.switches.clock_offset(side)))
            return response
        finally:
            self.trace.note(side, request, response.status if response else 0, started, self.store.clock())

    async def _answer(self, side: Host, request: Request) -> Response:
        try:
            request.caller = self.login.check(request.headers.get("authorization"), side)
        except BadToken as bad:
            return self._unauthorized(side, str(bad))
        fault = self._fault(side, request)
        if fault is not None:
            if fault.action == "status":
                return self._broken(side, fault)
            if fault.action == "lose_before":
                raise Lost
            if fault.action == "redirect":
                return Response(302, {"Location": f"{ELSEWHERE}{request.url}"})
            if fault.action == "expire_token":
                self.login.expire()
                return self._unauthorized(side, "the token has expired")
        barred = refusal(side, request.caller, self.switches, self.store)
        if barred is not None:
            return barred
        refused = self.limits.enter(side, request.caller)
        if refused is not None:
            return refused
        try:
            response = await self._serve(side, request)
        finally:
            self.limits.leave(side, request.caller)
        if fault is not None:
            response = await self._spoil(fault, response)
        self._decorate(side, request, response)
        return response

    async def _serve(self, side: Host, request: Request) -> Response:
        delay = seconds_of(request, self.switches)
        if delay > 0:
            await asyncio.sleep(delay)
        gate = self._gate(side, request)
        if gate is not None and gate.when == "before":
            self._open(gate)
        response = (
            self.benchmark.work(side, request, self.work, self.store.generation)
            if self.benchmark is not None
            else self.work(side, request)
        )
        if gate is not None and gate.when == "after":
            self._open(gate)
        return response

    def work(self, side: Host, request: Request) -> Response:
        """Work one request through and commit; what fails leaves nothing behind."""
        service = self.fno if side == "fno" else self.dataverse
        mark = self.store.mark()
        try:
            response = service.handle(request)
        except BaseException:
            self.store.undo(mark)
            raise
        if response.status >= 400 and not request.path.endswith("/$batch"):
            self.store.undo(mark)
        self.store.commit()
        return response

    def edit(self, requests: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Requests as a user, straight to the services.

        Args:
            requests: {side, method, path, body, headers}; a path that does not start with a slash is below
                the service's root. The method RENAME gives an F&O row other key values, as its form does.
        """
        answers = []
        for document in requests:
            side: Host = "fno" if document["side"] == "fno" else "dataverse"
            root = "/data/" if side == "fno" else "/api/data/v9.2/"
            target = str(document["path"])
            target = target if target.startswith("/") else root + target
            path, _, query = target.partition("?")
            body = document.get("body")
            content = body.encode() if isinstance(body, str) else encode(body) if body is not None else b""
            request = Request(
                method=str(document.get("method", "PATCH")).upper(),
                path=path,
                query=query,
                headers={name.lower(): str(value) for name, value in document.get("headers", {}).items()},
                body=content,
                caller=self.callers[document.get("caller", "user")],
                internal=True,
            )
            response = self.work(side, request)
            text = response.body.decode()
            answers.append(
                {
                    "status": response.status,
                    "headers": response.headers,
                    "body": json.loads(text) if text.startswith(("{", "[")) else text,
                }
            )
        return answers

    # faults and gates

    def _fault(self, side: str, request: Request) -> Fault | None:
        for fault in self.faults:
            if not fault.parts and fault.applies(side, request):
                return fault
        return None

    def _part_fault(self, side: str, request: Request) -> Response | None:
        for fault in self.faults:
            if fault.parts and fault.applies(side, request):
                return self._broken(side, fault)
        return None

    def _gate(self, side: str, request: Request) -> Gate | None:
        if request.caller is None or request.caller.name != "application":
            return None
        for gate in self.gates:
            if gate.opens(side, request):
                return gate
        return None

    def _open(self, gate: Gate) -> None:
        gate.answers = self.edit(gate.requests)

    async def _spoil(self, fault: Fault, response: Response) -> Response:
        if fault.action == "lose_after":
            raise Lost
        if fault.action == "delay":
            await asyncio.sleep(fault.seconds)
        if fault.action in ("empty", "cut_pages") and response.body.startswith(b"{"):
            document = json.loads(response.body)
            document.pop("@odata.nextLink", None)
            if fault.action == "empty":
                document["value"] = []
            response.body = encode(document)
        if fault.action == "foreign_link" and response.body.startswith(b"{"):
            document = json.loads(response.body)
            document["@odata.nextLink"] = f"{ELSEWHERE}/next"
            response.body = encode(document)
        if fault.action == "truncate":
            response.body = response.body[: len(response.body) // 2]
        return response

    def _broken(self, side: str, fault: Fault) -> Response:
        headers = {"Content-Type": "application/json"}
        if fault.retry_after is not None:
            headers["Retry-After"] = f"{fault.retry_after:g}"
        if fault.status == 429:
            text = "Number of requests exceeded the limit of 6000 over time window of 300 seconds."
            code = "0x80072322"
            if side == "fno":
                text = (
                    "This request could not be processed at this time due to system experiencing high "
                    "resource utilization."
                )
        else:
            text, code = "The service is unavailable.", "0x80040216"
        body = {"error": {"code": code if side == "dataverse" else "", "message": text}}
        return Response(fault.status, headers, encode(body))

    def _unauthorized(self, side: Host, why: str) -> Response:
        resource = self.login.resources[side]
        uri = f"{self.login.url}/{self.login.tenant(side)}/oauth2/authorize"
        header = f"Bearer authorization_uri={uri}, resource_id={resource}/"
        return Response(
            401, {"WWW-Authenticate": header, "Content-Type": "text/plain"}, f"Unauthorized: {why}".encode()
        )

    # headers

    def _decorate(self, side: Host, request: Request, response: Response) -> None:
        number = str(uuid.uuid4())
        if side == "fno":
            response.headers["ms-dyn-aid"] = request.headers.get("x-ms-client-request-id", number)
            return
        response.headers["REQ_ID"] = response.headers["x-ms-service-request-id"] = number
        response.headers["x-ms-dop-hint"] = str(self.switches.dop_hint)
        assert request.caller is not None
        remaining, seconds = self.limits.remaining(side, request.caller)
        response.headers["x-ms-ratelimit-burst-remaining-xrm-requests"] = str(remaining)
        response.headers["x-ms-ratelimit-time-remaining-xrm-requests"] = f"{seconds:,.2f}"

    @property
    def is_empty(self) -> bool:
        """Nobody has put a row in yet; rows that every environment has don't count."""
        return not any(table.rows for (side, _), table in self.store.tables.items() if side == "fno") and (
            not self.store.dataverse("cdm_companies").rows
            if "cdm_companies" in self.schema.dataverse
            else True
        )

    def extra_stats(self) -> dict[str, Any]:
        """What benchmark mode counted."""
        return {"benchmark": self.benchmark.counts()} if self.benchmark is not None else {}

    def close(self) -> None:
        self.notifications.deliveries.close()
        self.store.close()


def _blanks(schema: Schema, switches: Switches) -> dict[tuple[Host, str], Row]:
    blanks: dict[tuple[Host, str], Row] = {
        ("dataverse", spec.set): blank_row(spec, switches) for spec in schema.dataverse.values()
    }
    blanks.update({("fno", entity.set): fno_blank_row(entity) for entity in schema.fno.values()})
    return blanks


@lru_cache(maxsize=8)
def _date(seconds: int) -> str:
    """A time as HTTP headers have it."""
    return formatdate(seconds, usegmt=True)
