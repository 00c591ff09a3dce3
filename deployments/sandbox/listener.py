"""HTTP/1.1 over TLS on asyncio: just what the three services need, with the power to lose an answer.

A framework's overhead per request would be most of the cost here, and none lets a handler cut the connection
before the first byte of an answer, which is what a lost answer is.
"""

from __future__ import annotations

import asyncio
import ssl
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import cast

import httptools

from deployments.sandbox.messages import REASONS, Request, Response

MAX_BODY = 128 * 1024 * 1024


class Lost(Exception):
    """Cut the connection: the caller gets no answer."""


Handler = Callable[[Request], Awaitable[Response]]


@dataclass(slots=True)
class _Pending:
    """A request that is being received."""

    url: bytes = b""
    headers: dict[str, str] | None = None
    body: bytearray | None = None


class Connection(asyncio.Protocol):
    """One connection: requests one after the other, answers in their order."""

    def __init__(self, handler: Handler, open_connections: set[Connection]) -> None:
        self._handler = handler
        self._open = open_connections
        self._parser = httptools.HttpRequestParser(self)
        self._pending = _Pending()
        self._queue: list[tuple[Request, bool]] = []
        self._task: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None

    # asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, not a subclass
        self._open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._open.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self.abort()

    def abort(self) -> None:
        """Cut the connection without a word."""
        if self._transport is not None:
            self._transport.abort()

    def close(self) -> None:
        """Close the connection once what was written has left.

        An idle one is cut: the orderly end of TLS waits for a peer that has nothing to read.
        """
        if self._transport is None:
            return
        busy = self._task is not None and not self._task.done()
        if busy or self._transport.get_write_buffer_size():
            self._transport.close()
        else:
            self._transport.abort()

    # httptools

    def on_message_begin(self) -> None:
        self._pending = _Pending(headers={}, body=bytearray())

    def on_url(self, url: bytes) -> None:
        self._pending.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        headers = self._pending.headers
        assert headers is not None
        key, text = name.decode().lower(), value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text

    def on_headers_complete(self) -> None:
        headers = self._pending.headers or {}
        if headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        pending = self._pending.body
        assert pending is not None
        pending += body
        if len(pending) > MAX_BODY:
            self.abort()

    def on_message_complete(self) -> None:
        path, _, query = self._pending.url.decode("latin-1").partition("?")
        request = Request(
            method=self._parser.get_method().decode(),
            path=path,
            query=query,
            headers=self._pending.headers or {},
            body=bytes(self._pending.body or b""),
        )
        self._queue.append((request, self._parser.should_keep_alive()))
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        while self._queue:
            request, keep_alive = self._queue.pop(0)
            try:
                response = await self._handler(request)
            except Lost:
                self.abort()
                return
            except Exception:  # a bug in the sandbox: whoever waits must not wait for ever
                traceback.print_exc()
                response = Response(500, {"Content-Type": "text/plain"}, traceback.format_exc().encode())
            if self._transport is None:
                return
            self._transport.write(_head(response, keep_alive))
            if response.body:
                self._transport.write(response.body)
            if not keep_alive:
                self._transport.close()


def _head(response: Response, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    if response.status not in (204, 304):
        lines.append(f"Content-Length: {len(response.body)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


class Listener:
    """One TLS port.

    Args:
        handler: answers requests; raising `Lost` cuts the connection.
    """

    def __init__(self, handler: Handler, context: ssl.SSLContext) -> None:
        self._handler = handler
        self._context = context
        self._server: asyncio.Server | None = None
        self._connections: set[Connection] = set()

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1.

        Args:
            port: 0 takes a free one.

        Returns:
            the port.
        """
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._handler, self._connections),
            "127.0.0.1",
            port,
            ssl=self._context,
            backlog=512,
        )
        return int(self._server.sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Stop listening; answers under way leave, then connections are closed."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.close()
        for _ in range(100):
            if not self._connections:
                return
            await asyncio.sleep(0.005)
        for connection in list(self._connections):
            connection.abort()
