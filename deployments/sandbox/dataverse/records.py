"""Requests for one row, its columns and its lookups."""

from __future__ import annotations

from urllib.parse import quote

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.access import Access
from deployments.sandbox.dataverse.annotations import Annotator
from deployments.sandbox.dataverse.bulk import Bulk
from deployments.sandbox.dataverse.query import Shape, check_options
from deployments.sandbox.messages import Request, Response
from deployments.sandbox.odata.keys import Segment
from deployments.sandbox.schema.model import DataverseTable
from deployments.sandbox.store.index import Row


class Records:
    """Reads and writes of single rows."""

    def __init__(self, access: Access, bulk: Bulk) -> None:
        self._access = access
        self.reader = access.reader
        self.store = access.store
        self.schema = access.schema
        self.switches = access.switches
        self.rows = access.rows
        self.root = access.root
        self.bulk = bulk

    def retrieve(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._access.allow(request, spec, "Read")
        row = self._access.row(request, spec, step, "Read")
        options, preferences = request.options(), request.preferences()
        check_options(options)
        condition = request.headers.get("if-none-match", "null")
        if condition not in ("null", "*") and condition == row["@odata.etag"]:
            return Response(304)
        shape = self.reader.shape(spec, options.get("$select"), options.get("$expand"))
        return self._represent(spec, row, shape, 200, self._access.annotator(spec, preferences, []))

    def _represent(
        self,
        spec: DataverseTable,
        row: Row,
        shape: Shape,
        status: int,
        annotator: Annotator | None = None,
        headers: dict[str, str] | None = None,
    ) -> Response:
        listed = f"({shape.context})" if shape.context else ""
        context = f"{self.root}/$metadata#{spec.set}{listed}/$entity"
        answer = {"@odata.context": context, **self.reader.project([row], shape, annotator)[0]}
        return self._access.json(answer, {"ETag": row["@odata.etag"], **(headers or {})}, status)

    def create(self, request: Request, spec: DataverseTable) -> Response:
        self._access.allow(request, spec, "Create")
        shape = self._written_shape(request, spec)
        body = self._access.written(request, spec)
        row_id = self.rows.create(spec.set, body, self._access.context(request))
        return self._written(request, spec, row_id, shape, created=True)

    def patch(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._access.allow(request, spec, "Write")
        shape = self._written_shape(request, spec)
        found = self._access.find(request, spec, step, "Write")
        condition = request.headers.get("if-match")
        if request.headers.get("if-none-match") == "*" and found is not None:
            raise errors.duplicate_id(self.switches.duplicate_status)
        if condition is not None and found is None:
            raise self.rows.references.nothing_there(spec, step)
        if found is not None:
            self._access.check_version(spec, found, condition)
        if found is None:
            self._access.allow(request, spec, "Create")
        body, context = self._access.written(request, spec), self._access.context(request)
        row_id, created = self.bulk.upsert(spec, f"{spec.set}({step.raw})", body, context)
        return self._written(request, spec, row_id, shape, created=created, key=f"{spec.set}({step.raw})")

    def delete(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._access.allow(request, spec, "Delete")
        row_id = str(self._access.row(request, spec, step, "Delete")[spec.id])
        self._access.check_version(spec, row_id, request.headers.get("if-match"))
        mark = self.store.mark()
        try:
            self.rows.delete(spec.set, row_id, self._access.context(request))
        except BaseException:
            self.store.undo(mark)
            raise
        return Response(204)

    def _written_shape(self, request: Request, spec: DataverseTable) -> Shape | None:
        """The shape of the answer, worked out before anything is written."""
        if request.preferences().get("return") != "representation":
            return None
        options = request.options()
        return self.reader.shape(spec, options.get("$select"))

    def _written(
        self,
        request: Request,
        spec: DataverseTable,
        row_id: str,
        shape: Shape | None,
        *,
        created: bool,
        key: str = "",
    ) -> Response:
        path = quote(key, safe="(),='") if key else f"{spec.set}({row_id})"
        url = f"{self.root}/{path}"
        identity = {"OData-EntityId": url}
        if created:
            identity["Location"] = url
        if request.content_ids is not None and "content-id" in request.headers:
            request.content_ids[request.headers["content-id"]] = f"/{spec.set}({row_id})"
        if shape is None:
            return Response(204, identity)
        headers = {"Preference-Applied": "return=representation"}
        if created and self.switches.entity_id_with_201:
            headers |= identity
        annotator = self._access.annotator(spec, request.preferences(), [])
        row = self.store.dataverse(spec.set).rows[row_id]
        return self._represent(spec, row, shape, 201 if created else 200, annotator, headers)

    def property(
        self, request: Request, spec: DataverseTable, step: Segment, rest: tuple[Segment, ...]
    ) -> Response:
        verb = "Read" if request.method == "GET" else "Write"
        self._access.allow(request, spec, verb)
        row = self._access.row(request, spec, step, verb)
        row_id, name = str(row[spec.id]), rest[0].name
        column = spec.columns.get(name)
        if column is not None and column.kind != "lookup" and len(rest) == 1:
            return self._single_property(request, spec, row, row_id, name)
        lookup, target = self.reader.navigation(spec, name)
        if len(rest) == 1 and request.method == "GET":
            other = self.schema.dataverse[target]
            related = self.store.dataverse(target).rows.get(row[lookup.wire])
            if related is None:
                return Response(204)
            shape = self.reader.shape(other, request.options().get("$select"))
            return self._represent(other, related, shape, 200)
        if len(rest) == 2 and rest[1].name == "$ref" and request.method in ("PUT", "DELETE"):
            value = request.json().get("@odata.id") if request.method == "PUT" else None
            self.rows.update(spec.set, row_id, {f"{name}@odata.bind": value}, self._access.context(request))
            return Response(204)
        raise errors.not_imitated(f"{request.method} of {'/'.join(part.name for part in rest)} of a row")

    def _single_property(
        self, request: Request, spec: DataverseTable, row: Row, row_id: str, name: str
    ) -> Response:
        if request.method == "GET":
            if row[name] is None:
                return Response(204)
            context = f"{self.root}/$metadata#{spec.set}({row_id})/{name}"
            return self._access.json({"@odata.context": context, "value": row[name]})
        if request.method in ("PUT", "DELETE"):
            value = request.json().get("value") if request.method == "PUT" else None
            self.rows.update(spec.set, row_id, {name: value}, self._access.context(request))
            return Response(204)
        raise errors.method_not_allowed(request.method)
