"""The whole demo at small scale, as a newcomer starts it; and killed half-way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deployments.sandbox.seed import demo as seed

pytestmark = [pytest.mark.slow, pytest.mark.prefect]


def environment() -> dict[str, str]:
    """That of a newcomer: nothing of ours in it, short leases so that what a killed run held is free soon."""
    names = ("DUALFLOW_", "PREFECT_")
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(names)},
        "DUALFLOW_LEASE_SECONDS": "20",
    }


def dualflow(*arguments: str, cwd: Path, expect: int = 0) -> Any:
    """Run a command and return what it printed as JSON."""
    done = subprocess.run(
        [sys.executable, "-m", "flows.cli", *arguments, "--json"],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == expect, done.stderr[-3000:] + done.stdout[-3000:]
    return json.loads(done.stdout)


def test_the_demo_ends_with_two_equal_systems(tmp_path: Path) -> None:
    found = dualflow("demo", "--scale", "small", cwd=tmp_path)
    assert found["ok"] and found["problems"] == []
    assert found["verify"]["differences"] == 0 and found["verify"]["rows_compared"] > 1500
    assert len(found["edits"]) > 8 and all(edit["arrived"] for edit in found["edits"])
    status = dualflow("status", cwd=tmp_path)
    assert {lane["state"] for lane in status["lanes"]} == {"running"}
    assert sum(lane["parked"] + lane["waiting"] for lane in status["lanes"]) == 0


def test_a_demo_killed_half_way_is_finished_by_the_next_initial_sync(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "flows.cli", "demo", "--scale", "small"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as demo:
        assert demo.stderr is not None
        for line in demo.stderr:
            if line.startswith("  Customer groups"):
                break
        demo.send_signal(signal.SIGKILL)
    done = dualflow("sync", "initial", cwd=tmp_path)
    assert done["verdict"] == "ok"
    found = dualflow("verify", cwd=tmp_path)
    assert found["differences"] == 0 and found["rows_compared"] > 1500


def test_the_seed_is_the_same_every_time() -> None:
    once, again = ([(side, name, rows) for side, name, rows in seed.rows(300)] for _ in range(2))
    assert once == again


def test_the_seed_has_about_twenty_thousand_rows() -> None:
    number = sum(len(rows) for _, _, rows in seed.rows())
    assert 18_000 < number < 25_000
