"""`$batch` bodies: MIME parts that hold HTTP requests, and the parts that come back.

Written and read with plain byte searches: a batch of 1,000 rows passes here on every write, and the email
package would cost more than everything else together. Lines end with CRLF, also the last one, or Dataverse
can't read the stream.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_BOUNDARY = re.compile(r'boundary="?([^";,]+)"?', re.IGNORECASE)
_EMPTY: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Part:
    """One answer of a batch.

    Attributes:
        headers: of the HTTP answer, names in lower case.
        content_id: what the request named itself, where the service repeats it.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    content_id: str = ""


@dataclass(frozen=True, slots=True)
class Parts:
    """The answers of a batch; `complete` is False where the body ended before its closing boundary."""

    parts: list[Part]
    complete: bool


def part_request(
    method: str, target: str, headers: Mapping[str, str] = _EMPTY, body: bytes = b"", *, content_id: str = ""
) -> bytes:
    """One request as a MIME part, without its boundary.

    Args:
        target: absolute path with query, percent-encoded.
        content_id: names the request; it goes into the MIME header.
    """
    named = f"Content-ID: {content_id}\r\n" if content_id else ""
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return (
        f"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n{named}\r\n"
        f"{method} {target} HTTP/1.1\r\n{lines}\r\n"
    ).encode("ascii") + body


def change_set(request: bytes) -> bytes:
    """A part that is a change set (one transaction) of one request."""
    boundary = f"changeset_{uuid.uuid4()}"
    return (
        f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n--{boundary}\r\n".encode("ascii")
        + request
        + f"\r\n--{boundary}--\r\n".encode("ascii")
    )


def batch_body(parts: Iterable[bytes]) -> tuple[str, bytes]:
    """The content type and body of a batch."""
    boundary = f"batch_{uuid.uuid4()}"
    delimiter = f"--{boundary}\r\n".encode("ascii")
    pieces: list[bytes] = []
    for part in parts:
        pieces += (delimiter, part, b"\r\n")
    pieces.append(f"--{boundary}--\r\n".encode("ascii"))
    return f"multipart/mixed; boundary={boundary}", b"".join(pieces)


def read_parts(content_type: str, content: bytes) -> Parts | None:
    """The answers in a batch's body, change sets flattened, in order; None if it is no multipart body at
    all."""
    if not content_type.lower().startswith("multipart/"):
        return None
    found = _BOUNDARY.search(content_type)
    if found is None:
        return None
    parts: list[Part] = []
    complete = _collect(found.group(1).strip(), content, parts)
    return Parts(parts, complete)


def by_position(parts: Sequence[Part], content_ids: Sequence[str]) -> list[Part | None]:
    """Each request's answer: by its content id where the service repeated it, the others in order.

    A failed change set answers with one part that often has no content id.
    """
    named = {part.content_id: part for part in parts if part.content_id}
    if not named:
        return [*parts[: len(content_ids)], *[None] * (len(content_ids) - len(parts))]
    known = set(content_ids)
    rest = iter([part for part in parts if part.content_id not in known])
    # a part without a name stands where its request stood, as long as no named answer claims that place
    return [named[name] if name in named else next(rest, None) for name in content_ids]


def _collect(boundary: str, content: bytes, parts: list[Part]) -> bool:
    """Append the answers between the boundaries; True if the closing one is there."""
    # the delimiter belongs to the line break before it, so that boundary text inside a body can't match
    pieces = (b"\r\n" + content).split(b"\r\n--" + boundary.encode("ascii", "replace"))
    for piece in pieces[1:]:
        if piece.startswith(b"--"):
            return True
        _read_piece(piece, parts)
    return False


def _read_piece(piece: bytes, parts: list[Part]) -> None:
    start = piece.find(b"\n") + 1
    head, _, rest = piece[start:].partition(b"\r\n\r\n")
    mime = _headers(head)
    content_type = mime.get("content-type", "")
    if content_type.lower().startswith("multipart/"):
        found = _BOUNDARY.search(content_type)
        if found is not None:
            _collect(found.group(1).strip(), rest, parts)
        return
    answer, _, body = rest.partition(b"\r\n\r\n")
    status_line, _, header_lines = answer.partition(b"\r\n")
    words = status_line.split(b" ", 2)
    if len(words) < 2 or not words[0].startswith(b"HTTP/") or not words[1].isdigit():
        return
    headers = _headers(header_lines)
    content_id = mime.get("content-id") or headers.get("content-id", "")
    parts.append(Part(int(words[1]), headers, body, content_id))


def _headers(block: bytes) -> dict[str, str]:
    headers = {}
    for line in block.decode("latin-1").split("\r\n"):
        name, separator, value = line.partition(":")
        if separator:
            headers[name.strip().lower()] = value.strip()
    return headers
