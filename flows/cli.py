"""The command `dualflow`."""

from __future__ import annotations

import sys

import typer

from flows.commands import (
    check,
    conflicts,
    control,
    deletes,
    demo,
    explain,
    history,
    maps,
    maps_exchange,
    maps_graph,
    maps_new,
    maps_validate,
    parked,
    plan,
    receive,
    reconcile,
    relink,
    sandbox,
    status,
    sync,
    troubleshoot,
    up,
    verify,
)
from flows.commands.output import explain as explain_error
from mappings.errors import DualflowError

app = typer.Typer(
    name="dualflow",
    help="Keeps Dynamics 365 Finance & Operations and Dataverse equal, in both directions.",
    epilog="Start with: dualflow demo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(demo.demo)
app.command()(up.up)
app.add_typer(sandbox.app, name="sandbox")
maps.app.command("validate")(maps_validate.validate)
maps.app.command("graph")(maps_graph.graph)
maps.app.command("new")(maps_new.new)
maps.app.command("import")(maps_exchange.import_)
maps.app.command("export")(maps_exchange.export)
app.add_typer(maps.app, name="maps")
app.add_typer(sync.app, name="sync")
app.command()(plan.plan)
app.command()(check.check)
app.command()(status.status)
app.command()(verify.verify)
app.command()(reconcile.reconcile)
app.command()(relink.relink)
app.command()(receive.receive)
app.command()(explain.explain)
app.command()(history.history)
app.command()(troubleshoot.troubleshoot)
app.command()(control.pause)
app.command()(control.resume)
app.command()(control.stop)
app.add_typer(conflicts.app, name="conflicts")
app.add_typer(deletes.app, name="deletes")
app.add_typer(parked.app, name="parked")


def main() -> None:
    """Run the command line; errors that we know end in two lines and an exit code, never in a traceback."""
    try:
        app()
    except DualflowError as error:
        sys.exit(explain_error(error))


if __name__ == "__main__":
    main()
