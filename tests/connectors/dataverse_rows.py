"""Operations on accounts, and what the service answers to them."""

from __future__ import annotations

from typing import Any

from tasks.connectors.side import Operation
from tests.connectors.awkward_server import Reply, refusal

COLUMNS = ["accountnumber", "name"]


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def create(number: int, **body: Any) -> Operation:
    return Operation("create", {"accountnumber": f"A{number}", **body})


def update(number: int, **body: Any) -> Operation:
    return Operation("update", body or {"name": "new"}, guid(number), 'W/"1"')


def delete(number: int) -> Operation:
    return Operation("delete", address=guid(number), version='W/"1"')


def created(number: int) -> Reply:
    row = {"@odata.etag": 'W/"5"', "accountid": guid(number), "accountnumber": f"A{number}"}
    return Reply(201, row, {"OData-EntityId": f"https://x/accounts({guid(number)})"})


def gone(number: int) -> Reply:
    return refusal(404, "0x80040217", f"account With Id = {guid(number)} Does Not Exist")
