"""`dualflow maps`: the catalogue, read without touching any system."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
from rich.table import Table

from flows.console import as_json, say

if TYPE_CHECKING:
    from mappings.catalogue import Catalogue
    from mappings.errors import MapError
    from mappings.model import FieldPair, Map

app = typer.Typer(help="The maps: what is synced, and how.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else.")]
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder", envvar="DUALFLOW_MAPS_FOLDER", help="Folder of your own maps, beside the shipped."
    ),
]


def _catalogue(folder: Path | None, *, validate: bool = True) -> Catalogue:
    from mappings.catalogue import Catalogue

    return Catalogue.load([folder] if folder else [], validate=validate)


def _summary(each: Map) -> dict[str, Any]:
    pairs = each.compared
    return {
        "map": each.name,
        "version": each.version,
        "area": each.area,
        "solution": each.solution,
        "fno": each.fno.set,
        "fno_key": list(each.fno.key),
        "dataverse": each.dataverse.table,
        "key": list(each.dataverse.key),
        "company": each.dataverse.company,
        "both": sum(pair.to_fno and pair.to_dataverse for pair in pairs),
        "to_dataverse": sum(pair.to_dataverse and not pair.to_fno for pair in pairs),
        "to_fno": sum(pair.to_fno and not pair.to_dataverse for pair in pairs),
        "constants": len(each.constants),
        "verified": each.verified,
    }


@app.command("list")
def list_(folder: Folder = None, json: Json = False) -> None:
    """Every active map, in the order of the initial sync.

    Example: dualflow maps list --json
    """
    catalogue = _catalogue(folder)
    maps = [catalogue.maps[name] for wave in catalogue.order() for name in wave]
    if json:
        as_json([_summary(each) for each in maps])
        return
    table = Table("map", "F&O", "Dataverse", "area", "= > <", "per company")
    for each in maps:
        row = _summary(each)
        table.add_row(
            each.name,
            each.fno.set,
            each.dataverse.table,
            each.area,
            f"{row['both']} {row['to_dataverse']} {row['to_fno']}",
            "yes" if each.company_specific else "",
        )
    say(table)
    say(f"{len(maps)} maps. = both ways, > to Dataverse, < to F&O. More: `dualflow maps show MAP`.")


@app.command()
def show(
    name: Annotated[str, typer.Argument(metavar="MAP", help="Name of the map.")],
    folder: Folder = None,
    json: Json = False,
) -> None:
    """One map: keys, filters, field pairs, what it depends on.

    Example: dualflow maps show "Customers V3 to accounts"
    """
    catalogue = _catalogue(folder)
    each = catalogue.get(name)
    if json:
        as_json(
            {
                **_summary(each),
                "file": str(each.file) if each.file else None,
                "filters": {"fno": each.fno.filter, "dataverse": each.dataverse.filter},
                "parents": sorted(parent.name for parent in catalogue.parents(each)),
                "deferred": sorted(parent.name for parent in catalogue.deferred(each)),
                "pairs": [pair.id for pair in each.fields],
            }
        )
        return
    say(f"{each.name} ({each.area}, {each.solution}, form {each.version})", style="bold")
    if each.about:
        say(each.about)
    say(f"F&O {each.fno.set}, key {', '.join(each.fno.key)}, filter {each.fno.filter or 'none'}")
    say(
        f"Dataverse {each.dataverse.table}, key {', '.join(each.dataverse.key)}, filter {each.dataverse.filter or 'none'}"
    )
    parents = sorted(parent.name for parent in catalogue.parents(each))
    say(f"after: {', '.join(parents) or 'nothing'}")
    deferred = sorted(parent.name for parent in catalogue.deferred(each))
    if deferred:
        say(f"patched when they come: {', '.join(deferred)}")
    table = Table("F&O", "", "Dataverse", "value")
    for pair in each.fields:
        table.add_row(pair.fno or "", pair.symbol, pair.dataverse or "", _value(pair))
    say(table)


def _value(pair: FieldPair) -> str:
    if pair.constant is not None:
        return f"= {pair.constant}"
    parts = [f"{left}: {right}" for left, right in (pair.values or {}).items()]
    if pair.default is not None:
        parts.append(f"default {pair.default}")
    return ", ".join(parts[:4]) + (" …" if len(parts) > 4 else "")


@app.command()
def validate(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Only these files, each on its own.")
    ] = None,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Check the maps, each alone and all together; exit code 1 if something is wrong.

    Example: dualflow maps validate --folder my-maps
    """
    from mappings.errors import MapError

    found: list[MapError] = []
    warnings: tuple[str, ...] = ()
    count = 0
    try:
        if files:
            from mappings import validation
            from mappings.reader import read_map

            for file in files:
                found += validation.problems(read_map(file))
                count += 1
        else:
            catalogue = _catalogue(folder, validate=False)
            count = len(catalogue.maps)
            found += catalogue.problems()
            warnings = catalogue.warnings()
    except MapError as unreadable:
        found += [unreadable, *unreadable.also]
    if json:
        as_json(
            {
                "maps": count,
                "problems": [_problem(error) for error in found],
                "warnings": list(warnings),
            }
        )
    else:
        for error in found:
            say(str(error), style="red")
        for warning in warnings:
            say(f"note: {warning}", style="dim")
        say(f"{count} maps, {len(found)} problem(s).")
    if found:
        raise typer.Exit(1)


def _problem(error: MapError) -> dict[str, Any]:
    return {
        "file": error.file,
        "line": error.line,
        "field": error.field,
        "code": error.code,
        "message": error.problem,
        "remedy": error.remedy,
    }


@app.command()
def graph(
    form: Annotated[
        Literal["mermaid", "svg"], typer.Option("--format", help="mermaid for documents, svg to look at.")
    ] = "mermaid",
    area: Annotated[
        str | None, typer.Option("--area", help="Only the maps of one area and what they need.")
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Write to this file.")] = None,
    folder: Folder = None,
    json: Json = False,
) -> None:
    """Draw which map needs which; deferred references are dashed.

    Example: dualflow maps graph --format svg -o maps.svg
    """
    from flows.drawing import mermaid, svg

    catalogue = _catalogue(folder)
    names = set(catalogue.maps)
    if area is not None:
        own = [each.name for each in catalogue.maps.values() if each.area.casefold() == area.casefold()]
        if not own:
            areas = sorted({each.area for each in catalogue.maps.values()})
            raise typer.BadParameter(f"no map of area {area!r}; there are {', '.join(areas)}")
        names = {*own, *catalogue.related(own)}
    waves = [[name for name in wave if name in names] for wave in catalogue.order()]
    edges = sorted(
        {
            (edge.parent, edge.child, edge.deferred)
            for edge in catalogue.graph_edges()
            if edge.parent in names and edge.child in names and edge.kind != "company"
        }
    )
    if json:
        as_json(
            {
                "waves": waves,
                "edges": [{"from": parent, "to": child, "deferred": late} for parent, child, late in edges],
            }
        )
        return
    text = mermaid(waves, edges) if form == "mermaid" else svg(waves, edges)
    if out is None:
        typer.echo(text)
    else:
        out.write_text(text, encoding="utf-8")
        say(f"Written to {out}.")
