"""Benchmark mode: reads come from prepared bytes, Dataverse writes are counted, not validated or stored.

With it the sandbox's own work stays far below that of the program measured; latencies are slept, so they are
served concurrently.
"""

from __future__ import annotations

import itertools
import re
import uuid
from collections import Counter
from collections.abc import Callable
from typing import Any, Literal

from deployments.sandbox.messages import Request, Response, encode

Side = Literal["fno", "dataverse"]
Work = Callable[[Side, Request], Response]
_OPERATION = re.compile(rb"(?:^|\r\n)(POST|PATCH|DELETE|GET) (\S+) HTTP/1\.1\r\n")
_CONTENT_ID = re.compile(rb"Content-ID: *(\S+)", re.IGNORECASE)
_SET = re.compile(r"/?(?:api/data/v9\.\d/)?(\w+)")


class Benchmark:
    """Answers in place of the services.

    Args:
        ids: entity set → primary id column.
    """

    def __init__(self, ids: dict[str, str]) -> None:
        self._ids = ids
        self._pages: dict[tuple[str, str, str, str], Response] = {}
        self._generation = -1
        self._numbers = itertools.count(1)
        self._prefix = uuid.uuid4().hex[:12]
        self._counts: Counter[str] = Counter()

    def counts(self) -> dict[str, int]:
        """Rows written, by kind of request."""
        return dict(self._counts)

    def work(self, side: Side, request: Request, work: Work, generation: int) -> Response:
        """Answer from prepared bytes, or count a Dataverse write; everything else is worked through.

        Args:
            generation: of the data; pages of another one are forgotten.
        """
        if generation != self._generation:
            self._generation = generation
            self._pages.clear()
        if request.method == "GET":
            key = (side, request.path, request.query, request.headers.get("prefer", ""))
            found = self._pages.get(key)
            if found is None:
                found = self._pages[key] = work(side, request)
            return Response(found.status, dict(found.headers), found.body)
        if side == "fno":
            return work(side, request)
        if request.path.endswith("Multiple"):
            return self._bulk(request)
        if request.path.endswith("/$batch"):
            return self._batch(side, request, work)
        return work(side, request)

    def _guid(self) -> str:
        number = next(self._numbers)
        return f"{self._prefix[:8]}-{self._prefix[8:]}-4000-8000-{number:012x}"

    def _bulk(self, request: Request) -> Response:
        number = request.body.count(b'"@odata.type"')
        message = request.path.rpartition(".")[2]
        self._counts[message] += number
        if message != "CreateMultiple":
            return Response(204)
        ids = [self._guid() for _ in range(number)]
        return Response(
            200,
            {"Content-Type": "application/json; odata.metadata=minimal", "OData-Version": "4.0"},
            encode({"@odata.context": "#Microsoft.Dynamics.CRM.CreateMultipleResponse", "Ids": ids}),
        )

    def _batch(self, side: Side, request: Request, work: Work) -> Response:
        operations = list(_OPERATION.finditer(request.body))
        if any(match.group(1) == b"GET" for match in operations):
            return work(side, request)
        contents: list[bytes] = []
        ends = [match.start() for match in operations[1:]] + [len(request.body)]
        for match, end in zip(operations, ends, strict=True):
            self._counts[f"batch {match.group(1).decode()}"] += 1
            contents.append(self._operation(match, request.body[match.end() : end]))
        boundary = b"batchresponse_benchmark"
        body = b"".join(b"--" + boundary + b"\r\n" + content for content in contents)
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary.decode()}", "OData-Version": "4.0"}
        return Response(200, headers, body + b"--" + boundary + b"--\r\n")

    def _operation(self, match: re.Match[bytes], rest: bytes) -> bytes:
        """One operation's answer; a representation repeats what was sent, with an id and a version."""
        head = b"Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 "
        if match.group(1) == b"DELETE":
            return head + b"204 No Content\r\nOData-Version: 4.0\r\n\r\n\r\n"
        found = _SET.match(
            match.group(2).decode().partition("://")[2].partition("/")[2] or match.group(2).decode()
        )
        name = found.group(1) if found else ""
        row_id = self._guid()
        _, _, content = rest.partition(b"\r\n\r\n")
        sent = content[content.find(b"{") + 1 : content.rfind(b"}")]
        identity = f'"@odata.etag":"W/\\"{next(self._numbers)}\\"","{self._ids.get(name, "id")}":"{row_id}"'
        answer = b"{" + identity.encode() + (b"," + sent if sent.strip() else b"") + b"}"
        status = b"201 Created" if match.group(1) == b"POST" else b"200 OK"
        return (
            head
            + status
            + b"\r\nContent-Type: application/json; odata.metadata=minimal\r\nOData-Version: 4.0\r\nOData-EntityId: "
            + f"/api/data/v9.2/{name}({row_id})".encode()
            + b"\r\n\r\n"
            + answer
            + b"\r\n"
        )


def ids_of(tables: dict[str, Any]) -> dict[str, str]:
    """Primary id column by entity set."""
    return {name: str(table.id) for name, table in tables.items()}
