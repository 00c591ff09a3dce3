"""`kill -9` at a random moment of delta runs under load: nothing lost, nothing doubled.

    python -m tests.soak.kills [--times 50] [--flows 10] [--seed N]

A process runs one delta after the other over the sandbox while users edit both sides; it is killed, and the next one starts at
once: it has to wait until the dead one's leases have run out, as in production. Some of them are `dualflow sync delta`, with all
that belongs to it, the others only the engine, which starts faster. After the last one everything comes to rest, and every user's
last word has to stand on both sides, once.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flows.prefect_server import settle_environment, start_server
from mappings.errors import DualflowError
from tasks.sync.session import Session
from tasks.sync.settings import Settings
from tasks.sync.verify import verify
from tasks.sync.work import delta_sync, maps_with_work, poll
from tests.integration.installation import CORE, Installation, Sides, core_catalogue, failed
from tests.integration.trading import company_ids, customer, reference_data
from tests.local_services import Services, start
from tests.soak.load import COMPANY, Load

REPOSITORY = Path(__file__).parent.parent.parent
CUSTOMERS = 60
LEASE = 5
"""Seconds that a lease lasts here: as short as the settings allow."""

UNLIMITED: dict[str, Any] = {"limit_requests": 10**6, "limit_seconds": 10.0**5, "limit_day": 10**8}
"""Each run begins anew with what a run asks first: fifty of them within minutes are no workload of anybody."""
START_SECONDS = 90
"""Seconds in which a command has to write its first row."""

# the process that is killed


def work(given: dict[str, Any]) -> None:
    """Delta runs, one after the other, for ever."""
    settings = Settings(**given)
    session = Session.open(settings, catalogue=core_catalogue())
    maps = session.selected()
    while True:
        try:
            poll(session, maps)
        except DualflowError:
            time.sleep(0.1)  # the dead one's lease has not run out
            continue
        named = maps_with_work(session)
        for sync in maps:
            if sync.name in named:
                delta_sync(session, sync.name)


def serve() -> None:
    """Fork a process for each line on standard input, so that imports are paid for once; answers with its id."""
    logging.disable(logging.ERROR)
    core_catalogue()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            os.close(0)
            work(json.loads(line))
        print(child, flush=True)
        os.waitpid(child, 0)
        print("over", flush=True)


class Victims:
    """Processes that sync until they are killed."""

    def __init__(self, settings: Settings) -> None:
        plain = settings.model_dump(mode="json") | {
            "client_secret": settings.client_secret.get_secret_value()
        }
        self._settings = json.dumps(plain) + "\n"
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.soak.kills", "--serve"],
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, seconds: float) -> None:
        """Let one work for so long, and kill it."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(self._settings)
        self._process.stdin.flush()
        child = int(self._process.stdout.readline())
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
        assert self._process.stdout.readline().strip() == "over"

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=30)


class Flows:
    """Runs of `dualflow sync delta` that keep watch until they are killed, and the Prefect server that has them on record."""

    def __init__(self, services: Services, settings: Settings, folder: Path) -> None:
        self._services = services
        self._folder = folder
        settle_environment(folder)
        os.environ["PREFECT_HOME"] = str(folder / "prefect")
        self._server = start_server(ui=False)
        self._environment = {
            **os.environ,
            **services.environment,
            "PREFECT_API_URL": self._server.url,
            "DUALFLOW_STATE_URL": settings.state_url,
            "DUALFLOW_COMPANIES": ",".join(settings.companies),
            "DUALFLOW_MAPS": ",".join(settings.maps),
            "DUALFLOW_LEASE_SECONDS": str(settings.lease_seconds),
            "DUALFLOW_BRAKE_MINIMUM": str(settings.brake_minimum),
            "DUALFLOW_UPDATE_BRAKE_SHARE": str(settings.update_brake_share),
            **{f"DUALFLOW_{name.upper()}": str(limit) for name, limit in UNLIMITED.items()},
        }
        self._server.wait()

    def live(self, seconds: float) -> None:
        """Let one work for so long after its first write, and kill it.

        Raises:
            AssertionError: it ended by itself, or wrote nothing.
        """
        command = [sys.executable, "-m", "flows.cli", "sync", "delta", "--linger", "600"]
        log = self._folder / "flow.log"
        written = self._writes()
        until = time.monotonic() + START_SECONDS
        with log.open("w") as out:
            process = subprocess.Popen(
                command, cwd=REPOSITORY, env=self._environment, stdout=out, stderr=out, start_new_session=True
            )
            try:
                while self._writes() == written:
                    assert process.poll() is None, log.read_text()
                    assert time.monotonic() < until, f"it writes nothing: {log.read_text()}"
                    time.sleep(0.1)
                time.sleep(seconds)
                assert process.poll() is None, log.read_text()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _writes(self) -> int:
        return len(self._services.writes(caller="application"))

    def close(self) -> None:
        self._server.child.stop()


# all of it


def connected(services: Services, sides: Sides, folder: Path, lease: int) -> Installation:
    """Customers of one company, in sync."""
    reference_data(services, (COMPANY,))
    services.load("fno", "CustomersV3", [customer(COMPANY, key) for key in keys()])
    installation = Installation(
        services,
        sides,
        core_catalogue(),
        f"sqlite:///{folder}/state.db",
        maps=CORE,
        companies=(COMPANY,),
        lease_seconds=lease,
        brake_minimum=10_000,
        update_brake_share=1.0,
        **UNLIMITED,
    )
    assert failed(installation.initial()) == []
    installation.quiet()
    return installation


def keys() -> list[str]:
    return [f"C-{number:03}" for number in range(CUSTOMERS)]


def killed(
    services: Services,
    installation: Installation,
    times: int,
    seed: int,
    *,
    longest: float = LEASE + 3.0,
    flows: Flows | None = None,
    every: int = 0,
    between: Callable[[], None] = lambda: None,
    tell: Callable[[str], None] = lambda _: None,
) -> list[str]:
    """Kill so many runs under load; what is wrong when all has come to rest.

    Args:
        longest: seconds that a run lives at most.
        flows: starts each `every`-th of them.
        between: called after each kill.
    """
    draw = random.Random(seed)
    load = Load(services, keys(), company_ids(services)[COMPANY], seed)
    victims = Victims(installation.settings)
    written = services.write_count()
    load.start()
    try:
        for n in range(times):
            life = draw.uniform(0.3, longest)
            if flows is not None and every and n % every == 0:
                flows.live(life)
            else:
                victims.live(life)
            between()
            tell(
                f"  {n + 1} killed, {load.edits} edits, {services.write_count() - written - load.edits} writes"
            )
    finally:
        victims.close()
        load.stop()
    return at_rest(installation, load)


def at_rest(installation: Installation, load: Load) -> list[str]:
    """What is wrong once a last process has done what was left."""
    until = time.monotonic() + LEASE * 4
    while True:
        try:
            found = failed(installation.settle())
            if not found or time.monotonic() > until:
                break
        except (DualflowError, AssertionError):
            if time.monotonic() > until:
                raise
        time.sleep(0.2)
    wrong = found + load.wrong() + installation.stored().twins(CORE)
    wrong += [f"verify: {each}" for each in verify(installation.session).details]
    wrong += [f"an intent is open: {each}" for each in installation.open_intents()]
    wrong += [f"parked: {row.key} {row.code}" for row in installation.parked()]
    return wrong


def main() -> int:
    """Kill and look."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.kills")
    parser.add_argument("--times", type=int, default=50)
    parser.add_argument("--flows", type=int, default=10, help="how many of them are `dualflow sync delta`")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        serve()
        return 0
    logging.disable(logging.ERROR)
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"kills: {given.times} from seed {seed}", flush=True)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="dualflow-kills-") as folder:
        services = start(Path(folder) / "sandbox")
        try:
            sides = Sides(services)
            installation = connected(services, sides, Path(folder), LEASE)
            flows = Flows(services, installation.settings, Path(folder)) if given.flows else None
            try:
                wrong = killed(
                    services,
                    installation,
                    given.times,
                    seed,
                    flows=flows,
                    every=given.times // given.flows if given.flows else 0,
                    tell=lambda line: print(line, flush=True),
                )
            finally:
                if flows is not None:
                    flows.close()
            installation.close()
            sides.close()
        finally:
            services.stop()
    print(*wrong[:20], sep="\n")
    minutes = (time.monotonic() - began) / 60
    what = f"{given.times} times, {given.flows} of them `dualflow sync delta`"
    print(f"kills {'red' if wrong else 'green'}: seed {seed}, {what}, {minutes:.1f} minutes")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
