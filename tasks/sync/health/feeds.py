"""How F&O tells of its changes: by row versions or data events where the environment offers them, else by scans."""

from __future__ import annotations

from collections.abc import Iterator

from tasks.sync.companies import Companies
from tasks.sync.feed_choice import Choice, Offers
from tasks.sync.feed_kinds import TIMES
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.seams import Seams
from tasks.sync.session import Session

NAMED = 5
"""Entities that a finding names; `dualflow status --feeds` has them all."""


def feeds(around: Surroundings) -> Iterator[Finding]:
    """Entities that are left to scans, and feeds that were asked for and aren't there."""
    chosen = _choices(around)
    by_kind: dict[str, list[str]] = {}
    for name, choice in chosen.items():
        by_kind.setdefault(choice.kind, []).append(name)
    around.told["feeds of F&O"] = ", ".join(
        f"{len(names)} by {kind.replace('_', ' ')}" for kind, names in sorted(by_kind.items())
    )
    for name, choice in chosen.items():
        if choice.why.startswith("DUALFLOW_FEEDS names "):
            yield Finding(
                "feed_setting",
                "warning",
                "fno",
                name,
                "the feed that DUALFLOW_FEEDS names",
                choice.why,
                "offer it (see mappings/README.md), or take it out of DUALFLOW_FEEDS; until then it is scanned",
                maps=around.maps_of_set(name),
            )
    scanned = sorted(by_kind.get("scan", ()))
    if scanned:
        more = f" and {len(scanned) - NAMED} more" if len(scanned) > NAMED else ""
        yield Finding(
            "feed_scan",
            "note",
            "fno",
            f"{len(scanned)} of {len(chosen)} entity sets",
            "row versions of virtual tables, or data events",
            f"scans, with a lag of {TIMES['scan'].lag:.0f} s: {', '.join(scanned[:NAMED])}{more}",
            "for changes within seconds make the entities visible in Dataverse with change tracking (row versions), or have"
            " their data events sent (DUALFLOW_RECEIVER_…); `dualflow status --feeds` says what each lacks",
            maps=tuple(each.name for each in around.maps if each.fno.set in set(scanned)),
        )


def _choices(around: Surroundings) -> dict[str, Choice]:
    """The feeds that runs would choose; nothing is noted."""
    assert around.pair is not None  # both systems and the state are needed
    store = around.live_store
    dataverse = around.live_dataverse
    session = Session(
        around.settings,
        Seams(),
        around.catalogue,
        around.live_fno,
        dataverse,
        store,
        around.pair,
        store.secret(around.pair),
        Companies(dataverse),
    )
    with store.read() as state:
        came = {table for side, table in state.tables_with_events(around.pair) if side == "fno"}
        came |= {
            each.table
            for each in state.cursors(around.pair)
            if each.side == "fno" and each.feed == "data_events"
        }
    offers = Offers(session)
    names = dict.fromkeys(each.fno.set for each in around.maps if each.to_dataverse)
    return {name: offers.choose(name, around.catalogue.of_set(name), name in came) for name in names}


CHECK = Check("feed", "How F&O tells of changes", feeds, needs=("fno", "dataverse", "state"))
