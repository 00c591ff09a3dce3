"""Are both systems new enough?

F&O 10.0.4 with platform update 28, and Dataverse 9.1, are what the maps of July 2019 were made for; some features need more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tasks.connectors import dataverse_environment
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

Version = tuple[int, ...]

APPLICATION: Version = (10, 0, 4)
PLATFORM: Version = (7, 0, 5314)
"""Platform update 28, by its build."""
DATAVERSE: Version = (9, 1)
ROW_VERSION: Version = (10, 0, 31)
"""First application version whose virtual tables tell of changes by row version."""
_UPDATE = "update the environment (Lifecycle Services, or the Power Platform admin center)"


def number(text: str) -> Version:
    """A version as numbers: ``10.0.40 (PU64)`` → (10, 0, 40)."""
    found = re.match(r"\s*(\d+(?:\.\d+)*)", text)
    return tuple(int(part) for part in found.group(1).split(".")) if found else ()


def shown(version: Version) -> str:
    """A version as text."""
    return ".".join(map(str, version))


def of_fno(around: Surroundings) -> Iterator[Finding]:
    """F&O's application and platform."""
    told = around.fno_versions()
    around.told["F&O"] = f"application {told.application}, platform {told.platform}"
    for what, text, least, name in (
        ("application", told.application, APPLICATION, shown(APPLICATION)),
        ("platform", told.platform, PLATFORM, f"{shown(PLATFORM)} (update 28)"),
    ):
        if number(text) < least:
            yield Finding(
                f"version_fno_{what}",
                "error",
                "fno",
                f"{what} version",
                f"at least {name}",
                text or "none",
                _UPDATE,
            )
    yield from _features(around, told.application)


def _features(around: Surroundings, application: str) -> Iterator[Finding]:
    """Features that were asked for, and need more than the least version."""
    asked = [name for name, feed in around.settings.feeds.items() if feed == "row_version"]
    asked = [name for name in asked if any(each.name == name for each in around.maps)]
    if asked and APPLICATION <= number(application) < ROW_VERSION:
        yield Finding(
            "version_row_version",
            "error",
            "fno",
            "DUALFLOW_FEEDS",
            f"at least {shown(ROW_VERSION)} for row_version",
            application,
            f"{_UPDATE}, or take row_version out of DUALFLOW_FEEDS",
            maps=tuple(asked),
        )


def of_dataverse(around: Surroundings) -> Iterator[Finding]:
    """Dataverse."""
    told = dataverse_environment.version(around.live_dataverse.client)
    around.told["Dataverse"] = told
    if number(told) < DATAVERSE:
        yield Finding(
            "version_dataverse",
            "error",
            "dataverse",
            "version",
            f"at least {shown(DATAVERSE)} (4.2)",
            told or "none",
            "update the environment (Power Platform admin center)",
        )


FNO = Check("version_fno", "Version of F&O", of_fno, needs=("fno",))
OF_DATAVERSE = Check("version_dataverse", "Version of Dataverse", of_dataverse, needs=("dataverse",))
