"""Is duplicate detection off for the maps' tables?

Rules of duplicate detection compare rows in ways that know neither companies nor keys. Requests like ours aren't held against them
unless they ask for it, but imports, forms and other programs are, and refuse rows that a sync brought.
"""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connectors import dataverse_environment
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings


def duplicates(around: Surroundings) -> Iterator[Finding]:
    """Published rules for tables that maps write."""
    if not around.organization().duplicate_detection:
        return
    written = {each.dataverse.table for each in around.maps if each.to_dataverse}
    tables = {each.logical: each for each in around.tables().values() if each.set in written}
    rules: dict[str, list[str]] = {}
    for rule in dataverse_environment.duplicate_rules(around.live_dataverse.client):
        for table in {rule.base, rule.matching} & tables.keys():
            if tables[table].duplicate_detection:
                rules.setdefault(table, []).append(rule.name)
    for table, names in sorted(rules.items()):
        yield Finding(
            "duplicates_rule",
            "warning",
            "dataverse",
            table,
            "no published rule of duplicate detection",
            ", ".join(sorted(names)),
            "unpublish them, at least until the first sync is done (Power Platform admin center > Environments > Settings >"
            " Data management > Duplicate detection rules)",
            maps=around.maps_of_table(tables[table].set),
        )


CHECK = Check("duplicates", "Duplicate detection", duplicates, needs=("dataverse",))
