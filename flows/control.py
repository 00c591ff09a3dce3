"""Control: pause, resume or stop maps from Prefect's forms, as `dualflow pause | resume | stop` do."""

from __future__ import annotations

from typing import Any, Literal

from prefect import State
from prefect.artifacts import create_table_artifact
from prefect.states import Completed

from flows.runner import sync_flow
from mappings.errors import FatalError
from tasks.sync import control as lanes
from tasks.sync.resuming import discard
from tasks.sync.session import shared_session


@sync_flow("control")
def control(
    action: Literal["pause", "resume", "stop"],
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    everything: bool = False,
    backlog: Literal["catch-up", "live-first", "discard"] = "catch-up",
) -> State[dict[str, Any]]:
    """Pause maps for a while, let them go on, or take them out of service.

    Args:
        action: pause: nothing is lost meanwhile; stop: they start again with an initial sync in a mode you name.
        maps: Names of maps.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; all if left empty.
        everything: All maps, where none are chosen.
        backlog: On resume, what changed meanwhile goes first, goes behind what changes now, or is forgotten.
    """
    if everything == bool(maps or areas or solutions):
        raise FatalError(
            "it is not said which maps are meant",
            code="no_choice",
            remedy="name maps, areas or solutions, or choose everything",
        )
    session = shared_session()
    chosen = lanes.lanes_of(
        session.store,
        session.pair,
        session.catalogue,
        maps or (),
        areas or (),
        solutions or (),
        companies or (),
        within=session.settings.maps,
    )
    if action == "pause":
        moved = lanes.pause(session.store, chosen)
    elif action == "stop":
        moved = lanes.stop(session.store, session.catalogue, chosen)
    elif backlog == "discard":
        moved = discard(session, chosen)
    else:
        moved = lanes.resume(session.store, chosen, backlog)
    rows = [
        {
            "map": each.map,
            "company": each.company,
            "was": lanes.NAMES[each.before],
            "is": lanes.NAMES[each.after],
            "note": each.note,
        }
        for each in moved
    ]
    create_table_artifact(rows or [{"map": "nothing was ever started"}], key="control", description=action)
    changed = sum(each.before != each.after for each in moved)
    return Completed(message=f"{action}: {changed} of {len(moved)} lanes changed", data={"lanes": rows})
