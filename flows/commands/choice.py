"""Options with which commands choose maps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

MapNames = Annotated[
    list[str] | None, typer.Argument(metavar="[MAPS]...", help="Names of maps. Default: all.")
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
