"""Reconcile: the comparison of both systems as a Prefect flow, by schedule or on demand, with its differences as artifacts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect import State
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed

from flows.runner import sync_flow
from mappings.troubleshooting.catalogue import advised
from tasks.sync.reconcile import Compared, Reconciliation
from tasks.sync.reconcile import reconcile as compare
from tasks.sync.session import shared_session

DETAILS = 500
"""Differences in the artifact; `dualflow reconcile --csv` has them all."""
LANE_COLUMNS = (
    "map",
    "company",
    "compared",
    "different",
    "missing in Dataverse",
    "missing in F&O",
    "double",
    "normalized",
    "passing",
    "repaired",
    "left",
    "seconds",
    "note",
)


def lane_rows(lanes: Iterable[Compared]) -> list[tuple[str | int | float, ...]]:
    """Rows for `LANE_COLUMNS`."""
    return [
        (
            lane.map,
            lane.company,
            lane.rows,
            lane.different,
            lane.missing_in_dataverse,
            lane.missing_in_fno,
            lane.duplicate,
            lane.normalized,
            lane.passing,
            lane.repaired,
            lane.left,
            lane.seconds,
            advised(lane.message),
        )
        for lane in lanes
    ]


def summary(found: Reconciliation) -> str:
    """The result in one line."""
    rows = sum(lane.rows for lane in found.lanes)
    repaired = sum(lane.repaired for lane in found.lanes)
    tail = f", {repaired:,} repaired, {found.open:,} left" if found.repair else ""
    return f"{len(found.lanes)} lanes, {rows:,} rows compared: {found.differences:,} differences{tail}"


@sync_flow("reconcile")
def reconcile(
    maps: list[str] | None = None,
    companies: list[str] | None = None,
    repair: bool = False,
) -> State[dict[str, Any]]:
    """Compare both systems row by row and field by field, from fresh reads.

    Args:
        maps: Names of maps; all active ones if nothing is chosen.
        companies: Company codes; those of the settings if left empty.
        repair: Put right what is listed, by each map's own policy; deletes stay behind their evidence and brake.
    """
    found = compare(shared_session(), maps, companies, repair=repair, limit=DETAILS)
    rows = [dict(zip(LANE_COLUMNS, row, strict=True)) for row in lane_rows(found.lanes)]
    create_table_artifact(
        rows or [{"map": "nothing to compare"}], key="reconcile", description=summary(found)
    )
    details = [
        {
            "map": each.map,
            "company": each.company,
            "key": each.key,
            "what": each.kind,
            "fields": ", ".join(each.fields),
            "became": fate,
        }
        for each, fate in found.details
    ]
    if details:
        description = f"The first {len(details)} of {found.differences:,} differences"
        create_table_artifact(details, key="reconcile-differences", description=description)
    data = {"differences": found.differences, "open": found.open}
    wrong = [lane for lane in found.lanes if lane.message]
    if wrong:
        said = "; ".join(f"{lane.map} {lane.company}: {advised(lane.message)}" for lane in wrong[:5])
        return Failed(message=f"{summary(found)}; {said}", data=data)
    return Completed(message=summary(found), data=data)
