"""`dualflow check`: is everything in both environments as it has to be?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.choice import Areas, MapNames, Related, Solutions
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note
from flows.installation import installation
from mappings.metadata import SIDE_NAMES

if TYPE_CHECKING:
    from rich.console import Console

    from tasks.sync.health.examine import Examination, Looked
    from tasks.sync.health.finding import Finding

STYLES = {"error": "bold red", "warning": "yellow", "note": "cyan"}
SHOWN = 4
"""Names of maps that a finding shows."""


def check(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    related: Related = False,
    write_probe: Annotated[
        bool,
        typer.Option(
            "--write-probe",
            help="Also create, read, change and delete one row on each side, and tell what came of it.",
        ),
    ] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    as_json: AsJson = False,
) -> None:
    """Look at both environments and the state: versions, users, privileges, solutions, tables, keys, companies, other engines.

    Nothing is written unless --write-probe is given. Each finding says what was expected, what was found and what to do; what
    can't be reached doesn't keep the rest from being looked at. Exit code 1 if there are errors; warnings and notes leave it 0.
    Example: dualflow check --area Customers
    """
    with installation(note):
        from mappings.selection import choose, with_related
        from tasks.sync.health.examine import examine
        from tasks.sync.settings import load_settings

        settings = load_settings()
        catalogue = settings.catalogue()
        chosen = choose(catalogue, maps or (), area or (), solution or (), within=settings.maps)
        if related:
            chosen = with_related(catalogue, chosen)
        found = examine(settings, chosen, catalogue=catalogue, write_probe=write_probe)
    emit(found.to_json(), as_json, lambda: _show(found))
    if found.count("error") or (strict and found.count("warning")):
        leave(FINDINGS)


def _show(found: Examination) -> None:
    out = console()
    for name, text in found.told.items():
        out.print(f"{name}: {text}", style="dim", markup=False, soft_wrap=True)
    for each in found.looked:
        _show_check(out, each)
    for name, findings in found.blocked.items():
        codes = ", ".join(dict.fromkeys(each.code for each in findings))
        out.print(f"must not start: {name} ({codes})", style="bold red", markup=False, soft_wrap=True)
    out.print("")
    out.print(found.summary, markup=False, soft_wrap=True)


def _show_check(out: Console, looked: Looked) -> None:
    title = looked.check.title
    if looked.passed_over:
        out.print(f"?  {title}: not looked at, {looked.passed_over}", style="yellow", markup=False)
        return
    if not looked.findings:
        out.print(f"✓  {title}", style="green", markup=False)
        return
    worst = min(looked.findings, key=lambda each: each.order).severity
    mark = {"error": "✗", "warning": "!", "note": "✓"}[worst]
    out.print(f"{mark}  {title}", style=STYLES[worst] if worst != "note" else "green", markup=False)
    for finding in sorted(looked.findings, key=lambda each: each.order):
        _show_finding(out, finding)


def _show_finding(out: Console, finding: Finding) -> None:
    heading = f"   {finding.severity} {finding.code}  {finding.subject}{_of(finding)}"
    out.print(heading, style=STYLES[finding.severity], markup=False, soft_wrap=True)
    out.print(f"     expected {finding.expected}", markup=False, soft_wrap=True)
    out.print(f"     found    {finding.found}", markup=False, soft_wrap=True)
    if finding.maps:
        out.print(f"     maps     {_names(finding.maps)}", markup=False, soft_wrap=True)
    out.print(f"     → {finding.remedy}", markup=False, soft_wrap=True)


def _of(finding: Finding) -> str:
    place = {**SIDE_NAMES, "both": "both systems", "here": ""}[finding.side]
    return f" ({place})" if place and place != finding.subject else ""


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
