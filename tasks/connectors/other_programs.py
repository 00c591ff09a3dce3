"""Signs of other programs that write to the same tables of Dataverse: Prospect to cash, and dual-write itself.

All signs are asked in one batch. What a sign is asked of may be absent: tables of dual-write come with its solution.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tasks.connectors.batchread import all_rows, get_parts
from tasks.connectors.http import Client
from tasks.connectors.odata import query, text_literal
from tasks.connectors.side import Row


@dataclass(frozen=True, slots=True)
class Foreign:
    """A row of dual-write's own: one of its maps, or what its plug-ins were told of a running one.

    Attributes:
        table: logical name of the table, where it is named.
        text: everything that it says, as it says it.
    """

    name: str
    table: str
    text: str


@dataclass(frozen=True, slots=True)
class OtherPrograms:
    """What was found.

    Attributes:
        solutions: those asked for that are installed: unique name → version.
        keys: alternate keys of accounts: name → columns.
        maps: of dual-write, that the environment holds.
        running: dual-write's runtime configuration: one row for each table whose map it runs.
        steps: its enabled plug-in steps: (logical name of the table, name of the step).
    """

    solutions: dict[str, str]
    keys: dict[str, tuple[str, ...]]
    maps: tuple[Foreign, ...]
    running: tuple[Foreign, ...]
    steps: tuple[tuple[str, str], ...]


def other_programs(client: Client, solutions: Sequence[str], assembly: str) -> OtherPrograms:
    """Ask for all signs at once.

    Args:
        solutions: unique names to look for.
        assembly: part of the name of the assembly whose steps are looked for.

    Raises:
        FatalError: one of the questions is refused for another reason than that nothing of the kind is there.
    """
    named = " or ".join(f"uniquename eq {text_literal(name)}" for name in solutions)
    targets = [
        "solutions?" + query({"$select": "uniquename,version", "$filter": named}),
        "EntityDefinitions(LogicalName='account')/Keys?$select=LogicalName,KeyAttributes",
        "msdyn_dualwriteentitymaps?$select=msdyn_name,msdyn_mapping",
        "msdyn_dualwriteruntimeconfigs",
        "sdkmessageprocessingsteps?"
        + query(
            {
                "$select": "name",
                "$filter": f"statecode eq 0 and contains(plugintypeid/assemblyname,{text_literal(assembly)})",
                "$expand": "sdkmessagefilterid($select=primaryobjecttypecode)",
            }
        ),
    ]
    with ThreadPoolExecutor(1) as beside:
        parts = get_parts(client, beside, "metadata", targets, size=len(targets))
    installed, keys, maps, running, steps = (
        [] if part.status == 404 else list(all_rows(client, "metadata", part, target))
        for part, target in zip(parts, targets, strict=True)
    )
    return OtherPrograms(
        {str(row["uniquename"]): str(row["version"]) for row in installed},
        {str(row["LogicalName"]): tuple(row["KeyAttributes"]) for row in keys},
        tuple(
            Foreign(str(row.get("msdyn_name") or ""), "", str(row.get("msdyn_mapping") or "")) for row in maps
        ),
        tuple(_running(row) for row in running),
        tuple((_table(row), str(row.get("name") or "")) for row in steps),
    )


def _running(row: Row) -> Foreign:
    texts: Iterable[str] = (value for value in row.values() if isinstance(value, str))
    return Foreign(str(row.get("msdyn_name") or ""), str(row.get("msdyn_entityname") or ""), " ".join(texts))


def _table(step: Row) -> str:
    return str((step.get("sdkmessagefilterid") or {}).get("primaryobjecttypecode") or "")
