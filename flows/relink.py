"""Relink: rows of restored or replaced systems are paired anew, map by map in the order of their lookups."""

from __future__ import annotations

from typing import Any

from prefect import State
from prefect.states import Completed

from flows.ordering import direct_parents
from flows.record import conclude, recorded
from flows.rounds import Future, collect
from flows.runner import sync_flow
from tasks.entity import entity_task
from tasks.sync.relinking import lanes_to_relink, part
from tasks.sync.session import shared_session

NOTHING = "no map has to be paired anew"


@sync_flow("relink")
def relink(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    reset: bool = False,
) -> State[dict[str, Any]]:
    """Pair rows anew by their keys after a system was restored or replaced by a copy; writes to neither system.

    Args:
        maps: Names of maps; all active ones if nothing is chosen.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; those of the settings if left empty.
        reset: Also maps that run as if nothing had happened: what is remembered of their rows is forgotten first; and all that
            ran between the two systems that both of these are copies of.
    """
    session = shared_session()
    chosen = session.selected(maps, areas=areas, solutions=solutions, related=False)
    lanes = lanes_to_relink(session, chosen, companies, reset=reset)
    if not lanes:
        return Completed(message=NOTHING, data={"verdict": "ok", "message": NOTHING, "lanes": []})
    parameters = {
        "maps": maps,
        "areas": areas,
        "solutions": solutions,
        "companies": companies,
        "reset": reset,
    }
    with recorded(session, "relink", parameters) as report:
        if reset:
            part(session, lanes)
        linked: dict[str, Future] = {}
        for name, parents in direct_parents(session.catalogue, set(lanes)).items():
            linked[name] = entity_task(name).submit(
                "initial",
                companies=lanes[name] if lanes[name] != [""] else None,
                mode="link",
                run=report.run,
                wait_for=[linked[parent] for parent in parents],
            )
        report.add(collect(linked.items()))
    return conclude(report, [sync for sync in chosen if sync.name in lanes])
