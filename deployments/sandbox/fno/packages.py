"""Data Management: exports of whole entities, or of what changed, as packages to download.

A definition group (data project) names the entities; with tracking, each export of a company holds only the rows
changed since the last one that succeeded. Deletes are never exported. How far that went are counters of the store,
so a restored database exports again what it exported before.
"""

from __future__ import annotations

import dataclasses
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deployments.sandbox.fno import errors
from deployments.sandbox.fno.package import package
from deployments.sandbox.fno.rows import COMPANY
from deployments.sandbox.folding import fold
from deployments.sandbox.messages import Response, ServiceFault
from deployments.sandbox.schema.model import FnoEntity, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches
from mappings.errors import FatalError

GROUP = "DataManagementDefinitionGroup"
ACTIONS = frozenset(
    {"ExportToPackage", "GetExecutionSummaryStatus", "GetExportedPackageUrl", "GetExecutionErrors"}
)
DOWNLOADS = "/dmf/"
DAYS = 7


@dataclass(frozen=True, slots=True)
class Definition:
    """A data project for exports.

    Attributes:
        entities: entity sets.
        tracking: the entities' change tracking is on, and the project exports increments.
    """

    name: str
    entities: tuple[str, ...]
    tracking: bool = True


@dataclass(slots=True)
class _Execution:
    """One export: what it took, and how often somebody asked for its state."""

    definition: Definition
    rows: dict[str, list[Row]]
    reached: dict[str, int]
    started: float
    key: str = field(default_factory=lambda: uuid.uuid4().hex)
    failed: bool = False
    asked: int = 0
    file: bytes | None = None


class Packages:
    """Definition groups, executions and files.

    Args:
        files: root URL of the file store, another host than F&O's.
    """

    def __init__(self, schema: Schema, store: Store, switches: Switches, files: str) -> None:
        self.schema = schema
        self._store = store
        self._switches = switches
        self._files = files
        self._executions: dict[str, _Execution] = {}
        self.definitions: dict[str, Definition] = {}
        known = [
            each for each in store.setup("definitions") or () if set(each["entities"]) <= schema.fno.keys()
        ]
        self._add(known)

    def define(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Make definition groups, or replace those of the same name.

        Raises:
            FatalError: an unknown set.
        """
        documents = list(documents)
        for each in documents:
            unknown = [name for name in each["entities"] if name not in self.schema.fno]
            if unknown:
                raise FatalError(f"no set '{unknown[0]}' on fno")
        self._add(documents)
        self._keep()

    def _add(self, documents: Iterable[Mapping[str, Any]]) -> None:
        for each in documents:
            made = Definition(str(each["name"]), tuple(each["entities"]), bool(each.get("tracking", True)))
            self.definitions[made.name] = made

    def _keep(self) -> None:
        self._store.keep("definitions", [dataclasses.asdict(each) for each in self.definitions.values()])

    def clear(self) -> None:
        if self.definitions:
            self.definitions.clear()
            self._keep()
        self._executions.clear()

    def listed(self) -> list[dict[str, Any]]:
        """The definition groups as their entity set shows them."""
        return [{"Name": name, "Description": name} for name in sorted(self.definitions)]

    # actions

    def call(self, action: str, given: Mapping[str, Any]) -> Any:
        """The value that an action answers.

        Raises:
            ServiceFault: the action fails, in F&O's words.
        """
        if action not in ACTIONS:
            raise errors.not_imitated(f"{GROUP}s/{action}")
        if action == "ExportToPackage":
            return self._nested(self._export(given))
        execution = self._executions.get(str(given.get("executionId", "")))
        if execution is None:
            text = f"Execution details were not found for execution id: {given.get('executionId', '')}"
            raise _failed(action, text)
        if action == "GetExecutionSummaryStatus":
            execution.asked += 1
            return self._status(execution)
        if action == "GetExportedPackageUrl":
            if self._status(execution) != "Succeeded":
                raise _failed(action, "The package was not exported.")
            return self._nested(
                f"{self._files}{DOWNLOADS}{execution.key}.zip?sv=2024-01-01&sig={execution.key[::-1]}"
            )
        return "[{}]" if not execution.failed else '[{"ErrorMessage":"Export failed."}]'

    def _nested(self, value: str) -> Any:
        return {"value": value} if self._switches.dmf_nested else value

    def _export(self, given: Mapping[str, Any]) -> str:
        name, company = str(given.get("definitionGroupId", "")), str(given.get("legalEntityId") or "")
        company = fold(company or self._switches.fno_default_company)
        execution_id = str(given.get("executionId") or uuid.uuid4())
        definition = self.definitions.get(name)
        if definition is None:
            if self._switches.dmf_unknown_group == "accept":
                return execution_id
            raise _failed(
                "ExportToPackage",
                f"Export to package failed for definition group: {name}, package name: "
                f"{given.get('packageName', '')}, execution id: {execution_id}, reExecute: "
                f"{str(given.get('reExecute', False)).lower()}, legal entity: {company}",
            )
        rows, reached = {}, {}
        for entity_set in definition.entities:
            entity, counter = self.schema.fno.get(entity_set), f"dmf {name} {entity_set} {company}"
            if entity is None:
                raise _failed("ExportToPackage", f"The entity {entity_set} does not exist.")
            rows[entity_set] = self._rows(entity, company, self._since(definition, counter))
            reached[counter] = self._store.version
        execution = _Execution(definition, rows, reached, self._now())
        if self._switches.dmf_failures > 0:
            self._switches.dmf_failures -= 1
            execution.failed = True
        else:
            self._store.counters.update(reached)
        self._executions[execution_id] = execution
        return execution_id

    def _since(self, definition: Definition, counter: str) -> int:
        return self._store.counters.get(counter, -1) if definition.tracking else -1

    def _rows(self, entity: FnoEntity, company: str, since: int) -> list[Row]:
        table = self._store.fno(entity.set)
        found = list(table.rows.values()) if since < 0 else table.changed(since, self._store.version)
        if not entity.company_specific:
            return found
        return [row for row in found if row[COMPANY] == company]

    def _status(self, execution: _Execution) -> str:
        early = self._now() - execution.started < self._switches.dmf_seconds
        if early or execution.asked <= self._switches.dmf_polls:
            return "Executing"
        return "Failed" if execution.failed else "Succeeded"

    def _now(self) -> float:
        return self._store.clock() + self._switches.fno_clock_offset

    # files

    def download(self, path: str, options: Mapping[str, str], authorization: str | None) -> Response:
        """A package from the file store, which takes signed links and nothing else."""
        match = re.fullmatch(re.escape(DOWNLOADS) + r"([0-9a-f]{32})\.zip", path)
        found = next(
            (each for each in self._executions.values() if match and each.key == match.group(1)), None
        )
        if authorization is not None:
            return _storage(
                400,
                "InvalidAuthenticationInfo",
                "Authentication information is not given in the correct format.",
            )
        if found is None:
            return _storage(404, "BlobNotFound", "The specified blob does not exist.")
        old = self._now() - found.started > DAYS * 86_400
        if old or options.get("sig") != found.key[::-1]:
            return _storage(403, "AuthenticationFailed", "Server failed to authenticate the request.")
        if found.file is None:
            entities = [self.schema.fno[name] for name in found.rows]
            found.file = package(
                found.definition.name, entities, found.rows, found.definition.tracking, self._switches
            )
        return Response(200, {"Content-Type": "application/zip"}, found.file)


def _failed(action: str, why: str) -> ServiceFault:
    return errors.fault(500, f"Exception occurred while executing action {action} on Entity {GROUP}: {why}")


def _storage(status: int, code: str, message: str) -> Response:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
    return Response(status, {"Content-Type": "application/xml"}, body.encode())
