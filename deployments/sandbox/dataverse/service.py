"""The Dataverse Web API: from a request to an answer."""

from __future__ import annotations

import re

from deployments.sandbox.batch import Batch
from deployments.sandbox.dataverse import errors, functions
from deployments.sandbox.dataverse.access import JSON, Access
from deployments.sandbox.dataverse.bulk import MESSAGES, PREFIX, VERBS, Bulk
from deployments.sandbox.dataverse.definitions import Definitions
from deployments.sandbox.dataverse.document import csdl
from deployments.sandbox.dataverse.query import Reader
from deployments.sandbox.dataverse.records import Records
from deployments.sandbox.dataverse.rights import Rights
from deployments.sandbox.dataverse.rows import Rows
from deployments.sandbox.dataverse.sets import Sets
from deployments.sandbox.dataverse.tracking import Tracking
from deployments.sandbox.dataverse.virtual import VirtualTables
from deployments.sandbox.messages import BadJson, Caller, Request, Response, ServiceFault, encode
from deployments.sandbox.odata.expressions import SyntaxFault
from deployments.sandbox.odata.keys import Segment, segments
from deployments.sandbox.schema.model import DataverseTable, Schema
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

_ROOT = re.compile(r"/?api/data/v9\.[0-2](?=/|$)")


NOT_IMITATED = frozenset(
    {"RetrieveMetadataChanges", "BulkDelete", "Merge", "RetrievePrincipalAccess", "roles", "privileges"}
)
USER_PARTS = frozenset({"systemuserroles_association", f"{PREFIX}RetrieveUserPrivileges"})
MAX_URL, MAX_URL_IN_BATCH = 32_768, 65_536


class Dataverse:
    """The Web API of one environment.

    Args:
        url: root of the environment, without a path.
        application: whom the switches about privileges are for.
    """

    def __init__(
        self,
        schema: Schema,
        store: Store,
        switches: Switches,
        rows: Rows,
        url: str,
        application: Caller,
    ) -> None:
        self.application = application
        self.schema = schema
        self.store = store
        self.switches = switches
        self.rows = rows
        self.root = f"{url}/api/data/v9.2"
        self.rights = Rights(schema, store, switches)
        self.reader = Reader(schema, store, switches, self.rights, self.root)
        self.access = Access(rows, self.reader, self.root)
        self.tracking = Tracking(store, switches)
        self.bulk = Bulk(rows, self.root)
        self.sets = Sets(self.access, self.tracking)
        self.records = Records(self.access, self.bulk)
        self.virtual = VirtualTables(schema, store, switches)
        self.definitions = Definitions(schema, self.virtual, switches, self.root)
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
        if len(request.url) > (MAX_URL_IN_BATCH if request.part else MAX_URL):
            raise errors.fault(414, "0x80060888", "The request URI is too long.")
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
            return self.access.json({"@odata.context": f"{self.root}/$metadata", "value": self._sets()})
        first = steps[0]
        spec = self.schema.dataverse.get(first.name) or self.virtual.find(first.name)
        if spec is not None:
            if spec.external and request.method != "GET":
                raise errors.not_imitated("writing through virtual tables")
            return self._table(request, spec, steps)
        return self._special(request, first.name, steps)

    def _special(self, request: Request, name: str, steps: tuple[Segment, ...]) -> Response:
        if name == "$batch":
            if request.part:
                raise errors.query("A batch can't be nested in a batch.")
            return self.batch.run(request)
        if name == "$metadata":
            return Response(200, {"Content-Type": "application/xml"}, csdl(self.schema, self.virtual.specs()))
        if name in functions.NAMES:
            if request.method != "GET":
                raise errors.no_resource(request.url)
            answer = functions.call(name, steps[0], request, self)
            return self.access.json({"@odata.context": f"{self.root}/$metadata#{answer[0]}", **answer[1]})
        if name in ("EntityDefinitions", "GlobalOptionSetDefinitions", "RelationshipDefinitions"):
            if request.method != "GET":
                raise errors.not_imitated("changes of the schema")
            return self.access.json(self.definitions.answer(name, steps, request.options()))
        if name in NOT_IMITATED:
            raise errors.not_imitated(name)
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
        return [
            {"name": name, "kind": "EntitySet", "url": name}
            for name in sorted({*self.schema.dataverse, *self.virtual.specs()})
        ]

    # tables

    def _table(self, request: Request, spec: DataverseTable, steps: tuple[Segment, ...]) -> Response:
        first, rest = steps[0], steps[1:]
        if first.key is None:
            return self._collection(request, spec, rest)
        self.access.check_path_key(spec, first)
        if not rest:
            if request.method == "GET":
                return self.records.retrieve(request, spec, first)
            if request.method == "PATCH":
                return self.records.patch(request, spec, first)
            if request.method == "DELETE":
                return self.records.delete(request, spec, first)
            raise errors.method_not_allowed(request.method)
        if spec.set == "systemusers" and rest[0].name in USER_PARTS:
            user = str(self.access.row(request, spec, first, "Read")[spec.id])
            return self.access.json(functions.of_user(rest[0].name, user, request, self))
        return self.records.property(request, spec, first, rest)

    def _collection(self, request: Request, spec: DataverseTable, rest: tuple[Segment, ...]) -> Response:
        if not rest:
            if request.method == "GET":
                if spec.set == "teams" and functions.TEAM_ROLES in request.query:
                    return self.access.json(functions.teams_with_roles(request, self))
                return self.sets.read(request, spec)
            if request.method == "POST":
                return self.records.create(request, spec)
            raise errors.method_not_allowed(request.method)
        name = rest[0].name
        if name == "$count" and request.method == "GET":
            return self.sets.count(request, spec)
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) in MESSAGES:
            if request.method != "POST":
                raise errors.no_resource(request.url)
            message = name.removeprefix(PREFIX)
            for verb in VERBS.get(message, ()):
                self.access.allow(request, spec, verb)
            body = request.json()
            for item in body.get("Targets") or () if self.switches.denied else ():
                self.rights.check_lookups(spec, item, self.access.caller(request))
            return self.bulk.run(message, spec, body, self.access.context(request))
        raise errors.unknown_segment(name)
