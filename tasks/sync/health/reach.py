"""Reaching both systems and the state, each by itself: what can't be reached keeps nobody from looking at the rest."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from mappings.catalogue import Catalogue
from mappings.errors import DualflowError
from mappings.model import Map
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.connectors.fno_environment import versions
from tasks.connectors.retry import Retries
from tasks.state.store import Store
from tasks.sync.connecting import connect
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.settings import Settings

ATTEMPTS = 2
"""Times that a request is sent: who looks for what is wrong doesn't want to wait until it passes."""


@contextlib.contextmanager
def surroundings(settings: Settings, maps: Sequence[Map], catalogue: Catalogue) -> Iterator[Surroundings]:
    """Both systems and the state, as far as they can be reached, closed at the end."""
    around = Surroundings(
        settings, catalogue, tuple(maps), tuple(code.lower() for code in settings.companies)
    )
    with contextlib.ExitStack() as stack:
        try:
            fno, dataverse = connect(settings)
        except DualflowError as error:
            around.trouble |= {"fno": error, "dataverse": error}
        else:
            for side in (fno, dataverse):
                stack.callback(side.close)
                around.clients[side.name] = side.client
                side.client.retries = Retries(attempts=ATTEMPTS, longest=10.0)
            _greet(around, fno, dataverse)
        try:
            around.store = stack.enter_context(contextlib.closing(Store.open(settings.state_url)))
            if around.fno and around.dataverse:
                around.pair = around.store.pair(around.fno.environment, around.dataverse.environment)
        except Exception as error:  # whatever a database driver says
            around.trouble["state"], around.store = error, None
        yield around


def _greet(around: Surroundings, fno: FnoSide, dataverse: DataverseSide) -> None:
    """Ask both systems something small, side by side; those that answer are there."""
    with ThreadPoolExecutor(2) as threads:
        told = threads.submit(_trouble_of_fno, fno), threads.submit(_trouble_of_dataverse, dataverse)
        if (trouble := told[0].result()) is None:
            around.fno = fno
        else:
            around.trouble["fno"] = trouble
        if (trouble := told[1].result()) is None:
            around.dataverse = dataverse
        else:
            around.trouble["dataverse"] = trouble


def _trouble_of_fno(fno: FnoSide) -> DualflowError | None:
    try:
        versions(fno.client)
    except DualflowError as error:
        # a user whom F&O knows, but who may not ask this, is there all the same
        return None if error.facts.get("status") == 403 else error
    return None


def _trouble_of_dataverse(dataverse: DataverseSide) -> DualflowError | None:
    try:
        dataverse.who()
    except DualflowError as error:
        return error
    return None
