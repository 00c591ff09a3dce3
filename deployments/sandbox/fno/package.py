"""The file of a data package: a zip with manifest, header and one CSV an entity."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

from deployments.sandbox.fno.values import NO_DATE, NO_TIME
from deployments.sandbox.schema.fno import COMPANY, label_of
from deployments.sandbox.schema.model import Column, FnoEntity
from deployments.sandbox.store.index import Row
from deployments.sandbox.switches import Switches

_NAMESPACES = (
    'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns="http://schemas.microsoft.com/dynamics/2015/01/DataManagement"'
)
_KIND = "Microsoft.Dynamics.AX.Framework.Tools.DataManagement.Serialization.DataManagementPackageManifest"


def package(
    group: str,
    entities: Iterable[FnoEntity],
    rows: Mapping[str, list[Row]],
    incremental: bool,
    switches: Switches,
) -> bytes:
    """The zip.

    Args:
        group: name of the definition group.
        rows: by entity set.
        incremental: the group exports increments.
    """
    stream = io.BytesIO()
    entities = list(entities)
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as file:
        file.writestr("Manifest.xml", _manifest(group, entities, incremental, switches))
        file.writestr("PackageHeader.xml", _header(group))
        for entity in entities:
            file.writestr(f"{entity.label}.csv", _csv(entity, rows[entity.set], switches))
    return stream.getvalue()


def _columns(entity: FnoEntity, switches: Switches) -> list[tuple[str, Column]]:
    """(name in the file, property); the company is told by the export, not by its rows."""
    upper = switches.dmf_columns == "staging"
    return [
        (column.name.upper() if upper else column.name, column)
        for column in entity.columns.values()
        if column.name != COMPANY
    ]


def _csv(entity: FnoEntity, rows: Iterable[Row], switches: Switches) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    columns = _columns(entity, switches)
    writer.writerow([name for name, _ in columns])
    shown = [(column.name, _text(column, switches)) for _, column in columns]
    writer.writerows([[show(row[name]) for name, show in shown] for row in rows])
    return text.getvalue().encode("utf-8-sig")


def _text(column: Column, switches: Switches) -> Callable[[Any], str]:
    if column.kind == "enum":
        if switches.dmf_enums == "value":
            return {member: str(place) for place, member in enumerate(column.members)}.__getitem__
        if switches.dmf_enums == "label":
            return {member: label_of(member) for member in column.members}.__getitem__
    if column.kind == "datetime":
        return lambda value: "" if value in (NO_DATE, NO_TIME) else f"{value[:10]} {_time(column, value)}"
    if column.kind == "decimal":
        return lambda value: f"{Decimal(value):.{column.scale or 0}f}"
    return str


def _time(column: Column, value: str) -> str:
    return "00:00:00" if column.date_only else value[11:19]


def _manifest(group: str, entities: Iterable[FnoEntity], incremental: bool, switches: Switches) -> str:
    listed = "".join(
        "<DataManagementPackageEntityData>"
        f"<DefaultRefreshType>{'IncrementalPush' if incremental else 'FullPush'}</DefaultRefreshType>"
        f"<EntityMapList>{_fields(entity, switches)}</EntityMapList>"
        f"<EntityName>{escape(entity.label)}</EntityName>"
        f"<InputFilePath>{escape(entity.label)}.csv</InputFilePath>"
        "<SourceFormat>CSV-Unicode</SourceFormat>"
        f"<TargetEntity>{entity.entity}</TargetEntity>"
        "</DataManagementPackageEntityData>"
        for entity in entities
    )
    return (
        f'<?xml version="1.0" encoding="utf-8"?><DataManagementPackageManifest {_NAMESPACES}>'
        f"<DefinitionGroupName>{escape(group)}</DefinitionGroupName><Description>{escape(group)}</Description>"
        f"<PackageEntityList>{listed}</PackageEntityList></DataManagementPackageManifest>"
    )


def _fields(entity: FnoEntity, switches: Switches) -> str:
    return "".join(
        f"<EntityMap><EntityField>{column.name.upper()}</EntityField><XMLField>{name}</XMLField></EntityMap>"
        for name, column in _columns(entity, switches)
    )


def _header(group: str) -> str:
    return (
        f'<?xml version="1.0" encoding="utf-8"?><DataManagementPackageHeader {_NAMESPACES}>'
        f"<Description>{escape(group)}</Description><ManifestType>{_KIND}</ManifestType>"
        "<PackageType>DefinitionGroup</PackageType><PackageVersion>2</PackageVersion>"
        "</DataManagementPackageHeader>"
    )
