"""`dualflow relink`: pair rows anew after a system was restored, or replaced by a copy."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flows.commands.choice import Areas, MapNames, Solutions
from flows.commands.output import FAILED, AsJson, Companies, console, emit, leave, note, table
from flows.commands.sync import report_of
from flows.installation import installation
from flows.prefect_server import prefect_api

COLUMNS = (
    "map",
    "company",
    "F&O rows",
    "Dataverse rows",
    "paired",
    "different",
    "on one side only",
    "listed",
    "note",
)


def relink(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    company: Companies = None,
    reset: Annotated[
        bool,
        typer.Option(
            "--reset",
            help="Also maps that run as if nothing had happened (they forget their rows first), and all that ran between the two"
            " systems that both of these are copies of.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """After a restore or a copy of either system: find out by key which rows belong together. Writes to neither system.

    Without --reset, only maps are worked on that were stopped because a system went back in time or is another one. Differences are
    listed and left alone. Exit code 3 if a map failed. Example: dualflow relink --area Customers
    """
    with installation(note), prefect_api():
        from flows.commands.screen import screen
        from flows.relink import relink as flow

        with screen("relink"):
            state = flow(
                maps=maps,
                areas=area,
                solutions=solution,
                companies=company,
                reset=reset,
                return_state=True,
            )
        report = report_of(state)
    emit(report, as_json, lambda: _show(report, str(state.message or "")))
    if report["verdict"] != "ok":
        leave(FAILED)


def _show(report: dict[str, Any], message: str) -> None:
    if not report["lanes"]:
        console().print(f"{message}; --reset does it for maps that run, too")
        return
    table(message, COLUMNS, [_row(lane) for lane in report["lanes"]], whole=1)
    different = sum(lane["counts"].get("no_base", 0) for lane in report["lanes"])
    single = sum(lane["counts"].get("out_of_scope", 0) for lane in report["lanes"])
    if different:
        console().print(
            f"{different:,} rows differ: `dualflow conflicts list` has them; choose there, or the policy of their map decides when"
            " they change next (`hold`: they wait for you)"
        )
    if single:
        console().print(
            f"{single:,} rows stand on one side only, or are of no concern to their map: `dualflow plan` says which would be made"
        )


def _row(lane: dict[str, Any]) -> tuple[Any, ...]:
    counts = lane["counts"]
    shown = ("read_fno", "read_dataverse", "paired", "no_base", "out_of_scope")
    return (
        lane["map"],
        lane["company"],
        *(counts.get(name, 0) for name in shown),
        lane["parked"],
        lane["message"],
    )
