"""What must not start: maps on tables that another program works on."""

from __future__ import annotations

from typing import cast

from mappings.errors import FatalError
from mappings.model import Map
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.connectors.http import Client
from tasks.sync.health import engines, prospect
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.session import Session

CHECKS = (prospect.CHECK, engines.CHECK)
"""Checks whose findings can block maps."""
SECONDS = 60.0
"""How long it holds that nothing was found: the maps of a run ask one after the other."""


def refuse_blocked(session: Session, sync: Map) -> None:
    """May a map start? Dataverse is asked in one request for all maps.

    Raises:
        FatalError: another program works on its table; says which, and what to uninstall or stop.
    """
    for each in _blocking(session):
        if sync.name in each.blocks:
            raise FatalError(
                f"{sync.name!r} must not start: {each.subject}: {each.found}",
                code=each.code,
                remedy=each.remedy,
            )


def _blocking(session: Session) -> list[Finding]:
    # a rehearsed side is asked as well: a plan says what would not start
    sides = (session.fno, session.dataverse)
    if not all(isinstance(getattr(side, "client", None), Client) for side in sides):
        return []  # played by something that has no solutions
    now = session.seams.now().timestamp()
    if 0 <= now - session.unblocked < SECONDS:
        return []
    around = Surroundings(
        session.settings,
        session.catalogue,
        tuple(session.catalogue.maps.values()),
        fno=cast(FnoSide, session.fno),
        dataverse=cast(DataverseSide, session.dataverse),
    )
    found = [each for check in CHECKS for each in check.run(around) if each.blocks]
    if not found:
        session.unblocked = now
    return found
