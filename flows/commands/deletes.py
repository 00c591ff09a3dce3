"""`dualflow deletes`: what the brake holds, and letting it go."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated

import typer
from rich.table import Table

from flows.console import as_json, say

app = typer.Typer(help="Deletes that wait for a person.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
MapName = Annotated[str, typer.Argument(metavar="MAP", help="Name of the map, as in `dualflow maps list`.")]
Company = Annotated[str | None, typer.Option("--company", help="Only this company.")]


@app.command("list")
def list_(
    name: Annotated[str | None, typer.Argument(metavar="[MAP]", help="Only this map.")] = None,
    json: Json = False,
) -> None:
    """Rows that are gone from one system and still stand in the other, because the brake holds their deletes.

    Example: dualflow deletes list "Customer groups"
    """
    from tasks.sync.approval import held
    from tasks.sync.session import shared_session

    session = shared_session()
    found = held(session.store, session.pair, name)
    if json:
        as_json([asdict(each) for each in found])
        return
    if not found:
        say("Nothing is held.")
        return
    table = Table("map", "company", "rows", "some of them", "why")
    for each in found:
        table.add_row(each.map, each.company, str(each.rows), ", ".join(each.keys), each.reason)
    say(table)
    say("Release them with `dualflow deletes approve MAP`, or restore the rows.")


@app.command()
def approve(
    name: MapName,
    company: Company = None,
    hours: Annotated[float, typer.Option("--hours", help="How long the approval lasts.")] = 24.0,
    json: Json = False,
) -> None:
    """Let the held deletes of a map go through, no more than are held now, and set the map to work again.

    Each row is looked at again before it is deleted: what came back meanwhile stays.

    Example: dualflow deletes approve "Customer groups" --company usmf
    """
    from tasks.sync.approval import approve as release
    from tasks.sync.session import shared_session

    session = shared_session()
    released = release(
        session.store, session.pair, name, company, timedelta(hours=hours), session.seams.now()
    )
    if json:
        as_json([asdict(each) for each in released])
        return
    for each in released:
        place = f"{each.map} {each.company}".strip()
        say(f"{place}: {each.rows} row(s) released; the next `dualflow sync delta` settles them.")
