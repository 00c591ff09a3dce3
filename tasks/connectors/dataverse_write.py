"""How Dataverse is written to: parts of a `$batch`, and bulk creates that shrink until the bad rows stand
alone."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import msgspec

from tasks.connectors.batch import Part, part_request
from tasks.connectors.http import Answer, Client, LostAnswer, Unsent
from tasks.connectors.odata import annotated, dataverse_address, preference, select
from tasks.connectors.paging import ENCODER, row_of
from tasks.connectors.refusals import service_error, shown_path, unanswered
from tasks.connectors.side import Operation, Outcome, Row, ServiceError, Table
from tasks.connectors.writing import BatchWrite, Writer

_GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LAST_GUID = re.compile(r"\(([0-9a-fA-F-]{36})\)/?$")
_TAKEN = frozenset({"0x80060892", "0x80040237", "0x80040333"})
"""412 because another row has the key, not because this one moved."""
_NO_SUCH_KEY = "0x80060891"
_UNSUPPORTED = frozenset({404, 405, 501})
_HEADERS = {
    "Content-Type": "application/json",
    "Accept": "application/json",
    "OData-MaxVersion": "4.0",
    "OData-Version": "4.0",
}
_SMALLEST_BULK = 125
"""Rows below which a refused bulk message is not halved further: one `$batch` isolates that many rows at
once."""


def batch_writer(client: Client, table: Table, columns: Sequence[str], *, looks: bool = False) -> Writer:
    """Single writes; answers hold `columns` as the table has them now.

    Args:
        looks: read each row in the same batch, right before it is updated or deleted.
    """
    root = client.origin.path
    chosen = select(table, [table.id_column, *columns])
    create = f"{root}{table.name}?$select={chosen}"
    headers = {**_HEADERS, "Prefer": preference("return=representation", annotated(columns))}

    def encode(operation: Operation, content_id: str) -> bytes:
        if operation.kind == "create":
            return part_request(
                "POST", create, headers, ENCODER.encode(operation.body), content_id=content_id
            )
        target = root + dataverse_address(table, str(operation.address))
        version = {"If-Match": str(operation.version)}
        if operation.kind == "delete":
            return part_request("DELETE", target, version, content_id=content_id)
        body = ENCODER.encode(operation.body)
        target = f"{target}?$select={chosen}"
        return part_request("PATCH", target, {**headers, **version}, body, content_id=content_id)

    def judge(operation: Operation, part: Part) -> Outcome:
        return _outcome(table, operation, part)

    def look(operation: Operation, content_id: str) -> bytes:
        target = f"{root}{dataverse_address(table, str(operation.address))}?$select={chosen}"
        return part_request("GET", target, _HEADERS, content_id=content_id)

    return Writer(client, root + table.name, encode, judge, look if looks else None)


def _outcome(table: Table, operation: Operation, part: Part) -> Outcome:
    if part.status < 300:
        row = _row(part)
        return Outcome("done", row=row, id=_id(table, operation, part, row), version=_version(part, row))
    error = service_error("dataverse", part.status, part.headers, part.body, shown_path(table.name))
    if operation.kind != "create":
        if part.status == 412 and error.code.lower() not in _TAKEN:
            return Outcome("stale", error=error)
        if part.status == 404 and _own_absence(operation, error):
            return Outcome("absent", error=error)
    return Outcome("refused", error=error)


def _own_absence(operation: Operation, error: ServiceError) -> bool:
    """404 can also mean that a row which the body points to does not exist."""
    if error.code.lower() == _NO_SUCH_KEY or not error.enveloped:
        return False
    named = [guid.lower() for guid in _GUID.findall(error.message)]
    return not named or str(operation.address).strip("{}").lower() in named


def doubtful(operation: Operation, outcome: Outcome) -> bool:
    """True if `absent` might be about a row that the body points to: a read by id must confirm it."""
    return (
        outcome.status == "absent"
        and outcome.error is not None
        and any(name.endswith("@odata.bind") for name in operation.body)
        and str(operation.address).strip("{}").lower() not in outcome.error.message.lower()
    )


def _row(part: Part) -> Row | None:
    if not part.body.strip():
        return None
    try:
        return row_of(part.body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _id(table: Table, operation: Operation, part: Part, row: Row | None) -> str | None:
    if operation.kind != "create":
        return str(operation.address)
    if row is not None and row.get(table.id_column):
        return str(row[table.id_column])
    for name in ("odata-entityid", "location"):
        found = _LAST_GUID.search(part.headers.get(name, ""))
        if found:
            return found.group(1).lower()
    return None


def _version(part: Part, row: Row | None) -> str | None:
    return (row or {}).get("@odata.etag") or part.headers.get("etag")


class BulkCreate:
    """Creates by CreateMultiple, one transaction a request.

    Args:
        single: writes the operations one by one, for what a bulk message refuses.
        unsupported: called when the table turns out not to take the message after all.
    """

    def __init__(
        self,
        client: Client,
        table: Table,
        single: Writer,
        unsupported: Callable[[], None],
    ) -> None:
        self._client = client
        self._table = table
        self._single = single
        self._unsupported = unsupported
        self._useless = False
        self._type = f"Microsoft.Dynamics.CRM.{table.logical}"
        self._path = f"{table.name}/Microsoft.Dynamics.CRM.CreateMultiple"

    def run(self, operations: Sequence[Operation]) -> list[Outcome]:
        """An outcome for each create, in order; representations come only from rows that had to go alone."""
        if self._useless:
            return BatchWrite(self._single, operations).run()
        targets: list[dict[str, Any]] = [{"@odata.type": self._type, **each.body} for each in operations]
        body = ENCODER.encode({"Targets": targets})
        try:
            answer = self._client.send(
                "bulk",
                "POST",
                self._path,
                headers={"Content-Type": "application/json"},
                body=body,
                resend="unread",
                operations=len(operations),
            )
        except Unsent as error:
            return [Outcome("unsent", error=unanswered(error))] * len(operations)
        except LostAnswer as error:
            return [Outcome("unknown", error=unanswered(error))] * len(operations)
        self._client.log.count("operations", len(operations))
        if answer.status < 300:
            return self._done(operations, answer)
        said = self._client.error_of(answer)
        if answer.status >= 500 and not said.enveloped:
            return [Outcome("unknown", error=said)] * len(operations)
        # all or nothing: a refusal that the service itself speaks has rolled back every row
        if answer.status not in _UNSUPPORTED and len(operations) > _SMALLEST_BULK:
            middle = (len(operations) + 1) // 2
            return [*self.run(operations[:middle]), *self.run(operations[middle:])]
        outcomes = BatchWrite(self._single, operations).run()
        if answer.status in _UNSUPPORTED or all(outcome.status == "done" for outcome in outcomes):
            # no row was bad, so it was the message that the table does not take
            self._useless = True
            self._unsupported()
        return outcomes

    def _done(self, operations: Sequence[Operation], answer: Answer) -> list[Outcome]:
        try:
            ids = msgspec.json.decode(answer.content)["Ids"]
        except (msgspec.MsgspecError, UnicodeDecodeError, KeyError, TypeError):
            ids = []
        if len(ids) != len(operations):
            said = replace(self._client.error_of(answer), message="the answer does not name the new rows")
            return [Outcome("unknown", error=said)] * len(operations)
        return [Outcome("done", id=str(each)) for each in ids]
