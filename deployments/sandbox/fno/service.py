"""F&O's `/data`: from a request to an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from deployments.sandbox.batch import Batch
from deployments.sandbox.fno import documents, errors
from deployments.sandbox.fno.packages import Packages
from deployments.sandbox.fno.query import MAX_PAGE, FnoReader, check_options
from deployments.sandbox.fno.rows import COMPANY, FnoRows
from deployments.sandbox.fno.users import Users
from deployments.sandbox.folding import fold
from deployments.sandbox.messages import BadJson, Caller, Request, Response, ServiceFault, encode
from deployments.sandbox.odata.expressions import Literal, SyntaxFault
from deployments.sandbox.odata.keys import Segment, segments
from deployments.sandbox.odata.values import utc_text
from deployments.sandbox.schema.model import Column, FnoEntity, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

JSON = "application/json; odata.metadata=minimal"
APPLICATION_BUILD = "10.0.1935.5"


class Fno:
    """OData, metadata and version actions of one environment.

    Args:
        url: root of the environment, without a path.
        packages: exports.
        callers: who may log in, by name.
    """

    def __init__(
        self,
        schema: Schema,
        store: Store,
        switches: Switches,
        rows: FnoRows,
        url: str,
        packages: Packages,
        callers: Mapping[str, Caller],
    ) -> None:
        self.schema = schema
        self.store = store
        self.switches = switches
        self.rows = rows
        self.url = url
        self.packages = packages
        self.root = f"{url}/data"
        self.reader = FnoReader(schema, store, switches, self.root)
        self.users = Users(self.reader, callers)
        self.batch = Batch(self.handle, store, limit=5000, dataverse=False, switches=switches)

    def handle(self, request: Request) -> Response:
        """Answer one request; a refusal is an answer too."""
        try:
            response = self._dispatch(request)
        except ServiceFault as fault:
            headers = {"Content-Type": JSON, **fault.headers}
            response = Response(fault.status, headers, encode(self._spoken(request, fault.body)))
        except BadJson as bad:
            refusal = errors.fault(400, f"Invalid JSON. {bad}", "Microsoft.OData.ODataException")
            response = Response(400, {"Content-Type": JSON}, encode(refusal.body))
        response.headers.setdefault("OData-Version", "4.0")
        return response

    def _spoken(self, request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """A refusal in the language of the user who asks."""
        if request.caller is None or request.caller.name != "application":
            return body
        return errors.spoken(body, self.switches.fno_user_language)

    # where a request goes

    def _dispatch(self, request: Request) -> Response:
        path = request.path
        if path.startswith("/Metadata"):
            return self._metadata(request)
        if path.startswith("/api/"):
            raise errors.not_imitated(f"{path} (custom services and recurring integration)")
        if path == "/data" or path.startswith("/data/"):
            path = path[5:]
        elif not request.part:
            raise errors.no_route(f"{self.url}{request.url}")
        try:
            steps = segments(path)
        except SyntaxFault:
            raise errors.no_route(f"{self.url}{request.url}") from None
        if not steps:
            sets = [{"name": name, "kind": "EntitySet", "url": name} for name in sorted(self.schema.fno)]
            return self._json({"@odata.context": f"{self.root}/$metadata", "value": sets})
        first, rest = steps[0], steps[1:]
        if first.name == "$metadata":
            return Response(200, {"Content-Type": "application/xml"}, documents.csdl(self.schema))
        if first.name == "$batch":
            return self.batch.run(request)
        if first.name in ("DataManagementEntities", "DataManagementDefinitionGroups"):
            return self._action(request, first.name, rest)
        entity = self.schema.fno.get(first.name)
        if entity is None:
            if first.name in self.users.sets:
                return self._json(self.users.answer(request, steps))
            raise errors.no_route(f"{self.url}{request.url}")
        self._allow(request, entity)
        if entity.read_only and request.method not in ("GET", "HEAD"):
            raise errors.read_only_entity(entity)
        if first.key is None:
            return self._collection(request, entity, rest)
        if rest:
            raise errors.not_imitated(f"/{'/'.join(step.name for step in rest)} below an F&O row")
        return self._row(request, entity, first)

    def _action(self, request: Request, group: str, rest: tuple[Segment, ...]) -> Response:
        name = rest[0].name.rpartition(".")[2] if rest else ""
        version = self._versions().get(name) if group == "DataManagementEntities" else None
        if version is not None:
            if request.method != "POST":
                raise errors.method_not_allowed(request.method)
            context = f"{self.root}/$metadata#Edm.String"
            return self._json({"@odata.context": context, "value": version})
        if group == "DataManagementDefinitionGroups":
            if rest:
                if request.method != "POST":
                    raise errors.method_not_allowed(request.method)
                context = f"{self.root}/$metadata#Edm.String"
                return self._json(
                    {"@odata.context": context, "value": self.packages.call(name, request.json())}
                )
            if request.method == "GET" and request.options().keys() <= {"$select"}:
                context = f"{self.root}/$metadata#{group}"
                return self._json({"@odata.context": context, "value": self.packages.listed()})
        raise errors.not_imitated(f"{group}/{name}")

    def _versions(self) -> dict[str, str]:
        return {
            "GetApplicationVersion": self.switches.fno_application_version,
            "GetPlatformBuildVersion": self.switches.fno_platform_version,
            "GetApplicationBuildVersion": APPLICATION_BUILD,
        }

    def _allow(self, request: Request, entity: FnoEntity) -> None:
        """Refuse the application what its user has no right to."""
        switches = self.switches
        if switches.fno_user_roles and entity.set not in switches.fno_denied:
            return
        if self._caller(request).name == "application":
            raise errors.no_privilege(entity)

    def _metadata(self, request: Request) -> Response:
        try:
            steps = segments(request.path[len("/Metadata") :])
        except SyntaxFault:
            steps = ()
        answer = documents.metadata(self.schema, self.url, steps) if steps else None
        if answer is None:
            raise errors.no_route(f"{self.url}{request.url}")
        return self._json(answer)

    # collections

    def _collection(self, request: Request, entity: FnoEntity, rest: tuple[Segment, ...]) -> Response:
        if rest:
            if rest[0].name == "$count" and request.method == "GET":
                ids = self.reader.matching(entity, request.options(), self._caller(request))
                return Response(200, {"Content-Type": "text/plain"}, str(len(ids)).encode())
            raise errors.not_imitated(f"/{rest[0].name} below an F&O set")
        if request.method == "GET":
            return self._read(request, entity)
        if request.method == "POST":
            return self._create(request, entity)
        raise errors.method_not_allowed(request.method)

    def _read(self, request: Request, entity: FnoEntity) -> Response:
        options, preferences = request.options(), request.preferences()
        check_options(options)
        names, listed = self.reader.names(entity, options.get("$select"))
        ids = self.reader.matching(entity, options, self._caller(request))
        size = MAX_PAGE
        asked = preferences.get("odata.maxpagesize", "")
        if asked.isdigit() and self.switches.fno_page_size_preference:
            size = max(1, min(MAX_PAGE, int(asked)))
        rows, following = self.reader.page(entity, ids, options, size)
        answer: dict[str, Any] = {"@odata.context": f"{self.root}/$metadata#{entity.set}{listed}"}
        if options.get("$count") == "true":
            answer["@odata.count"] = len(ids)
        answer["value"] = self.reader.project(rows, names)
        if following is not None:
            answer["@odata.nextLink"] = following
        return self._json(answer)

    def _create(self, request: Request, entity: FnoEntity) -> Response:
        caller = self._caller(request)
        body = request.json()
        company = body.get(COMPANY) or self.switches.fno_default_company
        self._check_company(entity, str(company), caller)
        record = self.rows.create(entity.set, body, fold(self.switches.fno_default_company), caller.name)
        row = self.store.fno(entity.set).rows[record]
        location = self._url_of(entity, row)
        if request.content_ids is not None and "content-id" in request.headers:
            request.content_ids[request.headers["content-id"]] = location[len(self.url) :]
        return self._represent(entity, row, 201, {"Location": location})

    # rows

    def _row(self, request: Request, entity: FnoEntity, step: Segment) -> Response:
        caller = self._caller(request)
        values = self._key(request, entity, step)
        table = self.store.fno(entity.set)
        record = table.unique[0].one(values)
        cross = self.reader.cross_company(request.options())
        if record is None or not self.reader.in_scope(entity, table.rows[record], cross, caller):
            if request.method == "PATCH":
                raise ServiceFault(self.switches.fno_absent_patch_status, errors.absent(entity).body)
            raise errors.absent(entity)
        row = table.rows[record]
        if request.method == "GET":
            names, listed = self.reader.names(entity, request.options().get("$select"))
            return self._represent(entity, row, 200, {}, names, listed)
        if request.method == "RENAME" and request.internal:
            self.rows.update(entity.set, record, request.json(), caller.name, rename=True)
            return Response(204)
        if request.method not in ("PATCH", "PUT", "DELETE"):
            raise errors.method_not_allowed(request.method)
        condition = request.headers.get("if-match")
        if condition not in (None, "*") and condition != row["@odata.etag"] and self.switches.fno_if_match:
            raise errors.stale(entity)
        if request.method == "DELETE":
            self.rows.delete(entity.set, record, caller.name)
            return Response(204)
        body = request.json()
        if request.method == "PUT":
            body = {**self._reset(entity), **body}
        self.rows.update(entity.set, record, body, caller.name)
        if request.preferences().get("return") == "representation" and self.switches.fno_representation:
            changed = table.rows[record]
            return self._represent(entity, changed, 200, {"Preference-Applied": "return=representation"})
        return Response(204)

    def _reset(self, entity: FnoEntity) -> Row:
        """What PUT makes of properties that the body leaves out."""
        blank = self.rows.blank(entity.set)
        return {
            name: value
            for name, value in blank.items()
            if name in entity.columns and entity.columns[name].updatable
        }

    def _key(self, request: Request, entity: FnoEntity, step: Segment) -> list[Any]:
        """Key values in the order of the entity's key.

        Raises:
            ServiceFault: a missing or wrong part, which the routing layer takes for an unknown address.
        """
        given = dict(step.key or ())
        if len(entity.key) == 1 and set(given) == {""}:
            given = {entity.key[0]: given[""]}
        if set(given) != set(entity.key):
            raise errors.no_route(f"{self.url}{request.url}")
        try:
            return [_key_value(entity.columns[name], given[name]) for name in entity.key]
        except ValueError:
            raise errors.no_route(f"{self.url}{request.url}") from None

    def _url_of(self, entity: FnoEntity, row: Row) -> str:
        parts = []
        for name in entity.key:
            column, value = entity.columns[name], row[name]
            if column.kind == "text":
                text = "'" + value.replace("'", "''") + "'"
            elif column.kind == "enum":
                text = f"{errors.NAMESPACE}.{column.enum}'{value}'"
            else:
                text = str(value)
            shown = quote(text, safe="'")
            parts.append(f"{name}={shown}")
        return f"{self.root}/{entity.set}({','.join(parts)})"

    # shared steps

    def _check_company(self, entity: FnoEntity, company: str, caller: Caller) -> None:
        if not entity.company_specific or caller.name != "application":
            return
        if not self.switches.reaches(company):
            raise errors.hidden_company(entity, company)

    def _represent(
        self,
        entity: FnoEntity,
        row: Row,
        status: int,
        headers: dict[str, str],
        names: tuple[str, ...] | None = None,
        listed: str = "",
    ) -> Response:
        shown = names or ("@odata.etag", *entity.columns)
        context = f"{self.root}/$metadata#{entity.set}{listed}/$entity"
        answer = {"@odata.context": context, **self.reader.project([row], shown)[0]}
        return self._json(answer, headers, status)

    @staticmethod
    def _caller(request: Request) -> Caller:
        assert request.caller is not None
        return request.caller

    def _json(
        self, answer: dict[str, Any], headers: dict[str, str] | None = None, status: int = 200
    ) -> Response:
        return Response(status, {"Content-Type": JSON, **(headers or {})}, encode(answer))


def _key_value(column: Column, literal: Literal) -> Any:
    """A literal of a key predicate as a stored value.

    Raises:
        ValueError: it is of another type.
    """
    if column.kind == "text" and literal.kind == "text":
        return literal.value
    if column.kind in ("integer", "bigint", "decimal") and literal.kind == "number":
        return literal.value
    if column.kind == "datetime" and literal.kind in ("datetime", "date"):
        text = utc_text(str(literal.value))
        return f"{text[:10]}T12:00:00Z" if column.date_only else text
    if column.kind == "enum" and literal.kind in ("enum", "text"):
        for member in column.members:
            if member.casefold() == str(literal.value).casefold():
                return member
    if column.kind == "guid" and literal.kind == "guid":
        return literal.value
    raise ValueError(literal)
