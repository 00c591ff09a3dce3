"""Health check: a look at both environments as a Prefect flow, once a day, with its findings as an artifact."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from prefect import State
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed

from flows.runner import sync_flow
from mappings.selection import choose
from tasks.sync.health.examine import examine
from tasks.sync.health.finding import Finding
from tasks.sync.settings import load_settings

COLUMNS = ("severity", "code", "side", "subject", "expected", "found", "what to do", "maps", "blocked")


def finding_rows(findings: Iterable[Finding]) -> list[tuple[str, ...]]:
    """Rows for `COLUMNS`."""
    return [
        (
            each.severity,
            each.code,
            each.side,
            each.subject,
            each.expected,
            each.found,
            each.remedy,
            ", ".join(each.maps),
            ", ".join(each.blocks),
        )
        for each in findings
    ]


@sync_flow("health_check")
def health_check(
    maps: list[str] | None = None,
    areas: list[str] | None = None,
    solutions: list[str] | None = None,
    write_probe: bool = False,
) -> State[dict[str, Any]]:
    """Look at both environments and the state; fails if something keeps maps from running.

    Args:
        maps: Names of maps; all active ones if nothing is chosen.
        areas: Business areas, such as Customers: all their maps, beside those named.
        solutions: Dataverse solutions, such as FinanceCommon; with areas, only maps of both.
        write_probe: Also create, read, change and delete one row on each side.
    """
    settings = load_settings()
    catalogue = settings.catalogue()
    chosen = choose(catalogue, maps or (), areas or (), solutions or (), within=settings.maps)
    found = examine(settings, chosen, catalogue=catalogue, write_probe=write_probe)
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in finding_rows(found.findings)]
    create_table_artifact(
        rows or [{"severity": "nothing to complain about"}], key="health-check", description=found.summary
    )
    data = {severity: found.count(severity) for severity in ("error", "warning", "note")}
    data["blocked"] = len(found.blocked)
    if found.count("error"):
        worst = "; ".join(
            f"{each.code} {each.subject}" for each in found.findings[:5] if each.severity == "error"
        )
        return Failed(message=f"{found.summary}; {worst}", data=data)
    return Completed(message=found.summary, data=data)
