"""`dualflow maps`: what the maps say, whether they are right, and how they depend on each other."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from flows import drawing
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from mappings.catalogue import Catalogue
from mappings.errors import FatalError, MapError
from mappings.model import Map
from mappings.reader import read_map
from mappings.validation import problems
from tasks.sync.settings import load_catalogue

app = typer.Typer(
    help="The maps: list, show, check, draw them. Nothing here needs a system.", no_args_is_help=True
)

Folders = Annotated[
    list[Path] | None,
    typer.Option("--folder", help="Folder of your own maps. Default: DUALFLOW_MAPS_FOLDER.", exists=False),
]
Areas = Annotated[
    list[str] | None, typer.Option("--area", help="Maps of this business area only, may be repeated.")
]


@app.command("list")
def list_(area: Areas = None, folder: Folders = None, as_json: AsJson = False) -> None:
    """List the active maps in the order of an initial sync.

    Example: dualflow maps list --area Customers
    """
    chosen = _chosen(_catalogue(folder), None, area)

    def show() -> None:
        rows = [
            (each.name, each.area, each.fno.set, each.dataverse.table, *_directions(each).values())
            for each in chosen
        ]
        table(
            f"{len(chosen)} maps: field pairs both ways (=), to Dataverse (>), to F&O (<)",
            ("map", "area", "F&O", "Dataverse", "=", ">", "<"),
            rows,
        )

    emit([_summary(each) for each in chosen], as_json, show)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of the map.")],
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Show one map: keys, filters, field pairs, lookups, policies.

    Example: dualflow maps show "Customer groups"
    """
    catalogue = _catalogue(folder)
    each = catalogue.get(name)

    def print_map() -> None:
        out = console()
        out.print(
            f"{each.name} ({each.template}, version {each.version}; {each.area}, {each.solution})",
            style="bold",
        )
        out.print(each.about.strip(), soft_wrap=True)
        out.print(f"\nF&O        {each.fno.set}, key {', '.join(each.fno.key)}", soft_wrap=True)
        if each.fno.filter:
            out.print(f"           filter {each.fno.filter}", soft_wrap=True)
        out.print(f"Dataverse  {each.dataverse.table}, key {', '.join(each.dataverse.key)}", soft_wrap=True)
        if each.dataverse.filter:
            out.print(f"           filter {each.dataverse.filter}", soft_wrap=True)
        needs = sorted(parent.name for parent in catalogue.parents(each))
        out.print(f"Needs      {', '.join(needs) or 'no other map'}", soft_wrap=True)
        later = sorted(parent.name for parent in catalogue.deferred(each))
        if later:
            out.print(f"Patched    afterwards: references to {', '.join(later)}", soft_wrap=True)
        out.print(f"Conflicts  {each.conflict}; file {each.file}", soft_wrap=True)
        table(
            "\nField pairs",
            ("F&O", "", "Dataverse", "values, default"),
            [
                (
                    pair.fno or f"= {pair.constant}",
                    pair.symbol,
                    pair.dataverse or f"= {pair.constant}",
                    ", ".join(f"{of}: {to}" for of, to in (pair.values or {}).items())
                    + (f"default {pair.default}" if pair.default else ""),
                )
                for pair in each.fields
            ],
        )

    emit({**_summary(each), **each.model_dump(mode="json", by_alias=True)}, as_json, print_map)


@app.command()
def validate(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILES]...", help="Only these, each on its own.", exists=True),
    ] = None,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Check all maps, alone and together, without any system: names, keys, filters, value maps, lookups, cycles.

    Exit code 1 if something is wrong. Example: dualflow maps validate --folder my-maps
    """
    findings: list[MapError] = []
    warnings: tuple[str, ...] = ()
    maps = 0
    try:
        if files:
            maps = len(files)
            for file in files:
                findings += problems(read_map(file))
        else:
            catalogue = _catalogue(folder)
            maps, warnings = len(catalogue.maps), catalogue.warnings()
    except MapError as error:
        findings += [error, *error.also]

    def print_findings() -> None:
        out = console()
        for each in findings:
            out.print(f"{each.message}", markup=False, soft_wrap=True)
            if each.remedy:
                out.print(f"  → {each.remedy}", markup=False, soft_wrap=True)
        if findings:
            out.print(f"{len(findings)} findings")
        else:
            out.print(
                f"{maps} maps are right"
                + (f", {len(warnings)} notes (--json shows them)" if warnings else "")
            )

    found = {"maps": maps, "findings": [_finding(each) for each in findings], "warnings": list(warnings)}
    emit(found, as_json, print_findings)
    if findings:
        leave(FINDINGS)


@app.command()
def graph(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[MAPS]...", help="Maps. Default: all.")
    ] = None,
    area: Areas = None,
    form: Annotated[
        Literal["mermaid", "svg", "dot"], typer.Option("--format", help="What to write.")
    ] = "mermaid",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File; its ending tells the format.")
    ] = None,
    related: Annotated[bool, typer.Option(help="Also draw what the chosen maps depend on.")] = True,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """Draw which map needs which: solid arrows order the initial sync, dotted ones are patched afterwards.

    An arrow that others already imply is left out. Example: dualflow maps graph --area Customers -o customers.svg
    """
    catalogue = _catalogue(folder)
    chosen = {each.name for each in _chosen(catalogue, names, area)}
    if related:
        chosen = set(catalogue.related(chosen))
    if as_json:
        direct, patched = drawing.arrows(catalogue, chosen)
        edges = [{"from": parent, "to": child, "patched": False} for parent, child in direct]
        edges += [{"from": parent, "to": child, "patched": True} for parent, child in patched]
        waves = [[name for name in wave if name in chosen] for wave in catalogue.order()]
        emit({"waves": [wave for wave in waves if wave], "edges": edges}, True, lambda: None)
        return
    if output is not None:
        form = _form(output, form)
    text = {"mermaid": drawing.mermaid, "svg": drawing.svg, "dot": drawing.dot}[form](catalogue, chosen)
    if output is None:
        print(text)
    else:
        output.write_text(text, encoding="utf-8")
        note(f"{len(chosen)} maps drawn into {output}")


def _form(output: Path, form: Literal["mermaid", "svg", "dot"]) -> Literal["mermaid", "svg", "dot"]:
    endings: dict[str, Literal["mermaid", "svg", "dot"]] = {
        ".svg": "svg",
        ".dot": "dot",
        ".gv": "dot",
        ".mmd": "mermaid",
        ".md": "mermaid",
    }
    return endings.get(output.suffix.lower(), form)


def _catalogue(folders: list[Path] | None) -> Catalogue:
    return load_catalogue(folders or ())


def _chosen(catalogue: Catalogue, names: list[str] | None, areas: list[str] | None) -> list[Map]:
    """Maps by name and area, in the order of an initial sync."""
    known = sorted({each.area for each in catalogue.maps.values()})
    for area in areas or ():
        if area not in known:
            raise FatalError(
                f"there is no area “{area}” among the active maps",
                code="no_such_area",
                remedy=f"known are {', '.join(known)}",
            )
    wanted = {catalogue.get(name).name for name in names} if names else set(catalogue.maps)
    ordered = [catalogue.maps[name] for wave in catalogue.order() for name in wave]
    return [each for each in ordered if each.name in wanted and (not areas or each.area in areas)]


def _directions(each: Map) -> dict[str, int]:
    pairs = each.compared
    return {
        "both": sum(pair.to_dataverse and pair.to_fno for pair in pairs),
        "to_dataverse": sum(pair.to_dataverse and not pair.to_fno for pair in pairs),
        "to_fno": sum(pair.to_fno and not pair.to_dataverse for pair in pairs),
    }


def _summary(each: Map) -> dict[str, Any]:
    return {
        "map": each.name,
        "template": each.template,
        "version": each.version,
        "area": each.area,
        "solution": each.solution,
        "verified": each.verified,
        "fno": {"set": each.fno.set, "key": list(each.fno.key)},
        "dataverse": {
            "table": each.dataverse.table,
            "key": list(each.dataverse.key),
            "company": each.dataverse.company,
        },
        "directions": _directions(each),
        "hash": each.hash,
    }


def _finding(error: MapError) -> dict[str, Any]:
    return {
        "file": error.file,
        "line": error.line,
        "field": error.field,
        "problem": error.problem,
        "code": error.code,
        "remedy": error.remedy,
    }
