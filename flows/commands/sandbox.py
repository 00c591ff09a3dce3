"""`dualflow sandbox`: F&O, Dataverse and Entra ID on this machine."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.installation import DEMO, SEED, serving
from flows.local_sandbox import LocalSandbox, arguments_of

app = typer.Typer(
    help="Both services on this machine, to rehearse with. Without a subcommand: serve.",
    no_args_is_help=False,
)

Data = Annotated[Path, typer.Option("--data", help="Folder of data, certificates and settings.")]
Seed = Annotated[str, typer.Option("--seed", help="Fill an empty sandbox: demo, everything, or empty.")]
Size = Annotated[int, typer.Option("--size", help="Rows of the seed, roughly. 0 = its own size.", min=0)]
Ports = Annotated[
    str, typer.Option("--ports", help="F&O, Dataverse, login. 0 = as last time, or a free one.")
]

Maps = Annotated[
    list[Path] | None,
    typer.Option(
        "--maps", help="Folder of your own maps, whose tables to serve. Default: DUALFLOW_MAPS_FOLDER."
    ),
]


@app.callback(invoke_without_command=True)
def default(context: typer.Context) -> None:
    """Both services on this machine, to rehearse with. Example: dualflow sandbox serve --seed demo"""
    if context.invoked_subcommand is None:
        serve()


@app.command()
def serve(
    data: Data = DEMO, seed: Seed = "", size: Size = 0, ports: Ports = "0,0,0", maps: Maps = None
) -> None:
    """Serve until Ctrl-C; the data stays in the folder. Example: dualflow sandbox serve --seed demo --size 2000"""
    sandbox = LocalSandbox(data)
    own = os.environ.get("DUALFLOW_MAPS_FOLDER")
    folders = maps or ([Path(own)] if own else [])
    note(f"with its variables, commands reach it: DUALFLOW_ENV_FILE={sandbox.environment_file}")
    command = sandbox.command("serve", *arguments_of(seed, size, folders), "--ports", ports)
    sys.stdout.flush()
    os.execv(command[0], command)


@app.command("seed")
def seed_(
    name: Annotated[str, typer.Argument(help="Name of the seed: demo, everything, or empty.")] = SEED,
    data: Data = DEMO,
    size: Size = 0,
    as_json: AsJson = False,
) -> None:
    """Empty both systems and fill them. Example: dualflow sandbox seed demo --size 2000"""
    sandbox = LocalSandbox(data)
    with serving(sandbox, note):
        answer = sandbox.admin("POST", "reset", {"seed": name, "size": size}, timeout=600)

    def show() -> None:
        table("", ("set", "rows"), sorted(answer["rows"].items()))
        console().print(f"seed {name}: {sum(answer['rows'].values()):,} rows in {answer['seconds']} s")

    emit(answer, as_json, show)


@app.command()
def stop(data: Data = DEMO) -> None:
    """End a sandbox that runs in the background. Example: dualflow sandbox stop"""
    note("stopped" if LocalSandbox(data).stop() else "it wasn't running")


@app.command()
def status(data: Data = DEMO, as_json: AsJson = False) -> None:
    """Is it running, where, with how many rows? Exit code 1 if not. Example: dualflow sandbox status --json"""
    sandbox = LocalSandbox(data)
    found: dict[str, Any] = {"folder": str(data), "running": sandbox.running(), "urls": {}, "rows": {}}
    if found["running"]:
        environment = sandbox.environment()
        names = {
            "fno": "DUALFLOW_FNO_URL",
            "dataverse": "DUALFLOW_DATAVERSE_URL",
            "login": "DUALFLOW_AUTHORITY",
        }
        found["urls"] = {side: environment[name] for side, name in names.items()}
        found["rows"] = sandbox.admin("GET", "sets")

    def show() -> None:
        if not found["running"]:
            console().print(f"no sandbox is running in {data}")
            return
        for side, url in found["urls"].items():
            rows = sum(found["rows"].get(side, {}).values())
            console().print(f"{side:10} {url}" + (f"  {rows:,} rows" if rows else ""))
        console().print(f"variables  {sandbox.environment_file}", soft_wrap=True)

    emit(found, as_json, show)
    if not found["running"]:
        leave(FINDINGS)
