"""`dualflow sync`: run a flow here and now."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.choice import Areas, MapNames, Related, Solutions
from flows.commands.output import FAILED, AsJson, Companies, console, emit, leave, note, table
from flows.installation import installation
from flows.prefect_server import prefect_api

if TYPE_CHECKING:
    from prefect import State

app = typer.Typer(
    help="Run a sync here and now, on record in Prefect like every other.", no_args_is_help=True
)

Mode = Literal["automatic", "both", "to-dataverse", "to-fno", "link"]


@app.command()
def initial(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    company: Companies = None,
    mode: Annotated[
        Mode, typer.Option(help="Who gets rows and values of whom; link pairs and writes nothing.")
    ] = "automatic",
    related: Related = True,
    as_json: AsJson = False,
) -> None:
    """Bring both systems to where they are equal, in the order of the lookups; safe to run again at any time.

    Maps by name, area or solution, with what they depend on. Exit code 3 if a map failed; the others were worked on.
    Example: dualflow sync initial --area Customers --company usmf
    """
    with installation(note), prefect_api():
        from flows.commands.screen import screen
        from flows.initial_sync import initial_sync

        with screen("initial sync"):
            state = initial_sync(
                maps=maps,
                areas=area,
                solutions=solution,
                companies=company,
                mode=mode,
                related=related,
                return_state=True,
            )
        finish(state, as_json)


@app.command()
def delta(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    company: Companies = None,
    related: Related = True,
    linger: Annotated[float, typer.Option(help="Seconds to keep watch after the first pass.", min=0)] = 0,
    as_json: AsJson = False,
) -> None:
    """Bring what changed on either side to the other.

    A scheduled run at work is asked to hand over. Exit code 3 if a map failed. Example: dualflow sync delta --json
    """
    with installation(note), prefect_api():
        from flows.commands.screen import screen
        from flows.delta_sync import delta_sync

        with screen("delta sync"):
            state = delta_sync(
                maps=maps,
                areas=area,
                solutions=solution,
                companies=company,
                related=related,
                linger=linger,
                return_state=True,
            )
        finish(state, as_json)


def finish(state: State[Any], as_json: bool) -> None:
    """Print what a run did, and end with its exit code.

    Raises:
        DualflowError: why it could not run at all.
    """
    report = report_of(state)
    emit(report, as_json, lambda: show(report, str(state.message or "")))
    if report.get("verdict") != "ok":
        leave(FAILED)


def report_of(state: State[Any]) -> dict[str, Any]:
    """What a finished flow run reports.

    Raises:
        Exception: what ended it before it could report.
    """
    from flows.report import RunFailed

    found: Any = state.result(raise_on_failure=False)
    if isinstance(found, RunFailed):
        return found.report
    if isinstance(found, BaseException):
        raise found
    return found or {"verdict": "ok", "message": state.message, "lanes": [], "remedies": []}


COUNTS = (
    "read_fno",
    "read_dataverse",
    "created_dataverse",
    "updated_dataverse",
    "deleted_dataverse",
    "created_fno",
    "updated_fno",
    "deleted_fno",
    "equal",
    "conflicts",
)


def show(report: dict[str, Any], message: str) -> None:
    """A table of what each map did, over all companies, and what to do where something is left."""
    table(
        message,
        (
            "map",
            "read F&O",
            "read DV",
            "new → DV",
            "changed → DV",
            "gone → DV",
            "new → F&O",
            "changed → F&O",
            "gone → F&O",
            "equal",
            "conflicts",
            "waiting",
            "parked",
            "seconds",
        ),
        by_map(report["lanes"]),
    )
    for lane in report["lanes"]:
        if lane["verdict"] in ("failed", "error"):
            company = f" ({lane['company']})" if lane["company"] else ""
            note(f"{lane['map']}{company}: {lane['message']}")
    for line in report["remedies"]:
        console().print(f"parked: {line}", markup=False, soft_wrap=True)


def by_map(lanes: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Rows of a table, one a map: its lanes added up."""
    sums: dict[str, list[float]] = {}
    for lane in lanes:
        numbers = [lane["counts"].get(name, 0) for name in COUNTS]
        numbers += [lane["waiting"], lane["parked"], lane["counts"]["seconds"]]
        so_far = sums.setdefault(lane["map"], [0] * len(numbers))
        sums[lane["map"]] = [old + new for old, new in zip(so_far, numbers, strict=True)]
    return [(name, *numbers[:-1], float(numbers[-1])) for name, numbers in sums.items()]
