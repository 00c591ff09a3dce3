"""How commands speak: results on stdout, everything else on stderr, one exit code for each kind of outcome."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from mappings.errors import DualflowError, FatalError, MapError

if TYPE_CHECKING:
    from rich.console import Console

OK, FINDINGS, USAGE, FAILED = 0, 1, 2, 3
"""Exit codes: done; something was found; wrong usage or settings; the run failed."""

WIDE = 180
"""Width of tables where stdout is no terminal."""

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON to stdout, and nothing else.")]
Companies = Annotated[
    list[str] | None,
    typer.Option("--company", "-c", help="Company code, may be repeated. Default: those of the settings."),
]


def console() -> Console:
    """Where results go."""
    from rich.console import Console

    # a pipe or a file has no width: a table in it should not be folded to that of a terminal
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDE)


def errors() -> Console:
    """Where progress, notes and errors go."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def note(line: str) -> None:
    """A line for people, on stderr."""
    print(line, file=sys.stderr, flush=True)


def emit(data: Any, as_json: bool, show: Callable[[], None]) -> None:
    """Print a result as JSON, or as people read it."""
    if as_json:
        print(json.dumps(data, default=_plain, ensure_ascii=False, indent=2))
    else:
        show()


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, whole: int = 0) -> None:
    """Print a table; columns of numbers are set to the right, columns that are empty throughout are left out.

    Args:
        whole: so many columns, the first ones, are names that stay on one line; the others make room for them.
    """
    from rich import box
    from rich.table import Table

    given = [list(row) for row in rows]
    used = [at for at in range(len(columns)) if any(row[at] not in ("", None, 0) for row in given)] or [0]
    shown = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for at in used:
        numbers = all(isinstance(row[at], int | float | None) for row in given)
        shown.add_column(
            columns[at],
            justify="right" if numbers else "left",
            overflow="ellipsis" if at < whole else "fold",
            no_wrap=at < whole,
        )
    for row in given:
        shown.add_row(*(_cell(row[at]) for at in used))
    console().print(shown)


def explain(error: DualflowError) -> int:
    """Say on stderr what is wrong and what to do; returns the exit code."""
    if isinstance(error, MapError):
        note(f"error: {error}")
    else:
        note(f"error: {error.message}")
        if advice := error.remedy or _known(error):
            note(f"  → {advice}")
    return USAGE if isinstance(error, FatalError) else FAILED


def _known(error: DualflowError) -> str:
    """What to do about a service's refusal that came without advice."""
    from mappings.troubleshooting.catalogue import advice

    return advice(error.message, str(error.facts.get("service_code") or ""))


def leave(code: int) -> NoReturn:
    """End the command with an exit code."""
    raise typer.Exit(code)


def _cell(value: Any) -> str:
    from rich.markup import escape

    if value is None or value == 0:
        return "" if value is None else "·"
    if isinstance(value, float):
        return f"{value:,.1f}"
    return f"{value:,}" if isinstance(value, int) else escape(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, frozenset | set | tuple):
        return list(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
