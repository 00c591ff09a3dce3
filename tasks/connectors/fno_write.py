"""How F&O is written to: each row its own change set (its own transaction) within one `$batch`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from tasks.connectors.batch import Part, change_set, part_request
from tasks.connectors.http import Client
from tasks.connectors.odata import fno_address, select
from tasks.connectors.paging import ENCODER, row_of
from tasks.connectors.refusals import service_error, shown_path
from tasks.connectors.side import Operation, Outcome, Row, ServiceError, Table
from tasks.connectors.writing import Writer

_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
    "Prefer": "return=representation",
}


def batch_writer(client: Client, table: Table, columns: Sequence[str] = (), *, looks: bool = False) -> Writer:
    """Single writes. Creates answer with the whole row; updates as a rule with nothing but their success.

    Args:
        looks: read `columns` of each row in the same batch, right before it is updated or deleted.
    """
    root = client.origin.path

    def encode(operation: Operation, content_id: str) -> bytes:
        if operation.kind == "create":
            target = f"{root}{table.name}?cross-company=true"
            request = part_request(
                "POST", target, _HEADERS, ENCODER.encode(operation.body), content_id=content_id
            )
            return change_set(request)
        assert isinstance(operation.address, Mapping)
        target = f"{root}{fno_address(table, operation.address)}?cross-company=true"
        version = {"If-Match": str(operation.version)}
        if operation.kind == "delete":
            return change_set(part_request("DELETE", target, version, content_id=content_id))
        body = ENCODER.encode(operation.body)
        return change_set(part_request("PATCH", target, {**_HEADERS, **version}, body, content_id=content_id))

    def judge(operation: Operation, part: Part) -> Outcome:
        return _outcome(table, operation, part)

    chosen = select(table, [*table.key, *columns])

    def look(operation: Operation, content_id: str) -> bytes:
        assert isinstance(operation.address, Mapping)
        target = f"{root}{fno_address(table, operation.address)}?cross-company=true&$select={chosen}"
        return part_request("GET", target, _HEADERS, content_id=content_id)

    return Writer(client, root + table.name, encode, judge, look if looks else None)


def _outcome(table: Table, operation: Operation, part: Part) -> Outcome:
    if part.status < 300:
        row = _row(part)
        return Outcome("done", row=row, version=(row or {}).get("@odata.etag") or part.headers.get("etag"))
    error = service_error("fno", part.status, part.headers, part.body, shown_path(table.name))
    if operation.kind != "create":
        if part.status == 412:
            return Outcome("stale", error=error)
        if says_absent(part, error):
            return Outcome("absent", error=error)
    return Outcome("refused", error=error)


def says_absent(part: Part, error: ServiceError) -> bool:
    """True if a 404 means that the row does not exist.

    The routing layer answers 404 as well, with `{"Message": …}`, when it could not make out the key: that
    proves nothing.
    """
    return part.status == 404 and (error.enveloped or not part.body.strip())


def _row(part: Part) -> Row | None:
    if not part.body.strip():
        return None
    try:
        return row_of(part.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None
