"""Rows of date-effective entities begin and cease to be valid without a write, and Dataverse follows."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tasks.sync.seams import Seams
from tests.integration.conftest import Install
from tests.integration.installation import failed
from tests.local_services import Services

JOBS = "Jobs"
ALWAYS = ("2020-01-01T00:00:00Z", "2154-12-31T23:59:59Z")


def moment(days: float) -> str:
    return f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%dT%H:%M:%SZ}"


def job(name: str, begin: str, end: str, **values: Any) -> dict[str, Any]:
    return {"JobId": name, "Description": "as planned", "Effective": begin, "Expiration": end, **values}


def in_dataverse(services: Services) -> dict[str, str]:
    return {row["cdm_name"]: row["cdm_description"] for row in services.dump("dataverse", "cdm_jobs")}


@pytest.mark.parametrize("events", [True, False])
def test_rows_follow_their_validity_whatever_the_feed(
    services: Services, install: Install, whole: Catalogue, events: bool
) -> None:
    later = timedelta()
    services.switch(valid_only=[{"set": JOBS, "from": "Effective", "to": "Expiration"}])
    services.load(
        "fno",
        JOBS,
        [
            job("always", *ALWAYS),
            job("from tomorrow", moment(1), ALWAYS[1]),
            job("until tomorrow", ALWAYS[0], moment(1)),
        ],
    )
    installation = install(
        catalogue=whole,
        maps=whole.related([JOBS]),
        companies=("usmf",),
        seams=Seams(now=lambda: datetime.now(UTC) + later),
        data_events=("all",) if events else (),
        safety_seconds=365 * 86_400.0,
    )
    assert failed(installation.initial()) == []
    installation.settle()
    assert set(in_dataverse(services)) == {"always", "until tomorrow"}
    # events are off in F&O: nothing tells of this, and nothing reads all rows but a scan
    services.load("fno", JOBS, [job("always", *ALWAYS, Description="changed")])

    later = timedelta(days=2)
    services.switch(fno_clock_offset=later.total_seconds())
    installation.settle()

    assert in_dataverse(services) == {
        "always": "as planned" if events else "changed",
        "from tomorrow": "as planned",
    }
    installation.at_rest()
