"""Does our user in Dataverse have the roles and privileges that the maps need, for all rows of the organization?"""

from __future__ import annotations

from collections.abc import Iterator

from mappings.model import Map
from tasks.connectors import dataverse_environment
from tasks.connectors.dataverse_environment import DEPTHS, Description
from tasks.sync.companies import TABLE
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

_ROLE = "in a security role of the application user, set {kinds} of table {table} to organization level"


def privileges(around: Surroundings) -> Iterator[Finding]:
    """Roles and privileges that are missing, or don't reach all rows."""
    dataverse = around.live_dataverse
    user = around.me()
    around.told["user in Dataverse"] = (
        f"{user.name or user.id} ({', '.join(user.roles) or 'no role of its own'})"
    )
    held = dataverse_environment.privileges(dataverse.client, user.id)
    if user.disabled:
        yield Finding(
            "privilege_disabled",
            "error",
            "dataverse",
            user.name or user.id,
            "an application user that is enabled",
            "disabled",
            "enable the application user of the environment",
        )
    if not held:
        yield Finding(
            "privilege_roles",
            "error",
            "dataverse",
            user.name or user.id,
            "an application user with a security role",
            "no privilege at all",
            "give the application user a security role that reads and writes the tables of the maps at organization level",
        )
        return
    known = around.tables()
    for name, kinds in sorted(_needed(around).items()):
        if name in known and not known[name].virtual:
            yield from _table(known[name], kinds, held, around)


def _needed(around: Surroundings) -> dict[str, list[str]]:
    """Kinds of privileges by entity set, in the order in which they are shown."""
    out: dict[str, list[str]] = {name: ["Read"] for name in around.wanted_tables()}
    for each in around.maps:
        kinds = out[each.dataverse.table]
        for kind in _kinds(each):
            if kind not in kinds:
                kinds.append(kind)
    writing = [each for each in around.maps if each.to_dataverse]
    pointed = {table for each in writing for lookup in each.lookups.values() for table in lookup.targets}
    pointed |= {TABLE for each in writing if each.company_specific}
    for name in pointed:
        out[name].append("AppendTo")
    return out


def _kinds(sync: Map) -> Iterator[str]:
    if sync.to_dataverse:
        yield from ("Create", "Write")
        if sync.lookups or sync.company_specific:
            yield "Append"
        if sync.company_specific or sync.owner:
            yield "Assign"  # rows are owned by the team of their company
        if sync.delete.to_dataverse == "propagate" or sync.on_leave == "delete":
            yield "Delete"


def _table(
    table: Description, kinds: list[str], held: dict[str, str], around: Surroundings
) -> Iterator[Finding]:
    missing: dict[str, str] = {}
    narrow: dict[str, str] = {}
    for kind in kinds:
        privilege = table.privileges.get(kind)
        if privilege is None:
            continue  # the table has no such right: organization-owned tables can't be assigned, some can't be deleted
        depth = held.get(privilege.name.lower(), held.get(privilege.id))
        if depth is None:
            missing[kind] = privilege.name
        elif table.user_owned and depth in DEPTHS[:-1]:
            narrow[kind] = f"{privilege.name} ({depth})"
    maps = around.maps_of_table(table.set)
    for code, found, expected in (
        ("privilege_missing", missing, "{kinds}, for all rows"),
        ("privilege_narrow", narrow, "{kinds} at organization level"),
    ):
        if found:
            named = ", ".join(found).lower()
            absent = "without " if code == "privilege_missing" else ""
            yield Finding(
                code,
                "error",
                "dataverse",
                table.logical,
                expected.format(kinds=named),
                absent + ", ".join(found.values()),
                _ROLE.format(kinds=named, table=table.logical),
                maps=maps,
            )


CHECK = Check("privilege", "Privileges in Dataverse", privileges, needs=("dataverse",))
