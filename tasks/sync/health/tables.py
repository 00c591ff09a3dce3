"""Are the maps' tables there, do they tell of their changes, and do their keys keep twins out?"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.model import Map
from tasks.connectors import fno_environment
from tasks.connectors.dataverse_environment import Description
from tasks.sync.companies import TABLE as COMPANIES
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

_BUILT = "Active"


def tables(around: Surroundings) -> Iterator[Finding]:
    """Dataverse's tables: absent, or without change tracking."""
    known = around.tables()
    for name in sorted(around.wanted_tables()):
        maps = around.maps_of_table(name)
        if name not in known:
            pointing = tuple(
                each.name
                for each in around.maps
                if any(name in lookup.targets for lookup in each.lookups.values())
                or (name == COMPANIES and each.company_specific)
            )
            yield Finding(
                "table_missing",
                "error",
                "dataverse",
                name,
                "a table of this name",
                "none",
                "install the solution that brings it, or run fewer maps (DUALFLOW_MAPS)",
                maps=maps or pointing,
            )
        elif not known[name].tracked and any(
            "change_tracking" in each.dataverse.feeds for each in around.maps if each.dataverse.table == name
        ):
            yield Finding(
                "table_untracked",
                "error",
                "dataverse",
                known[name].logical,
                "change tracking on",
                "off",
                "switch “Track changes” on in the properties of the table (Power Apps > Tables)",
                maps=maps,
            )


def keys(around: Surroundings) -> Iterator[Finding]:
    """Integration keys that are no alternate keys, or whose index isn't built."""
    known = around.tables()
    wanted: dict[tuple[str, frozenset[str]], list[str]] = {}
    for each in around.maps:
        if each.dataverse.table in known and each.dataverse.key:
            wanted.setdefault((each.dataverse.table, _columns(each)), []).append(each.name)
    for (name, columns), maps in sorted(wanted.items(), key=lambda item: (item[0][0], sorted(item[0][1]))):
        yield from _key(known[name], columns, tuple(maps))


def _columns(sync: Map) -> frozenset[str]:
    """Columns of a map's integration key with its company."""
    company = {sync.dataverse.company} if sync.dataverse.company else set()
    return frozenset({part.partition(".")[0] for part in sync.dataverse.key} | company)


def _key(table: Description, columns: frozenset[str], maps: tuple[str, ...]) -> Iterator[Finding]:
    expected = ", ".join(sorted(columns))
    same = [key for key in table.keys if set(key.columns) == columns]
    if any(key.status == _BUILT for key in same):
        return
    if same:
        yield Finding(
            "key_inactive",
            "warning",
            "dataverse",
            table.logical,
            f"an active alternate key of {expected}",
            f"{same[0].name} is {same[0].status or 'not active'}",
            "its index couldn't be built, mostly because two rows have the same key: remove the twins and activate the key anew"
            " (Power Apps > Tables > Keys)",
            maps=maps,
        )
        return
    has = "; ".join(f"{key.name} ({', '.join(key.columns)})" for key in table.keys)
    yield Finding(
        "key_missing",
        "warning",
        "dataverse",
        table.logical,
        f"an alternate key of {expected}",
        has or "no alternate key",
        "make an alternate key of these columns (Power Apps > Tables > Keys): without it nothing stops two rows with one key",
        maps=maps,
    )


def sets(around: Surroundings) -> Iterator[Finding]:
    """F&O's entity sets that are absent or that our user can't read."""
    properties = {each.fno.set: each.fno.key for each in around.maps}
    for name, error in fno_environment.unreadable(around.live_fno.client, properties).items():
        maps = around.maps_of_set(name)
        if error.status in (401, 403):
            yield Finding(
                "entity_denied",
                "error",
                "fno",
                name,
                "a user that may read it",
                str(error),
                "give the user of the application a role with a privilege on this data entity"
                " (System administration > Security > Security configuration)",
                maps=maps,
            )
        elif error.status == 404:
            yield Finding(
                "entity_missing",
                "error",
                "fno",
                name,
                "an entity set of this name",
                str(error),
                "the entity isn't in this version or isn't public, or its configuration key is off: refresh the entity list,"
                " or run fewer maps (DUALFLOW_MAPS)",
                maps=maps,
            )
        else:
            yield Finding(
                "entity_unreadable",
                "error",
                "fno",
                name,
                "a row, or none",
                str(error),
                "see what the service says; `dualflow maps validate --live` holds the map against the metadata",
                maps=maps,
            )


TABLES = Check("table", "Tables in Dataverse", tables, needs=("dataverse",))
KEYS = Check("key", "Integration keys in Dataverse", keys, needs=("dataverse",))
SETS = Check("entity", "Entities in F&O", sets, needs=("fno",))
