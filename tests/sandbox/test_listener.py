"""HTTP on the wire: what clients other than requests may send."""

from __future__ import annotations

import contextlib
import socket
import ssl
from urllib.parse import urlsplit

from tests.local_services import Services


def talk(services: Services, data: bytes) -> bytes:
    """Send raw bytes and read until the connection is closed."""
    port = urlsplit(services.dataverse_url).port
    assert port is not None
    context = ssl.create_default_context(cafile=services.ca_bundle)
    with (
        socket.create_connection(("localhost", port), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
        contextlib.suppress(ConnectionError, ssl.SSLError),
    ):
        connection.sendall(data)
        received = b""
        while piece := connection.recv(65536):
            received += piece
    return received


def head(services: Services, method: str, *lines: str) -> bytes:
    token = services.token("dataverse")
    start = f"{method} /api/data/v9.2/accounts HTTP/1.1"
    return "\r\n".join([start, "Host: localhost", f"Authorization: Bearer {token}", *lines, "", ""]).encode()


def test_requests_sent_at_once_are_answered_in_order(services: Services) -> None:
    body = b'{"name": "A"}'
    post = head(services, "POST", "Content-Type: application/json", f"Content-Length: {len(body)}") + body
    received = talk(services, post + head(services, "GET", "Connection: close"))
    assert received.index(b"204 No Content") < received.index(b"200 OK")
    assert b'"name":"A"' in received


def test_chunked_bodies_and_expectations(services: Services) -> None:
    lines = ("Transfer-Encoding: chunked", "Expect: 100-continue", "Connection: close")
    received = talk(services, head(services, "POST", *lines) + b'9\r\n{"name": \r\n4\r\n"A"}\r\n0\r\n\r\n')
    assert received.startswith(b"HTTP/1.1 100 Continue") and b"HTTP/1.1 204 No Content" in received
    assert [row["name"] for row in services.dump("dataverse", "accounts")] == ["A"]


def test_what_is_no_http_is_cut(services: Services) -> None:
    assert talk(services, b"nonsense\r\n\r\n") == b""


def test_plain_http_gets_no_answer(services: Services) -> None:
    port = urlsplit(services.dataverse_url).port
    with socket.create_connection(("localhost", port), timeout=10) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not connection.recv(100).startswith(b"HTTP")
