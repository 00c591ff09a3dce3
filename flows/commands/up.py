"""`dualflow up`: everything that a newcomer needs, in one terminal."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from flows.children import Child
from flows.commands.output import FAILED, leave, note
from flows.installation import DEMO, FOLDER, SEED, configured, installation, serving
from flows.local_sandbox import LocalSandbox, arguments_of
from flows.prefect_server import (
    home,
    is_free,
    marked,
    running_server,
    settle_environment,
    start_server,
)
from mappings.errors import FatalError

PORT = 4260


def up(
    port: Annotated[int, typer.Option(help="Port of the Prefect UI and API.", min=1, max=65535)] = PORT,
    size: Annotated[
        int,
        typer.Option(
            help="Rows of the sandbox's seed, if it is filled for the first time. 0 = 20,000.", min=0
        ),
    ] = 0,
) -> None:
    """Start the sandbox (unless environments are configured), a Prefect server and the deployments; end all with Ctrl-C.

    With DUALFLOW_RECEIVER_SECRET set, the receiver of events too.

    Example: dualflow up --size 2000
    """
    # also where the shell that started us in the background had Ctrl-C ignored
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    settle_environment(FOLDER)
    if running_server():
        raise FatalError(
            "`dualflow up` runs already", code="in_use", remedy="use that one, or end it with Ctrl-C there"
        )
    if not is_free(port):
        raise FatalError(f"port {port} is taken", code="port_taken", remedy="choose another one: --port")
    try:
        with _environments(size) as children:
            _run(port, children)
    except KeyboardInterrupt:
        note("all ended")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _environments(size: int) -> Iterator[list[Child]]:
    """The configured environments, or the demo's sandbox, filled if it is new; hands out the processes started for them."""
    if configured():
        with installation(note):
            yield []
        return
    sandbox = LocalSandbox(DEMO)
    note(f"no environments are configured: this is about the demo's sandbox in {DEMO}")
    with serving(sandbox, note, *(() if sandbox.exists else arguments_of(SEED, size))):
        yield [sandbox.child] if sandbox.child else []


def _run(port: int, others: list[Child]) -> None:
    note("starting the Prefect server")
    server = start_server(ui=True, port=port)
    children = [server.child]
    try:
        server.wait()
        os.environ["PREFECT_API_URL"] = server.url
        note("serving the deployments")
        served = Child("deployments", [sys.executable, "-m", "flows.served"], home() / "served.log")
        children.append(served)
        if _receives():
            note("receiving events, see its log for the address")
            command = [sys.executable, "-m", "flows.cli", "receive"]
            children.append(Child("receiver", command, home() / "receiver.log"))
        with marked(server):
            _welcome(server.address)
            _watch([*others, *children])
    finally:
        os.environ.pop("PREFECT_API_URL", None)
        for child in reversed(children):
            child.stop()


def _receives() -> bool:
    """Does somebody want events to be received? Whoever gave senders a secret does."""
    from tasks.sync.settings import load_receiver_settings

    return load_receiver_settings().receiver_secret is not None


def _welcome(address: str) -> None:
    note(
        f"""
  Prefect UI     {address}
  Initial sync   start it there (Deployments, by-hand) or in another terminal: dualflow sync initial
  Delta sync     starts every minute by itself, for maps whose initial sync is done
  Look           dualflow status, dualflow verify
  Logs           {home()}
  End all        Ctrl-C
"""
    )


def _watch(children: list[Child]) -> None:
    """Wait until interrupted, or until one of them ends by itself."""
    while True:
        for child in children:
            if child.ended is not None:
                note(f"error: the {child.name} ended by itself ({child.ended}):\n{child.last_words()}")
                leave(FAILED)
        time.sleep(0.5)
