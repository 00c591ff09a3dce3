"""Processes that sync and die: a second process on the same state and the same sandbox, killed by SIGKILL at a chosen moment.

    python -m tests.integration.worker

reads one job a line from standard input, as JSON: `environment` (that of the sandbox), `settings`, `run` (`initial` or `delta`),
`maps`, and when to die: `request` (the n-th request, as it leaves) or `failpoint` and `nth`. It forks for each job, so that the
imports are paid for once, and answers with the signal that ended the child, 0 if it lived to the end.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NoReturn

from mappings.catalogue import Catalogue
from tasks.connectors.credentials import client_secret
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.sync.seams import Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.work import delta_sync, initial_sync, maps_with_work, poll
from tests.integration.installation import core_catalogue

REPOSITORY = Path(__file__).parent.parent.parent


def die() -> NoReturn:
    """As the kernel ends a process that has run out of memory: nothing is put in order."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("still alive")


def dying(point: str, nth: int) -> Callable[[str], None]:
    """Something to call at every step, that kills the process when a step of this name is reached for the n-th time."""
    passed = itertools.count(1)

    def at(name: str) -> None:
        if name == point and next(passed) == nth:
            die()

    return at


def work(job: dict[str, Any], catalogue: Catalogue) -> None:
    """Do a job, and die on the way."""
    settings = Settings(**job["settings"])
    credential = client_secret(
        settings.tenant_id,
        settings.client_id,
        settings.client_secret.get_secret_value(),
        settings.authority,
        settings.verify,
    )
    step = dying(job.get("failpoint", "request"), job["nth"])
    options: dict[str, Any] = {
        "verify": settings.verify,
        "on_request": lambda *request: step("request"),
        "sleep": lambda seconds: None,
    }
    session = Session.open(
        settings,
        seams=Seams(failpoint=step),
        catalogue=catalogue,
        fno=FnoSide(settings.fno_url, credential, **options),
        dataverse=DataverseSide(settings.dataverse_url, credential, **options),
    )
    maps = session.selected(job["maps"])
    if job["run"] == "initial":
        for sync in maps:
            initial_sync(session, sync.name)
    else:
        poll(session, maps)
    named = maps_with_work(session)
    for sync in maps:
        if sync.name in named:
            delta_sync(session, sync.name)


def main() -> None:
    """Fork for each job on standard input."""
    catalogue = core_catalogue()
    print("ready", flush=True)
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(0)
            work(json.loads(line), catalogue)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.WTERMSIG(status) if os.WIFSIGNALED(status) else -os.WEXITSTATUS(status), flush=True)


class Workers:
    """The process that forks, as tests talk to it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.integration.worker"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready"

    def killed(self, settings: Settings, run: str, maps: Sequence[str] = (), **moment: Any) -> bool:
        """Let a process sync until it is killed; False if it came to its end before that moment.

        Args:
            run: `initial` or `delta`.
            moment: `nth` request, or `failpoint` and `nth`.

        Raises:
            AssertionError: it failed by itself.
        """
        plain = settings.model_dump(mode="json") | {
            "client_secret": settings.client_secret.get_secret_value()
        }
        job = {"settings": plain, "run": run, "maps": list(maps), **moment}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        ended = int(self._answer())
        assert ended in (0, signal.SIGKILL), f"the worker ended by {ended}"
        return ended != 0

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


if __name__ == "__main__":
    main()
