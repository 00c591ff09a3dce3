"""What commands print: tables and sentences for people, JSON for programs."""

from __future__ import annotations

from typing import Any

import msgspec
import typer
from rich.console import Console, RenderableType

console = Console()
"""Standard output. Text is never read as markup: keys and messages may hold square brackets."""


def say(what: RenderableType, style: str | None = None) -> None:
    """Print a sentence or a table."""
    console.print(what, style=style, markup=False, highlight=False, soft_wrap=isinstance(what, str))


def as_json(value: Any) -> None:
    """Print a value as JSON, and nothing else."""
    typer.echo(msgspec.json.format(msgspec.json.encode(value)).decode())
