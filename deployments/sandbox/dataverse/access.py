"""What every answer of the Web API needs: who asks, may they, which row, which version, which annotations."""

from __future__ import annotations

import re
from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.annotations import Annotator
from deployments.sandbox.dataverse.query import Reader
from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.messages import Caller, Request, Response, encode
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.schema.model import DataverseTable
from deployments.sandbox.store.index import Row

_FORBIDDEN = re.compile(r"[/<>*%&:\\?+]")
JSON = "application/json; odata.metadata=minimal"


class Access:
    """The steps shared by all requests for rows."""

    def __init__(self, rows: Rows, reader: Reader, root: str) -> None:
        self.schema = rows.schema
        self.store = rows.store
        self.switches = rows.switches
        self.rows = rows
        self.reader = reader
        self.rights = reader.rights
        self.root = root

    def check_path_key(self, spec: DataverseTable, step: Segment) -> None:
        """Alternate key values with these characters can't stand in a URL."""
        for _, literal in step.key or ():
            if literal.kind == "text" and _FORBIDDEN.search(str(literal.value)):
                raise errors.fault(
                    400,
                    "0x80060888",
                    "A potentially dangerous Request.Path value was detected from the client "
                    f"({_FORBIDDEN.search(str(literal.value))[0]}).",  # type: ignore[index]
                )

    def find(self, request: Request, spec: DataverseTable, step: Segment, verb: str) -> str | None:
        """The row that a key names.

        Raises:
            ServiceFault: the caller's privilege doesn't reach it.
        """
        row_id = self.rows.references.find(spec, step)
        if row_id is None:
            return None
        row = self.store.dataverse(spec.set).rows[row_id]
        if not self.reader.visible(spec, row, self.caller(request)):
            return None
        self.rights.check_row(verb, spec, row, self.caller(request))
        return row_id

    def row(self, request: Request, spec: DataverseTable, step: Segment, verb: str) -> Row:
        row_id = self.find(request, spec, step, verb)
        if row_id is None:
            raise self.rows.references.nothing_there(spec, step)
        return self.store.dataverse(spec.set).rows[row_id]

    def check_version(self, spec: DataverseTable, row_id: str, condition: str | None) -> None:
        if condition is None or condition == "*" or not self.switches.dataverse_if_match:
            return
        if condition != self.rows.etag(spec.set, row_id):
            raise errors.stale()

    def allow(self, request: Request, spec: DataverseTable, verb: str) -> None:
        self.rights.check(verb, spec, self.caller(request))

    def written(self, request: Request, spec: DataverseTable) -> dict[str, Any]:
        """The body of a write, whose lookups the caller may fill."""
        body = request.json()
        self.rights.check_lookups(spec, body, self.caller(request))
        return body

    def annotator(
        self, spec: DataverseTable, preferences: dict[str, str], applied: list[str]
    ) -> Annotator | None:
        asked = preferences.get("odata.include-annotations")
        if not asked:
            return None
        applied.append(f'odata.include-annotations="{asked}"')
        return Annotator(spec, self.reader.by_wire(spec), self.schema, self.store, asked)

    def caller(self, request: Request) -> Caller:
        assert request.caller is not None
        return request.caller

    def context(self, request: Request) -> Context:
        caller = self.caller(request)
        bypass = (
            request.headers.get("mscrm.bypasscustompluginexecution", "").lower() == "true"
            or "customsync" in request.headers.get("mscrm.bypassbusinesslogicexecution", "").lower()
        )
        detect = request.headers.get("mscrm.suppressduplicatedetection", "").lower() == "false"
        return Context(caller, caller.name, request.content_ids, bypass, detect)

    def json(
        self, answer: dict[str, Any], headers: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        return Response(status, {"Content-Type": JSON, **(headers or {})}, encode(answer))
