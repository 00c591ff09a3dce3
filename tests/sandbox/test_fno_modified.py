"""The few F&O entities that show when a row last changed: whole seconds of F&O's clock, of the root data source."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from tests.local_services import Services
from tests.sandbox.given import Dataverse, Fno, infolog

HOUR = 3600
PATH = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-1')?cross-company=true"


def seconds(text: str) -> float:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp()


def modified(fno: Fno) -> float:
    return seconds(fno("GET", PATH).json()["ModifiedDateTime1"])


def test_a_change_of_the_root_moves_the_time_by_f_and_os_own_clock(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "US-1")
    assert abs(modified(fno) - time.time()) < 60
    services.switch(fno_clock_offset=HOUR)
    fno("PATCH", PATH, {"OrganizationName": "Other", "AddressCity": "Oslo"})
    assert abs(modified(fno) - time.time()) < 60
    fno("PATCH", PATH, {"CreditLimit": 5})
    assert abs(modified(fno) - time.time() - HOUR) < 60


def test_the_time_filters_and_nobody_sets_it(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "US-1")
    services.switch(fno_clock_offset=HOUR)
    fno.customers("usmf", "US-2")
    edge = datetime.fromtimestamp(time.time() + HOUR / 2, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = fno.rows(f"CustomersV3?cross-company=true&$filter=ModifiedDateTime1 ge {edge}")
    assert [row["CustomerAccount"] for row in found] == ["US-2"]
    refused = fno("PATCH", PATH, {"ModifiedDateTime1": "2020-01-01T00:00:00Z"})
    assert refused.status_code == 400 and "does not allow editing" in infolog(refused)


def test_answers_carry_the_time_of_the_side_that_speaks(
    services: Services, dataverse: Dataverse, fno: Fno
) -> None:
    services.switch(fno_clock_offset=-HOUR, dataverse_clock_offset=HOUR)
    for side, ahead in ((fno, -HOUR), (dataverse, HOUR)):
        told = parsedate_to_datetime(side("GET", "").headers["Date"]).timestamp()
        assert abs(told - time.time() - ahead) < 60
