"""What the tests of special cases look at: rows of Dataverse, what is listed, and whether both systems are equal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tasks.sync.verify import verify
from tests.integration.installation import Installation, failed
from tests.local_services import Services

Row = dict[str, Any]
Connect = Callable[..., Installation]
"""Runs maps with all that they need, in one company, until nothing is left open."""

OWN = {"dataAreaId": "usmf"}
"""What every row of the company has in F&O."""


def rows(services: Services, table: str, *columns: str) -> list[Row]:
    found = services.dump("dataverse", table)
    return [{name: row.get(name) for name in columns} for row in found] if columns else found


def one(services: Services, table: str, **wanted: Any) -> Row:
    found = [
        row
        for row in services.dump("dataverse", table)
        if all(row.get(name) == value for name, value in wanted.items())
    ]
    assert len(found) == 1, f"{len(found)} rows of {table} with {wanted}"
    return found[0]


def codes(installation: Installation) -> set[tuple[str, str, str]]:
    return {(row.map, row.key, row.code) for row in installation.parked()}


def equal(installation: Installation) -> bool:
    """Nothing differs, nothing is left to do, and another run writes nothing."""
    installation.forget_writes()
    assert not failed(installation.settle())
    assert installation.ours() == []
    assert verify(installation.session).details == []
    return True
