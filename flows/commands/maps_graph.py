"""`dualflow maps graph`: a picture of which map needs which."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from flows import drawing
from flows.commands.choice import Areas, Folders, MapNames, Related, Solutions
from flows.commands.output import AsJson, emit, note
from mappings.catalogue import Catalogue
from mappings.selection import choose, with_related
from tasks.sync.settings import load_catalogue

Form = Literal["mermaid", "svg", "dot"]
_ENDINGS: dict[str, Form] = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".mmd": "mermaid", ".md": "mermaid"}


def graph(
    maps: MapNames = None,
    area: Areas = None,
    solution: Solutions = None,
    more: Annotated[
        list[str] | None, typer.Option("--map", help="A map, the same as to name it; repeatable.")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="What to write.")] = "mermaid",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; its ending tells the format.")
    ] = None,
    related: Related = True,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Draw which map needs which: solid arrows order the initial sync, dotted ones are patched afterwards.

    An arrow that others already imply is left out. Example: dualflow maps graph --area Customers -o customers.svg
    """
    catalogue = load_catalogue(folder or ())
    picked = choose(catalogue, [*(maps or ()), *(more or ())], area or (), solution or ())
    names = {each.name for each in (with_related(catalogue, picked) if related else picked)}
    if as_json:
        emit(_data(catalogue, names), True, lambda: None)
        return
    if output is not None:
        form = _ENDINGS.get(output.suffix.lower(), form)
    draw = {"mermaid": drawing.mermaid, "svg": drawing.svg, "dot": drawing.dot}[form]
    text = draw(catalogue, names)
    if output is None:
        print(text)
    else:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(text, encoding="utf-8")
        note(f"{len(names)} maps drawn into {output}")


def _data(catalogue: Catalogue, names: Collection[str]) -> dict[str, Any]:
    direct, patched = drawing.arrows(catalogue, names)
    edges = [{"from": parent, "to": child, "patched": False} for parent, child in direct]
    edges += [{"from": parent, "to": child, "patched": True} for parent, child in patched]
    waves = [[name for name in wave if name in names] for wave in catalogue.order()]
    return {"waves": [wave for wave in waves if wave], "edges": edges}
