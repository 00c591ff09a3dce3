"""The receiver: a small web service that takes what the two systems post about changes.

    POST /events    a data event, a business event or a Dataverse webhook; 200 once it is stored
    GET  /health    is it there; with the secret also what it counted

Senders prove themselves by a shared secret, in the header `x-dualflow-secret` or the query parameter `code`, where Dataverse's
webhooks put theirs. Neither payload nor address is ever logged: one holds data, the other the secret.

Many requests go into one transaction: what came while the last one was committing is stored together by the next.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mappings.errors import DualflowError, FatalError
from tasks.state.records import Event
from tasks.sync.notices import Malformed
from tasks.sync.receiving import Reception
from tasks.sync.settings import ReceiverSettings

HEADER = "x-dualflow-secret"
PARAMETER = "code"
PATH = "/events"
BODY_SECONDS = 30.0
"""How long a sender may take for its body."""
STOP_SECONDS = 10
"""How long requests under way may take once we were asked to end."""
AT_ONCE = 500
"""Requests under way; more are answered 503, and sent again by their senders."""

log = logging.getLogger("dualflow.receiver")


@dataclass
class Counts:
    """What came since the start; numbers of requests, but of notices where it says so.

    Attributes:
        stored: notices that are in the state.
        unknown: notices about tables that no map has, answered 200: sent again they would be as unknown.
        unstored: requests that came while the state could not be written; answered 503, to be sent again.
    """

    requests: int = 0
    stored: int = 0
    unknown: int = 0
    wrong_secret: int = 0
    malformed: int = 0
    too_large: int = 0
    unstored: int = 0


class Writer:
    """Stores events, many requests at a time; whoever waits goes on when theirs are committed."""

    def __init__(self, put: Callable[[list[Event]], None]) -> None:
        self._put = put
        self._waiting: list[tuple[list[Event], asyncio.Future[None]]] = []
        self._task: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "events")

    async def store(self, events: list[Event]) -> None:
        """Return when these events are committed, in the order in which they were handed over.

        Raises:
            Exception: what the state couldn't be written for.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((events, done))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work())
        await done

    async def _work(self) -> None:
        while self._waiting:
            taken, self._waiting = self._waiting, []
            events = [event for own, _ in taken for event in own]
            error: Exception | None = None
            try:
                await asyncio.get_running_loop().run_in_executor(self._thread, self._put, events)
            except Exception as raised:  # whatever it is, nobody may be told that it was stored
                error = raised
            for _, done in taken:
                if done.cancelled():
                    continue
                if error is None:
                    done.set_result(None)
                else:
                    done.set_exception(error)


class Receiver:
    """The service's answers.

    Args:
        limit: bytes that a body may have.
    """

    def __init__(self, reception: Reception, secret: str, limit: int) -> None:
        self.counts = Counts()
        self._reception = reception
        self._secret = secret.encode()
        self._limit = limit
        self._writer = Writer(reception.put)

    def application(self) -> Starlette:
        """As ASGI."""
        return Starlette(
            routes=[
                Route(PATH, self.events, methods=["POST"]),
                Route("/health", self.health, methods=["GET"]),
            ]
        )

    async def health(self, request: Request) -> Response:
        """Alive; strangers learn no more than that."""
        told: dict[str, Any] = {"ready": True}
        if self._knows(request):
            told |= asdict(self.counts)
        return JSONResponse(told)

    async def events(self, request: Request) -> Response:
        """Take what somebody posts."""
        self.counts.requests += 1
        if not self._knows(request):
            self.counts.wrong_secret += 1
            return _answer(401, "the secret is wrong or missing")
        try:
            body = await asyncio.wait_for(self._body(request), BODY_SECONDS)
        except TimeoutError:
            self.counts.malformed += 1
            return _answer(408, "the body did not come")
        if body is None:
            self.counts.too_large += 1
            return _answer(413, f"more than {self._limit} bytes")
        try:
            # in a thread: an unknown name makes it look into the state
            events, unknown = await asyncio.to_thread(self._reception.read, body)
        except Malformed as error:
            self.counts.malformed += 1
            log.warning("malformed notice: %s", error.message)
            return _answer(400, error.message)
        except Exception as error:
            return self._unstored(error)
        self.counts.unknown += unknown
        if events:
            try:
                await self._writer.store(events)
            except Exception as error:  # whatever it is: the sender keeps it and comes again
                return self._unstored(error)
        self.counts.stored += len(events)
        return JSONResponse({"stored": len(events), "unknown": unknown})

    def _knows(self, request: Request) -> bool:
        given = request.headers.get(HEADER) or request.query_params.get(PARAMETER) or ""
        return hmac.compare_digest(given.encode(), self._secret)

    async def _body(self, request: Request) -> bytes | None:
        """The body; None if it is longer than allowed, of which no more is read than it takes to know."""
        said = request.headers.get("content-length", "")
        if said.isdigit() and int(said) > self._limit:
            return None
        body = bytearray()
        with suppress(ClientDisconnect):  # half a body is malformed, and nobody is there to be told
            async for part in request.stream():
                body += part
                if len(body) > self._limit:
                    return None
        return bytes(body)

    def _unstored(self, error: Exception) -> Response:
        self.counts.unstored += 1
        # errors of the database driver quote the values
        log.error("not stored: %s", error if isinstance(error, DualflowError) else type(error).__name__)
        return _answer(503, "could not be stored, send it again")


def _answer(status: int, why: str) -> Response:
    # after 413 the rest of the body would be read as the next request
    headers = {"connection": "close"} if status in (408, 413) else None
    return JSONResponse({"error": why}, status, headers)


class Service(uvicorn.Server):
    """Serves until it is told to end, and says when it is ready."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[str], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: Any = None) -> None:
        """Listen."""
        await super().startup(sockets)
        if self.started:
            host, port = self.servers[0].sockets[0].getsockname()[:2]
            scheme = "https" if self.config.is_ssl else "http"
            self._ready(f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{PATH}")

    async def shutdown(self, sockets: Any = None) -> None:
        """End: what is under way is answered; idle connections are cut, TLS would wait for their peers' consent."""
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            transport = getattr(connection, "transport", None)
            if transport is not None and (cycle is None or cycle.response_complete):
                transport.abort()
        await super().shutdown(sockets)


def serve(receiver: Receiver, settings: ReceiverSettings, ready: Callable[[str], None]) -> None:
    """Serve until SIGINT or SIGTERM; requests under way are answered.

    Args:
        ready: called with the address once requests are taken.

    Raises:
        FatalError: certificate or address can't be used.
    """
    refuse_plain(settings)
    try:
        service = Service(_config(receiver, settings), ready)
        service.config.load()
    except OSError as error:  # ssl's errors among them
        raise FatalError(
            f"the certificate can't be used: {error}",
            code="receiver_certificate",
            remedy="check DUALFLOW_RECEIVER_CERTIFICATE and DUALFLOW_RECEIVER_KEY: PEM files, the key without password",
        ) from error
    with suppress(SystemExit):  # uvicorn's way to say that it couldn't listen; logged by it
        service.run()
    if not service.started:
        raise FatalError(
            f"nothing can listen on {settings.receiver_host} port {settings.receiver_port}",
            code="port_taken",
            remedy="choose another one: DUALFLOW_RECEIVER_PORT, DUALFLOW_RECEIVER_HOST",
        )


def refuse_plain(settings: ReceiverSettings) -> None:
    """The secret travels with every request: without HTTPS only where nobody else listens.

    Raises:
        FatalError: it would be sent over a network in the open.
    """
    if settings.receiver_certificate or settings.receiver_plain or _loopback(settings.receiver_host):
        return
    raise FatalError(
        f"without a certificate events are received on this machine only, not on {settings.receiver_host}",
        code="receiver_plain",
        remedy="set DUALFLOW_RECEIVER_CERTIFICATE; or, behind a proxy that does HTTPS, DUALFLOW_RECEIVER_PLAIN=true",
    )


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _config(receiver: Receiver, settings: ReceiverSettings) -> uvicorn.Config:
    certificate, key = settings.receiver_certificate, settings.receiver_key
    return uvicorn.Config(
        receiver.application(),
        host=settings.receiver_host,
        port=settings.receiver_port,
        ssl_certfile=certificate,
        ssl_keyfile=key or certificate,
        lifespan="off",
        # its lines would hold the query, and with it the secret
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=AT_ONCE,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
