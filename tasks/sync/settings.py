"""Settings of an installation, read from the environment (`DUALFLOW_…`) or a `.env`-like file named by `DUALFLOW_ENV_FILE`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar, get_args

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from mappings.catalogue import Catalogue, Form
from mappings.ends import FnoFeed
from mappings.errors import FatalError
from mappings.metadata import SideName

Kind = TypeVar("Kind", bound="CatalogueSettings")

SHORTEST_SECRET = 16
"""Characters; what is shorter could be guessed by whoever reaches the receiver."""


class CatalogueSettings(BaseSettings):
    """Which maps there are and in which form; all that commands need which talk to no system."""

    model_config = SettingsConfigDict(
        env_prefix="DUALFLOW_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    maps_folder: Path | None = Field(
        default=None, description="Folder of custom maps, read beside the shipped ones"
    )
    form: Form = Field(
        default="classic",
        description="Form of the published maps where there are two: classic (addresses on the customer) or party",
    )
    sensitive: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Maps whose sensitive parts are wanted (ethnic origin, birth dates …), comma separated, or all",
    )

    @field_validator("sensitive", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return _split(value)

    def folders(self, given: Sequence[Path] = ()) -> list[Path]:
        """These folders of custom maps, or else the one that the settings name."""
        return list(given) or ([self.maps_folder] if self.maps_folder else [])

    def catalogue(self, folders: Sequence[Path] = (), *, validate: bool = True) -> Catalogue:
        """The maps that these settings choose.

        Args:
            folders: folders of custom maps, instead of the one that the settings name.
            validate: check that the maps fit together.

        Raises:
            MapError: maps are wrong.
        """
        folders = self.folders(folders)
        return Catalogue.load(folders, form=self.form, sensitive=self.sensitive, validate=validate)


class ReceiverSettings(CatalogueSettings):
    """What the receiver of events needs: it speaks to neither system, so it has no credentials of theirs."""

    fno_url: str = Field(description="Root of the F&O environment, https, without trailing slash")
    state_url: str = Field(default="sqlite:///.dualflow/state.db", description="SQLAlchemy URL of the state")
    receiver_secret: SecretStr | None = Field(
        default=None, description="What senders of events have to know; at least 16 characters"
    )
    receiver_host: str = Field(default="127.0.0.1", description="Address on which events are received")
    receiver_port: int = Field(default=4270, ge=0, le=65535, description="Port of it; 0: a free one")
    receiver_certificate: Path | None = Field(
        default=None, description="PEM file of the certificate and those it rests on, for HTTPS"
    )
    receiver_key: Path | None = Field(
        default=None, description="PEM file of its private key, if it isn't in the certificate's file"
    )
    receiver_plain: bool = Field(
        default=False, description="Plain HTTP also beyond this machine, behind a proxy that does HTTPS"
    )
    receiver_limit: int = Field(default=1_048_576, ge=1024, description="Bytes that one request may have")
    receiver_url: str | None = Field(
        default=None, description="Address under which the two systems reach the receiver, https"
    )
    business_events: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Business events that tell of an entity: BusinessEventId=EntitySet, comma separated",
    )

    @field_validator("fno_url", "receiver_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        return None if value is None else _https(value)

    @field_validator("receiver_secret")
    @classmethod
    def _long_enough(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and len(value.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(f"must have at least {SHORTEST_SECRET} characters")
        return value

    @field_validator("business_events", mode="before")
    @classmethod
    def _split_events(cls, value: object) -> object:
        return _pairs(value, "NameOfBusinessEvent=EntitySet,OtherEvent=EntitySet")


class Settings(ReceiverSettings):
    """Where the two systems are, who we are there, and what to sync.

    Secrets come from the environment or a file that only the operator can read; they are never logged or stored in the state.
    """

    dataverse_url: str = Field(description="Root of the Dataverse environment, https, without trailing slash")
    tenant_id: str = Field(description="Entra tenant of both environments")
    client_id: str = Field(description="Application (client) id of the app registration")
    client_secret: SecretStr = Field(description="Its secret")
    authority: str = Field(default="https://login.microsoftonline.com", description="Entra authority")
    ca_bundle: Path | None = Field(default=None, description="PEM file of a private certificate authority")
    fno_user: str = Field(
        default="",
        description="F&O user that the application is mapped to, for `dualflow check`, where F&O doesn't show it",
    )
    companies: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Company codes in scope, comma separated; empty: refused except for global maps",
    )
    maps: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), description="Map names to run, comma separated; empty: the whole catalogue"
    )
    connections: int = Field(default=8, ge=1, le=52, description="Connections per side")
    page_size: int = Field(default=1000, ge=50, le=5000, description="Rows worked on at a time")
    fno_page_size: int | None = Field(
        default=None, description="Rows an F&O page; the service's maximum if unset"
    )
    dataverse_page_size: int | None = Field(default=None, description="Rows a Dataverse page; 5000 if unset")
    master: Literal["fno", "dataverse"] = Field(
        default="fno", description="Whose value wins at a first connection in mode `both`"
    )
    lease_seconds: int = Field(
        default=60, ge=5, description="How long a lane stays ours without a sign of life"
    )
    versions_ignored: Annotated[tuple[SideName, ...], NoDecode] = Field(
        default=(),
        description="Sides (fno, dataverse) whose row versions don't protect a row from being overwritten: each row is then read"
        " in the same batch right before it is written, and what was overwritten is recorded as a conflict",
    )
    brake_minimum: int = Field(
        default=3, ge=0, description="Deletes a day that always pass, per map, company and side"
    )
    brake_share: float = Field(
        default=0.01, ge=0, le=1, description="Share of the paired rows whose deletes pass"
    )
    update_brake_share: float = Field(
        default=0.3, ge=0, le=1, description="Share of rows a scan may find changed"
    )
    paused_names: int = Field(
        default=100_000,
        ge=0,
        description="Changed rows that a paused map and company keeps by name; past it a scan finds them on resume",
    )
    feeds: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Feeds of F&O instead of those found: Map=feed, comma separated; feeds: row_version, data_events,"
        " modified, export, scan",
    )
    data_events: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="F&O entity sets whose data events reach the receiver, comma separated, or all; one whose events"
        " came counts by itself",
    )
    exports: Annotated[dict[str, str], NoDecode] = Field(
        default_factory=dict,
        description="Export projects of Data Management that serve an entity set: EntitySet=project, comma separated;"
        " dualflow-<EntitySet> is found by itself",
    )
    export_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="Hosts besides Azure's blob storage and F&O's own from which exported packages may be fetched,"
        " comma separated",
    )
    safety_seconds: float = Field(
        default=900, ge=60, description="Seconds between two scans of an entity whose feed can lose a change"
    )
    budget_share: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="Our share of the limits of both services, of five minutes and of a day",
    )
    limit_requests: int = Field(
        default=6000, ge=1, description="Requests that a service takes from us in five minutes"
    )
    limit_seconds: float = Field(
        default=1200, gt=0, description="Seconds that it works on them in five minutes, all added up"
    )
    limit_day: int = Field(
        default=500_000,
        ge=1,
        description="Rows a day that our licences entitle us to; each row of a batch counts",
    )
    metadata_seconds: float = Field(
        default=3600,
        ge=0,
        description="How long delta runs that keep watch use metadata that one of them has read",
    )
    target_frozen: bool = Field(
        default=False, description="Declare that nobody else writes to Dataverse during the initial sync"
    )

    @field_validator("companies", "maps", "data_events", "export_hosts", "versions_ignored", mode="before")
    @classmethod
    def _split_lists(cls, value: object) -> object:
        return _split(value)

    @field_validator("feeds", mode="before")
    @classmethod
    def _split_feeds(cls, value: object) -> object:
        return _pairs(value, "Customers V3 to accounts=scan,Customer groups=row_version")

    @field_validator("feeds")
    @classmethod
    def _known_feeds(cls, value: dict[str, str]) -> dict[str, str]:
        known = get_args(FnoFeed)
        for feed in value.values():
            if feed not in known:
                raise ValueError(f"there is no feed {feed!r}; feeds: {', '.join(known)}")
        return value

    @field_validator("exports", mode="before")
    @classmethod
    def _split_exports(cls, value: object) -> object:
        return _pairs(value, "EntitySet=project,OtherSet=project")

    @field_validator("dataverse_url", "authority")
    @classmethod
    def _secure(cls, value: str) -> str:
        return _https(value)

    @property
    def connect_seconds(self) -> float:
        """Longest that a connection may take to come about."""
        return min(10.0, self.lease_seconds * 0.15)

    @property
    def request_seconds(self) -> float:
        """Longest without a byte of an answer: with the connecting shorter than a lease, the right to send."""
        return self.lease_seconds * 0.75

    @property
    def verify(self) -> str | bool:
        """What TLS certificates are checked against."""
        return str(self.ca_bundle) if self.ca_bundle else True


def map_folders(folders: Sequence[Path] = ()) -> list[Path]:
    """These folders of custom maps, or the one that the environment names."""
    return _read(CatalogueSettings).folders(folders)


def load_catalogue(folders: Sequence[Path] = (), *, validate: bool = True) -> Catalogue:
    """The maps that the environment and `DUALFLOW_ENV_FILE` choose; no system's address is needed.

    Args:
        validate: check that the maps fit together.

    Raises:
        FatalError: a setting is wrong.
        MapError: maps are wrong.
    """
    return _read(CatalogueSettings).catalogue(folders, validate=validate)


def load_receiver_settings() -> ReceiverSettings:
    """Read what the receiver needs.

    Raises:
        FatalError: Names every setting that is missing or wrong, by its environment variable.
    """
    return _read(ReceiverSettings)


def load_settings(**overrides: object) -> Settings:
    """Read the settings; `overrides` win over the environment.

    Raises:
        FatalError: Names every setting that is missing or wrong, by its environment variable.
    """
    return _read(Settings, **overrides)


def _https(value: str) -> str:
    if not value.startswith("https://"):
        raise ValueError("must start with https://")
    return value.rstrip("/")


def _split(value: object) -> object:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    return value


def _pairs(value: object, example: str) -> object:
    """A list of `name=value` as a dict; anything but text as it is."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition("=") for part in value.split(",") if part.strip()]
    if any(not (name.strip() and meant.strip()) for name, _, meant in pairs):
        raise ValueError(f"must be a list such as {example}")
    return {name.strip(): meant.strip() for name, _, meant in pairs}


def _read(kind: type[Kind], **overrides: object) -> Kind:
    env_file = os.environ.get("DUALFLOW_ENV_FILE")
    try:
        return kind(_env_file=env_file, **overrides)  # type: ignore[arg-type]  # pydantic-settings reads the rest
    except ValidationError as error:
        wrong = "; ".join(
            f"DUALFLOW_{'_'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors(include_input=False)
        )
        raise FatalError(
            f"settings are incomplete: {wrong}",
            code="settings",
            remedy="set the environment variables named above, or DUALFLOW_ENV_FILE to a file that holds them"
            " (`dualflow sandbox` writes one)",
        ) from None
