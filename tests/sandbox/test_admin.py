"""The admin API: loading, dumping, snapshots, logs."""

from __future__ import annotations

import time

import pytest

from tests.local_services import Refused, Services
from tests.sandbox.given import Dataverse, Fno


def test_reset_takes_back_everything(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    services.switch(shuffle=False)
    services.fault(times=0)
    services.reset()
    assert services.dump("fno", "LegalEntities") == []
    assert services.faults() == [] and services.writes() == []
    assert services.admin("GET", "switches")["shuffle"] is True
    assert len(services.dump("dataverse", "systemusers")) == 2


def test_load_checks_every_row_and_names_the_bad_one(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    rows = [{"dataAreaId": "usmf", "CustomerAccount": str(n), "CustomerGroupId": "10"} for n in range(3)]
    rows[1]["CustomerGroupId"] = "none"
    with pytest.raises(Refused, match=r"row 1: .*'none' in field 'Customer group' is not found"):
        services.load("fno", "CustomersV3", rows)
    assert services.dump("fno", "CustomersV3") == []
    with pytest.raises(Refused, match="no set 'Nonsense'"):
        services.load("fno", "Nonsense", [])


def test_loading_twice_updates(services: Services, fno: Fno, dataverse: Dataverse) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "A", SalesMemo="1")
    fno.customers("usmf", "a", SalesMemo="2")
    assert [row["SalesMemo"] for row in services.dump("fno", "CustomersV3")] == ["2"]
    for name in ("A", "B"):
        row = {"@odata.id": "cdm_companies(cdm_companycode='usmf')", "cdm_name": name}
        services.load("dataverse", "cdm_companies", [row])
    assert [row["cdm_name"] for row in services.dump("dataverse", "cdm_companies")] == ["B"]


def test_changes_and_deletes_of_many_rows(services: Services, fno: Fno, dataverse: Dataverse) -> None:
    fno.chain("usmf")
    fno.customers("usmf", "A", "B", "C")
    assert services.change("fno", "CustomersV3", {"SalesMemo": "x"}, "CustomerAccount ne 'b'") == 2
    assert sorted(row["SalesMemo"] for row in services.dump("fno", "CustomersV3")) == ["", "x", "x"]
    assert services.change("fno", "CustomersV3", None) == 3
    for name in "AB":
        dataverse.create("accounts", {"name": name})
    assert services.change("dataverse", "accounts", {"fax": "1"}, "name eq 'a'") == 1
    assert services.change("dataverse", "accounts", None, "fax eq '1'") == 1
    assert [row["name"] for row in services.dump("dataverse", "accounts")] == ["B"]


def test_the_write_log_tells_callers_apart(services: Services) -> None:
    services.request("dataverse", "POST", "cdm_companies", {"cdm_companycode": "x"}, caller="application")
    services.edit("dataverse", "POST", "accounts", {"name": "A"})
    log = [(w["seq"], w["set"], w["kind"], w["caller"]) for w in services.writes()]
    assert log == [
        (1, "cdm_companies", "create", "application"),
        (2, "businessunits", "create", "plug-in"),
        (3, "teams", "create", "plug-in"),
        (4, "accounts", "create", "user"),
    ]
    assert [w["seq"] for w in services.writes(caller="user")] == [4]
    assert services.writes(since=3)[0]["key"] == {"accountnumber": None, "_msdyn_company_value": None}


def test_refused_writes_are_not_logged(services: Services, fno: Fno) -> None:
    before = services.write_count()
    with pytest.raises(Refused, match="400"):
        services.edit("fno", "POST", "Currencies", {"CurrencyCode": "TOO LONG"})
    assert services.write_count() == before


def test_the_trace_holds_every_request(services: Services) -> None:
    services.request("fno", "GET", "Currencies?$top=1", caller="application")
    services.request("dataverse", "PATCH", "accounts(1)", {}, headers={"If-Match": "*"})
    first, second = services.trace()
    assert (first["side"], first["url"], first["caller"], first["status"]) == (
        "fno",
        "/data/Currencies?$top=1",
        "application",
        200,
    )
    assert (second["method"], second["if_match"]) == ("PATCH", "*")
    assert services.trace(since=second["seq"]) == []
    assert services.stats()["requests"] == {"fno GET": 1, "dataverse PATCH": 1}


def test_snapshots(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    services.snapshot("a")
    fno.customers("usmf", "A")
    services.restore("a")
    assert services.dump("fno", "CustomersV3") == []
    assert services.edit("fno", "GET", "CustomerGroups?cross-company=true")["value"]
    with pytest.raises(Refused, match=r"no snapshot 'b' → there are .*\ba\b"):
        services.restore("b")


def test_a_write_log_that_holds_rows(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    services.new_write_log(rows=True)
    fno.customers("usmf", "A", OrganizationName="as stored  ")
    services.edit("fno", "DELETE", "CustomersV3(dataAreaId='usmf',CustomerAccount='A')?cross-company=true")
    made, deleted = (write for write in services.writes() if write["set"] == "CustomersV3")
    assert (made["kind"], made["row"]["OrganizationName"]) == ("create", "as stored")
    assert (deleted["kind"], deleted["row"]) == ("delete", None)
    services.reset()
    fno.chain("usmf")
    assert {write["row"] for write in services.writes()} == {None}


def test_what_does_not_exist(services: Services) -> None:
    with pytest.raises(Refused, match="there is no GET"):
        services.admin("GET", "nonsense")
    with pytest.raises(Refused, match=r"unknown seed 'nonsense' → known are .*tiny"):
        services.reset("nonsense")


# seeds


def test_tiny_is_nasty(services: Services) -> None:
    services.reset("tiny")
    customers = {row["CustomerAccount"]: row for row in services.dump("fno", "CustomersV3")}
    assert {"us/002", "A&B", "50%", "C+D", "O'Neil", "#7", "US*", "Größe-1"} <= customers.keys()
    assert any(row["CustomerGroupId"] == "R&d " for row in customers.values())  # stored as it was written
    assert any(account.startswith("C-0") for account in customers)
    assert services.writes() == []
    accounts = services.dump("dataverse", "accounts")
    assert "us-001 " in {row["accountnumber"] for row in accounts}
    vendor = services.dump("fno", "VendorsV2")[0]
    assert vendor["PrimaryContactPersonId"] == "000001"
    services.load("fno", "ProductColors", [{"ColorId": "trimmed "}])
    assert "trimmed" in {row["ColorId"] for row in services.dump("fno", "ProductColors")}


def test_twenty_thousand_rows_load_in_a_few_seconds(services: Services, fno: Fno) -> None:
    fno.chain("usmf")
    started = time.perf_counter()
    fno.customers("usmf", *(f"C{number:05}" for number in range(20_000)), OrganizationName="N", SalesMemo="M")
    assert time.perf_counter() - started < 10
    assert len(services.dump("fno", "CustomersV3")) == 20_000


@pytest.mark.parametrize("size", [1, 100])
def test_the_trading_group_comes_in_any_size(services: Services, size: int) -> None:
    services.reset("demo", size)
    counts = services.admin("GET", "sets")
    assert all(
        counts["fno"][name] for name in ("LegalEntities", "CustomersV3", "VendorsV2", "ReleasedProductsV2")
    )
    assert counts["dataverse"]["accounts"] and counts["dataverse"]["contacts"]
