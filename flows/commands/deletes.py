"""`dualflow deletes`: what the brake holds, and letting it go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.commands.status import pair_of
from flows.installation import installation

app = typer.Typer(help="Deletes that wait for a person's word.", no_args_is_help=True)

SIDES = {"fno": "F&O", "dataverse": "Dataverse", None: ""}


@app.command("list")
def list_(
    map_: Annotated[str | None, typer.Argument(metavar="[MAP]", help="One map only.")] = None,
    as_json: AsJson = False,
) -> None:
    """List what is held: rows that are gone from one side and would be deleted on the other, and lanes that stand still.

    Exit code 1 if there is anything. Example: dualflow deletes list
    """
    with installation(note):
        from tasks.state.store import Store
        from tasks.sync.approval import held
        from tasks.sync.settings import load_settings

        settings = load_settings()
        with Store.open(settings.state_url) as store:
            found = held(store, pair_of(store, settings.fno_url), map_)

    def show() -> None:
        if not found:
            console().print("nothing is held")
            return
        rows = [
            (each.map, each.company, SIDES[each.gone_from], each.rows, ", ".join(each.keys), each.reason)
            for each in found
        ]
        table("Held", ("map", "company", "gone from", "rows", "such as", "why"), rows)
        console().print("Let them go with: dualflow deletes approve MAP --company CODE")

    emit({"held": [asdict(each) for each in found]}, as_json, show)
    if found:
        leave(FINDINGS)


@app.command()
def approve(
    map_: Annotated[str, typer.Argument(metavar="MAP", help="Name of the map.")],
    company: Annotated[str | None, typer.Option("--company", "-c", help="One company only.")] = None,
    hours: Annotated[float, typer.Option(help="How long the approval holds.", min=0.1)] = 24,
    as_json: AsJson = False,
) -> None:
    """Let a map go on: the rows that `deletes list` shows may be deleted, no more than those.

    The next delta run does it, and looks at each row once more before. Example: dualflow deletes approve "Customer groups" -c usmf
    """
    with installation(note):
        from tasks.state.store import Store
        from tasks.sync.approval import approve as let_go
        from tasks.sync.settings import load_settings

        settings = load_settings()
        settings.catalogue().get(map_)
        with Store.open(settings.state_url) as store:
            pair = pair_of(store, settings.fno_url)
            done = let_go(store, pair, map_, company, timedelta(hours=hours), datetime.now(UTC))

    def show() -> None:
        for each in done:
            what = f"{each.rows} deletes" if each.rows else "the changes that a scan found"
            console().print(
                f"{each.map}{f', company {each.company}' if each.company else ''}: {what} may go on"
            )
        console().print("The next delta run does it: dualflow sync delta")

    emit({"approved": [asdict(each) for each in done]}, as_json, show)
