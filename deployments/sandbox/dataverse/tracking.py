"""Change tracking: delta links, deleted entries, expiry."""

from __future__ import annotations

import re
from bisect import bisect_right
from datetime import UTC, datetime

from deployments.sandbox.dataverse import errors
from deployments.sandbox.schema.model import DataverseTable
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Tombstone
from deployments.sandbox.switches import Switches

_FORM = "%m/%d/%Y %H:%M:%S"
_TOKEN = re.compile(r"(\d+)!(\d\d/\d\d/\d{4} \d\d:\d\d:\d\d)(?:!(\d+)!(\d+))?")
REFUSED = ("filter", "orderby", "expand", "top")


class Tracking:
    """Delta tokens, and what changed since one.

    A token is ``<version>!<time>``. A token of a later page of one delta has two more parts: up to which
    version the delta goes, and how many entries were answered already.
    """

    def __init__(self, store: Store, switches: Switches) -> None:
        self._store = store
        self._switches = switches
        self.voided: dict[str, int] = {}
        """By entity set, the version up to which tokens are void: its metadata changed."""

    def _now(self) -> float:
        return self._store.clock() + self._switches.dataverse_clock_offset

    def token(self, version: int | None = None) -> str:
        """A token that stands for a version; by default for everything until now."""
        when = datetime.fromtimestamp(self._now(), UTC).strftime(_FORM)
        return f"{self._store.version if version is None else version}!{when}"

    def check(self, spec: DataverseTable, options: dict[str, str]) -> None:
        """Refuse what can't be tracked.

        Raises:
            ServiceFault: the table isn't tracked; an option that tracking doesn't take.
        """
        if not spec.tracked:
            raise errors.fault(400, "0x80072491", f"Entity {spec.logical} isn't enabled for change tracking.")
        for name in REFUSED:
            if f"${name}" in options:
                raise errors.query(
                    f'The "${name}" query parameter isn\'t supported when Change Tracking is enabled.'
                )

    def changes(
        self, spec: DataverseTable, token: str, size: int
    ) -> tuple[list[Row], list[Tombstone], str | None, str]:
        """What changed since a token.

        Args:
            size: most entries on one page.

        Returns:
            rows (by version), deletes, the token of the next page or None, the token to go on from.

        Raises:
            ServiceFault: the token is malformed or expired.
        """
        match = _TOKEN.fullmatch(token)
        if match is None:
            raise errors.query("The delta token is not valid.")
        since, until, skip = int(match[1]), int(match[3] or 0) or self._store.version, int(match[4] or 0)
        taken = datetime.strptime(match[2], _FORM).replace(tzinfo=UTC).timestamp()
        switches = self._switches
        days = switches.virtual_retention_days if spec.external else switches.tracking_retention_days
        too_old = self._now() - taken > days * 86_400
        if too_old or since < self.voided.get(spec.set, 0):
            raise errors.fault(
                self._switches.expired_token_status,
                "0x80044352",
                "Version stamp associated with the client has expired. Please perform a full sync.",
            )
        rows, stones = self._since(spec, since, until)
        entries: list[Row | Tombstone] = [*rows, *stones]
        page = entries[skip : skip + size]
        following = None
        if skip + size < len(entries):
            following = f"{match[1]}!{match[2]}!{until}!{skip + size}"
        return (
            [entry for entry in page if isinstance(entry, dict)],
            [entry for entry in page if isinstance(entry, Tombstone)],
            following,
            self.token(until),
        )

    def _since(self, spec: DataverseTable, since: int, until: int) -> tuple[list[Row], list[Tombstone]]:
        table = self._store.dataverse(spec.set)
        rows = table.changed(since, until)
        first = bisect_right(table.tombstones, since, key=lambda stone: stone.version)
        latest = {stone.id: stone for stone in table.tombstones[first:] if stone.version <= until}
        return rows, [stone for row_id, stone in latest.items() if row_id not in table.rows]

    def count(self, spec: DataverseTable, token: str) -> int:
        rows, stones, _, _ = self.changes(spec, token, 2**31)
        return len(rows) + len(stones)
