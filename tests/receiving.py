"""The receiver as tests use it: `dualflow receive` as a process on a free port, and what the two systems would post to it."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import requests
import trustme

from tests.local_services import REPOSITORY

SECRET = "a secret of the tests only"
FNO = "fno.test"


class Receiver:
    """A running receiver.

    Args:
        folder: for its certificate and its log.
        plain: without TLS.
    """

    def __init__(self, folder: Path, state_url: str, *, plain: bool = False, **settings: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.log = folder / "receiver.log"
        environment = {
            "DUALFLOW_FNO_URL": f"https://{FNO}",
            "DUALFLOW_STATE_URL": state_url,
            "DUALFLOW_RECEIVER_SECRET": SECRET,
            "DUALFLOW_RECEIVER_PORT": "0",
        }
        self._session = requests.Session()
        self._session.trust_env = False
        if not plain and "DUALFLOW_RECEIVER_CERTIFICATE" not in settings:
            authority = trustme.CA()
            authority.cert_pem.write_to_path(str(folder / "ca.pem"))
            issued = authority.issue_cert("localhost", "127.0.0.1")
            issued.private_key_and_cert_chain_pem.write_to_path(str(folder / "server.pem"))
            environment["DUALFLOW_RECEIVER_CERTIFICATE"] = str(folder / "server.pem")
            self._session.verify = str(folder / "ca.pem")
        clean = {name: value for name, value in os.environ.items() if not name.startswith("DUALFLOW_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "flows.cli", "receive"],
            cwd=REPOSITORY,
            env={**clean, **environment, **settings, "PYTHONUNBUFFERED": "1"},
            stdout=subprocess.DEVNULL,
            stderr=self.log.open("w"),
        )
        atexit.register(self._left_over)  # of a test that failed before it could end it
        self.url = ""
        while not self.url and self.process.poll() is None:
            told = [line for line in self.log.read_text().splitlines() if line.startswith("receiving at ")]
            self.url = told[0].removeprefix("receiving at ").replace("0.0.0.0", "127.0.0.1") if told else ""
            threading.Event().wait(0.02)
        assert self.url, self.log.read_text()

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1].split("/")[0])

    def post(
        self, body: Any, *, secret: str | None = SECRET, parameter: bool = False, **options: Any
    ) -> requests.Response:
        """Post a notice as a system would; bytes and iterators go out as they are."""
        data = json.dumps(body) if isinstance(body, dict | list) else body
        headers = {"x-dualflow-secret": secret} if secret is not None and not parameter else {}
        query = {"code": secret} if secret is not None and parameter else {}
        return self._session.post(self.url, data=data, headers=headers, params=query, timeout=30, **options)

    def health(self, secret: str | None = SECRET) -> dict[str, Any]:
        headers = {"x-dualflow-secret": secret} if secret else {}
        url = self.url.replace("/events", "/health")
        found: dict[str, Any] = self._session.get(url, headers=headers, timeout=30).json()
        return found

    def stop(self) -> int:
        """End it in order; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self._session.close()
        return self.process.wait(30)

    def _left_over(self) -> None:
        if self.process.poll() is None:
            self.process.kill()

    def kill(self) -> None:
        """End it as a crash would."""
        self.process.kill()
        self.process.wait(30)


def _attributes(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": name, "value": value} for name, value in values.items()]


def context(message: str, table: str, id_: str, **more: Any) -> dict[str, Any]:
    """An execution context as Dataverse posts it."""
    return {
        "MessageName": message,
        "PrimaryEntityName": table,
        "PrimaryEntityId": id_,
        "Depth": 1,
        "OperationCreatedOn": "/Date(1506409448000-0700)/",
        **more,
    }


def data_event(message: str, entity: str, id_: str, **attributes: Any) -> dict[str, Any]:
    """A data event of F&O; without attributes as for a delete."""
    contracts = "http://schemas.microsoft.com/xrm/2011/Contracts"
    target: dict[str, Any] = {"__type": f"EntityReference:{contracts}", "Id": id_, "LogicalName": entity}
    if attributes:
        target |= {"__type": f"Entity:{contracts}", "Attributes": _attributes(attributes)}
    return context(message, entity, id_, InputParameters=[{"key": "Target", "value": target}])
