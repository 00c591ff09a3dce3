"""The sandbox as tests use it: started as a process on free ports, steered through its admin API.

    services = start(folder, seed="tiny")
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "10"}])
    services.edit("dataverse", "PATCH", f"accounts({guid})", {"name": "New"})      # a user's edit
    assert services.writes(caller="application") == []
    services.stop()

Pytest gets a running one from the fixture `services` (`tests/sandbox_plugin.py`).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import requests

Side = Literal["fno", "dataverse"]
Row = dict[str, Any]
REPOSITORY = Path(__file__).parent.parent
API = {"fno": "/data/", "dataverse": "/api/data/v9.2/"}


class Refused(AssertionError):
    """A user's edit, or a request to the admin API, was refused; says how."""


class Services:
    """A running sandbox.

    Args:
        folder: its data folder; the same folder again finds the same data at the same ports.
        arguments: further arguments of ``python -m deployments.sandbox serve``.

    Attributes:
        environment: the variables of ``sandbox.env``, with which clients find and may use it.
    """

    def __init__(self, folder: Path, arguments: Sequence[str] = ()) -> None:
        self.folder = folder
        self._arguments = tuple(arguments)
        self._process: subprocess.Popen[str] | None = None
        self._session = requests.Session()
        self._session.trust_env = False  # or REQUESTS_CA_BUNDLE would win over `verify`
        self._tokens: dict[tuple[str, str], str] = {}
        self.environment: dict[str, str] = {}

    # the process

    def start(self) -> None:
        """Start the process and wait until it serves."""
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "deployments.sandbox",
                "serve",
                "--data",
                str(self.folder),
                *self._arguments,
            ],
            cwd=REPOSITORY,
            stdout=subprocess.PIPE,
            stderr=(self.folder / "stderr.log").open("w"),
            text=True,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.startswith("sandbox ready"):
            self._process.wait(timeout=30)
            raise AssertionError(f"the sandbox did not start: {(self.folder / 'stderr.log').read_text()}")
        text = (self.folder / "sandbox.env").read_text(encoding="utf-8")
        self.environment = dict(entry.split("=", 1) for entry in text.splitlines())
        self._session.verify = self.environment["DUALFLOW_CA_BUNDLE"]
        self._tokens.clear()

    def stop(self) -> None:
        """Stop it in order."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(timeout=30)
            self._close()

    def kill(self) -> None:
        """Stop it with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
            self._close()

    def _close(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        self._process.stdout.close()
        self._process = None
        self._session.close()

    def restart(self) -> None:
        """Stop and start again, with the same data."""
        self.stop()
        self.start()

    # where it is

    @property
    def fno_url(self) -> str:
        return self.environment["DUALFLOW_FNO_URL"]

    @property
    def dataverse_url(self) -> str:
        return self.environment["DUALFLOW_DATAVERSE_URL"]

    @property
    def login_url(self) -> str:
        return self.environment["DUALFLOW_AUTHORITY"]

    @property
    def ca_bundle(self) -> str:
        return self.environment["DUALFLOW_CA_BUNDLE"]

    def url(self, side: Side) -> str:
        return self.fno_url if side == "fno" else self.dataverse_url

    # the admin API

    def admin(
        self, method: str, action: str, body: Mapping[str, Any] | None = None, **query: Any
    ) -> dict[str, Any]:
        """A request to the admin API.

        Raises:
            Refused: it did not answer 200.
        """
        response = self._session.request(
            method, f"{self.login_url}/_sandbox/{action}", json=body, params=query, timeout=120
        )
        if response.status_code != 200:
            raise Refused(f"{method} {action}: {response.json().get('error', response.text)}")
        found: dict[str, Any] = response.json()
        return found

    def reset(self, seed: str = "empty", size: int = 0) -> None:
        """Both systems empty, or filled by a seed; switches, faults, gates and logs as at the start."""
        self.admin("POST", "reset", {"seed": seed, "size": size})
        # a test before may have had our tokens revoked
        self._tokens.clear()

    def snapshot(self, name: str) -> None:
        self.admin("POST", "snapshot", {"name": name})

    def restore(self, name: str) -> None:
        """Back to a snapshot, versions included, as a restored database."""
        self.admin("POST", "restore", {"name": name})

    def load(self, side: Side, entity_set: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Create rows as a user, fast; F&O rows whose key is there are updated."""
        self.admin("POST", "load", {"side": side, "set": entity_set, "rows": list(rows)})

    def change(
        self,
        side: Side,
        entity_set: str,
        body: Mapping[str, Any] | None,
        filter: str | None = None,
    ) -> int:
        """The same change to every row that passes a filter, as a user; body None deletes. Returns how many."""
        document = {"side": side, "set": entity_set, "filter": filter, "body": body}
        return int(self.admin("POST", "change", document)["rows"])

    def edit(
        self,
        side: Side,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        **headers: str,
    ) -> Any:
        """One request as a user, past the network; `path` is relative to the service's root.

        The method RENAME gives an F&O row the key values in `body`; the row keeps its record id, and what
        refers to it follows.

        Returns:
            the body of the answer.

        Raises:
            Refused: the service answered 400 or more.
        """
        request = {"side": side, "method": method, "path": path, "body": body, "headers": headers}
        return self._answered(self.admin("POST", "edits", {"requests": [request]}), request)

    def edit_and_follow(
        self, side: Side, method: str, path: str, body: Mapping[str, Any] | None, since: int
    ) -> list[dict[str, Any]]:
        """One request as a user; returns the write log since an entry.

        Raises:
            Refused: the service answered 400 or more.
        """
        request = {"side": side, "method": method, "path": path, "body": body}
        found = self.admin("POST", "edits", {"requests": [request], "since": since})
        self._answered(found, request)
        writes: list[dict[str, Any]] = found["writes"]
        return writes

    @staticmethod
    def _answered(found: Mapping[str, Any], request: Mapping[str, Any]) -> Any:
        answer = found["answers"][0]
        if answer["status"] >= 400:
            raise Refused(f"{request['method']} {request['path']}: {answer['status']} {answer['body']}")
        return answer["body"]

    def dump(self, side: Side, entity_set: str) -> list[Row]:
        """All stored rows of a set, with the values as stored."""
        rows: list[Row] = self.admin("GET", f"dump/{side}/{entity_set}")["rows"]
        return rows

    def switch(self, **values: Any) -> None:
        """Set switches (`deployments/sandbox/switches.py`) until the next reset."""
        self.admin("POST", "switches", values)

    def fault(self, **fault: Any) -> None:
        """Add a fault (`deployments/sandbox/faults.py`): side, method, match, nth, times, action, …"""
        self.admin("POST", "faults", {"faults": [fault], "replace": False})

    def clear_faults(self) -> None:
        self.admin("POST", "faults", {"faults": []})

    def faults(self) -> list[dict[str, Any]]:
        """The faults with how often each was seen and hit."""
        found: list[dict[str, Any]] = self.admin("GET", "faults")["faults"]
        return found

    def gate(
        self,
        requests: Sequence[Mapping[str, Any]],
        *,
        side: Side | Literal[""] = "",
        match: str = "",
        nth: int = 1,
        when: Literal["before", "after"] = "before",
    ) -> None:
        """Edits as a user, just before or after the n-th matching request of the application."""
        self.admin(
            "POST",
            "gate",
            {"side": side, "match": match, "nth": nth, "when": when, "requests": list(requests)},
        )

    def gates(self) -> list[dict[str, Any]]:
        """The gates with whether each opened and what its edits were answered."""
        found: list[dict[str, Any]] = self.admin("GET", "gate")["gates"]
        return found

    def clear_gates(self) -> None:
        self.admin("DELETE", "gate")

    def alter(self, side: Side, entity_set: str, **change: Any) -> None:
        """Change the schema until the next reset: drop, columns, key(s), … (`deployments/sandbox/schema/alter.py`)."""
        self.admin("POST", "schema", {"schema": [{"side": side, "set": entity_set, **change}]})

    def void_tokens(self, *entity_sets: str) -> None:
        """Delta tokens of these Dataverse tables (none named: of all) are void from now on."""
        self.admin("POST", "void-tokens", {"sets": list(entity_sets)})

    def writes(self, caller: str = "", since: int = 0) -> list[dict[str, Any]]:
        """The write log: seq, side, set, kind, id, key, fields, caller, time."""
        query: dict[str, Any] = {"since": since, **({"caller": caller} if caller else {})}
        found: list[dict[str, Any]] = self.admin("GET", "writes", **query)["writes"]
        return found

    def new_write_log(self, *, rows: bool = False) -> None:
        """Begin a new write log; with `rows` its entries hold the stored rows, until the next reset."""
        self.admin("POST", "writes", {"rows": rows})

    def write_count(self) -> int:
        return int(self.admin("GET", "writes", since=2**31)["count"])

    def trace(self, since: int = 0) -> list[dict[str, Any]]:
        """Requests so far: seq, side, method, url, caller, status, if_match, prefer, operations of batches."""
        found: list[dict[str, Any]] = self.admin("GET", "trace", since=since)["requests"]
        return found

    def stats(self) -> dict[str, Any]:
        """CPU seconds of the process, requests by kind, writes."""
        return self.admin("GET", "stats")

    # the public APIs

    def request(
        self,
        side: Side,
        method: str,
        path: str,
        body: Any = None,
        *,
        caller: Literal["application", "user"] = "user",
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> requests.Response:
        """A request through TLS and login; `path` is relative to the service's root."""
        target = path if path.startswith("http") else f"{self.url(side)}{API[side]}{path}"
        return self._session.request(
            method,
            target,
            json=body,
            data=data,
            headers={"Authorization": f"Bearer {self.token(side, caller)}", **(headers or {})},
            timeout=60,
        )

    def token(self, side: Side, caller: Literal["application", "user"] = "user") -> str:
        """An access token, asked for once."""
        known = self._tokens.get((side, caller))
        if known is None:
            prefix = "DUALFLOW_CLIENT" if caller == "application" else "DUALFLOW_SANDBOX_USER"
            response = self._session.post(
                f"{self.login_url}/{self.environment['DUALFLOW_TENANT_ID']}/oauth2/v2.0/token",
                data={
                    "grant_type": "client_credentials",
                    "client_id": self.environment[f"{prefix}_ID"],
                    "client_secret": self.environment[f"{prefix}_SECRET"],
                    "scope": f"{self.url(side)}/.default",
                },
                timeout=60,
            )
            known = self._tokens[side, caller] = str(response.json()["access_token"])
        return known


def start(folder: Path, *, seed: str = "", arguments: Sequence[str] = ()) -> Services:
    """A sandbox that serves from this folder; the caller stops it."""
    folder.mkdir(parents=True, exist_ok=True)
    services = Services(folder, [*(["--seed", seed] if seed else []), *arguments])
    services.start()
    return services
