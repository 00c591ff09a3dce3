"""Duplicate detection: published rules, for writes that ask for it; the Web API doesn't by itself."""

from __future__ import annotations

from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.schema.model import DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store

RULES, CONDITIONS = "duplicaterules", "duplicateruleconditions"
_PUBLISHED = 2
_EXACT = 0


def check(schema: Schema, store: Store, spec: DataverseTable, row: Row) -> None:
    """Compare a row with those that published rules compare it with.

    Raises:
        ServiceFault: another row is the same by one of the rules.
    """
    organization = next(iter(store.dataverse("organizations").rows.values()), {})
    if not spec.duplicate_detection or not organization.get("isduplicatedetectionenabled"):
        return
    for rule in store.dataverse(RULES).rows.values():
        if rule["statuscode"] != _PUBLISHED or rule["baseentityname"] != spec.logical:
            continue
        conditions = _conditions(store, rule)
        other = schema.logical.get(rule["matchingentityname"])
        if conditions and other is not None and _twins(store, other, conditions, row) - {row[spec.id]}:
            raise errors.fault(
                412,
                "0x80040333",
                "A record was not created or updated because a duplicate of the current record already exists.",
            )


def _conditions(store: Store, rule: Row) -> list[tuple[str, str]]:
    """Pairs of columns that have to be the same."""
    found = [
        each
        for each in store.dataverse(CONDITIONS).rows.values()
        if each["_regardingobjectid_value"] == rule["duplicateruleid"]
    ]
    if any(each["operatorcode"] != _EXACT for each in found):
        raise errors.not_imitated("conditions of duplicate detection other than an exact match")
    return [(each["baseattributename"], each["matchingattributename"]) for each in found]


def _twins(store: Store, table: str, conditions: list[tuple[str, str]], row: Row) -> set[Any]:
    values = [row.get(mine) for mine, _ in conditions]
    if None in values:
        return set()
    index = store.dataverse(table).index_on(tuple(theirs for _, theirs in conditions))
    return set(index.many(index.folded(values)))
