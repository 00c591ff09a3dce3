"""Do the teams that own the companies' rows have a role? Dataverse lets nobody give a row to a team that may not read it."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.connectors import dataverse_environment
from tasks.sync.companies import CODE, OWNER
from tasks.sync.health.check import Check
from tasks.sync.health.companies import rows
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings


def teams(around: Surroundings) -> Iterator[Finding]:
    """Default owning teams of chosen companies without a security role."""
    owners = {
        str(row[OWNER]): str(row.get(CODE) or "").lower()
        for row in rows(around)
        if row.get(OWNER) is not None and str(row.get(CODE) or "").lower() in around.companies
    }
    if not owners:
        return
    for id_, team in dataverse_environment.teams(around.live_dataverse.client, owners).items():
        if not team.roles:
            company = owners[id_]
            yield Finding(
                "team_roles",
                "warning",
                "dataverse",
                team.name or id_,
                f"a security role, since it owns the rows of company {company}",
                "no role",
                "give the team a role that reads the tables of the maps (Power Platform admin center > Teams), such as dual-write"
                " runtime user and the roles of the business",
            )


CHECK = Check("team", "Teams that own companies' rows", teams, needs=("dataverse",))
