"""A user of both rehearsal systems: edits rows through the public APIs, as people and other programs do.

It logs in with an identity of its own, so that its writes are told from the engine's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import requests

from mappings.errors import DualflowError

Side = Literal["fno", "dataverse"]
ROOTS: dict[Side, str] = {"fno": "/data/", "dataverse": "/api/data/v9.2/"}
Row = dict[str, Any]


class User:
    """The sandbox's user, with the settings of a running sandbox in the environment."""

    def __init__(self) -> None:
        self._urls: dict[Side, str] = {
            "fno": os.environ["DUALFLOW_FNO_URL"],
            "dataverse": os.environ["DUALFLOW_DATAVERSE_URL"],
        }
        self._session = requests.Session()
        self._session.trust_env = False  # the sandbox has a certificate authority of its own
        self._session.verify = os.environ["DUALFLOW_CA_BUNDLE"]
        self._tokens: dict[Side, str] = {}

    def get(self, side: Side, path: str) -> Row | None:
        """One row, or None if it isn't there."""
        answer = self._request(side, "GET", path)
        if answer.status_code == 404:
            return None
        return self._body(answer)

    def rows(self, side: Side, path: str) -> list[Row]:
        """The first page of rows."""
        found: list[Row] = (self._body(self._request(side, "GET", path)) or {}).get("value", [])
        return found

    def create(self, side: Side, entity_set: str, body: Mapping[str, Any]) -> None:
        self._body(self._request(side, "POST", entity_set, body))

    def change(self, side: Side, path: str, body: Mapping[str, Any]) -> None:
        self._body(self._request(side, "PATCH", path, body))

    def delete(self, side: Side, path: str) -> None:
        self._body(self._request(side, "DELETE", path))

    # addresses

    @staticmethod
    def fno_row(entity_set: str, **key: str) -> str:
        """Address of an F&O row, whatever its company."""
        inside = ",".join(f"{name}='{quote(_doubled(value), safe='')}'" for name, value in key.items())
        return f"{entity_set}({inside})?cross-company=true"

    def dataverse_row(self, table: str, identity: str, condition: str) -> str:
        """Address of the one Dataverse row that meets a condition.

        Args:
            identity: name of the table's id column.

        Raises:
            DualflowError: none or several do.
        """
        found = self.rows("dataverse", f"{table}?$select={identity}&$filter={quote(condition, safe='')}")
        if len(found) != 1:
            raise DualflowError(f"{len(found)} rows of {table} meet {condition}", code="rehearsal")
        return f"{table}({found[0][identity]})"

    # requests

    def _request(
        self, side: Side, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token(side)}", "Accept": "application/json"}
        return self._session.request(
            method, f"{self._urls[side]}{ROOTS[side]}{path}", json=body, headers=headers, timeout=60
        )

    def _token(self, side: Side) -> str:
        if side not in self._tokens:
            login = f"{os.environ['DUALFLOW_AUTHORITY']}/{os.environ['DUALFLOW_TENANT_ID']}/oauth2/v2.0/token"
            form = {
                "grant_type": "client_credentials",
                "client_id": os.environ["DUALFLOW_SANDBOX_USER_ID"],
                "client_secret": os.environ["DUALFLOW_SANDBOX_USER_SECRET"],
                "scope": f"{self._urls[side]}/.default",
            }
            answer = self._session.post(login, data=form, timeout=60)
            self._tokens[side] = str((self._body(answer) or {})["access_token"])
        return self._tokens[side]

    @staticmethod
    def _body(answer: requests.Response) -> Row | None:
        if answer.status_code >= 400:
            raise DualflowError(
                f"{answer.request.method} {answer.request.url}: {answer.status_code} {answer.text[:400]}",
                code="rehearsal",
            )
        found: Row | None = answer.json() if answer.content else None
        return found


def _doubled(value: str) -> str:
    return value.replace("'", "''")
