"""Options with which commands choose maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MapNames = Annotated[
    list[str] | None, typer.Argument(metavar="[MAPS]...", help="Names of maps. Default: all.")
]
MapName = Annotated[str, typer.Argument(metavar="MAP", help="Name of the map.")]
OneMap = Annotated[str | None, typer.Option("--map", "-m", help="One map only.")]


def _company(code: str) -> str | None:
    return code.strip().lower() or None


OneCompany = Annotated[
    str | None,
    typer.Option("--company", "-c", parser=_company, metavar="CODE", help="One company only."),
]
Folders = Annotated[
    list[Path] | None,
    typer.Option("--folder", help="Folder of your own maps. Default: DUALFLOW_MAPS_FOLDER.", exists=False),
]
Areas = Annotated[list[str] | None, typer.Option("--area", help="Maps of this business area; repeatable.")]
Solutions = Annotated[list[str] | None, typer.Option("--solution", help="Maps of this solution; repeatable.")]
Related = Annotated[
    bool, typer.Option("--with-related/--without-related", help="Also the maps that these depend on.")
]
