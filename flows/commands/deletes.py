"""`dualflow deletes`: what the brake holds, and letting it go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flows.commands.choice import MapName, OneCompany
from flows.commands.opened import opened
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, table
from mappings.metadata import SIDE_NAMES

app = typer.Typer(help="Deletes that wait for a person's word.", no_args_is_help=True)


@app.command("list")
def list_(
    map_: Annotated[str | None, typer.Argument(metavar="[MAP]", help="One map only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is held: rows that are gone from one side and would be deleted on the other, and lanes that stand still.

    Exit code 1 if there is anything. Example: dualflow deletes list
    """
    with opened() as here:
        from tasks.sync.approval import held

        found = held(here.store, here.pair, here.map_name(map_))

    def show() -> None:
        if not found:
            console().print("nothing is held")
            return
        rows = [
            (
                each.map,
                each.company,
                SIDE_NAMES.get(each.gone_from or "", ""),
                each.rows,
                ", ".join(each.keys),
                each.reason,
            )
            for each in found
        ]
        table("Held", ("map", "company", "gone from", "rows", "such as", "why"), rows)
        console().print("Let them go with: dualflow deletes approve MAP --company CODE")

    emit({"held": [asdict(each) for each in found]}, as_json, show)
    if found:
        leave(FINDINGS)


@app.command()
def approve(
    map_: MapName,
    company: OneCompany = None,
    hours: Annotated[float, typer.Option(help="How long the approval holds.", min=0.1)] = 24,
    as_json: AsJson = False,
) -> None:
    """Let a map go on: the rows that `deletes list` shows may be deleted, no more than those.

    The next delta run does it, and looks at each row once more before. Example: dualflow deletes approve "Customer groups" -c usmf
    """
    with opened() as here:
        from tasks.sync.approval import approve as let_go

        name = here.catalogue.get(map_).name
        done = let_go(here.store, here.pair, name, company, timedelta(hours=hours), datetime.now(UTC))

    def show() -> None:
        for each in done:
            what = f"{each.rows} deletes" if each.rows else "the changes that a scan found"
            console().print(
                f"{each.map}{f', company {each.company}' if each.company else ''}: {what} may go on"
            )
        console().print("The next delta run does it: dualflow sync delta")

    emit({"approved": [asdict(each) for each in done]}, as_json, show)
