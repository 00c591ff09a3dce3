"""What must not run: maps on tables that another program works on."""

from __future__ import annotations

import logging
from typing import cast

from mappings.errors import DualflowError, FatalError
from mappings.model import Map
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.connectors.http import Client
from tasks.sync.health import engines, prospect
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.session import Session

log = logging.getLogger("dualflow.health")

CHECKS = (prospect.CHECK, engines.CHECK)
"""Checks whose findings can block maps."""
SECONDS = 60.0
"""How long an answer holds: the maps of a run ask one after the other, and one that keeps watch again and again."""


def refuse_blocked(session: Session, sync: Map, *, running: bool = False) -> None:
    """May a map start, or go on? Dataverse is asked in one request for all maps.

    Args:
        running: the map runs already. It is stopped as well, within a minute; a question that can't be asked at the moment stops
            nobody.

    Raises:
        FatalError: another program works on its table; says which, and what to uninstall or stop.
    """
    for each in _blocking(session, running):
        if sync.name in each.blocks:
            raise FatalError(
                f"{sync.name!r} must not {'go on' if running else 'start'}: {each.subject}: {each.found}",
                code=each.code,
                remedy=each.remedy,
            )


def _blocking(session: Session, running: bool) -> tuple[Finding, ...]:
    # a rehearsed side is asked as well: a plan says what would not start
    sides = (session.fno, session.dataverse)
    if not all(isinstance(getattr(side, "client", None), Client) for side in sides):
        return ()  # played by something that has no solutions
    with session.asking:
        now = session.seams.now().timestamp()
        asked_at, found = session.blocking
        # who starts a map has most likely just removed what was in its way
        if 0 <= now - asked_at < SECONDS and (running or not found):
            return found
        try:
            found = _ask(session)
        except DualflowError as error:
            if not running:
                raise
            log.warning("can't see whether another program works on our tables: %s", error)
        session.blocking = now, found
        _note(session, found)
        return found


def _note(session: Session, found: tuple[Finding, ...]) -> None:
    """Let `status` know, which asks neither system."""
    reasons = {
        name: f"{each.subject}: {each.found} → {each.remedy}" for each in found for name in each.blocks
    }
    with session.store.read() as state:
        known = state.blocked(session.pair)
    if reasons != known:
        with session.store.unfenced() as tx:
            tx.save_blocked(session.pair, reasons)


def _ask(session: Session) -> tuple[Finding, ...]:
    around = Surroundings(
        session.settings,
        session.catalogue,
        tuple(session.catalogue.maps.values()),
        fno=cast(FnoSide, session.fno),
        dataverse=cast(DataverseSide, session.dataverse),
    )
    return tuple(each for check in CHECKS for each in check.run(around) if each.blocks)
