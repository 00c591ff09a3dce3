"""The two ends of a map: an F&O entity set and a Dataverse table."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mappings.part import Name, Part

FnoFeed = Literal["row_version", "data_events", "modified", "export", "scan"]
DataverseFeed = Literal["change_tracking", "webhook", "scan"]


class FnoEnd(Part):
    """The F&O side of a map."""

    set: Name = Field(description="entity set name, as in /data/<set>")
    entity: Name = Field(description="name of the data entity")
    key: tuple[Name, ...] = Field(min_length=1, description="the entity's key in order, dataAreaId included")
    filter: Name | None = Field(
        default=None, description="rows that belong to the map: OData, enum members as text"
    )
    filter_fields: tuple[Name, ...] = Field(default=(), description="properties that only the filter names")
    feeds: tuple[FnoFeed, ...] = Field(
        default=("scan",), min_length=1, description="feeds this entity can have"
    )
    modified: Name | None = Field(
        default=None, description="property with the time of the last change, if any"
    )
    effective: tuple[Name, ...] = Field(
        default=(),
        max_length=2,
        description="properties that say from when, and until when, a row is valid: where the entity shows what is "
        "valid today, its rows change without being written, and are read again when a validity begins or ends",
    )
    unlisted: tuple[Name, ...] = Field(
        default=(),
        description="mapped properties that no published map names, such as your extensions: a name that is "
        "neither published nor listed here is taken for a misspelling",
    )


class DataverseEnd(Part):
    """The Dataverse side of a map."""

    table: Name = Field(description="entity set name, as in /api/data/v9.2/<table>")
    key: tuple[Name, ...] = Field(
        min_length=1, description="integration key: columns or lookup paths, without the company"
    )
    optional: tuple[Name, ...] = Field(
        default=(),
        description="parts of the key that may be empty, and are a value of it then: a setting for all sites. "
        "A row that lacks another part has no key yet",
    )
    company: Name | None = Field(
        default=None, description="company lookup column; left out = the map is global"
    )
    filter: Name | None = Field(
        default=None, description="rows that belong to the map: OData, plain columns only"
    )
    filter_fields: tuple[Name, ...] = Field(default=(), description="columns that only the filter names")
    feeds: tuple[DataverseFeed, ...] = Field(
        default=("change_tracking",), min_length=1, description="feeds this table can have"
    )
