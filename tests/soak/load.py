"""Users who edit both systems without pause, and remember what they said last."""

from __future__ import annotations

import random
import threading
from typing import Any
from urllib.parse import quote

from tests.engine.rest import SIDES, Side
from tests.integration.trading import account, customer, customer_binds
from tests.local_services import Services

COMPANY = "usmf"
FIELDS: dict[Side, str] = {"fno": "OrganizationName", "dataverse": "telephone1"}
"""What the users of a side edit: never the same, so that nobody's word can lose."""
MIRRORED: dict[Side, str] = {"fno": "PrimaryContactPhone", "dataverse": "name"}
"""Where the other side's users find it."""


class Load:
    """Edits, new rows and deletes on both sides, one after the other, until told to stop.

    Args:
        keys: of customers that both sides have.
        company_id: of Dataverse.
        pace: seconds between two edits.
    """

    def __init__(
        self, services: Services, keys: list[str], company_id: str, seed: int, pace: float = 0.004
    ) -> None:
        self._services = services
        self._binds = customer_binds(company_id)
        self._draw = random.Random(seed)
        self._pace = pace
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, name="users")
        self._ids = {row["accountnumber"]: row["accountid"] for row in services.dump("dataverse", "accounts")}
        self.said: dict[tuple[str, Side], str] = {}
        self.there: dict[str, Side | None] = dict.fromkeys(keys)
        """Rows that have to be there, with the side that they were made on; None = were there at the start."""
        self.gone: set[str] = set()
        self.edits = 0
        self.error: BaseException | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """End, and let the caller know if anything went wrong on the way.

        Raises:
            Refused: a service refused an edit.
        """
        self._stop.set()
        self._thread.join()
        if self.error is not None:
            raise self.error

    def _work(self) -> None:
        try:
            while not self._stop.wait(self._pace):
                self._once()
                self.edits += 1
        except BaseException as error:
            self.error = error

    def _once(self) -> None:
        side = self._draw.choice(SIDES)
        what = self._draw.random()
        if what < 0.06:
            self._create(side)
        elif what < 0.09 and len(self.there) > 40:
            self._delete(side)
        else:
            self._change(side)

    def _change(self, side: Side) -> None:
        # who made a row, or was there when it was, can see it
        key = self._draw.choice([key for key, made in self.there.items() if made in (None, side)])
        value = f"{side[0]}{self.edits}"
        self._services.edit(side, "PATCH", self._path(side, key), {FIELDS[side]: value})
        self.said[key, side] = value

    def _create(self, side: Side) -> None:
        key = f"N-{side[0]}-{self.edits}"
        if side == "fno":
            self._services.edit("fno", "POST", "CustomersV3", customer(COMPANY, key, OrganizationName=key))
        else:
            body: dict[str, Any] = account(COMPANY, key, **self._binds, telephone1=key)
            self._services.edit("dataverse", "POST", "accounts", body)
            rows = self._services.dump("dataverse", "accounts")
            self._ids |= {row["accountnumber"]: row["accountid"] for row in rows}
        self.there[key] = side
        self.said[key, side] = key

    def _delete(self, side: Side) -> None:
        # a row that nobody edits any more: an update would win over the delete
        key = self._draw.choice([key for key, made in self.there.items() if made is None])
        if (key, "fno") in self.said or (key, "dataverse") in self.said:
            return
        self._services.edit(side, "DELETE", self._path(side, key))
        del self.there[key]
        self.gone.add(key)

    def _path(self, side: Side, key: str) -> str:
        if side == "dataverse":
            return f"accounts({self._ids[key]})"
        return f"CustomersV3(dataAreaId='{COMPANY}',CustomerAccount='{quote(key)}')?cross-company=true"

    def wrong(self) -> list[str]:
        """What of all that was said is not as it should be on both sides."""
        fno = [row for row in self._services.dump("fno", "CustomersV3") if row["dataAreaId"] == COMPANY]
        rows: dict[Side, list[tuple[str, dict[str, Any]]]] = {
            "fno": [(row["CustomerAccount"], row) for row in fno],
            "dataverse": [
                (row["accountnumber"], row) for row in self._services.dump("dataverse", "accounts")
            ],
        }
        found = []
        for side in SIDES:
            keys = [key for key, _ in rows[side]]
            found += [f"{key} is twice on {side}" for key in {k for k in keys if keys.count(k) > 1}]
            found += [f"{key} is lost on {side}" for key in self.there if key not in keys]
            found += [f"{key} is on {side} again" for key in self.gone if key in keys]
            by_key = dict(rows[side])
            for (key, said_on), value in self.said.items():
                column = FIELDS[side] if side == said_on else MIRRORED[side]
                if key in by_key and by_key[key][column] != value:
                    found.append(f"{key}: {said_on} said {value}, {side} has {by_key[key][column]}")
        return found
