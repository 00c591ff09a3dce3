"""`dualflow demo`: the main job on two rehearsal systems, from the first row to the proof that both are equal."""

from __future__ import annotations

import shutil
import time
from typing import Annotated, Any, Literal

import typer

from flows.commands.output import FAILED, OK, AsJson, console, emit, leave, note, table
from flows.installation import DEMO, FOLDER, SEED, rehearsal
from flows.local_sandbox import LocalSandbox, arguments_of
from flows.prefect_server import prefect_api, running_server, settle_environment
from mappings.errors import FatalError
from mappings.metadata import SIDE_NAMES

SMALL = 2_000


def demo(
    scale: Annotated[
        Literal["full", "small"], typer.Option(help="About 20,000 rows, or a tenth of them.")
    ] = "full",
    keep: Annotated[bool, typer.Option("--keep", help="Leave the sandbox running.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show everything on two rehearsal systems: initial sync, edits on both sides, delta sync, comparison.

    Begins with fresh data each time and never touches a real environment. Exit code 0 only if every edit arrived and both
    systems are equal in the end. Example: dualflow demo --scale small
    """
    started = time.monotonic()
    sandbox = _fresh()
    serve = arguments_of(SEED, SMALL if scale == "small" else 0)
    if keep:
        sandbox.start(*serve, survives=True)
    note("1  Two systems on this machine: F&O and Dataverse of a trading group with three companies")
    found: dict[str, Any] = {}
    with rehearsal(sandbox, _detail, *serve):
        found["rows"] = {side: sum(sets.values()) for side, sets in sandbox.admin("GET", "sets").items()}
        _detail(f"{found['rows']['fno']:,} rows in F&O, {found['rows']['dataverse']:,} in Dataverse")
        note("2  Initial sync, a Prefect flow with a task for each map")
        with prefect_api():
            found["initial"] = _initial()
            note("3  A working day: users edit and delete rows on both sides, the delta sync follows")
            found |= _delta()
        note("4  Both systems read afresh and compared, row by row")
        found["verify"] = _verify()
    found["problems"] = _problems(found)
    found["ok"] = not found["problems"]
    found["seconds"] = round(time.monotonic() - started, 1)
    emit(found, as_json, lambda: _show(found))
    if keep:
        note(
            "the sandbox runs on: `dualflow status`, `dualflow verify` use it, `dualflow sandbox stop` ends it"
        )
    leave(OK if found["ok"] else FAILED)


def _fresh() -> LocalSandbox:
    """The demo's sandbox without data and without state.

    Raises:
        FatalError: `dualflow up` is working with it.
    """
    settle_environment(FOLDER)
    if running_server():
        raise FatalError(
            f"`dualflow up` is working with {DEMO}",
            code="in_use",
            remedy="end it with Ctrl-C there, then try again",
        )
    sandbox = LocalSandbox(DEMO)
    if sandbox.exists:
        sandbox.stop()
        shutil.rmtree(DEMO)
    return sandbox


def _initial() -> dict[str, Any]:
    from flows.commands.screen import screen
    from flows.commands.sync import report_of
    from flows.initial_sync import initial_sync

    with screen("initial sync"):
        report = report_of(initial_sync(return_state=True))
    _detail(f"{report['message']}, in {report['seconds']:.1f} s")
    return report


def _delta() -> dict[str, Any]:
    from flows.commands.screen import screen
    from flows.commands.sync import report_of
    from flows.delta_sync import delta_sync
    from flows.edits import WorkingDay, make_all, watching
    from flows.rehearsal import User

    edits = WorkingDay(User()).edits()
    make_all(edits)
    _detail(f"{len(edits)} edits made")
    with screen("delta sync"), watching(edits):
        report = report_of(delta_sync(return_state=True))
    _detail(f"{report['message']}, in {report['seconds']:.1f} s")
    told = [
        {
            "edit": edit.what,
            "side": edit.side,
            "arrived": edit.seen_at is not None,
            "seconds": None if edit.seconds is None else round(edit.seconds, 1),
        }
        for edit in edits
    ]
    return {"edits": told, "delta": report}


def _verify() -> dict[str, Any]:
    from flows.commands.verify import summary
    from tasks.sync.session import shared_session
    from tasks.sync.verify import verify

    found = verify(shared_session())
    _detail(summary(found))
    return found.to_json()


def _problems(found: dict[str, Any]) -> list[str]:
    """Everything that did not hold."""
    problems = [
        f"{name} sync: {found[name]['message']}"
        for name in ("initial", "delta")
        if found[name]["verdict"] != "ok"
    ]
    parked = {(lane["map"], lane["company"]): lane["parked"] for lane in found["initial"]["lanes"]}
    parked |= {(lane["map"], lane["company"]): lane["parked"] for lane in found["delta"]["lanes"]}
    problems += [
        f"{number} rows of {name} {company} are parked"
        for (name, company), number in parked.items()
        if number
    ]
    problems += [f"did not arrive: {edit['edit']}" for edit in found["edits"] if not edit["arrived"]]
    if found["verify"]["differences"]:
        problems.append(f"{found['verify']['differences']} differences")
        problems += [
            f"  {each['map']} {each['company']} {each['key']}: {each['kind']} {', '.join(each['fields'])}"
            for each in found["verify"]["details"][:20]
        ]
    return problems


def _show(found: dict[str, Any]) -> None:
    table(
        "What users did, and when it was on the other side",
        ("edit", "made in", "arrived", "seconds"),
        [
            (edit["edit"], SIDE_NAMES[edit["side"]], "yes" if edit["arrived"] else "NO", edit["seconds"])
            for edit in found["edits"]
        ],
    )
    table("What was written", ("map", "direction", "rows", "seconds"), _written(found))
    out = console()
    for problem in found["problems"]:
        out.print(problem, markup=False, soft_wrap=True)
    checked = found["verify"]
    out.print(
        f"{checked['rows_compared']:,} rows compared, {checked['differences']} differences; {found['seconds']:.0f} s in all",
        style="bold green" if found["ok"] else "bold red",
    )


def _written(found: dict[str, Any]) -> list[tuple[str, str, int, float | None]]:
    """Rows written by map and direction, over both runs; the seconds are the map's own, tasks run beside each other."""
    rows: dict[tuple[str, str], int] = {}
    seconds: dict[str, float] = {}
    for run in ("initial", "delta"):
        for lane in found[run]["lanes"]:
            name, counts = lane["map"], lane["counts"]
            seconds[name] = seconds.get(name, 0.0) + counts["seconds"]
            for side, way in (("dataverse", "F&O → Dataverse"), ("fno", "Dataverse → F&O")):
                written = sum(counts.get(f"{kind}_{side}", 0) for kind in ("created", "updated", "deleted"))
                rows[name, way] = rows.get((name, way), 0) + written
    shown: list[tuple[str, str, int, float | None]] = []
    for (name, way), number in rows.items():
        if number or way.startswith("F&O"):
            shown.append((name, way, number, seconds.pop(name, None)))
    return shown


def _detail(line: str) -> None:
    note(f"   {line}")
