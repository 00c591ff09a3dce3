"""`dualflow maps`: what the maps say, whether they are right, and how they depend on each other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.choice import Areas, Folders, Solutions
from flows.commands.maps_list import directions, print_list
from flows.commands.output import AsJson, console, emit, table
from mappings.catalogue import Catalogue, read_maps
from mappings.model import Map
from mappings.selection import choose
from tasks.sync.settings import load_catalogue, map_folders

app = typer.Typer(help="The maps: list, show, check, draw them, bring them in and out.", no_args_is_help=True)


@app.command("list")
def list_(
    area: Areas = None,
    solution: Solutions = None,
    folder: Folders = None,
    as_json: AsJson = False,
) -> None:
    """List the maps by area, which way each goes and how many field pairs it has; also those that a setting turns on.

    --json lists them in the order of an initial sync, with their forms. Example: dualflow maps list --area Customers
    """
    catalogue = _catalogue(folder)
    chosen = [
        *choose(catalogue, areas=area or (), solutions=solution or ()),
        *_off(catalogue, area, solution),
    ]
    forms: dict[str, list[Map]] = {}
    for each in read_maps(map_folders(folder or ())):
        forms.setdefault(each.name, []).append(each)

    def show() -> None:
        print_list(chosen, catalogue, {name for name, found in forms.items() if len(found) > 1})

    emit([_listed(each, catalogue, forms[each.name]) for each in chosen], as_json, show)


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
        deletes = f"to Dataverse {each.delete.to_dataverse}, to F&O {each.delete.to_fno}"
        out.print(f"Conflicts  {each.conflict}; deletes {deletes}", soft_wrap=True)
        out.print(f"File       {each.file}", soft_wrap=True)
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
            whole=3,
        )

    emit({**_summary(each), **each.model_dump(mode="json", by_alias=True)}, as_json, print_map)


def _off(catalogue: Catalogue, areas: list[str] | None, solutions: list[str] | None) -> list[Map]:
    """Maps that a setting would turn on."""
    in_areas, in_solutions = ({name.casefold() for name in given or ()} for given in (areas, solutions))
    return [
        off.map
        for off in catalogue.inactive.values()
        if (not areas or off.map.area.casefold() in in_areas)
        and (not solutions or off.map.solution.casefold() in in_solutions)
    ]


def _listed(each: Map, catalogue: Catalogue, forms: Iterable[Map]) -> dict[str, Any]:
    """A map of the list, with the forms that it comes in."""
    off = catalogue.inactive.get(each.name)
    return {
        **_summary(each),
        "active": off is None,
        "reason": off.reason if off else "",
        "initial": each.initial,
        "forms": [
            {
                "version": form.version,
                "active": off is None and form.version == each.version,
                "fno": {"set": form.fno.set, "key": list(form.fno.key)},
                "directions": directions(form),
            }
            for form in forms
        ],
    }


def _catalogue(folders: list[Path] | None) -> Catalogue:
    return load_catalogue(folders or ())


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
        "directions": directions(each),
        "hash": each.hash,
    }
