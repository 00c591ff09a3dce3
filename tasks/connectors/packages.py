"""Data Management of F&O: exports that run for minutes, and the packages that come out of them.

An export project with change tracking hands out, at each export, the rows that changed since the one before it. A package is a zip
with a file of comma-separated values per entity. It lies in blob storage under a signed address, to which no token of ours may go.
"""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from tempfile import SpooledTemporaryFile
from typing import IO, Any, Literal, Protocol, runtime_checkable
from urllib.parse import urlsplit

import msgspec
import requests

from mappings.errors import FatalError, RetriableError
from tasks.connectors.http import Client
from tasks.connectors.paging import ROW, follow
from tasks.connectors.refusals import refused
from tasks.connectors.side import ServiceError

Standing = Literal["running", "done", "failed", "unknown"]

GROUPS = "DataManagementDefinitionGroups"
BLOBS = ".blob.core.windows.net"
IN_MEMORY = 8_000_000
LARGEST = 2_000_000_000
"""Bytes that a package, and the data in it, may have."""

_STANDINGS: dict[str, Standing] = {
    "notrun": "running",
    "executing": "running",
    "succeeded": "done",
    "partiallysucceeded": "failed",
    "failed": "failed",
    "canceled": "failed",
}


@runtime_checkable
class Exports(Protocol):
    """An F&O whose Data Management can be asked."""

    def projects(self) -> Sequence[str]:
        """Names of the export projects; none where they can't be listed."""

    def export(self, project: str, company: str, execution: str) -> str:
        """Start an export; its execution id, the given one if the service takes it."""

    def exported(self, execution: str) -> Standing:
        """How an export stands."""

    def package(self, execution: str, hosts: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """The rows of a finished export, by column in upper case without underscores."""


class Refusal(FatalError):
    """Data Management says no."""


class Packages:
    """Exports of one environment.

    Args:
        verify: True, or the file of a private certificate authority.
    """

    def __init__(self, client: Client, verify: str | bool, timeout: tuple[float, float]) -> None:
        self._client = client
        self._verify = verify
        self._timeout = timeout

    def projects(self, executor: Any) -> list[str]:
        """Names of the export projects; none where they can't be listed."""

        class _Unlisted(Exception):
            pass

        def check(error: ServiceError) -> None:
            if error.status in (400, 404, 405, 501):
                raise _Unlisted

        url = f"{GROUPS}?$select=Name"
        try:
            pages = follow(
                self._client, executor, "metadata", url, doing="the list of export projects", check=check
            )
            return [str(row["Name"]) for page in pages for row in page.value if row.get("Name")]
        except _Unlisted:
            return []

    def start(self, project: str, company: str, execution: str) -> str:
        """Start an export and return its execution id."""
        body = {
            "definitionGroupId": project,
            "packageName": f"{project} {execution}",
            "executionId": execution,
            "reExecute": False,
            "legalEntityId": company,
        }
        return str(self._call("ExportToPackage", body) or execution)

    def standing(self, execution: str) -> Standing:
        """How an export stands."""
        try:
            said = str(self._call("GetExecutionSummaryStatus", {"executionId": execution}))
        except Refusal:
            return "unknown"  # F&O refuses to speak of an execution that never began
        return _STANDINGS.get(said.replace(" ", "").lower(), "unknown")

    def rows(self, execution: str, hosts: Sequence[str]) -> Iterator[Mapping[str, str]]:
        """The rows of a finished export."""
        url = str(self._call("GetExportedPackageUrl", {"executionId": execution}))
        with self._download(url, hosts) as file:
            try:
                with zipfile.ZipFile(file) as package:
                    yield from _rows(package)
            except zipfile.BadZipFile as error:
                raise RetriableError(
                    f"the package of an export can't be read: {error}", code="package"
                ) from None

    def _call(self, action: str, body: Mapping[str, Any]) -> Any:
        # sent once: a second export would find nothing changed, and the first one's rows would be lost
        answer = self._client.send(
            "feed",
            "POST",
            f"{GROUPS}/Microsoft.Dynamics.DataEntities.{action}",
            headers={"Content-Type": "application/json"},
            body=msgspec.json.encode(body),
            resend="unread",
            decoder=ROW,
        )
        if answer.data is None:
            error = refused(self._client.error_of(answer), f"{action} of Data Management")
            raise Refusal(error.message, code=error.code, remedy=error.remedy, side="fno")
        value = answer.data.get("value")
        # documented as a value in a value, seen as a plain one
        return value.get("value") if isinstance(value, dict) else value

    @contextmanager
    def _download(self, url: str, hosts: Sequence[str]) -> Iterator[IO[bytes]]:
        """A package's content; its address is used only where packages are known to lie."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        known = {self._client.origin.host.lower(), *(each.lower() for each in hosts)}
        if parts.scheme != "https" or "@" in parts.netloc or not (host in known or host.endswith(BLOBS)):
            raise FatalError(
                f"the package of an export lies at {parts.scheme}://{host}, where none is expected",
                code="package_host",
                remedy="if that is right, name the host in DUALFLOW_EXPORT_HOSTS",
                side="fno",
            )
        # a session of its own: the address is the permission, and our token is nobody's business there
        with requests.Session() as session, SpooledTemporaryFile(IN_MEMORY) as file:
            session.trust_env = False
            try:
                with session.get(
                    url, stream=True, verify=self._verify, timeout=self._timeout, allow_redirects=False
                ) as answer:
                    if answer.status_code != 200:
                        raise RetriableError(
                            f"the package of an export can't be fetched: status {answer.status_code} from {host}",
                            code="package",
                        )
                    size = 0
                    for block in answer.iter_content(1 << 20):
                        size += len(block)
                        if size > LARGEST:
                            raise FatalError(
                                "the package of an export is too large", code="package_size", side="fno"
                            )
                        file.write(block)
            except requests.RequestException as error:
                raise RetriableError(
                    f"the package of an export can't be fetched from {host}: {type(error).__name__}",
                    code="package",
                ) from None
            file.seek(0)
            yield file


def _rows(package: zipfile.ZipFile) -> Iterator[Mapping[str, str]]:
    names = [each for each in package.infolist() if each.filename.lower().endswith(".csv")]
    if not names:
        raise FatalError(
            "the package of an export holds no file of comma-separated values",
            code="package_format",
            remedy="set the source data format of the export project's entity to CSV",
            side="fno",
        )
    for each in names:
        if each.file_size > LARGEST:
            raise FatalError("the data of an export is too large", code="package_size", side="fno")
        with package.open(each) as raw:
            reader = csv.reader(io.TextIOWrapper(raw, encoding="utf-8-sig", newline=""))
            header = [name.replace("_", "").upper() for name in next(reader, [])]
            for values in reader:
                yield dict(zip(header, values, strict=False))
