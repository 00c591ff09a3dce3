"""`$batch` of both services: operations in order, change sets as one transaction, answers as they came."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from deployments.sandbox import multipart
from deployments.sandbox.messages import Request, Response, encode
from deployments.sandbox.multipart import BadMultipart, Part
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

Handle = Callable[[Request], Response]


class Batch:
    """Runs batches by handing each operation to the service's own `handle`.

    Args:
        handle: answers one operation; never raises for a refusal.
        limit: most operations a batch.
        dataverse: the Dataverse dialect: Content-ID needed in change sets, error code in refusals, the
            status of a stopped batch is that of its failure.
    """

    def __init__(
        self, handle: Handle, store: Store, *, limit: int, dataverse: bool, switches: Switches
    ) -> None:
        self._handle = handle
        self._store = store
        self._limit = limit
        self._dataverse = dataverse
        self._switches = switches
        self.before_operation: Callable[[Request], Response | None] = lambda request: None
        """A fault may answer in the service's place."""

    def run(self, request: Request) -> Response:
        """Answer a whole batch."""
        if request.method != "POST":
            return self._refuse(405, f"The requested resource does not support {request.method}.")
        try:
            boundary = multipart.boundary_of(request.headers.get("content-type", ""))
            found = multipart.parts(request.body, boundary)
            count = sum(self._operations(part) for part in found)
        except BadMultipart as bad:
            return self._refuse(400, str(bad))
        if count > self._limit:
            text = f"The number of operations in a batch exceeds the limit of {self._limit}."
            return self._refuse(400, text)
        return self._run(request, found)

    def _run(self, request: Request, found: list[Part]) -> Response:
        go_on = "odata.continue-on-error" in request.preferences()
        contents: list[bytes] = []
        status = 200
        for part in found:
            try:
                content, failed = self._one(request, part)
            except BadMultipart as bad:
                return self._refuse(400, str(bad))
            contents.append(content)
            if failed and not go_on:
                status = failed if self._dataverse else 200
                break
        boundary = f"batchresponse_{uuid.uuid4()}"
        headers = {"Content-Type": f"multipart/mixed; boundary={boundary}"}
        if go_on:
            headers["Preference-Applied"] = "odata.continue-on-error"
        return Response(status, headers, multipart.join(contents, boundary))

    def _operations(self, part: Part) -> int:
        kind = part.headers.get("content-type", "")
        if not kind.startswith("multipart/mixed"):
            return 1
        return len(multipart.parts(part.body, multipart.boundary_of(kind)))

    def _one(self, request: Request, part: Part) -> tuple[bytes, int]:
        """The answer to one part, and the status of its failure or 0."""
        kind = part.headers.get("content-type", "")
        if kind.startswith("multipart/mixed"):
            return self._change_set(request, part)
        mark = self._store.mark()
        response = self._answer(request, self._operation(request, part, None))
        if response.status >= 400:
            self._store.undo(mark)
        content = multipart.response_part(response, part.headers.get("content-id"))
        return content, response.status if response.status >= 400 else 0

    def _change_set(self, request: Request, part: Part) -> tuple[bytes, int]:
        """All or nothing; one failure answers for the whole set."""
        inner = multipart.parts(part.body, multipart.boundary_of(part.headers["content-type"]))
        content_ids: dict[str, str] = {}
        contents: list[bytes] = []
        mark = self._store.mark()
        for operation in inner:
            asked = self._operation(request, operation, content_ids)
            content_id = operation.headers.get("content-id") or asked.headers.get("content-id")
            if content_id is not None:
                asked.headers = {**asked.headers, "content-id": content_id}
            response = self._in_change_set(request, asked, content_id)
            if response.status >= 400:
                self._store.undo(mark)
                return multipart.response_part(response, content_id), response.status
            contents.append(multipart.response_part(response, content_id))
        boundary = f"changesetresponse_{uuid.uuid4()}"
        head = f"Content-Type: multipart/mixed; boundary={boundary}\r\n\r\n".encode()
        return head + multipart.join(contents, boundary) + b"\r\n", 0

    def _answer(self, request: Request, asked: Request) -> Response:
        response = self.before_operation(asked) or self._handle(asked)
        request.operations.append(
            {
                "method": asked.method,
                "url": asked.url,
                "if_match": asked.headers.get("if-match"),
                "status": response.status,
            }
        )
        return response

    def _in_change_set(self, request: Request, asked: Request, content_id: str | None) -> Response:
        if asked.method == "GET":
            return self._refuse(400, "A GET operation can't be part of a change set.")
        if content_id is None and self._dataverse and self._switches.content_id_required:
            return self._refuse(
                400, "The Content-ID header is missing in an operation of a change set.", "0x80060888"
            )
        return self._answer(request, asked)

    def _operation(self, request: Request, part: Part, content_ids: dict[str, str] | None) -> Request:
        """The request inside a part.

        Raises:
            BadMultipart: no request line.
        """
        line, _, rest = part.body.lstrip(b"\r\n").partition(b"\r\n")
        words = line.decode().split(" ")
        if len(words) != 3 or not words[2].startswith("HTTP/"):
            raise BadMultipart("Stream was not readable.")
        head, _, body = rest.partition(b"\r\n\r\n")
        target = words[1]
        if "://" in target:
            target = "/" + target.split("://", 1)[1].partition("/")[2]
        path, _, query = target.partition("?")
        return Request(
            method=words[0].upper(),
            path=path,
            query=query,
            headers=multipart.headers(head),
            body=body.removesuffix(b"\r\n"),
            caller=request.caller,
            part=True,
            content_ids=content_ids,
        )

    def _refuse(self, status: int, message: str, code: str = "0x80048d19") -> Response:
        """A refusal in the envelope of the service that speaks."""
        if self._dataverse:
            body: dict[str, object] = {"error": {"code": code, "message": message}}
        else:
            body = {"Message": message}
        return Response(status, {"Content-Type": "application/json"}, encode(body))
