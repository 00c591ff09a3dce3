"""The Dataverse Web API: from a request to an answer."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from deployments.sandbox.batch import Batch
from deployments.sandbox.dataverse import errors, functions
from deployments.sandbox.dataverse.annotations import Annotator
from deployments.sandbox.dataverse.bulk import MESSAGES, PREFIX, Bulk
from deployments.sandbox.dataverse.definitions import Definitions
from deployments.sandbox.dataverse.document import csdl
from deployments.sandbox.dataverse.query import MAX_PAGE, Reader, Shape, check_options
from deployments.sandbox.dataverse.rows import Context, Rows
from deployments.sandbox.dataverse.tracking import Tracking
from deployments.sandbox.messages import BadJson, Caller, Request, Response, ServiceFault, encode
from deployments.sandbox.odata.expressions import SyntaxFault
from deployments.sandbox.odata.keys import Segment, segments
from deployments.sandbox.schema.model import DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

_ROOT = re.compile(r"/?api/data/v9\.[0-2](?=/|$)")
_FORBIDDEN = re.compile(r"[/<>*%&:\\?+]")
JSON = "application/json; odata.metadata=minimal"


class Dataverse:
    """The Web API of one environment.

    Args:
        url: root of the environment, without a path.
    """

    def __init__(self, schema: Schema, store: Store, switches: Switches, rows: Rows, url: str) -> None:
        self.schema = schema
        self.store = store
        self.switches = switches
        self.rows = rows
        self.root = f"{url}/api/data/v9.2"
        self.reader = Reader(schema, store, switches, self.root)
        self.tracking = Tracking(store, switches)
        self.bulk = Bulk(rows, self.root)
        self.definitions = Definitions(schema, self.root)
        self.batch = Batch(self.handle, store, limit=1000, dataverse=True, switches=switches)

    def handle(self, request: Request) -> Response:
        """Answer one request; a refusal is an answer too."""
        try:
            response = self._dispatch(request)
        except ServiceFault as fault:
            headers = {"Content-Type": JSON, **fault.headers}
            response = Response(fault.status, headers, encode(fault.body))
        except BadJson as bad:
            body = {"error": {"code": "0x80048d19", "message": f"Error identified in Payload: {bad}"}}
            response = Response(400, {"Content-Type": JSON}, encode(body))
        response.headers.setdefault("OData-Version", "4.0")
        return response

    # where a request goes

    def _dispatch(self, request: Request) -> Response:
        match = _ROOT.match(request.path)
        if match is None:
            if request.path.startswith("/api/") or not request.part:
                raise errors.no_resource(request.path)
            path = request.path
        else:
            path = request.path[match.end() :]
        if "mscrmcallerid" in request.headers or "callerobjectid" in request.headers:
            raise errors.not_imitated("impersonation (CallerObjectId, MSCRMCallerID)")
        if path.startswith("/$") or (request.part and path.startswith("$")):
            path = self._content_id(path, request)
        try:
            steps = segments(path)
        except SyntaxFault as syntax:
            raise errors.query(str(syntax)) from None
        if not steps:
            return self._json({"@odata.context": f"{self.root}/$metadata", "value": self._sets()})
        first = steps[0]
        spec = self.schema.dataverse.get(first.name)
        if spec is not None:
            return self._table(request, spec, steps)
        return self._special(request, first.name, steps)

    def _special(self, request: Request, name: str, steps: tuple[Segment, ...]) -> Response:
        if name == "$batch":
            if request.part:
                raise errors.query("A batch can't be nested in a batch.")
            return self.batch.run(request)
        if name == "$metadata":
            return Response(200, {"Content-Type": "application/xml"}, csdl(self.schema))
        if name in functions.NAMES:
            if request.method != "GET":
                raise errors.no_resource(request.url)
            answer = functions.call(name, steps[0], request, self)
            return self._json({"@odata.context": f"{self.root}/$metadata#{answer[0]}", **answer[1]})
        if name in ("EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions"):
            if request.method != "GET":
                raise errors.not_imitated("changes of the schema")
            return self._json(self.definitions.answer(name, steps, request.options()))
        raise errors.unknown_segment(name)

    def _content_id(self, path: str, request: Request) -> str:
        """``$1`` in a URL of a change set."""
        text = path.lstrip("/")
        number, slash, rest = text.partition("/")
        if not number[1:].isdigit():
            return path
        known = (request.content_ids or {}).get(number[1:])
        if known is None:
            raise errors.query(f"Content-ID Reference: '{number}' does not exist in the batch context.")
        return f"{known}{slash}{rest}"

    def _sets(self) -> list[dict[str, str]]:
        return [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(self.schema.dataverse)]

    # tables

    def _table(self, request: Request, spec: DataverseTable, steps: tuple[Segment, ...]) -> Response:
        first, rest = steps[0], steps[1:]
        if first.key is None:
            return self._collection(request, spec, rest)
        self._check_path_key(spec, first)
        if not rest:
            if request.method == "GET":
                return self._retrieve(request, spec, first)
            if request.method == "PATCH":
                return self._patch(request, spec, first)
            if request.method == "DELETE":
                return self._delete(request, spec, first)
            raise errors.method_not_allowed(request.method)
        return self._property(request, spec, first, rest)

    def _collection(self, request: Request, spec: DataverseTable, rest: tuple[Segment, ...]) -> Response:
        if not rest:
            if request.method == "GET":
                return self._read(request, spec)
            if request.method == "POST":
                return self._create(request, spec)
            raise errors.method_not_allowed(request.method)
        name = rest[0].name
        if name == "$count" and request.method == "GET":
            return self._count(request, spec)
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) in MESSAGES:
            if request.method != "POST":
                raise errors.no_resource(request.url)
            self._allow(request, spec, "Create")
            context = self._context(request)
            return self.bulk.run(name.removeprefix(PREFIX), spec, request.json(), context)
        raise errors.unknown_segment(name)

    def _read(self, request: Request, spec: DataverseTable) -> Response:
        self._allow(request, spec, "Read")
        options, preferences = request.options(), request.preferences()
        check_options(options)
        if "$apply" in options:
            return functions.apply(options, self.reader, spec, self._caller(request), self._json)
        size = MAX_PAGE
        applied = []
        if preferences.get("odata.maxpagesize", "").isdigit():
            size = max(1, min(MAX_PAGE, int(preferences["odata.maxpagesize"])))
            applied.append(f"odata.maxpagesize={size}")
        shape = self.reader.shape(spec, options.get("$select"), options.get("$expand"))
        annotator = self._annotator(spec, preferences, applied)
        token = options.get("$deltatoken")
        if token is not None:
            self.tracking.check(spec, options)
            return self._delta(request, spec, options, shape, token, size, annotator)
        tracked_from = self._tracked_from(options)
        if "odata.track-changes" in preferences or tracked_from is not None:
            self.tracking.check(spec, options)
            applied.append("odata.track-changes")
            tracked_from = self.store.version if tracked_from is None else tracked_from
        caller = self._caller(request)
        ids = self.reader.matching(spec, options.get("$filter"), options.get("$orderby"), caller, options)
        answer: dict[str, Any] = {
            "@odata.context": f"{self.root}/$metadata#{spec.set}({shape.context})".replace("()", "")
        }
        if options.get("$count") == "true":
            answer["@odata.count"] = min(len(ids), MAX_PAGE)
        top = options.get("$top")
        if top is not None and "odata.maxpagesize" not in preferences:
            if not top.isdigit():
                raise errors.query(f"Invalid value '{top}' for $top.")
            ids, size = ids[: int(top)], max(1, min(MAX_PAGE, int(top)))
        found, following = self.reader.page(spec, ids, options, size)
        answer["value"] = self.reader.project(found, shape, annotator)
        if following is not None:
            if tracked_from is not None:
                following = following.replace(" />", f' tracked="{tracked_from}" />')
            answer["@odata.nextLink"] = self._link(spec, options, "$skiptoken", following)
        elif tracked_from is not None:
            onward = self.tracking.token(tracked_from)
            answer["@odata.deltaLink"] = self._link(spec, options, "$deltatoken", onward)
        headers = {"Preference-Applied": ",".join(applied)} if applied else {}
        return self._json(answer, headers)

    def _tracked_from(self, options: dict[str, str]) -> int | None:
        """The version at which a tracked read of several pages began."""
        match = re.search(r'tracked="(\d+)"', options.get("$skiptoken", ""))
        return int(match.group(1)) if match else None

    def _delta(
        self,
        request: Request,
        spec: DataverseTable,
        options: dict[str, str],
        shape: Shape,
        token: str,
        size: int,
        annotator: Annotator | None,
    ) -> Response:
        if request.part and not self.switches.tracking_in_batch:
            raise errors.query("Change tracking isn't supported in a batch.")
        rows, stones, following, onward = self.tracking.changes(spec, token, size)
        caller = self._caller(request)
        rows = [row for row in rows if self.reader.visible(spec, row, caller)]
        value: list[Any] = self.reader.project(rows, shape, annotator)
        context = f"{self.root}/$metadata#{spec.set}/$deletedEntity"
        value += [{"@odata.context": context, "id": stone.id, "reason": "deleted"} for stone in stones]
        listed = f"({shape.context})" if shape.context else ""
        answer: dict[str, Any] = {
            "@odata.context": f"{self.root}/$metadata#{spec.set}{listed}/$delta",
        }
        if following is not None:
            answer["@odata.nextLink"] = self._link(spec, options, "$deltatoken", following)
        else:
            answer["@odata.deltaLink"] = self._link(spec, options, "$deltatoken", onward)
        answer["value"] = value
        return self._json(answer)

    def _link(self, spec: DataverseTable, options: dict[str, str], name: str, token: str) -> str:
        kept = {key: value for key, value in options.items() if key not in ("$skiptoken", "$deltatoken")}
        kept[name] = token
        query = "&".join(f"{key}={quote(value, safe='')}" for key, value in kept.items())
        return f"{self.root}/{spec.set}?{query}"

    def _count(self, request: Request, spec: DataverseTable) -> Response:
        self._allow(request, spec, "Read")
        options = request.options()
        if "$deltatoken" in options:
            number = self.tracking.count(spec, options["$deltatoken"])
        else:
            caller = self._caller(request)
            number = len(self.reader.matching(spec, options.get("$filter"), None, caller, options))
        text = f"\ufeff{min(number, MAX_PAGE)}"
        return Response(200, {"Content-Type": "text/plain"}, text.encode())

    # single rows

    def _retrieve(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._allow(request, spec, "Read")
        row = self._row(request, spec, step)
        options, preferences = request.options(), request.preferences()
        check_options(options)
        condition = request.headers.get("if-none-match", "null")
        if condition not in ("null", "*") and condition == row["@odata.etag"]:
            return Response(304)
        shape = self.reader.shape(spec, options.get("$select"), options.get("$expand"))
        return self._represent(spec, row, shape, 200, self._annotator(spec, preferences, []))

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
        return self._json(answer, {"ETag": row["@odata.etag"], **(headers or {})}, status)

    def _create(self, request: Request, spec: DataverseTable) -> Response:
        self._allow(request, spec, "Create")
        shape = self._written_shape(request, spec)
        row_id = self.rows.create(spec.set, request.json(), self._context(request))
        return self._written(request, spec, row_id, shape, created=True)

    def _patch(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._allow(request, spec, "Write")
        shape = self._written_shape(request, spec)
        found = self._find(request, spec, step)
        condition = request.headers.get("if-match")
        if request.headers.get("if-none-match") == "*" and found is not None:
            raise errors.duplicate_id(self.switches.duplicate_status)
        if condition is not None and found is None:
            raise self.rows.references.nothing_there(spec, step)
        if found is not None:
            self._check_version(spec, found, condition)
        if found is None:
            self._allow(request, spec, "Create")
        body, context = request.json(), self._context(request)
        row_id, created = self.bulk.upsert(spec, f"{spec.set}({step.raw})", body, context)
        return self._written(request, spec, row_id, shape, created=created, key=f"{spec.set}({step.raw})")

    def _delete(self, request: Request, spec: DataverseTable, step: Segment) -> Response:
        self._allow(request, spec, "Delete")
        row_id = str(self._row(request, spec, step)[spec.id])
        self._check_version(spec, row_id, request.headers.get("if-match"))
        mark = self.store.mark()
        try:
            self.rows.delete(spec.set, row_id, self._context(request))
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
        annotator = self._annotator(spec, request.preferences(), [])
        row = self.store.dataverse(spec.set).rows[row_id]
        return self._represent(spec, row, shape, 201 if created else 200, annotator, headers)

    # parts of rows

    def _property(
        self, request: Request, spec: DataverseTable, step: Segment, rest: tuple[Segment, ...]
    ) -> Response:
        row = self._row(request, spec, step)
        row_id, name = str(row[spec.id]), rest[0].name
        column = spec.columns.get(name)
        if column is not None and column.kind != "lookup" and len(rest) == 1:
            return self._single_property(request, spec, row, row_id, name)
        lookup, target = self.reader.navigation(spec, name)
        if len(rest) == 1 and request.method == "GET":
            self._allow(request, spec, "Read")
            other = self.schema.dataverse[target]
            related = self.store.dataverse(target).rows.get(row[lookup.wire])
            if related is None:
                return Response(204)
            shape = self.reader.shape(other, request.options().get("$select"))
            return self._represent(other, related, shape, 200)
        if len(rest) == 2 and rest[1].name == "$ref" and request.method in ("PUT", "DELETE"):
            self._allow(request, spec, "Write")
            value = request.json().get("@odata.id") if request.method == "PUT" else None
            self.rows.update(spec.set, row_id, {f"{name}@odata.bind": value}, self._context(request))
            return Response(204)
        raise errors.not_imitated(f"{request.method} of {'/'.join(part.name for part in rest)} of a row")

    def _single_property(
        self, request: Request, spec: DataverseTable, row: Row, row_id: str, name: str
    ) -> Response:
        if request.method == "GET":
            self._allow(request, spec, "Read")
            if row[name] is None:
                return Response(204)
            context = f"{self.root}/$metadata#{spec.set}({row_id})/{name}"
            return self._json({"@odata.context": context, "value": row[name]})
        if request.method in ("PUT", "DELETE"):
            self._allow(request, spec, "Write")
            value = request.json().get("value") if request.method == "PUT" else None
            self.rows.update(spec.set, row_id, {name: value}, self._context(request))
            return Response(204)
        raise errors.method_not_allowed(request.method)

    # shared steps

    def _check_path_key(self, spec: DataverseTable, step: Segment) -> None:
        """Alternate key values with these characters can't stand in a URL."""
        for _, literal in step.key or ():
            if literal.kind == "text" and _FORBIDDEN.search(str(literal.value)):
                raise errors.fault(
                    400,
                    "0x80060888",
                    "A potentially dangerous Request.Path value was detected from the client "
                    f"({_FORBIDDEN.search(str(literal.value))[0]}).",  # type: ignore[index]
                )

    def _find(self, request: Request, spec: DataverseTable, step: Segment) -> str | None:
        row_id = self.rows.references.find(spec, step)
        if row_id is None:
            return None
        row = self.store.dataverse(spec.set).rows[row_id]
        return row_id if self.reader.visible(spec, row, self._caller(request)) else None

    def _row(self, request: Request, spec: DataverseTable, step: Segment) -> Row:
        row_id = self._find(request, spec, step)
        if row_id is None:
            raise self.rows.references.nothing_there(spec, step)
        return self.store.dataverse(spec.set).rows[row_id]

    def _check_version(self, spec: DataverseTable, row_id: str, condition: str | None) -> None:
        if condition is None or condition == "*" or not self.switches.dataverse_if_match:
            return
        if condition != self.rows.etag(spec.set, row_id):
            raise errors.stale()

    def _allow(self, request: Request, spec: DataverseTable, verb: str) -> None:
        if not self.switches.denied:
            return
        caller = self._caller(request)
        privilege = f"prv{verb}{spec.logical}"
        denied = {name.lower() for name in self.switches.denied}
        if caller.name == "application" and privilege.lower() in denied:
            raise errors.no_privilege(privilege, caller.user_id)

    def _annotator(
        self, spec: DataverseTable, preferences: dict[str, str], applied: list[str]
    ) -> Annotator | None:
        asked = preferences.get("odata.include-annotations")
        if not asked:
            return None
        applied.append(f'odata.include-annotations="{asked}"')
        return Annotator(spec, self.reader.by_wire(spec), self.schema, self.store, asked)

    def _caller(self, request: Request) -> Caller:
        assert request.caller is not None
        return request.caller

    def _context(self, request: Request) -> Context:
        caller = self._caller(request)
        return Context(caller, caller.name, request.content_ids)

    def _json(
        self, answer: dict[str, Any], headers: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        return Response(status, {"Content-Type": JSON, **(headers or {})}, encode(answer))
