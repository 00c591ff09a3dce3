"""`dualflow maps import` and `maps export`: maps from and for a dual-write environment."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.choice import Areas, Folders, Solutions
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from mappings.catalogue import read_maps
from mappings.errors import FatalError
from mappings.exchange import exporting
from mappings.exchange.importing import Imported, import_file
from mappings.exchange.known import Known
from mappings.exchange.names import file_name
from mappings.model import Map
from mappings.reader import read_map
from mappings.selection import choose
from tasks.sync.settings import load_catalogue, map_folders


def import_(
    file: Annotated[
        Path, typer.Argument(help="Solution zip, rows of msdyn_dualwriteentitymap, or one msdyn_mapping.")
    ],
    out: Annotated[
        Path, typer.Option("--out", "-o", help="Folder; nothing runs from there until you name it.")
    ] = Path("imported-maps"),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    as_json: AsJson = False,
) -> None:
    """Read maps exported from a dual-write environment and write them as YAML, a file each.

    Says what it assumed; a filter that can't be translated keeps its map from running until somebody wrote it.
    Exit code 1 if something needs writing or was left out. Example: dualflow maps import solution.zip --out my-maps
    """
    found, errors = import_file(file, Known(read_maps()))
    files = [out / f"{name}.yaml" for name in _apart([each.map.name for each in found])]
    there = [str(path) for path in files if path.exists()]
    if there and not force:
        raise FatalError(
            f"these files are there already: {', '.join(there[:5])}{' …' if len(there) > 5 else ''}",
            code="file_exists",
            remedy="name another folder with --out, or overwrite them with --force",
        )
    _folder(out)
    for each, path in zip(found, files, strict=True):
        path.write_text(each.text(), encoding="utf-8")
    written = [_written(each, path) for each, path in zip(found, files, strict=True)]
    result = {"maps": written, "errors": [str(error) for error in errors]}

    def show() -> None:
        _show(written)
        for error in errors:
            note(f"error: {error}")
        note(f"{len(found)} maps written to {out}; check them: dualflow maps validate --folder {out}")
        note(f"they run once DUALFLOW_MAPS_FOLDER names their folder, {out.resolve()}")

    emit(result, as_json, show)
    open_ends = [remark for entry in written for remark in entry["remarks"] if remark["kind"] != "assumed"]
    if open_ends or errors:
        leave(FINDINGS)


def export(
    maps: Annotated[
        list[str] | None, typer.Argument(metavar="[MAPS]...", help="Names of maps; or --all.")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All maps, each in its active form.")] = False,
    area: Areas = None,
    solution: Solutions = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="A .json file, or a folder for a file each. Default: stdout."),
    ] = None,
    folder: Folders = None,
) -> None:
    """Write maps as dual-write keeps them: the JSON of msdyn_mapping; several into one file as rows.

    What dual-write has no place for stands in an object `dualflow`, so that an import finds the whole map again.
    Example: dualflow maps export "Customer groups" --out customer-groups.json
    """
    if not (maps or everything or area or solution):
        raise FatalError(
            "nothing is chosen to export", code="usage", remedy="name maps, an --area, a --solution, or --all"
        )
    picked = _whole(folder or (), maps or (), area or (), solution or (), everything)
    if out is not None and out.suffix.lower() != ".json":
        _folder(out)
        for each, name in zip(picked, _apart([each.name for each in picked]), strict=True):
            (out / f"{name}.json").write_text(_json(exporting.document(each)), encoding="utf-8")
        note(f"{len(picked)} maps written to {out}")
        return
    text = _json(exporting.document(picked[0]) if len(picked) == 1 else exporting.rows(picked))
    if out is None:
        print(text, end="")
    else:
        _folder(out.parent)
        out.write_text(text, encoding="utf-8")
        note(f"{len(picked)} maps written to {out}")


def _whole(
    folders: Sequence[Path],
    names: Sequence[str],
    areas: Sequence[str],
    solutions: Sequence[str],
    everything: bool,
) -> list[Map]:
    """The chosen maps as their files have them: with what the settings leave out of a sync as sensitive."""
    catalogue = load_catalogue(folders)
    off = [each.map for name, each in catalogue.inactive.items() if everything or name in names]
    named = [name for name in names if name not in catalogue.inactive]
    active = choose(catalogue, named, areas, solutions) if everything or named or areas or solutions else ()
    files = {(each.name, each.version): each for each in read_maps(map_folders(folders))}
    return [files[each.name, each.version] for each in (*active, *off)]


def _json(content: object) -> str:
    return json.dumps(content, ensure_ascii=False, indent=2) + "\n"


def _folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FatalError(
            f"{path} can't be a folder: {error.strerror}",
            code="no_such_folder",
            remedy="name another with --out",
        ) from error


def _apart(names: Sequence[str]) -> list[str]:
    """A file name for each map, numbered where several maps would get the same."""
    seen: dict[str, int] = {}
    files = []
    for name in names:
        base = file_name(name)
        seen[base] = seen.get(base, 0) + 1
        files.append(base if seen[base] == 1 else f"{base}_{seen[base]}")
    return files


def _written(each: Imported, path: Path) -> dict[str, Any]:
    read = read_map(path)
    return {
        "map": each.map.name,
        "version": each.map.version,
        "file": str(path),
        "source": each.source,
        "remarks": [
            {
                "kind": remark.kind,
                "file": str(path),
                "line": read.line_of(remark.field),
                "field": remark.field,
                "text": remark.text,
                "source": remark.source,
            }
            for remark in each.remarks
        ],
    }


def _show(written: Sequence[dict[str, Any]]) -> None:
    table(
        "",
        ("map", "version", "file", "remarks"),
        [(entry["map"], entry["version"], entry["file"], len(entry["remarks"])) for entry in written],
    )
    out = console()
    for entry in written:
        for remark in entry["remarks"]:
            place = f"{remark['file']}:{remark['line']}"
            field = f"{remark['field']}: " if remark["field"] else ""
            out.print(f"{place}: {field}{remark['kind']}: {remark['text']}", markup=False, soft_wrap=True)
            if remark["kind"] != "assumed":
                out.print(f"  in {remark['source']}", markup=False, soft_wrap=True)
