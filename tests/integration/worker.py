"""Processes that sync and die, or fall asleep: a second process on the same state and the same sandbox.

    python -m tests.integration.worker

reads one job a line from standard input, as JSON: `settings`, `run` (`initial` or `delta`), `maps`, and the moment that something
happens to it: the `nth` time that it reaches a `failpoint`; `request` is one too, and so is `request after intent` and its like.
There it is killed, or stopped if the job says `stop`. The process forks for each job, so that the imports are paid for once, and
answers with how the child ended: the signal, 0 if it lived to the end, -3 if it found that another one had its lease. Of a child
that stopped it says so; the line `go on` wakes the one that stopped last.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mappings.catalogue import Catalogue
from mappings.errors import LeaseLost
from tasks.connectors.credentials import client_secret
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.sync.seams import Seams
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.work import delta_sync, initial_sync, maps_with_work, poll
from tests.integration.installation import core_catalogue

REPOSITORY = Path(__file__).parent.parent.parent


GO_ON = "go on\n"
LOST = 3
"""How a process ends that found its lease taken over."""


class Fate:
    """What happens to the process at a step: called at each with its name.

    Args:
        point: name of the step.
        nth: how often it is passed until then.
        end: the signal; SIGKILL as the kernel ends a process that has run out of memory: nothing is put in order.
    """

    def __init__(self, point: str, nth: int, end: signal.Signals) -> None:
        self._point, self._end = point, end
        self._left = nth
        self._last = ""

    def __call__(self, name: str) -> None:
        self._reached(name)
        self._last = name

    def request(self, *_: Any) -> None:
        """A request is about to leave."""
        self._reached("request")
        self._reached(f"request after {self._last}")
        self._last = "request"

    def _reached(self, name: str) -> None:
        if name == self._point:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._end)


def work(job: dict[str, Any], catalogue: Catalogue) -> int:
    """Do a job, if nothing ends it on the way; returns how it went, as the process's exit code."""
    settings = Settings(**job["settings"])
    credential = client_secret(
        settings.tenant_id,
        settings.client_id,
        settings.client_secret.get_secret_value(),
        settings.authority,
        settings.verify,
    )
    fate = Fate(
        job.get("failpoint", "request"), job.get("nth", 1), signal.SIGSTOP if job["stop"] else signal.SIGKILL
    )
    options: dict[str, Any] = {
        "verify": settings.verify,
        "on_request": fate.request,
        "sleep": lambda seconds: None,
    }
    session = Session.open(
        settings,
        seams=Seams(failpoint=fate),
        catalogue=catalogue,
        fno=FnoSide(settings.fno_url, credential, **options),
        dataverse=DataverseSide(settings.dataverse_url, credential, **options),
    )
    maps = session.selected(job["maps"])
    try:
        if job["run"] == "initial":
            for sync in maps:
                initial_sync(session, sync.name)
        else:
            poll(session, maps)
    except LeaseLost:
        return LOST
    named = maps_with_work(session)
    done = [found for sync in maps if sync.name in named for found in delta_sync(session, sync.name)]
    return LOST if any(found.code == "lease_lost" for found in done) else 0


def main() -> None:
    """Fork for each job on standard input."""
    catalogue = core_catalogue()
    print("ready", flush=True)
    asleep: list[int] = []
    for line in sys.stdin:
        if line == GO_ON:
            child = asleep.pop()
            os.kill(child, signal.SIGCONT)
        else:
            child = os.fork()
        if child == 0:
            os.close(0)
            os._exit(work(json.loads(line), catalogue))
        _, status = os.waitpid(child, os.WUNTRACED)
        if os.WIFSTOPPED(status):
            asleep.append(child)
            print("stopped", flush=True)
        else:
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
        self._begin(settings, run, maps, stop=False, **moment)
        ended = int(self._answer())
        assert ended in (0, signal.SIGKILL), f"the worker ended by {ended}"
        return ended != 0

    @contextmanager
    def stopped(self, settings: Settings, maps: Sequence[str] = (), **moment: Any) -> Iterator[list[int]]:
        """Let a process sync until it is stopped, for the length of the block; then it goes on, to its end.

        Several may be stopped at a time; the last one goes on first.

        Args:
            moment: `failpoint`, and `nth` if not the first.

        Returns:
            a list that holds how it ended, once it has: 0 as it should, `LOST`, or by what signal.

        Raises:
            AssertionError: it came to its end before that moment.
        """
        self._begin(settings, "delta", maps, stop=True, **moment)
        answer = self._answer()
        assert answer == "stopped", f"the worker ended by {answer}"
        ended: list[int] = []
        try:
            yield ended
        finally:
            self._tell(GO_ON)
            ended.append(abs(int(self._answer())))

    def _begin(self, settings: Settings, run: str, maps: Sequence[str], **moment: Any) -> None:
        plain = settings.model_dump(mode="json") | {
            "client_secret": settings.client_secret.get_secret_value()
        }
        self._tell(json.dumps({"settings": plain, "run": run, "maps": list(maps), **moment}) + "\n")

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def _answer(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


if __name__ == "__main__":
    main()
