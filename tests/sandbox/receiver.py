"""A receiver of notifications: an HTTPS server that remembers what it got and answers what it is told to."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.local_services import Services


@dataclass(frozen=True)
class Received:
    """One request."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]

    @property
    def target(self) -> dict[str, Any]:
        found: dict[str, Any] = self.parameters["Target"]
        return found

    @property
    def parameters(self) -> dict[str, Any]:
        return {each["key"]: each["value"] for each in self.body["InputParameters"]}

    @property
    def attributes(self) -> dict[str, Any]:
        return attributes(self.target)


def attributes(entity: dict[str, Any]) -> dict[str, Any]:
    return {each["key"]: each["value"] for each in entity["Attributes"]}


class Receiver:
    """What came in, and how it is answered.

    Attributes:
        answers: statuses of the next answers; 200 when there are none.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.got: list[Received] = []
        self.answers: list[int] = []
        self._arrived = threading.Condition()

    def take(self, received: Received) -> int:
        with self._arrived:
            self.got.append(received)
            self._arrived.notify_all()
            return self.answers.pop(0) if self.answers else 200

    def wait(self, number: int) -> list[Received]:
        """All requests, once there are as many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= number, 10), len(self.got)
            return list(self.got)


@contextmanager
def receiving(certificate: str | Path) -> Iterator[Receiver]:
    """A receiver on a free port.

    Args:
        certificate: file with key and certificate.
    """

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = known.take(Received(self.path, dict(self.headers.items()), json.loads(body)))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    known = Receiver(f"https://localhost:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield known
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def receiver(services: Services) -> Iterator[Receiver]:
    with receiving(services.environment["DUALFLOW_SANDBOX_RECEIVER_CERTIFICATE"]) as found:
        yield found
