"""Which installation a command works on: the configured one, or the demo's where nothing is configured."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.core_chain import CORE_CHAIN
from flows.local_sandbox import LocalSandbox, arguments_of
from flows.prefect_server import settle_environment
from mappings.errors import FatalError

FOLDER = Path(".dualflow")
"""Everything that this program keeps, below the working directory."""
DEMO = FOLDER / "demo"
SEED = "demo"
COMPANIES = "usmf,demf,gbsi"
"""Companies of the seed `demo`."""

KEPT = (
    "DUALFLOW_STATE_URL",
    "DUALFLOW_STATE_HOST",
    "DUALFLOW_WORKERS",
    "DUALFLOW_CONNECTIONS",
    "DUALFLOW_LEASE_SECONDS",
)
"""Variables that a rehearsal takes over from the environment."""
CONFIGURED_BY = ("DUALFLOW_FNO_URL", "DUALFLOW_ENV_FILE")


def configured() -> bool:
    """Did somebody say which environments to work on?"""
    return any(os.environ.get(name) for name in CONFIGURED_BY)


@contextmanager
def installation(tell: Callable[[str], None]) -> Iterator[None]:
    """Settings in the environment for the length of a block.

    Without configured environments the demo's sandbox serves; it is started for that long if it is down.

    Args:
        tell: takes a line for people.

    Raises:
        FatalError: nothing is configured, and there was no demo.
    """
    settle_environment(FOLDER)
    if configured():
        yield
        return
    sandbox = LocalSandbox(DEMO)
    if not sandbox.exists:
        raise FatalError(
            "no environments are configured",
            code="not_configured",
            remedy="set DUALFLOW_FNO_URL and the variables of the README, or DUALFLOW_ENV_FILE to a file with them;"
            " `dualflow demo` shows everything on two rehearsal systems first",
        )
    tell(f"no environments are configured: this is about the demo's sandbox in {DEMO}")
    own = os.environ.get("DUALFLOW_MAPS_FOLDER")
    with serving(sandbox, tell, *arguments_of(maps=[Path(own)] if own else [])):
        yield


@contextmanager
def rehearsal(sandbox: LocalSandbox, tell: Callable[[str], None], *arguments: str) -> Iterator[None]:
    """Settings for a sandbox and for nothing else, whatever is configured: a rehearsal never reaches a real environment.

    Only the state may be elsewhere: DUALFLOW_STATE_URL is honoured.
    """
    settle_environment(FOLDER)
    before = dict(os.environ)
    for name in list(os.environ):
        if name.startswith("DUALFLOW_") and name not in KEPT:
            del os.environ[name]
    try:
        with serving(sandbox, tell, *arguments):
            yield
    finally:
        os.environ.update({name: value for name, value in before.items() if name.startswith("DUALFLOW_")})


@contextmanager
def serving(sandbox: LocalSandbox, tell: Callable[[str], None], *arguments: str) -> Iterator[None]:
    """A running sandbox and the settings for it, for the length of a block; one that runs already is left running.

    Args:
        arguments: for `serve`, if it has to be started.
    """
    before = dict(os.environ)
    started = not sandbox.running()
    if started:
        tell("starting the sandbox")
        sandbox.start(*arguments)
    try:
        os.environ.update(sandbox.environment())
        for name, value in _defaults(sandbox.folder).items():
            os.environ.setdefault(name, value)
        yield
    finally:
        if started:
            sandbox.stop()
        for name in set(os.environ) - set(before):
            if name.startswith("DUALFLOW_"):
                del os.environ[name]


def _defaults(folder: Path) -> dict[str, str]:
    """What a sandbox's own file doesn't say: its companies and maps, and a state that goes with its data."""
    return {
        "DUALFLOW_COMPANIES": COMPANIES,
        "DUALFLOW_MAPS": ",".join(CORE_CHAIN),
        "DUALFLOW_STATE_URL": f"sqlite:///{(folder / 'state.db').resolve()}",
    }
