"""Validation of maps against both systems: what doesn't fit, and what changed there since the last look."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import UTC, datetime

from mappings.drift import Drift
from mappings.findings import Finding
from mappings.live.check import check
from mappings.model import Map
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.state.store import Store
from tasks.sync import drift
from tasks.sync.connecting import connect
from tasks.sync.metadata import read
from tasks.sync.settings import Settings


@dataclass(frozen=True, slots=True)
class LiveValidation:
    """What a look at both systems found.

    Attributes:
        findings: what doesn't fit, worst first.
        drift: what changed, changes that touch maps first.
        since: when the oldest of the changed tables was last seen; None if nothing changed.
        first: nothing was known of these systems before, so nothing could have changed.
    """

    findings: tuple[Finding, ...]
    drift: tuple[Drift, ...]
    since: datetime | None
    first: bool


def validate(settings: Settings, maps: Sequence[Map], *, remember: bool = True) -> LiveValidation:
    """Check maps against the systems that the settings name; the metadata are read afresh.

    Args:
        remember: take what was seen as the state of things that the next look compares with.

    Raises:
        FatalError, RetriableError: a system can't be reached, or the state can't be opened.
    """
    with ExitStack() as stack:
        fno, dataverse = connect(settings)
        stack.enter_context(closing(fno))
        stack.enter_context(closing(dataverse))
        store = stack.enter_context(Store.open(settings.state_url))
        return look(store, fno, dataverse, maps, remember=remember)


def look(
    store: Store, fno: FnoSide, dataverse: DataverseSide, maps: Sequence[Map], *, remember: bool = True
) -> LiveValidation:
    """The same with what is open already."""
    live = read(fno, dataverse, maps)
    pair = store.pair(fno.environment, dataverse.environment)
    with store.read() as state:
        first = not state.fingerprints(pair)
    changed, since = drift.compare(store, pair, live, maps)
    if remember:
        drift.remember(store, pair, live, datetime.now(UTC))
    return LiveValidation(check(maps, live), tuple(changed), since, first)
