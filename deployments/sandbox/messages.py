"""Requests and responses as the two services see them, whether they came over TLS, in a batch or from a gate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal
from urllib.parse import unquote_plus

import msgspec

SideName = Literal["fno", "dataverse"]

_encoder = msgspec.json.Encoder(decimal_format="number")
_decoder = msgspec.json.Decoder(float_hook=Decimal)

encode = _encoder.encode
"""Value → JSON bytes; decimals as numbers in their own digits."""


class BadJson(Exception):
    """A body that is no JSON object."""


@dataclass(slots=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: ``application`` (the engine's registration) or ``user``.
        user_id: Dataverse systemuserid.
        object_id: Entra object id.
        client_id: application id.
    """

    name: str
    user_id: str
    object_id: str
    client_id: str


@dataclass(slots=True)
class Request:
    """One request.

    Attributes:
        method: upper case.
        path: raw path, still percent-encoded, from the root of the host.
        query: raw query string.
        headers: lower-case names.
        caller: set once the token was checked.
        part: the request is an operation of a batch.
        content_ids: entity paths by Content-ID, within a change set.
        operations: what a batch held, for the trace.
        internal: comes from the admin API or a gate, not over the wire.
    """

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    caller: Caller | None = None
    part: bool = False
    content_ids: dict[str, str] | None = None
    operations: list[dict[str, Any]] = field(default_factory=list)
    internal: bool = False

    @property
    def url(self) -> str:
        return f"{self.path}?{self.query}" if self.query else self.path

    def json(self) -> dict[str, Any]:
        """The body as an object; fractions become Decimal, exactly as written.

        Raises:
            BadJson: not JSON, or not an object.
        """
        try:
            parsed = _decoder.decode(self.body)
        except msgspec.DecodeError as error:
            raise BadJson(str(error)) from None
        if not isinstance(parsed, dict):
            raise BadJson("an object was expected")
        return parsed

    def options(self) -> dict[str, str]:
        """Query options by name, decoded; the last one wins."""
        found: dict[str, str] = {}
        if self.query:
            for piece in self.query.split("&"):
                name, _, value = piece.partition("=")
                found[unquote_plus(name)] = unquote_plus(value)
        return found

    def preferences(self) -> dict[str, str]:
        """The Prefer header as name → value ("" for a bare token)."""
        found: dict[str, str] = {}
        text = self.headers.get("prefer", "")
        for piece in _split_preferences(text):
            name, _, value = piece.partition("=")
            if name.strip():
                found[name.strip().lower()] = value.strip().strip('"')
        return found


def _split_preferences(text: str) -> list[str]:
    """Split at commas and semicolons outside quotes."""
    if '"' not in text:
        return text.replace(";", ",").split(",")
    pieces, current, quoted = [], "", False
    for character in text:
        if character == '"':
            quoted = not quoted
        if character in ",;" and not quoted:
            pieces.append(current)
            current = ""
        else:
            current += character
    return [*pieces, current]


@dataclass(slots=True)
class Response:
    """One answer. `headers` has no Content-Length; the listener or the batch writer adds what the wire needs."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ServiceFault(Exception):
    """A refusal, already in the words of the service that speaks.

    Args:
        status: HTTP status.
        body: the whole JSON error document.
    """

    def __init__(self, status: int, body: dict[str, Any], headers: dict[str, str] | None = None) -> None:
        super().__init__(status, body)
        self.status = status
        self.body = body
        self.headers = headers or {}


REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    302: "Found",
    304: "Not Modified",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    412: "Precondition Failed",
    413: "Request Entity Too Large",
    414: "URI Too Long",
    429: "Too Many Requests",
    500: "Internal Server Error",
    501: "Not Implemented",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}
