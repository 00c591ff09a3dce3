"""An HTTPS server that misbehaves on command: what no decent service, and so not the sandbox, does.

It answers tokens and metadata by itself, so that both sides can be used against it; every other request
takes the next act of its script. An act is a `Reply`, or a function of the request that makes one.
"""

from __future__ import annotations

import json
import re
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import trustme

CSDL = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"><edmx:DataServices>
<Schema Namespace="Microsoft.Dynamics.DataEntities" xmlns="http://docs.oasis-open.org/odata/ns/edm">
<EnumType Name="NoYes"><Member Name="Yes" Value="1"/><Member Name="No" Value="0"/></EnumType>
<EntityType Name="CustomerV3"><Key><PropertyRef Name="dataAreaId"/><PropertyRef Name="CustomerAccount"/></Key>
<Property Name="dataAreaId" Type="Edm.String" Nullable="false" MaxLength="4"/>
<Property Name="CustomerAccount" Type="Edm.String" Nullable="false"/>
<Property Name="OrganizationName" Type="Edm.String"/>
<Property Name="CreditLimit" Type="Edm.Decimal" Scale="variable"/>
<Property Name="OnHold" Type="Microsoft.Dynamics.DataEntities.NoYes"/>
<Property Name="CreatedOn" Type="Edm.DateTimeOffset">
<Annotation Term="Org.OData.Core.V1.Computed"/></Property>
<Property Name="OpenedOn" Type="Edm.DateTimeOffset" Nullable="false"/>
<NavigationProperty Name="Group" Type="Microsoft.Dynamics.DataEntities.CustomerGroup"/>
</EntityType>
<EntityType Name="CustomerGroup"><Key><PropertyRef Name="dataAreaId"/>
<PropertyRef Name="CustomerGroupId"/></Key>
<Property Name="dataAreaId" Type="Edm.String" Nullable="false"/>
<Property Name="CustomerGroupId" Type="Edm.String" Nullable="false"/>
</EntityType>
<EntityContainer Name="Resources">
<EntitySet Name="CustomersV3" EntityType="Microsoft.Dynamics.DataEntities.CustomerV3"/>
<EntitySet Name="CustomerGroups" EntityType="Microsoft.Dynamics.DataEntities.CustomerGroup"/>
</EntityContainer></Schema></edmx:DataServices></edmx:Edmx>"""

_PROPERTIES = [
    {
        "Name": "OpenedOn",
        "DataType": "Date",
        "IsMandatory": False,
        "AllowEdit": True,
        "AllowEditOnCreate": True,
    },
    {"Name": "OrganizationName", "IsMandatory": True, "AllowEdit": False, "AllowEditOnCreate": True},
    {"Name": "Unheard", "IsMandatory": True},
]
_DEFINITIONS = [
    {
        "LogicalName": logical,
        "EntitySetName": name,
        "PrimaryIdAttribute": f"{logical}id",
        "ChangeTrackingEnabled": logical == "account",
        "OwnershipType": "UserOwned" if logical == "account" else "OrganizationOwned",
        "TableType": "Standard",
    }
    for logical, name in (("account", "accounts"), ("cdm_company", "cdm_companies"))
]


def _attribute(name: str, kind: str, required: str = "None", **more: Any) -> dict[str, Any]:
    return {
        "LogicalName": name,
        "AttributeType": kind,
        "AttributeTypeName": {"Value": more.pop("type_name", f"{kind}Type")},
        "IsValidForCreate": True,
        "IsValidForUpdate": True,
        "IsValidForRead": True,
        "RequiredLevel": {"Value": required},
        **more,
    }


_METADATA: dict[str, list[dict[str, Any]]] = {
    "Attributes": [
        _attribute("accountid", "Uniqueidentifier", "SystemRequired"),
        _attribute("accountnumber", "String"),
        _attribute("name", "String", "SystemRequired"),
        _attribute("creditlimit", "Money"),
        _attribute("msdyn_company", "Lookup"),
        _attribute("msdyn_onhold", "Picklist"),
        _attribute("msdyn_areas", "Virtual", type_name="MultiSelectPicklistType"),
        _attribute("msdyn_areasname", "Virtual"),
        _attribute("openedon", "DateTime"),
        _attribute("modifiedon", "DateTime", IsValidForCreate=False, IsValidForUpdate=False),
    ],
    "Keys": [
        {"KeyAttributes": ["msdyn_company", "accountnumber"], "EntityKeyIndexStatus": "Active"},
        {"KeyAttributes": ["name"], "EntityKeyIndexStatus": "Pending"},
    ],
    "ManyToOneRelationships": [
        {
            "ReferencingAttribute": "msdyn_company",
            "ReferencedEntity": "cdm_company",
            "ReferencingEntityNavigationPropertyName": "msdyn_Company",
        }
    ],
    "String": [{"LogicalName": "accountnumber", "MaxLength": 20}, {"LogicalName": "name", "MaxLength": 160}],
    "Money": [{"LogicalName": "creditlimit", "Precision": 2, "MinValue": 0.0, "MaxValue": 100000000000.0}],
    "DateTime": [{"LogicalName": "openedon", "DateTimeBehavior": {"Value": "DateOnly"}}],
    "Lookup": [{"LogicalName": "msdyn_company", "Targets": ["cdm_company"]}],
    "Picklist": [
        {
            "LogicalName": "msdyn_onhold",
            "OptionSet": {"Options": [{"Value": 192350000}, {"Value": 192350001}]},
        }
    ],
    "MultiSelectPicklist": [
        {"LogicalName": "msdyn_areas", "OptionSet": None, "GlobalOptionSet": {"Options": [{"Value": 7}]}}
    ],
    "CreateMultiple": [{"sdkmessagefilterid": "0"}],
}


@dataclass(frozen=True)
class Seen:
    """A request as it arrived; `parts` are the requests inside a batch."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def parts(self) -> list[Seen]:
        return split_batch(self.headers.get("content-type", ""), self.body)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Reply:
    """An answer; `cut` sends only so many bytes of the body, `lose` closes the connection without a word."""

    status: int = 200
    body: bytes | str | Mapping[str, Any] = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    lose: bool = False

    @property
    def content(self) -> bytes:
        if isinstance(self.body, Mapping):
            return json.dumps(self.body).encode()
        return self.body.encode() if isinstance(self.body, str) else self.body


Act = Reply | Callable[[Seen], Reply]

LOST = Reply(lose=True)


def throttled(after: str | None = None, status: int = 429) -> Reply:
    """Turned away unread."""
    headers = {} if after is None else {"Retry-After": after}
    return Reply(status, {"error": {"code": "0x80072322", "message": "Too many requests."}}, headers)


def refusal(status: int, code: str = "", message: str = "No.") -> Reply:
    """An OData error."""
    return Reply(status, {"error": {"code": code, "message": message}})


def multipart(*replies: Reply, ids: bool = False, closed: bool = True, status: int = 200) -> Reply:
    """A batch's answer; `ids` repeats content ids from 1 on, `closed=False` leaves out the last boundary."""
    boundary = "batchresponse_7"
    pieces = []
    for number, reply in enumerate(replies, 1):
        headers = {"Content-Type": "application/json", **reply.headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        named = f"Content-ID: {number}\r\n" if ids else ""
        pieces.append(
            f"--{boundary}\r\nContent-Type: application/http\r\n"
            f"Content-Transfer-Encoding: binary\r\n{named}\r\n"
            f"HTTP/1.1 {reply.status} Whatever\r\n{lines}\r\n".encode()
            + reply.content
            + b"\r\n"
        )
    end = f"--{boundary}--\r\n".encode() if closed else b""
    return Reply(status, b"".join(pieces) + end, {"Content-Type": f"multipart/mixed; boundary={boundary}"})


def split_batch(content_type: str, body: bytes) -> list[Seen]:
    """The requests in a batch, change sets flattened."""
    boundary = content_type.partition("boundary=")[2].strip('"')
    found = []
    for piece in body.split(f"--{boundary}".encode())[1:-1]:
        mime, _, rest = piece.lstrip(b"\r\n").partition(b"\r\n\r\n")
        names = _headers(mime.decode())
        inner = names.get("content-type", "")
        if inner.startswith("multipart/"):
            found += split_batch(inner, rest)
            continue
        head, _, content = rest.partition(b"\r\n\r\n")
        line, _, header_lines = head.decode().partition("\r\n")
        method, path, _ = line.split(" ", 2)
        headers = _headers(header_lines)
        if "content-id" in names:
            headers["content-id"] = names["content-id"]
        found.append(Seen(method, path, headers, content.removesuffix(b"\r\n")))
    return found


def _headers(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.split("\r\n") if line)
    return {name.lower(): value.strip() for name, _, value in pairs}


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are part of the play."""


class AwkwardServer:
    """The server; `seen` holds all requests but those for tokens and metadata."""

    def __init__(self, folder: Path) -> None:
        authority = trustme.CA()
        self.ca_file = folder / "ca.pem"
        authority.cert_pem.write_to_path(str(self.ca_file))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert("localhost").configure_cert(context)
        self.seen: list[Seen] = []
        self.token_requests = 0
        self.token_acts: list[Reply] = []
        self.metadata_requests = 0
        self._acts: list[Act] = []
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                headers = {name.lower(): value for name, value in self.headers.items()}
                seen = Seen(self.command, self.path, headers, self.rfile.read(length))
                outer._answer(self, seen)

            do_GET = do_POST = do_PATCH = do_DELETE = handle_any

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self._server = _Quiet(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"https://localhost:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def play(self, *acts: Act) -> None:
        """Add acts to the script."""
        self._acts += acts

    @property
    def unplayed(self) -> int:
        """Acts that no request has taken yet."""
        return len(self._acts)

    def reset(self) -> None:
        """Forget requests and script."""
        self.seen.clear()
        self._acts.clear()
        self.token_acts.clear()
        self.token_requests = self.metadata_requests = 0

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, handler: BaseHTTPRequestHandler, seen: Seen) -> None:
        reply = self._token(seen) or self._metadata(seen)
        if reply is None:
            with self._lock:
                self.seen.append(seen)
                act: Act = self._acts.pop(0) if self._acts else Reply(501, f"no act for {seen.path}")
            reply = act if isinstance(act, Reply) else act(seen)
        if reply.lose:
            handler.close_connection = True
            return
        content = reply.content
        handler.send_response(reply.status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(content)), **reply.headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(content if reply.cut is None else content[: reply.cut])
        if reply.cut is not None:
            handler.close_connection = True

    def _token(self, seen: Seen) -> Reply | None:
        if seen.path.endswith("/.well-known/openid-configuration"):
            base = f"{self.url}/tenant/oauth2/v2.0"
            return Reply(
                body={
                    "issuer": base,
                    "authorization_endpoint": f"{base}/authorize",
                    "token_endpoint": f"{base}/token",
                }
            )
        if not seen.path.endswith("/oauth2/v2.0/token"):
            return None
        self.token_requests += 1
        if self.token_acts:
            return self.token_acts.pop(0)
        token = f"token-{self.token_requests}"
        return Reply(body={"token_type": "Bearer", "expires_in": 3599, "access_token": token})

    def _metadata(self, seen: Seen) -> Reply | None:
        if seen.path == "/data/$metadata":
            self.metadata_requests += 1
            return Reply(body=CSDL, headers={"Content-Type": "application/xml"})
        if seen.path == "/Metadata/PublicEntities('CustomerV3')":
            return Reply(body={"Name": "CustomerV3", "Properties": _PROPERTIES})
        if seen.path.startswith("/Metadata/"):
            return Reply(404, {"Message": "No HTTP resource was found that matches the request URI."})
        if seen.path.startswith("/api/data/v9.2/EntityDefinitions?"):
            self.metadata_requests += 1
            return Reply(body={"value": _DEFINITIONS})
        if seen.path.endswith("/$batch") and all(_is_metadata(part.path) for part in seen.parts):
            self.metadata_requests += 1
            return multipart(*(Reply(body={"value": _described(part.path)}) for part in seen.parts))
        return None


def _is_metadata(path: str) -> bool:
    return "/EntityDefinitions(" in path or "/sdkmessagefilters?" in path


def _described(path: str) -> list[dict[str, Any]]:
    if "/sdkmessagefilters?" in path:
        return _METADATA["CreateMultiple"] if "CreateMultiple" in path else []
    cast = re.search(r"CRM\.(\w+)AttributeMetadata", path)
    name = cast.group(1) if cast else path.partition("?")[0].rpartition("/")[2]
    return _METADATA.get(name, [])
