"""The deployments of `deployments/prefect.yaml`, served from one process, for those who need no work pool yet.

`python -m flows.served` registers them with the API of the environment and starts their runs until it is ended.
"""

from __future__ import annotations

from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from prefect import Flow, serve
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Interval
from prefect.types.entrypoint import EntrypointType
from prefect.utilities.importtools import import_object

FILE = Path(str(files("deployments"))) / "prefect.yaml"


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """The deployments in the file, anchors resolved."""
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    found: list[dict[str, Any]] = document["deployments"]
    return found


def deployment(declared: dict[str, Any]) -> RunnerDeployment:
    """A deployment as it can be served."""
    flow = import_object(declared["entrypoint"])
    assert isinstance(flow, Flow)
    limit = declared.get("concurrency_limit")
    made = flow.to_deployment(
        name=declared["name"],
        description=declared.get("description"),
        tags=declared.get("tags"),
        parameters=declared.get("parameters"),
        schedules=[Interval(timedelta(seconds=each["interval"])) for each in declared.get("schedules") or ()],
        concurrency_limit=ConcurrencyLimitConfig(
            limit=limit["limit"],
            collision_strategy=ConcurrencyLimitStrategy(limit["collision_strategy"]),
        )
        if limit
        else None,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(made, RunnerDeployment)
    return made


def main() -> None:
    """Serve all of them until ended."""
    serve(*(deployment(each) for each in read()), pause_on_shutdown=False, print_starting_message=False)


if __name__ == "__main__":
    main()
