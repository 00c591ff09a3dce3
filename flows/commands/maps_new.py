"""`dualflow maps new`: a first draft of a map from live metadata."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.output import AsJson, emit, note
from flows.installation import installation
from mappings.errors import FatalError
from mappings.exchange import yaml_text


def new(
    fno: Annotated[str, typer.Option("--fno", help="F&O entity set, such as CustomerGroups.")],
    dataverse: Annotated[str, typer.Option("--dataverse", help="Dataverse table, such as new_things.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="File to write, in the folder of your maps.")],
    name: Annotated[str, typer.Option("--name", help="Name of the map. Default: made of both ends.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
    as_json: AsJson = False,
) -> None:
    """Draft a map: pairs what has the same name and a fitting type in both systems, and lists the rest.

    Example: dualflow maps new --fno FleetVehicles --dataverse new_vehicles --out my-maps/vehicles.yaml
    """
    if out.exists() and not force:
        raise FatalError(f"{out} is there already", code="file_exists", remedy="overwrite it with --force")
    with installation(note):
        from mappings.scaffold import scaffold
        from tasks.connectors.labels import option_labels
        from tasks.sync.connecting import connect
        from tasks.sync.settings import load_settings

        settings = load_settings()
        left, right = connect(settings)
        try:
            labels = option_labels(right, dataverse)
            draft = scaffold(left.table(fno), right.table(dataverse), labels, settings.catalogue(), name)
        finally:
            left.close()
            right.close()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(yaml_text.text(draft.content, draft.comments), encoding="utf-8")

    def show() -> None:
        note(f"{len(draft.content['fields'])} field pairs written to {out}")
        for doubt in draft.doubts:
            note(f"  {doubt}")
        note(
            f"{len(draft.unmatched_fno)} properties and {len(draft.unmatched_dataverse)} columns have no partner; "
            "the file lists them"
        )
        note(f"check it: dualflow maps validate --folder {out.parent}")

    found = {
        "map": draft.content["map"],
        "file": str(out),
        "pairs": len(draft.content["fields"]),
        "unmatched": {"fno": draft.unmatched_fno, "dataverse": draft.unmatched_dataverse},
        "doubts": draft.doubts,
    }
    emit(found, as_json, show)
