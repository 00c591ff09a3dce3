"""A Prefect API to run flows against: the one that is configured, the one of `dualflow up`, or one of our own for a while."""

from __future__ import annotations

import importlib
import json
import os
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.children import Child
from mappings.errors import FatalError

START_SECONDS = 120
HAND_OVER_SECONDS = 10
MARK = "server.json"
"""File in the Prefect folder that names the server of a running `dualflow up`."""


def home() -> Path:
    """Prefect's folder; ours unless the user chose one."""
    return Path(os.environ["PREFECT_HOME"])


def settle_environment(folder: Path) -> None:
    """Defaults for Prefect, to be set before it is imported: it reads its settings once.

    Nothing goes into the user's own profile, nothing is reported to anybody, nothing asks questions.
    """
    defaults = {
        "PREFECT_HOME": str((folder / "prefect").resolve()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_CLI_PROMPT": "false",
        # a run is told by its table and its exit code; its log is in the UI
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        "PREFECT_LOGGING_TO_API_WHEN_MISSING_FLOW": "ignore",
    }
    for name, value in defaults.items():
        os.environ.setdefault(name, value)


@contextmanager
def prefect_api() -> Iterator[str]:
    """The URL of an API, in the environment for Prefect to find, for the length of a block."""
    configured = os.environ.get("PREFECT_API_URL")
    if configured:
        yield configured
        return
    running = running_server()
    if running:
        os.environ["PREFECT_API_URL"] = running
        yield running
        return
    server = start_server(ui=False)
    os.environ["PREFECT_API_URL"] = server.url
    try:
        # both take seconds: import here what the run needs anyway, while the server starts over there
        importlib.import_module("flows.delta_sync")
        server.wait()
        try:
            yield server.url
        finally:
            _hand_over()
    finally:
        del os.environ["PREFECT_API_URL"]
        server.child.stop()


def _hand_over() -> None:
    """Let Prefect send what it still has of logs and events; without their server it would try for a minute at exit."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    EventsWorker.drain_all(timeout=HAND_OVER_SECONDS, at_exit=False)
    APILogWorker.drain_all(timeout=HAND_OVER_SECONDS, at_exit=False)


class Server:
    """A Prefect server that we started."""

    def __init__(self, child: Child, port: int) -> None:
        self.child = child
        self.address = f"http://127.0.0.1:{port}"

    @property
    def url(self) -> str:
        """Of the API."""
        return f"{self.address}/api"

    def wait(self) -> None:
        """Wait until it answers.

        Raises:
            FatalError: it ended, or it doesn't get ready.
        """
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.url):
            if self.child.ended is not None or time.monotonic() > deadline:
                words = self.child.last_words(5)
                self.child.stop()
                raise FatalError(
                    f"the Prefect server did not start: {words or 'no output'}",
                    code="prefect_start",
                    remedy=f"see {self.child.log}",
                )
            time.sleep(0.1)


def start_server(*, ui: bool, port: int = 0) -> Server:
    """Start a Prefect server; `Server.wait` says when it is ready.

    Args:
        ui: with the web UI and the services that start scheduled runs.
        port: 0 = a free one.
    """
    port = port or _free_port()
    folder = home()
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "uvicorn", "--factory", "prefect.server.api.server:create_app"]
    command += ["--host", "127.0.0.1", "--port", str(port), "--log-level", "error", "--lifespan", "on"]
    environment = {
        "PREFECT_UI_ENABLED": "1" if ui else "0",
        "PREFECT_UI_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT__SERVER_FINAL": "1",
    }
    if not ui:
        environment["PREFECT__SERVER_EPHEMERAL"] = "1"
    child = Child("Prefect server", command, folder / "server.log", environment=environment)
    return Server(child, port)


def answers(url: str) -> bool:
    """Does a Prefect API answer there?"""
    try:
        with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@contextmanager
def marked(server: Server) -> Iterator[None]:
    """Let commands in other terminals find a server: their runs then show in its UI."""
    mark = home() / MARK
    mark.write_text(json.dumps({"api": server.url}), encoding="utf-8")
    try:
        yield
    finally:
        mark.unlink(missing_ok=True)


def running_server() -> str | None:
    """URL of the API of a running `dualflow up`, if there is one."""
    mark = home() / MARK
    try:
        url = str(json.loads(mark.read_text(encoding="utf-8"))["api"])
    except (OSError, ValueError, KeyError):
        return None
    return url if answers(url) else None


def is_free(port: int) -> bool:
    """Could a server listen there?"""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
