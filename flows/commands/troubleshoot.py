"""`dualflow troubleshoot`: what is behind an error, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from flows.commands.output import FINDINGS, AsJson, console, emit, leave

SHOWN = 5
"""Problems shown for words that fit several."""


def troubleshoot(
    text: Annotated[
        list[str],
        typer.Argument(
            metavar="TEXT", help="An error as you met it, its code, or a few words of what you see."
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Say what is behind an error of either service or of dual-write, and what to do.

    Needs no settings. Exit code 1 if nothing is known. Example: dualflow troubleshoot "Entity Key Account number violated"
    """
    from mappings.troubleshooting.catalogue import recognize, search

    said = " ".join(text)
    found = recognize(said)
    problems = [found] if found else list(search(said))[:SHOWN]

    def show() -> None:
        if not problems:
            console().print("nothing is known about this; the service's own words are all there is")
        for problem in problems:
            console().print(problem.name.replace("_", " "), style="bold")
            for words in (*problem.texts, problem.symptom):
                if words:
                    console().print(f"  “{words}”", markup=False)
            console().print(f"  why     {problem.cause}", markup=False)
            console().print(f"  remedy  {problem.remedy}", markup=False)
            if problem.here:
                console().print(f"  here    {problem.here}", markup=False)

    emit({"problems": [asdict(problem) for problem in problems]}, as_json, show)
    if not problems:
        leave(FINDINGS)
