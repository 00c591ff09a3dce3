"""Children end with us, however we end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.children import Child

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]


def ended(pid: int) -> bool:
    """Is a process gone, or only not waited for?"""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
    return state == "Z"


def eventually_ended(pid: int) -> bool:
    deadline = time.monotonic() + 20
    while not ended(pid) and time.monotonic() < deadline:
        os.sched_yield()
    return ended(pid)


def test_stopping_ends_it_and_what_it_started(tmp_path: Path) -> None:
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    code += "print(p.pid, flush=True); p.wait()"
    child = Child("parent", [sys.executable, "-c", code], tmp_path / "log")
    while not child.last_words():
        assert child.ended is None
    grandchild = int(child.last_words())
    child.stop()
    assert child.ended is not None
    assert eventually_ended(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="the system call is Linux's")
def test_it_ends_when_we_are_killed(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from flows.children import Child;"
        f"c = Child('sleeper', {SLEEP!r}, Path({str(tmp_path / 'log')!r})); print(c.pid, flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        assert not ended(child)
        parent.send_signal(signal.SIGKILL)
    assert eventually_ended(child)
