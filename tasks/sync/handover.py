"""Handover: a Dataverse row that leaves the filter of one map and enters that of another on the same table.

Its link lets go of it, as of any row outside the filter; the other map is told of it, and links it. A contact that begins to be
sold to is such a row: it was a contact person and is now a customer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tasks.connectors.side import Row
from tasks.state.records import InboxEntry, Link
from tasks.sync.feeds import Router, entry


def handed_over(
    routers: Sequence[Router], rows: Sequence[Row], links: Mapping[str, Sequence[Link]]
) -> list[InboxEntry]:
    """Inbox entries for the lanes that may want rows which no other lane's filter takes any more.

    Args:
        routers: the lanes of one table.
        rows: rows that change tracking brought.
        links: by the rows' ids.
    """
    of_map = {router.lane.map.name: router for router in reversed(routers)}
    if len(of_map) < 2:
        return []
    id_column = routers[0].lane.dataverse_table.id_column
    linked = [row for row in rows if links.get(str(row[id_column]))]
    if not linked:
        return []
    here = {(router.lane.map.name, router.lane.company) for router in routers}
    takes = {name: router.comparer.dataverse_mask(linked).tolist() for name, router in of_map.items()}
    entries = []
    for place, row in enumerate(linked):
        own = {(link.map, link.company): link for link in links[str(row[id_column])]}
        # a lane that isn't here can't say that it has let go
        if any(
            link.state != "detached" and (lane not in here or takes[lane[0]][place])
            for lane, link in own.items()
        ):
            continue
        for router in routers:
            lane = router.lane
            if (
                lane.map.to_fno
                and takes[lane.map.name][place]
                and (lane.map.name, lane.company) not in own
                and (lane.company_value is None or row.get(lane.company_value) == lane.company_id)
            ):
                entries.append(entry(lane, "dataverse", str(row[id_column]), "upsert"))
    return entries
