"""The token endpoint of Entra ID, and the tokens that the two services accept."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.messages import Caller, Request, Response, encode
from deployments.sandbox.switches import Switches

TENANT = fixed_id("tenant")


@dataclass(frozen=True, slots=True)
class Application:
    """A registered application and its secret."""

    caller: Caller
    secret: str


class BadToken(Exception):
    """A token that a service doesn't accept; says why."""


def applications(secrets: dict[str, str]) -> list[Application]:
    """The two identities: the engine's application, and users who edit through the public APIs.

    Args:
        secrets: secret by name, ``application`` and ``user``.
    """
    return [
        Application(
            Caller(name, fixed_id(f"user {name}"), fixed_id(f"object {name}"), fixed_id(f"client {name}")),
            secrets[name],
        )
        for name in ("application", "user")
    ]


class Login:
    """OpenID document, token endpoint, and the check of tokens.

    Args:
        url: root of the login host.
        resources: side → root URL of the service.
        key: signs tokens; tokens of another key are refused.
    """

    def __init__(
        self,
        url: str,
        resources: dict[str, str],
        apps: list[Application],
        switches: Switches,
        clock: Callable[[], float],
        key: bytes,
    ) -> None:
        self.url = url
        self.resources = resources
        self.apps = {app.caller.client_id: app for app in apps}
        self.switches = switches
        self.clock = clock
        self._key = key
        self._checked: dict[tuple[str, str], tuple[Caller, float, int]] = {}
        self.generation = 0
        """Tokens of an earlier generation are expired; a fault moves it on."""

    # documents

    def handle(self, request: Request) -> Response:
        """Answer a request to the login host."""
        parts = [part for part in request.path.split("/") if part]
        if request.method == "GET" and parts[-1:] == ["openid-configuration"]:
            return self._json(200, self._document(parts[0]))
        if request.method == "GET" and parts[-1:] == ["keys"]:
            return self._json(200, {"keys": []})
        if request.method == "GET" and parts[:2] == ["common", "discovery"]:
            return self._json(200, {"tenant_discovery_endpoint": self._base(TENANT), "metadata": []})
        if request.method == "POST" and parts[1:] in (["oauth2", "v2.0", "token"], ["oauth2", "token"]):
            return self._token(parts[0], dict(parse_qsl(request.body.decode())), v1=len(parts) == 3)
        return self._json(404, {"error": "not_found"})

    def _base(self, tenant: str) -> str:
        return f"{self.url}/{tenant}/v2.0/.well-known/openid-configuration"

    def _document(self, tenant: str) -> dict[str, Any]:
        oauth = f"{self.url}/{tenant}/oauth2/v2.0"
        return {
            "token_endpoint": f"{oauth}/token",
            "authorization_endpoint": f"{oauth}/authorize",
            "device_authorization_endpoint": f"{oauth}/devicecode",
            "issuer": f"{self.url}/{TENANT}/v2.0",
            "jwks_uri": f"{self.url}/{tenant}/discovery/v2.0/keys",
            "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
            "subject_types_supported": ["pairwise"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
        }

    # tokens

    def tenant(self, side: str) -> str:
        """Id of the tenant that a service belongs to."""
        return (self.switches.fno_tenant if side == "fno" else self.switches.dataverse_tenant) or TENANT

    def _token(self, tenant: str, form: dict[str, str], *, v1: bool) -> Response:
        for name in ("grant_type", "client_id", "resource" if v1 else "scope"):
            if not form.get(name):
                text = f"The request body must contain the following parameter: '{name}'."
                return self._refuse(400, "invalid_request", 900144, text)
        if tenant not in (TENANT, "common", "organizations"):
            return self._refuse(400, "invalid_request", 90002, f"Tenant '{tenant}' not found.")
        if form["grant_type"] != "client_credentials":
            return self._refuse(
                400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type."
            )
        app = self.apps.get(form["client_id"])
        if app is None:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory."
            return self._refuse(400, "unauthorized_client", 700016, text)
        if not hmac.compare_digest(form.get("client_secret", ""), app.secret):
            return self._refuse(401, "invalid_client", 7000215, "Invalid client secret provided.")
        resource = form["resource"] if v1 else form["scope"]
        if not v1:
            if not resource.endswith("/.default"):
                text = f"The provided value for scope {resource} is not valid; it must end in /.default."
                return self._refuse(400, "invalid_scope", 1002012, text)
            resource = resource.removesuffix("/.default")
        side = next((side for side, url in self.resources.items() if url == resource.rstrip("/")), None)
        if side is None or self.tenant(side) != TENANT:
            text = f"The resource principal named {resource} was not found in the tenant."
            return self._refuse(400, "invalid_resource", 500011, text)
        seconds = int(self.switches.token_seconds)
        answer: dict[str, Any] = {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self.issue(app.caller, resource, seconds),
        }
        if v1:
            now = int(self.clock())
            answer.update(expires_in=str(seconds), expires_on=str(now + seconds), resource=resource)
        return self._json(200, answer)

    def issue(self, caller: Caller, resource: str, seconds: int) -> str:
        """A signed token for a resource."""
        now = int(self.clock())
        claims = {
            "aud": resource,
            "iss": f"{self.url}/{TENANT}/v2.0",
            "tid": TENANT,
            "appid": caller.client_id,
            "oid": caller.object_id,
            "iat": now,
            "nbf": now,
            "exp": now + seconds,
            "uti": uuid.uuid4().hex,
            "gen": self.generation,
        }
        head = _part({"typ": "JWT", "alg": "HS256"})
        content = f"{head}.{_part(claims)}"
        return f"{content}.{self._sign(content)}"

    def check(self, authorization: str | None, side: str) -> Caller:
        """The caller that an Authorization header names.

        Raises:
            BadToken: absent, malformed, expired, or for another resource.
        """
        if not authorization or not authorization.lower().startswith("bearer "):
            raise BadToken("no bearer token")
        if self.tenant(side) != TENANT:
            raise BadToken("the token is of another tenant")
        token = authorization[7:].strip()
        known = self._checked.get((token, side))
        if known is None:
            known = self._checked[token, side] = self._read(token, side)
        caller, expires, generation = known
        if expires <= self.clock():
            raise BadToken("the token has expired")
        if generation < self.generation:
            raise BadToken("the token was revoked")
        return caller

    def _read(self, token: str, side: str) -> tuple[Caller, float, int]:
        try:
            head, body, signature = token.split(".")
            claims = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        except ValueError:
            raise BadToken("no token of this directory") from None
        if not hmac.compare_digest(signature, self._sign(f"{head}.{body}")):
            raise BadToken("the signature is wrong")
        if claims["aud"] != self.resources[side]:
            raise BadToken(f"the audience '{claims['aud']}' is another resource")
        return self.apps[claims["appid"]].caller, float(claims["exp"]), int(claims["gen"])

    def expire(self) -> None:
        """Every token handed out so far is expired from now on."""
        self.generation += 1

    def _sign(self, content: str) -> str:
        digest = hmac.new(self._key, content.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()

    def _refuse(self, status: int, error: str, code: int, text: str) -> Response:
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        stamp = datetime.fromtimestamp(self.clock(), UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        return self._json(
            status,
            {
                "error": error,
                "error_description": f"AADSTS{code}: {text} Trace ID: {trace} Correlation ID: {correlation} "
                f"Timestamp: {stamp}",
                "error_codes": [code],
                "timestamp": stamp,
                "trace_id": trace,
                "correlation_id": correlation,
                "error_uri": f"{self.url}/error?code={code}",
            },
        )

    @staticmethod
    def _json(status: int, answer: dict[str, Any]) -> Response:
        return Response(status, {"Content-Type": "application/json; charset=utf-8"}, encode(answer))


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()
