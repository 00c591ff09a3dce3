"""The lag of a live sync: from a user's commit on one side until the value stands on the other.

    python -m tests.benchmarks.lag --json

Everything runs as it is shipped: the sandbox with the latency of real services (100 ms a request, 2 ms an operation of a batch), a
Prefect server, the delta deployment with its hand-overs, `dualflow receive`. All maps run; users make 50 changes a second in 20 of
them, 13 in F&O (what its data events support) and 37 in Dataverse. Both moments are the sandbox's, from its log of writes. A second
pass has no events: there everything is polled. A third has no edits: what is spent while nobody does anything.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import requests

from tests.benchmarks.lag_figures import lags, polls, quantiles, used
from tests.benchmarks.lag_rows import COMPANIES, IN_DATAVERSE, IN_FNO, planned, plant
from tests.benchmarks.processes import Tree
from tests.local_services import Services

RATE = {"fno": 13.0, "dataverse": 37.0}
WARM = 25.0
"""Seconds of edits before those that count: at the first one all tables are quiet."""
SETTLE = 12.0
"""Seconds for the last edits to arrive."""
SECRET = "a-secret-of-the-benchmark"
REPOSITORY = Path(__file__).parents[2]


class Stage:
    """One pass: a sandbox with prepared rows and a state in sync, the processes around it.

    Args:
        prepared: folder of sandbox and state, copied.
        events: have F&O tell of changes, and the receiver take it.
    """

    def __init__(self, prepared: Path, folder: Path, interval: float, events: bool) -> None:
        shutil.copytree(prepared, folder)
        self.folder, self.interval, self.events = folder, interval, events
        self.services = Services(folder / "sandbox")
        self.children: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        """Start everything, and wait until a delta run is at work."""
        self.services.start()
        self.environment = {
            **os.environ,
            **self.services.environment,
            "PYTHONPATH": str(REPOSITORY),
            "DUALFLOW_COMPANIES": ",".join(COMPANIES),
            "DUALFLOW_STATE_URL": f"sqlite:///{self.folder / 'state.db'}",
            # thirty of the thirty rows of a table change within a minute: a scan that finds that would stop the map
            "DUALFLOW_UPDATE_BRAKE_SHARE": "1",
            "PREFECT_HOME": str(self.folder / "prefect"),
        }
        from flows.prefect_server import settle_environment, start_server

        os.environ["PREFECT_HOME"] = self.environment["PREFECT_HOME"]
        settle_environment(self.folder)
        self.server = start_server(ui=True)
        self.environment |= {name: os.environ[name] for name in os.environ if name.startswith("PREFECT")}
        sets = [each.entity_set for each in planned() if each.name in IN_FNO]
        if self.events:
            self._receive(sets)
        else:
            self.services.admin("POST", "virtual", {"sets": "qualifying", "tracked": True})
        self.server.wait()
        self.environment["PREFECT_API_URL"] = self.server.url
        self.services.switch(latency_preset="realistic")
        self._run("deployments", "tests.benchmarks.lag_flow", str(self.interval))
        self._wait_for_run()

    def _receive(self, sets: list[str]) -> None:
        self.environment |= {
            "DUALFLOW_RECEIVER_SECRET": SECRET,
            "DUALFLOW_RECEIVER_CERTIFICATE": self.services.environment[
                "DUALFLOW_SANDBOX_RECEIVER_CERTIFICATE"
            ],
            "DUALFLOW_RECEIVER_PORT": "0",
            "DUALFLOW_DATA_EVENTS": ",".join(sets),
        }
        self._run("receiver", "flows.cli", "receive")
        log = self.folder / "receiver.log"
        until = time.monotonic() + 60
        while "receiving at" not in (text := log.read_text()):
            assert time.monotonic() < until and self.children["receiver"].poll() is None, text
            time.sleep(0.2)
        address = text.split("receiving at", 1)[1].split()[0].replace("127.0.0.1", "localhost")
        told = [{"set": each, "url": f"{address}?code={SECRET}"} for each in sets]
        self.services.admin("POST", "data-events", {"data-events": told, "replace": True})

    def _run(self, name: str, module: str, *arguments: str) -> None:
        with (self.folder / f"{name}.log").open("wb") as log:
            self.children[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                env=self.environment,
                cwd=self.folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def _wait_for_run(self) -> None:
        found: list[dict[str, Any]] = []
        until = time.monotonic() + 60
        while not found and time.monotonic() < until:
            time.sleep(1)
            found = requests.post(f"{self.server.url}/deployments/filter", json={}, timeout=30).json()
        # the first run at once, and not when the schedule comes round
        begin = {"state": {"type": "SCHEDULED"}}
        address = f"{self.server.url}/deployments/{found[0]['id']}/create_flow_run"
        # a server that has just started may answer 503 for a moment
        while (answer := requests.post(address, json=begin, timeout=30)).status_code == 503:
            assert time.monotonic() < until, answer.text
            time.sleep(1)
        answer.raise_for_status()
        until = time.monotonic() + self.interval + 120
        while not any(polls(self.services.trace())):
            assert time.monotonic() < until, (self.folder / "deployments.log").read_text()[-2000:]
            assert self.children["deployments"].poll() is None, (self.folder / "deployments.log").read_text()
            time.sleep(1)

    def stop(self) -> None:
        """End everything."""
        for child in reversed(self.children.values()):
            child.terminate()
            try:
                child.wait(30)
            except subprocess.TimeoutExpired:
                child.kill()
        self.server.child.stop()
        self.services.stop()

    def cpu(self) -> dict[str, float]:
        """CPU seconds so far, by part."""
        found = {name: Tree(child.pid).cpu() for name, child in self.children.items()}
        return {
            "engine": found["deployments"],
            "receiver": found.get("receiver", 0.0),
            "prefect_server": Tree(self.server.child.pid).cpu(),
            "sandbox": float(self.services.stats()["cpu_seconds"]),
        }

    def runs(self) -> Counter[str]:
        """Flow runs by state."""
        answer = requests.post(f"{self.server.url}/flow_runs/filter", json={"limit": 200}, timeout=30)
        return Counter(each["state_type"] for each in answer.json())


def busy(stage: Stage, seconds: float) -> dict[str, Any]:
    """Users at work for so long."""
    rows = planned(stage.folder / "plan.json")
    plan = {
        "admin": stage.services.login_url,
        "ca": stage.services.ca_bundle,
        "sides": {
            side: {"rate": RATE[side], "tables": [each.edits(side) for each in rows if each.name in names]}
            for side, names in (("fno", IN_FNO), ("dataverse", IN_DATAVERSE))
        },
    }
    file = stage.folder / "edits.json"
    file.write_text(json.dumps(plan), encoding="utf-8")
    since = max((each["seq"] for each in stage.services.trace()), default=0)
    before, cpu, runs = time.time(), stage.cpu(), stage.runs()
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.lag_load", str(file), str(WARM + seconds)],
        env=stage.environment,
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    load = json.loads(done.stdout)
    spent, took = {name: now - cpu[name] for name, now in stage.cpu().items()}, time.time() - before
    time.sleep(SETTLE)
    trace = stage.services.trace(since)
    (stage.folder / "trace.json").write_text(json.dumps(trace), encoding="utf-8")
    found = lags(stage.services.writes(), rows, before + WARM, stage.events)
    handed = stage.runs() - runs
    return {
        "seconds": seconds,
        "interval": stage.interval,
        "offered_per_second": round(load["made"] / (WARM + seconds), 1),
        "edits_refused": load["refused"],
        "load_latest_tick_seconds": load["latest_tick"],
        "lag": {name: quantiles(values) for name, values in sorted(found.lags.items())},
        "never_arrived": dict(found.missing),
        "hand_overs": handed["COMPLETED"],
        "runs": dict(stage.runs()),
        "cancelled": stage.runs()["CANCELLED"],
        "polls": used(trace)["polls"],
        # before and after all tables are quiet, and asked together every half a minute
        "worst_gap_between_polls_seconds": used(
            [each for each in trace if before + WARM <= each["time"] < before + took]
        )["gap"],
        "requests": used(trace)["requests"],
        "budget": stage_budget(stage),
        "cpu_share_of_a_core": {name: round(value / took, 3) for name, value in spent.items()}
        | {"load": round(load["cpu_seconds"] / took, 3)},
        "engine_cpu_ms_per_change": round(1000 * spent["engine"] / max(1, load["made"]), 2),
    }


def idle(stage: Stage, seconds: float) -> dict[str, Any]:
    """Nobody at work for so long, once what a start brings is over."""
    time.sleep(2 * WARM)
    since = max((each["seq"] for each in stage.services.trace()), default=0)
    started, cpu = time.time(), stage.cpu()
    time.sleep(seconds)
    took = time.time() - started
    spent = {name: now - cpu[name] for name, now in stage.cpu().items()}
    trace = stage.services.trace(since)
    return {
        "seconds": round(took),
        "interval": stage.interval,
        "cpu_share_of_a_core": {name: round(value / took, 3) for name, value in spent.items()},
        "polls": used(trace)["polls"],
        "requests": used(trace)["requests"],
        "runs": dict(stage.runs()),
    }


def stage_budget(stage: Stage) -> list[dict[str, Any]]:
    """What the installation itself counted, of its own share."""
    from tasks.state.store import Store
    from tasks.sync.budget import Limits, standing
    from tasks.sync.settings import load_settings

    os.environ.update(stage.services.environment)
    limits = Limits.of(load_settings())
    with Store.open(stage.environment["DUALFLOW_STATE_URL"]) as store:
        (pair,) = store.pairs()
        return [standing(store, pair, side, limits, time.time()).as_json() for side in ("fno", "dataverse")]


def main() -> None:
    """Print the figures of all passes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=300, help="of edits that count, with events")
    parser.add_argument("--polling", type=float, default=120, help="the same, without events; 0 = not at all")
    parser.add_argument("--idle", type=float, default=120, help="without edits; 0 = not at all")
    parser.add_argument("--interval", type=float, default=60, help="seconds between two delta runs")
    parser.add_argument("--idle-interval", type=float, default=300)
    parser.add_argument(
        "--prepared", type=Path, help="a folder that is made if it is not there, and used again"
    )
    parser.add_argument("--keep", type=Path, help="leave states, logs and traces here")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        prepared = given.prepared or Path(name) / "prepared"
        if not prepared.exists():
            plant(prepared)
        for what, seconds, events, interval in (
            ("events", given.seconds, True, given.interval),
            ("polling", given.polling, False, given.interval),
            ("idle", given.idle, False, given.idle_interval),
        ):
            if not seconds:
                continue
            stage = Stage(prepared, (given.keep or Path(name)) / what, interval, events)
            try:
                stage.start()
                found[what] = idle(stage, seconds) if what == "idle" else busy(stage, seconds)
                print(f"{what}: {json.dumps(found[what])}", file=sys.stderr, flush=True)
            finally:
                stage.stop()
    if given.json:
        print(json.dumps(found, indent=2))
        return
    for what, figures in found.items():
        print(what)
        for key, value in figures.items():
            print(f"  {key}: {value}")


if __name__ == "__main__":
    main()
