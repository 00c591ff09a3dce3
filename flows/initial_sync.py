"""Initial sync: every map in the order of its lookups, as task dependencies."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from prefect import State

from flows.ordering import direct_parents
from flows.record import conclude, recorded
from flows.rounds import Future, collect, drain
from flows.runner import sync_flow
from mappings.model import Map
from tasks.entity import entity_task
from tasks.sync.session import Session, shared_session

Mode = Literal["automatic", "both", "to-dataverse", "to-fno", "link"]


@sync_flow("initial_sync")
def initial_sync(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    companies: list[str] | None = None,
    mode: Mode = "automatic",
    related: bool = True,
) -> State[dict[str, Any]]:
    """Bring F&O and Dataverse to where both are equal; safe to run again at any time.

    Args:
        maps: Names of maps; all active ones if nothing is chosen.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        companies: Company codes; those of the settings if left empty.
        mode: Who gets rows and values of whom. Automatic: both sides for two-way maps, else the map's one way;
            link: pair rows and report, write nothing.
        related: Also run the maps that the chosen ones depend on.
    """
    session = shared_session()
    chosen = session.selected(maps, areas=areas, solutions=solutions, related=related)
    for sync in chosen:
        session.companies_of(sync, companies)  # nothing starts if it is not said where
    parameters = {
        "maps": maps,
        "areas": areas,
        "solutions": solutions,
        "companies": companies,
        "mode": mode,
        "related": related,
    }
    with recorded(session, "initial_sync", parameters) as report:
        given = {
            "companies": companies,
            "mode": None if mode == "automatic" else mode,
            "run": report.run,
        }
        report.add(collect(_load(session, chosen, given)))
        if mode != "link":
            report.add(drain(session, chosen, companies, report.run))
    return conclude(report, chosen)


def _load(session: Session, chosen: Sequence[Map], given: dict[str, Any]) -> list[tuple[str, Future]]:
    """A task a map, after its parents; then one more for each map whose lookups had to be left open.

    A parent in trouble doesn't hold its children up: their rows wait for rows, not for maps.
    """
    catalogue = session.catalogue
    loads: dict[str, Future] = {}
    for name, parents in direct_parents(catalogue, {sync.name for sync in chosen}).items():
        awaited = [loads[parent] for parent in parents]
        loads[name] = entity_task(name).submit("initial", wait_for=awaited, **given)
    patches: list[tuple[str, Future]] = []
    for sync in chosen:
        behind = catalogue.deferred(sync)
        if behind and given["mode"] != "link":
            awaited = [loads[name] for name in {sync.name, *(each.name for each in behind)} if name in loads]
            patch = entity_task(sync.name, "deferred").submit("deferred", wait_for=awaited, **given)
            patches.append((sync.name, patch))
    return [*loads.items(), *patches]
