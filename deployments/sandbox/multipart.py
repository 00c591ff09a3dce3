"""Multipart bodies of `$batch`, read and written."""

from __future__ import annotations

from dataclasses import dataclass, field

from deployments.sandbox.messages import REASONS, Response


class BadMultipart(Exception):
    """A body that can't be read as a batch."""


@dataclass(slots=True)
class Part:
    """One MIME part: headers with lower-case names, and its content."""

    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


def boundary_of(content_type: str) -> str:
    """The boundary parameter of a Content-Type.

    Raises:
        BadMultipart: there is none.
    """
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.strip().partition("=")
        if name.lower() == "boundary" and value:
            return value.strip().strip('"')
    raise BadMultipart("The Content-Type has no boundary.")


def parts(body: bytes, boundary: str) -> list[Part]:
    """The parts between the boundaries.

    Raises:
        BadMultipart: lines that don't end in CRLF, or no closing boundary.
    """
    marker = b"--" + boundary.encode()
    pieces = body.split(marker)
    if len(pieces) < 2 or not pieces[-1].startswith(b"--"):
        raise BadMultipart("Stream was not readable.")
    found = []
    for piece in pieces[1:-1]:
        if not piece.startswith(b"\r\n"):
            raise BadMultipart("Stream was not readable.")
        content = piece[2:].removesuffix(b"\r\n")
        found.append(_part(content))
    return found


def _part(content: bytes) -> Part:
    if content.startswith(b"\r\n"):
        return Part({}, content[2:])
    head, separator, body = content.partition(b"\r\n\r\n")
    if not separator and b"\n" in content.replace(b"\r\n", b""):
        raise BadMultipart("Stream was not readable.")
    return Part(headers(head), body)


def headers(block: bytes) -> dict[str, str]:
    """Header lines as a dict with lower-case names."""
    found: dict[str, str] = {}
    for line in block.split(b"\r\n"):
        name, colon, value = line.partition(b":")
        if colon:
            key = name.strip().lower().decode()
            text = value.strip().decode()
            found[key] = f"{found[key]},{text}" if key in found else text
    return found


def response_part(response: Response, content_id: str | None) -> bytes:
    """A response as the content of a part, MIME headers included."""
    lines = ["Content-Type: application/http", "Content-Transfer-Encoding: binary"]
    if content_id is not None:
        lines.append(f"Content-ID: {content_id}")
    lines += ["", f"HTTP/1.1 {response.status} {REASONS.get(response.status, 'Unknown')}"]
    lines += [f"{name}: {value}" for name, value in response.headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + response.body + b"\r\n"


def join(contents: list[bytes], boundary: str) -> bytes:
    """Parts between boundaries."""
    marker = f"--{boundary}".encode()
    return b"".join(marker + b"\r\n" + content for content in contents) + marker + b"--\r\n"
