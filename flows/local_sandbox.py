"""The sandbox from outside: a process with a folder, steered by its command line and its admin API.

No module of it is imported: it plays the two services, and whoever uses it must reach it as it reaches those.
"""

from __future__ import annotations

import contextlib
import json
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flows.children import Child
from mappings.errors import FatalError

ENVIRONMENT = "sandbox.env"
START_SECONDS = 90


class LocalSandbox:
    """A sandbox in a folder, running or not.

    Args:
        folder: its data, certificates and, while it runs, its `sandbox.env`.

    Attributes:
        child: its process, if we started it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.child: Child | None = None

    @property
    def exists(self) -> bool:
        """Was a sandbox ever served from this folder?"""
        return (self.folder / "sandbox.json").exists()

    @property
    def environment_file(self) -> Path:
        return (self.folder / ENVIRONMENT).resolve()

    def environment(self) -> dict[str, str]:
        """The variables that clients need; empty when it doesn't run."""
        if not self.environment_file.exists():
            return {}
        lines = self.environment_file.read_text(encoding="utf-8").splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    def running(self) -> bool:
        """Does it answer?"""
        try:
            return bool(self.admin("GET", "health", timeout=5).get("ready"))
        except FatalError:
            return False

    def command(self, action: str, *arguments: str) -> list[str]:
        """A command line of the sandbox for this folder."""
        return [sys.executable, "-m", "deployments.sandbox", action, "--data", str(self.folder), *arguments]

    def start(self, *arguments: str, survives: bool = False) -> None:
        """Start it and wait until it serves.

        Args:
            survives: let it run on when this process ends.

        Raises:
            FatalError: it ended, or it doesn't get ready.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            self.environment_file.unlink()  # of one that was killed
        child = Child(
            "sandbox", self.command("serve", *arguments), self.folder / "sandbox.log", survives=survives
        )
        deadline = time.monotonic() + START_SECONDS
        while not (self.environment_file.exists() and self.running()):
            if child.ended is not None or time.monotonic() > deadline:
                words = child.last_words(5)
                child.stop()
                raise FatalError(
                    f"the sandbox in {self.folder} did not start: {words or 'no output'}",
                    code="sandbox_start",
                    remedy=f"see {child.log}",
                )
            time.sleep(0.05)
        self.child = child

    def stop(self) -> bool:
        """End it, whoever started it; False if it didn't run."""
        if self.child is not None:
            self.child.stop()
            self.child = None
            return True
        if not self.running():
            return False
        with contextlib.suppress(FatalError):
            self.admin("POST", "stop", {})
        deadline = time.monotonic() + 15
        while self.environment_file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        return True

    def admin(
        self, method: str, action: str, body: dict[str, Any] | None = None, *, timeout: float = 120
    ) -> dict[str, Any]:
        """A request to its admin API.

        Raises:
            FatalError: it doesn't run, or refuses.
        """
        environment = self.environment()
        if not environment:
            raise FatalError(
                f"no sandbox is running in {self.folder}",
                code="sandbox_down",
                remedy="start one: dualflow sandbox serve",
            )
        request = urllib.request.Request(
            f"{environment['DUALFLOW_AUTHORITY']}/_sandbox/{action}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
        )
        try:
            context = ssl.create_default_context(cafile=environment["DUALFLOW_CA_BUNDLE"])
            with urllib.request.urlopen(request, context=context, timeout=timeout) as answer:
                found: dict[str, Any] = json.load(answer)
                return found
        except urllib.error.HTTPError as error:
            raise FatalError(str(json.load(error).get("error", error)), code="sandbox_refused") from None
        except OSError as error:
            raise FatalError(
                f"the sandbox of {self.folder} does not answer: {error}", code="sandbox_down"
            ) from None


def arguments_of(seed: str = "", size: int = 0, maps: Sequence[Path] = ()) -> list[str]:
    """Arguments of `serve` for a seed, its size and folders of further maps."""
    given = ["--seed", seed] if seed else []
    given += ["--size", str(size)] if size else []
    for folder in maps:
        given += ["--maps", str(folder)]
    return given
