"""What a service's refusal says, whichever of its shapes it has.

Dataverse: `{"error":{"code":"0x…","message":"…"}}`. F&O: the same with an empty code, its useful text in
`error.innererror.message`; its routing layer answers `{"Message":"…"}` instead. Gateways answer HTML or
nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from mappings.errors import FatalError, RetriableError
from tasks.connectors.side import ServiceError, SideName

_ID_HEADERS = ("x-ms-service-request-id", "req_id", "ms-dyn-aid", "x-ms-request-id", "request-id")
_LONGEST = 2000
_TAG = re.compile(r"<[^>]*>")


def service_error(
    side: SideName, status: int, headers: Mapping[str, str], content: bytes, path: str
) -> ServiceError:
    """The refusal in an answer.

    Args:
        headers: of the answer; names are looked up in lower case.
        path: shown in place of the address, see `shown_path`.
    """
    error, enveloped = _error_of(content)
    code = error.get("code")
    inner = error.get("innererror")
    message = inner.get("message") if isinstance(inner, dict) else None
    message = message or error.get("message")
    if not isinstance(message, str) or not message:
        message = "" if enveloped else _plain(content)
    return ServiceError(
        status=status,
        code=code if isinstance(code, str) else "",
        message=message[:_LONGEST] or f"status {status} without a message",
        request_id=request_id(headers),
        side=side,
        path=path,
        enveloped=enveloped,
    )


def request_id(headers: Mapping[str, str]) -> str:
    """The service's own id of a request, under whichever name it came."""
    for name in _ID_HEADERS:
        value = headers.get(name)
        if value:
            return value
    return ""


def shown_path(url: str) -> str:
    """A URL as it may be shown: no host, no query, no key values (`/data/CustomersV3(…)`)."""
    path = url.split("?", 1)[0]
    if "://" in path:
        path = "/" + path.split("://", 1)[1].partition("/")[2]
    head, bracket, rest = path.partition("(")
    if not bracket:
        return head
    tail = rest.rpartition(")")[2]
    return f"{head}(…){tail}"


def unanswered(error: RetriableError) -> ServiceError:
    """A request without an answer, or turned away, in the form of a refusal (status 0 where there was no
    answer at all)."""
    facts = error.facts
    status = facts.get("status")
    return ServiceError(
        status=status if isinstance(status, int) else 0,
        code=error.code,
        message=error.message,
        request_id=str(facts.get("request_id") or ""),
        path=str(facts.get("path") or ""),
        enveloped=False,
    )


def denied(error: ServiceError) -> FatalError:
    """What an answer of 401 or 403 means to the whole run."""
    if error.side == "fno":
        remedy = (
            "register the client id in F&O (System administration > Setup > Microsoft Entra ID "
            "applications), map it to a user, and give that user roles for the data entities of your maps"
        )
    else:
        remedy = (
            "add the client id as an application user of the Dataverse environment (Power Platform "
            "admin center), with a security role that reads, writes and deletes the tables of your maps "
            "at organization level"
        )
    return FatalError(
        f"{error.side} denied access to {error.path}: {error}",
        code="access_denied",
        remedy=remedy,
        side=error.side,
        status=error.status,
        service_code=error.code,
        path=error.path,
        request_id=error.request_id,
    )


def refused(error: ServiceError, doing: str) -> FatalError:
    """A request of ours that the service does not accept as such: no row is to blame."""
    return FatalError(
        f"{error.side} refused {doing} ({error.path}): {error}",
        code="request_refused",
        side=error.side,
        status=error.status,
        service_code=error.code,
        path=error.path,
        request_id=error.request_id,
    )


def _error_of(content: bytes) -> tuple[dict[str, Any], bool]:
    """The error object, and whether it came in the OData envelope (so that the service itself has spoken)."""
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}, False
    if not isinstance(body, dict):
        return {}, False
    error = body.get("error", body.get("odata.error"))
    if isinstance(error, dict):
        return error, True
    parts = [body.get(name) for name in ("Message", "MessageDetail", "ExceptionMessage")]
    return {"message": " ".join(part for part in parts if isinstance(part, str))}, False


def _plain(content: bytes) -> str:
    """Readable text of a body that is no error object (a gateway's HTML page)."""
    text = _TAG.sub(" ", content[:4000].decode("utf-8", "replace"))
    return " ".join(text.split())[:200]
