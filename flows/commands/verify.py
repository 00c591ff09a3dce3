"""`dualflow verify`: are both systems equal?"""

from __future__ import annotations

from typing import Annotated

import typer

from flows.commands.output import FINDINGS, AsJson, Companies, console, emit, leave, note, table
from flows.installation import installation


def verify(
    maps: Annotated[list[str] | None, typer.Argument(help="Names of maps. Default: all.")] = None,
    company: Companies = None,
    limit: Annotated[int, typer.Option(help="How many differences to list; all are counted.")] = 1000,
    as_json: AsJson = False,
) -> None:
    """Read both systems afresh and compare every row that they should share.

    Exit code 1 if they differ. Example: dualflow verify "Customer groups" --company usmf --json
    """
    with installation(note):
        from tasks.sync import verify as comparison
        from tasks.sync.session import Session

        found = comparison.verify(Session.open(), maps, company, limit=limit)

    def show() -> None:
        if found.details:
            rows = [
                (each.map, each.company, each.key, each.kind, ", ".join(each.fields))
                for each in found.details
            ]
            table("Differences", ("map", "company", "key", "what", "fields"), rows)
        console().print(summary(found))

    emit(found.to_json(), as_json, show)
    if found.differences:
        leave(FINDINGS)


def summary(found: object) -> str:
    """The result in one line."""
    from tasks.sync.verify import Verification

    assert isinstance(found, Verification)
    more = [
        f"{number:,} {word}"
        for number, word in (
            (found.normalized, "normalized by a service"),
            (found.orphans, "only in Dataverse, of one-way maps"),
            (found.out_of_scope, "out of scope"),
        )
        if number
    ]
    tail = f" ({', '.join(more)})" if more else ""
    return (
        f"{found.maps} maps, {found.rows_compared:,} rows compared: {found.differences:,} differences{tail}"
    )
