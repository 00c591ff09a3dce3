"""Does dual-write itself run maps on the same tables? Two engines on one table undo each other's work: that is refused.

While dual-write runs a map, its plug-ins have steps on the map's table, and a row of runtime configuration tells them what to send
where. What is left of one whose environment was copied, or linked anew, is stale: it sends rows to a place of the past.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import urlsplit

from tasks.connectors.other_programs import Foreign
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import UNANSWERED, Surroundings

_HOST = re.compile(r"https://([^/\s\"'\\]+)", re.IGNORECASE)


def engines(around: Surroundings) -> Iterator[Finding]:
    """Tables on which dual-write runs, and what is left of its past."""
    others = around.other_programs()
    fno = around.fno.environment if around.fno else ""
    dataverse = urlsplit(around.settings.dataverse_url).hostname or ""
    stale = [each for each in others.running if _is_stale(each, fno, dataverse)]
    running: dict[str, list[str]] = {}
    for each in others.running:
        if each not in stale:
            running.setdefault(each.table, []).append(f"runtime configuration {each.name}")
    for table, count in Counter(table for table, _ in others.steps).items():
        running.setdefault(table, []).append(f"{count} of its plug-in steps are enabled there")
    sets = {table: around.live_dataverse.set_of(table) for table in running}
    for table, signs in sorted(running.items()):
        maps = around.maps_of_table(sets[table] or table)
        if maps:
            yield Finding(
                "engines_two",
                "error",
                "dataverse",
                table,
                "one engine: either dual-write or Dualflow",
                f"dual-write runs a map on it: {', '.join(signs)}",
                "stop the map in dual-write (F&O > Data management > Dual-write), or take these maps out of DUALFLOW_MAPS",
                blocks=maps,
                maps=maps,
            )
    if stale:
        yield Finding(
            "engines_stale",
            "warning",
            "dataverse",
            "Dual Write Runtime Configurations",
            f"configuration of {fno or 'this F&O environment'} and {dataverse} alone",
            f"{len(stale)} of another environment: {', '.join(each.name for each in stale[:5])}",
            "delete these rows of the table msdyn_dualwriteruntimeconfig: they are left over from a copy or an earlier link, and"
            " make dual-write's plug-ins send rows there",
        )


def _is_stale(config: Foreign, fno: str, dataverse: str) -> bool:
    """Does it name an environment of either service, and not ours?"""
    hosts = {host.lower().partition(":")[0] for host in _HOST.findall(config.text)}
    of_fno = {host for host in hosts if ".operations." in host or ".axcloud." in host}
    of_dataverse = {host for host in hosts if re.search(r"\.crm\d*\.", host)}
    ours = fno.lower().partition("/")[0].partition(":")[0]
    return bool(ours and of_fno and ours not in of_fno) or bool(
        dataverse and of_dataverse and dataverse not in of_dataverse
    )


CHECK = Check("engines", "Dual-write on the same tables", engines, needs=("dataverse",), blocking=UNANSWERED)
