"""Do the plug-ins run that fill what no map fills?

Names of steps differ between versions of the solutions, so they are looked for by table and message.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings


class Relied(NamedTuple):
    """A plug-in that maps rely on.

    Attributes:
        message: at which it runs.
        does: what is missing without it.
    """

    message: str
    does: str


RELIED: dict[str, Relied] = {
    "cdm_company": Relied("Create", "makes the business unit and the team that own a company's rows"),
    "uom": Relied("Create", "finds or makes the unit group of a unit"),
    "product": Relied("Create", "makes the product's number and finds its unit group"),
}
"""By logical name of the table."""
_ENABLE = "enable it (Power Apps > Solutions > Plug-in steps, or the plug-in registration tool), or repair the solution"


def steps(around: Surroundings) -> Iterator[Finding]:
    """Steps of the maps' tables that are absent or disabled."""
    known = around.steps()
    written = {each.dataverse.table for each in around.maps if each.to_dataverse}
    tables = [each for name, each in around.tables().items() if name in written]
    for table in tables:
        mine = [step for step in known if step.table == table.logical]
        relied = RELIED.get(table.logical)
        maps = around.maps_of_table(table.set)
        if relied is not None and not any(step.message == relied.message for step in mine):
            yield Finding(
                "step_missing",
                "error",
                "dataverse",
                f"{table.logical}, {relied.message}",
                f"a plug-in step that {relied.does}",
                "none",
                "repair the solution that brings the table: uninstall and install it, or update it",
                maps=maps,
            )
        for step in mine:
            if not step.enabled:
                needed = relied is not None and step.message == relied.message
                yield Finding(
                    "step_disabled",
                    "error" if needed else "warning",
                    "dataverse",
                    step.name,
                    f"enabled: it {relied.does}"
                    if needed and relied
                    else f"enabled, as it runs for {table.logical}",
                    "disabled",
                    _ENABLE,
                    maps=maps,
                )


CHECK = Check("step", "Plug-in steps of the solutions", steps, needs=("dataverse",))
