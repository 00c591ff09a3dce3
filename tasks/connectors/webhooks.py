"""Webhooks in Dataverse: a service endpoint, and a step for each message of each table that posts to it.

Rests on Microsoft's tables `serviceendpoint` (contract 8 = webhook, authtype 4 = query parameter `code`, message format 2 = JSON)
and `sdkmessageprocessingstep` (stage 40 = after the operation, mode 1 = asynchronous). The secret can be written but never read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

from tasks.connectors.http import Client
from tasks.connectors.odata import query
from tasks.connectors.paging import ENCODER, follow
from tasks.connectors.refusals import refused
from tasks.connectors.side import Row

NAME = "Dualflow"
"""Of the endpoint; there is one an environment."""
MESSAGES = ("Create", "Update", "Delete")
_WEBHOOK, _CODE, _JSON = 8, 4, 2
_AFTER, _ASYNCHRONOUS = 40, 1
_ENABLED = 0


@dataclass
class Registered:
    """What was done; numbers of steps, a step is one message of one table.

    Attributes:
        absent: tables that nobody can listen to.
    """

    created: int = 0
    kept: int = 0
    removed: int = 0
    absent: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """As plain values."""
        return asdict(self)


class Webhooks:
    """The webhooks of one Dataverse environment that post to us."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def register(self, tables: Collection[str], url: str, secret: str) -> Registered:
        """Have every change of these tables posted to `url`; what is there already stays, what is too much goes.

        Args:
            tables: logical names.

        Raises:
            FatalError: Dataverse refuses it: the application's role lacks the rights.
        """
        done = Registered()
        given = {"url": url, "authtype": _CODE, "authvalue": secret}
        endpoint, *others = self._endpoints() or [""]
        if not endpoint:
            body = {"name": NAME, "contract": _WEBHOOK, "messageformat": _JSON, **given}
            self._send("POST", "serviceendpoints", body)
            endpoint, *others = self._endpoints()
        else:
            # whether the secret is still the same can't be seen
            self._send("PATCH", f"serviceendpoints({endpoint})", given)
        done.removed += self._close(others)
        steps = self._steps(endpoint)
        wanted = self._wanted(tables)
        done.absent = sorted(set(tables) - {table for table, _ in wanted})
        for (table, message), (message_id, filter_id) in wanted.items():
            own = steps.pop((message_id, filter_id), [])
            for step in own[:1]:
                done.kept += 1
                if step.get("statecode") != _ENABLED:
                    self._send(
                        "PATCH",
                        f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})",
                        {"statecode": _ENABLED, "statuscode": 1},
                    )
            done.removed += self._drop(own[1:])
            if not own:
                body = _step(table, message, message_id, filter_id, endpoint)
                self._send("POST", "sdkmessageprocessingsteps", body)
                done.created += 1
        for left in steps.values():
            done.removed += self._drop(left)
        return done

    def unregister(self) -> Registered:
        """Take everything out that `register` made."""
        return Registered(removed=self._close(self._endpoints()))

    def _close(self, endpoints: Collection[str]) -> int:
        removed = 0
        for endpoint in endpoints:
            for own in self._steps(endpoint).values():
                removed += self._drop(own)
            self._send("DELETE", f"serviceendpoints({endpoint})")
        return removed

    def _drop(self, steps: Collection[Row]) -> int:
        for step in steps:
            self._send("DELETE", f"sdkmessageprocessingsteps({step['sdkmessageprocessingstepid']})")
        return len(steps)

    def _endpoints(self) -> list[str]:
        """Ids of ours: one, or several if an answer was lost when it was made."""
        ours = f"name eq '{NAME}' and contract eq {_WEBHOOK}"
        rows = self._rows("serviceendpoints", "serviceendpointid", ours)
        return sorted(str(row["serviceendpointid"]) for row in rows)

    def _steps(self, endpoint: str) -> dict[tuple[str, str], list[Row]]:
        """(message, filter) → the steps that post to the endpoint."""
        columns = "sdkmessageprocessingstepid,_sdkmessageid_value,_sdkmessagefilterid_value,statecode"
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self._rows("sdkmessageprocessingsteps", columns, f"_eventhandler_value eq {endpoint}"):
            at = (str(row["_sdkmessageid_value"]), str(row["_sdkmessagefilterid_value"]))
            found.setdefault(at, []).append(row)
        return found

    def _wanted(self, tables: Collection[str]) -> dict[tuple[str, str], tuple[str, str]]:
        """(table, message) → ids of the message and of its filter for the table."""
        names = " or ".join(f"name eq '{name}'" for name in MESSAGES)
        rows = self._rows("sdkmessages", "sdkmessageid,name", names)
        messages = {row["name"]: str(row["sdkmessageid"]) for row in rows}
        found: dict[tuple[str, str], tuple[str, str]] = {}
        for name, message in messages.items():
            columns = "sdkmessagefilterid,primaryobjecttypecode"
            filters = {
                row["primaryobjecttypecode"]: str(row["sdkmessagefilterid"])
                for row in self._rows("sdkmessagefilters", columns, f"_sdkmessageid_value eq {message}")
            }
            found |= {(table, name): (message, filters[table]) for table in tables if table in filters}
        return found

    def _rows(self, table: str, columns: str, filter: str) -> list[Row]:
        url = f"{table}?{query({'$select': columns, '$filter': filter})}"
        with ThreadPoolExecutor(1) as executor:
            pages = follow(self._client, executor, "metadata", url, doing=f"reading {table}")
            return [row for page in pages for row in page.value]

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> None:
        # nothing here does harm if it is done twice: a second step is found and removed the next time
        headers = {"Content-Type": "application/json"} if body is not None else {}
        content = None if body is None else ENCODER.encode(body)
        answer = self._client.send("metadata", method, url, headers=headers, body=content)
        if answer.status >= 400 and not (method == "DELETE" and answer.status == 404):
            raise refused(self._client.error_of(answer), "a webhook's registration")


def _step(table: str, message: str, message_id: str, filter_id: str, endpoint: str) -> dict[str, Any]:
    return {
        "name": f"{NAME}: {message} of {table}",
        "stage": _AFTER,
        "mode": _ASYNCHRONOUS,
        "rank": 1,
        "supporteddeployment": 0,
        "asyncautodelete": True,
        "sdkmessageid@odata.bind": f"/sdkmessages({message_id})",
        "sdkmessagefilterid@odata.bind": f"/sdkmessagefilters({filter_id})",
        "eventhandler_serviceendpoint@odata.bind": f"/serviceendpoints({endpoint})",
    }
