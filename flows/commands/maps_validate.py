"""`dualflow maps validate`: are the maps right, by themselves and against both systems?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.commands.choice import Folders
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.installation import installation
from mappings import codes
from mappings.errors import MapError
from mappings.findings import Finding, from_error, in_order, of_catalogue, of_errors
from mappings.model import Map
from mappings.reader import read_map
from mappings.validation import problems
from tasks.sync.settings import load_catalogue

if TYPE_CHECKING:
    from mappings.drift import Drift
    from tasks.sync.validation import LiveValidation


def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="Only these, each on its own.", exists=True),
    ] = None,
    live: Annotated[
        bool,
        typer.Option("--live", help="Also against the metadata of both systems, and what changed there."),
    ] = False,
    remember: Annotated[
        bool,
        typer.Option(
            help="With --live: the next look compares with what this one saw; --no-remember leaves that as it was."
        ),
    ] = True,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings count as errors.")] = False,
    notes: Annotated[bool, typer.Option("--notes", help="Show notes too; --json always has them.")] = False,
    list_codes: Annotated[
        bool, typer.Option("--codes", help="List what is looked for, and what is not and why.")
    ] = False,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Check all maps, alone and together; with --live against both systems.

    Exit code 1 if something is wrong. Example: dualflow maps validate --live --json
    """
    if list_codes:
        _codes(as_json)
        return
    maps, findings = _alone(files, folder)
    seen: LiveValidation | None = None
    if live and maps:
        with installation(note):
            seen = _look(maps, remember)
        findings = [*findings, *seen.findings]
    found = in_order(findings)
    emit(_data(maps, found, seen), as_json, lambda: _show(maps, found, seen, notes))
    counts = Counter(each.severity for each in found)
    if counts["error"] or (strict and counts["warning"]):
        leave(FINDINGS)


def _alone(files: Sequence[Path] | None, folders: list[Path] | None) -> tuple[list[Map], list[Finding]]:
    """The maps that could be read, and what is wrong with them by themselves."""
    maps: list[Map] = []
    findings: list[Finding] = []
    if files:
        for file in files:
            try:
                each = read_map(file)
            except MapError as error:
                findings += of_errors([error])
                continue
            maps.append(each)
            findings += [from_error(error, each) for error in problems(each)]
        return maps, findings
    try:
        catalogue = load_catalogue(folders or (), validate=False)
    except MapError as error:
        return [], list(of_errors([error]))
    return list(catalogue.maps.values()), list(of_catalogue(catalogue))


def _look(maps: Sequence[Map], remember: bool) -> LiveValidation:
    from tasks.sync.settings import load_settings
    from tasks.sync.validation import validate as validate_live

    settings = load_settings()
    chosen = [each for each in maps if not settings.maps or each.name in settings.maps]
    return validate_live(settings, chosen, remember=remember)


def _data(maps: Sequence[Map], found: Sequence[Finding], seen: LiveValidation | None) -> dict[str, Any]:
    counts = Counter(each.severity for each in found)
    return {
        "maps": len(maps),
        "live": seen is not None,
        "errors": counts["error"],
        "warnings": counts["warning"],
        "findings": [each.to_json() for each in found if each.severity != "note"],
        "notes": [each.to_json() for each in found if each.severity == "note"],
        "drift": {
            "first": seen.first,
            "since": seen.since,
            "changes": [{**each.to_json(), "text": each.text} for each in seen.drift],
        }
        if seen is not None
        else None,
    }


def _show(maps: Sequence[Map], found: Sequence[Finding], seen: LiveValidation | None, notes: bool) -> None:
    out = console()
    if seen is not None:
        _show_drift(seen)
    shown = [each for each in found if notes or each.severity != "note"]
    for each in shown:
        style = {"error": "bold red", "warning": "yellow"}.get(each.severity, "dim")
        where = "  ".join(part for part in (_near(each.place), each.field) if part)
        out.print(f"{each.severity} {each.code}  {each.map}", style=style, markup=False, soft_wrap=True)
        out.print(f"  {where}: {each.message}", markup=False, soft_wrap=True)
        if each.remedy:
            out.print(f"  → {each.remedy}", markup=False, soft_wrap=True)
    if shown:
        known = codes.load()
        counts = Counter((each.severity, each.code) for each in shown)
        table(
            "",
            ("", "code", "what", "findings", "maps"),
            [
                (severity, code, known[code].title, count, len({e.map for e in shown if e.code == code}))
                for (severity, code), count in counts.items()
            ],
        )
    out.print(_verdict(maps, found, seen, notes))


def _verdict(maps: Sequence[Map], found: Sequence[Finding], seen: LiveValidation | None, notes: bool) -> str:
    counts = Counter(each.severity for each in found)
    told = [
        f"{counts[severity]} {severity}{'s' if counts[severity] != 1 else ''}"
        for severity in ("error", "warning")
        if counts[severity]
    ]
    if counts["note"]:
        told.append(f"{counts['note']} notes" + ("" if notes else " (--notes shows them)"))
    against = " and fit both systems" if seen is not None else ""
    if counts["error"] or counts["warning"]:
        return f"{len(maps)} maps: {', '.join(told)}"
    return ", ".join([f"{len(maps)} maps are right{against}", *told])


def _show_drift(seen: LiveValidation) -> None:
    out = console()
    if seen.first:
        out.print("First look at these systems: from now on it is told what changes.")
        return
    touching = [each for each in seen.drift if each.touches]
    if seen.drift:
        since = f" since {seen.since:%F %H:%M} UTC" if seen.since else ""
        count = len(seen.drift)
        out.print(
            f"{count} change{'s' if count != 1 else ''} in both systems{since}, {len(touching)} touching maps:"
        )
        table(
            "",
            ("side", "change", "maps", "field pairs"),
            [(each.side, each.text, _maps(each), _pairs(each)) for each in touching],
        )
    else:
        out.print("Nothing changed in both systems since the last look.")


def _maps(each: Drift) -> str:
    return ", ".join(each.touches or ())


def _pairs(each: Drift) -> str:
    return ", ".join(dict.fromkeys(pair for pairs in (each.touches or {}).values() for pair in pairs))


def _near(place: str) -> str:
    """A path as it is seen from here, if it is below."""
    here = f"{Path.cwd()}/"
    return place.removeprefix(here)


def _codes(as_json: bool) -> None:
    known = codes.load().values()

    def show() -> None:
        table(
            "What validation looks for",
            ("code", "severity", "what", "looked for in", "not looked for, because"),
            [
                (each.code, each.severity, each.title, ", ".join(each.checked), each.not_checked)
                for each in known
            ],
        )

    emit([_code(each) for each in known], as_json, show)


def _code(each: codes.Code) -> dict[str, Any]:
    return {
        "code": each.code,
        "title": each.title,
        "severity": each.severity,
        "remedy": each.remedy,
        "checked": list(each.checked),
        "not_checked": each.not_checked,
    }
