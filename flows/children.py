"""Child processes that end with us: in order when we end, by the system when we are killed."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 15
_PR_SET_PDEATHSIG = 1


class Child:
    """A process of ours, with a log file; it and all that it starts belong to one process group.

    Args:
        name: for messages.
        command: program and arguments.
        log: file that its output goes to.
        survives: let it outlive us, for what goes on after a command has ended.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        *,
        environment: Mapping[str, str] | None = None,
        survives: bool = False,
    ) -> None:
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        # a terminal's Ctrl-C reaches the whole foreground group: in a group of its own it is ours to pass on, in order
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
                preexec_fn=None if survives or sys.platform != "linux" else _end_with_parent,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Exit code; None while it runs."""
        return self._process.poll()

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Ask it to end, and make it end if it doesn't; nothing that it started stays behind."""
        if self._process.poll() is None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_words(self, lines: int = 15) -> str:
        """The end of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


def _end_with_parent() -> None:
    """Have Linux send us SIGTERM when our parent dies, however it dies."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
