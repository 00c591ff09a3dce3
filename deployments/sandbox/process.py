"""The sandbox as a process: folder, ports, secrets, three listeners."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import secrets
import signal
import sys
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deployments.sandbox import login
from deployments.sandbox.admin import PREFIX, Admin
from deployments.sandbox.benchmark import Benchmark, ids_of
from deployments.sandbox.certificates import AUTHORITY, RECEIVER, server_context
from deployments.sandbox.fno.packages import DOWNLOADS
from deployments.sandbox.listener import Listener, Lost
from deployments.sandbox.messages import Request, Response
from deployments.sandbox.sandbox import Sandbox
from deployments.sandbox.schema import facts
from deployments.sandbox.schema.derive import derive
from deployments.sandbox.schema.model import Schema
from deployments.sandbox.switches import BENCHMARK
from mappings import fno_entities
from mappings.catalogue import read_maps
from mappings.errors import FatalError

SIDES = ("fno", "dataverse", "login")
SETTINGS, ENVIRONMENT, DATA = "sandbox.json", "sandbox.env", "sandbox.sqlite"


@dataclass(frozen=True, slots=True)
class Options:
    """How to serve.

    Attributes:
        folder: data, certificates, settings; one sandbox a folder.
        ports: of fno, dataverse, login; 0 = the port of last time, or a free one.
        seed: loaded at start into an empty sandbox; "" = none.
        size: rows of the seed, 0 = its own.
        benchmark: answer reads from prepared bytes, count writes.
        maps: folders of maps beside the shipped ones.
        shipped: serve the shipped maps.
    """

    folder: Path
    ports: tuple[int, int, int] = (0, 0, 0)
    seed: str = ""
    size: int = 0
    benchmark: bool = False
    maps: tuple[Path, ...] = ()
    shipped: bool = True


def schema_of(options: Options) -> Schema:
    """The schema that the maps, in all their forms, and the facts give."""
    maps = read_maps(options.maps, shipped=options.shipped)
    return derive(maps, facts.load(), fno_entities.load())


def run(options: Options) -> None:
    """Serve until stopped by signal or by the admin API."""
    options.folder.mkdir(parents=True, exist_ok=True)
    gc.set_threshold(200_000, 20, 100)
    with contextlib.suppress(ImportError):
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(_serve(options))


async def _serve(options: Options) -> None:
    folder = options.folder
    (folder / ENVIRONMENT).unlink(missing_ok=True)
    settings = _settings(folder)
    ready, stopping = asyncio.Event(), asyncio.Event()
    handlers: dict[str, Callable[[Request], Any]] = {}

    async def dispatch(side: str, request: Request) -> Response:
        await ready.wait()
        answer: Response = await handlers[side](request)
        return answer

    context = server_context(folder)
    listeners = {
        side: Listener(lambda request, side=side: dispatch(side, request), context)  # type: ignore[misc]
        for side in SIDES
    }
    ports = await _listen(listeners, options, settings)
    urls = {side: f"https://localhost:{port}" for side, port in ports.items()}
    apps = login.applications(settings["secrets"])
    sandbox = Sandbox(
        schema_of(options),
        folder / DATA,
        urls,
        apps,
        bytes.fromhex(settings["key"]),
        settings["organization"],
        folder / AUTHORITY,
    )
    admin = Admin(sandbox, stopping.set, folder)
    if options.benchmark:
        sandbox.benchmark = Benchmark(ids_of(sandbox.schema.dataverse))
        sandbox.switches.set(BENCHMARK)
    if options.seed and sandbox.is_empty:
        admin.load_seed(options.seed, options.size)
    handlers.update(
        fno=lambda request: sandbox.answer("fno", request),
        dataverse=lambda request: sandbox.answer("dataverse", request),
        login=lambda request: _login(request, sandbox, admin),
    )
    ready.set()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopping.set)
    _write_environment(folder, urls, apps)
    print(f"sandbox ready: {folder / ENVIRONMENT}", flush=True)
    await stopping.wait()
    await asyncio.gather(*(listener.stop() for listener in listeners.values()))
    sandbox.close()
    (folder / ENVIRONMENT).unlink(missing_ok=True)


async def _login(request: Request, sandbox: Sandbox, admin: Admin) -> Response:
    if request.path.startswith(PREFIX):
        return admin.handle(request)
    if request.path.startswith(DOWNLOADS):
        return sandbox.packages.download(
            request.path, request.options(), request.headers.get("authorization")
        )
    for fault in sandbox.faults:
        if fault.side == "login" and fault.applies("login", request):
            if fault.action.startswith("lose"):
                raise Lost
            if fault.action == "delay":
                await asyncio.sleep(fault.seconds)
            else:
                return Response(fault.status, {"Content-Type": "application/json"}, b"{}")
    return sandbox.login.handle(request)


async def _listen(
    listeners: dict[str, Listener], options: Options, settings: dict[str, Any]
) -> dict[str, int]:
    """Ports by side: those asked for, else those of last time, else free ones."""
    ports: dict[str, int] = {}
    for side, asked in zip(SIDES, options.ports, strict=True):
        last = settings["ports"].get(side, 0)
        try:
            ports[side] = await listeners[side].start(asked or last)
        except OSError as error:
            if asked:
                raise FatalError(
                    f"port {asked} for {side} is taken: {error}", remedy="choose another with --ports"
                ) from None
            ports[side] = await listeners[side].start(0)
    settings["ports"] = ports
    _write_private(options.folder / SETTINGS, json.dumps(settings, indent=2))
    return ports


def _settings(folder: Path) -> dict[str, Any]:
    """Identity, secrets and ports of this folder, made at the first start."""
    file = folder / SETTINGS
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return {
        "organization": str(uuid.uuid4()),
        "secrets": {"application": secrets.token_urlsafe(24), "user": secrets.token_urlsafe(24)},
        "key": secrets.token_hex(32),
        "ports": {},
        **found,
    }


def _write_environment(folder: Path, urls: dict[str, str], apps: list[login.Application]) -> None:
    application, user = apps
    values = {
        "DUALFLOW_FNO_URL": urls["fno"],
        "DUALFLOW_DATAVERSE_URL": urls["dataverse"],
        "DUALFLOW_AUTHORITY": urls["login"],
        "DUALFLOW_TENANT_ID": login.TENANT,
        "DUALFLOW_CLIENT_ID": application.caller.client_id,
        "DUALFLOW_CLIENT_SECRET": application.secret,
        "DUALFLOW_CA_BUNDLE": str((folder / "ca.pem").resolve()),
        "DUALFLOW_SANDBOX_USER_ID": user.caller.client_id,
        "DUALFLOW_SANDBOX_USER_SECRET": user.secret,
        "DUALFLOW_SANDBOX_RECEIVER_CERTIFICATE": str((folder / RECEIVER).resolve()),
    }
    text = "".join(f"{name}={value}\n" for name, value in values.items())
    _write_private(folder / ENVIRONMENT, text)


def _write_private(file: Path, text: str) -> None:
    """Write whole or not at all, readable by the owner only."""
    draft = file.with_suffix(file.suffix + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        stream.write(text)
    draft.replace(file)


def read_environment(folder: Path) -> dict[str, str]:
    """The running sandbox's ``sandbox.env``.

    Raises:
        FatalError: none is running there.
    """
    file = folder / ENVIRONMENT
    if not file.exists():
        raise FatalError(
            f"no sandbox is running in {folder}",
            remedy=f"start one: {Path(sys.executable).name} -m deployments.sandbox serve --data {folder}",
        )
    lines = file.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line)
