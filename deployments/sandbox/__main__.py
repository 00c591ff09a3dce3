"""``python -m deployments.sandbox serve | seed | stop``."""

from __future__ import annotations

import argparse
import json
import ssl
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from deployments.sandbox.process import Options, read_environment, run
from deployments.sandbox.seed import seeds
from mappings.errors import DualflowError, FatalError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it worked."""
    given = _parser().parse_args(arguments)
    try:
        if given.command == "serve":
            run(_options(given))
        elif given.command == "seed":
            _print(_call(given.data, "reset", {"seed": given.name, "size": given.size}))
        else:
            _call(given.data, "stop", {})
    except DualflowError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m deployments.sandbox", description="F&O, Dataverse and Entra ID on this machine."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="serve until stopped")
    serve.add_argument("--data", type=Path, required=True, help="folder of data, certificates and settings")
    serve.add_argument("--ports", default="0,0,0", help="fno,dataverse,login; 0 = that of last time or free")
    serve.add_argument("--seed", default="", help=f"fill an empty sandbox: {', '.join(seeds.names())}")
    serve.add_argument("--size", type=int, default=0, help="rows of the seed; 0 = its own size")
    serve.add_argument("--benchmark", action="store_true", help="prepared pages, counted writes, latencies")
    serve.add_argument("--maps", type=Path, action="append", default=[], help="folder of further maps")
    serve.add_argument("--no-shipped", action="store_true", help="leave the shipped maps out")
    seed = commands.add_parser("seed", help="empty a running sandbox and fill it")
    seed.add_argument("--data", type=Path, required=True)
    seed.add_argument("--size", type=int, default=0)
    seed.add_argument("name", help=", ".join(seeds.names()))
    stop = commands.add_parser("stop", help="stop a running sandbox")
    stop.add_argument("--data", type=Path, required=True)
    return parser


def _options(given: argparse.Namespace) -> Options:
    ports = [int(port) for port in given.ports.split(",")]
    if len(ports) != 3:
        raise FatalError("--ports takes three numbers: fno,dataverse,login")
    return Options(
        folder=given.data,
        ports=(ports[0], ports[1], ports[2]),
        seed=given.seed,
        size=given.size,
        benchmark=given.benchmark,
        maps=tuple(given.maps),
        shipped=not given.no_shipped,
    )


def _call(folder: Path, action: str, arguments: dict[str, Any]) -> dict[str, Any]:
    """The admin API of the sandbox that runs in a folder."""
    environment = read_environment(folder)
    request = urllib.request.Request(
        f"{environment['DUALFLOW_AUTHORITY']}/_sandbox/{action}",
        data=json.dumps(arguments).encode(),
        method="POST",
    )
    context = ssl.create_default_context(cafile=environment["DUALFLOW_CA_BUNDLE"])
    try:
        with urllib.request.urlopen(request, context=context, timeout=120) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        raise FatalError(str(json.load(error).get("error", error))) from None
    except OSError as error:
        raise FatalError(f"the sandbox of {folder} does not answer: {error}") from None


def _print(answer: dict[str, Any]) -> None:
    for name, count in answer["rows"].items():
        print(f"{count:8,}  {name}")
    print(f"seed {answer['seed']} loaded in {answer['seconds']} s")


if __name__ == "__main__":
    sys.exit(main())
