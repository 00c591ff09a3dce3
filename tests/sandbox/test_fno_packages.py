"""Data Management exports: projects, increments by company, executions that take a while, packages."""

from __future__ import annotations

import csv
import io
import zipfile
from typing import Any

import pytest
import requests

from tests.local_services import Refused, Services
from tests.sandbox.given import Fno, infolog

ACTION = "DataManagementDefinitionGroups/Microsoft.Dynamics.DataEntities."
PROJECT = "dualflow-CustomerGroups"


@pytest.fixture
def exports(services: Services, fno: Fno) -> Exports:
    fno.chain("usmf", "usrt")
    services.admin("POST", "definitions", {"name": PROJECT, "entities": ["CustomerGroups"]})
    return Exports(services, fno)


class Exports:
    """The package API as a client uses it."""

    def __init__(self, services: Services, fno: Fno) -> None:
        self.services = services
        self.fno = fno

    def call(self, action: str, **arguments: Any) -> Any:
        response = self.fno("POST", ACTION + action, arguments)
        assert response.status_code == 200, response.text
        return response.json()["value"]

    def start(self, company: str = "usmf", project: str = PROJECT) -> str:
        execution: str = self.call(
            "ExportToPackage",
            definitionGroupId=project,
            packageName="p",
            executionId="",
            reExecute=True,
            legalEntityId=company,
        )
        return execution

    def status(self, execution: str) -> str:
        found: str = self.call("GetExecutionSummaryStatus", executionId=execution)
        return found

    def download(self, execution: str) -> zipfile.ZipFile:
        while self.status(execution) == "Executing":
            pass
        url = self.call("GetExportedPackageUrl", executionId=execution)
        response = requests.get(url, verify=self.services.ca_bundle, timeout=30)
        assert response.status_code == 200
        return zipfile.ZipFile(io.BytesIO(response.content))

    def rows(self, company: str = "usmf") -> list[dict[str, str]]:
        package = self.download(self.start(company))
        text = package.read("Customer groups.csv").decode("utf-8-sig")
        return list(csv.DictReader(io.StringIO(text)))

    def groups(self, company: str = "usmf") -> list[str]:
        return [row["CUSTOMERGROUPID"] for row in self.rows(company)]


def test_each_export_of_a_company_brings_what_changed_since_its_last_one(exports: Exports, fno: Fno) -> None:
    assert exports.groups() == ["10"] and exports.groups() == []
    exports.services.load(
        "fno", "CustomerGroups", [{"dataAreaId": each, "CustomerGroupId": "20"} for each in ("usmf", "usrt")]
    )
    fno("DELETE", "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true")
    assert exports.groups() == ["20"]
    assert exports.groups("usrt") == ["10", "20"]


def test_without_tracking_everything_comes_every_time(exports: Exports) -> None:
    exports.services.admin(
        "POST", "definitions", {"name": PROJECT, "entities": ["CustomerGroups"], "tracking": False}
    )
    assert exports.groups() == exports.groups() == ["10"]


def test_an_execution_takes_a_while_and_a_failed_one_moves_nothing(exports: Exports) -> None:
    exports.services.switch(dmf_polls=2, dmf_failures=1)
    execution = exports.start()
    assert [exports.status(execution) for _ in range(3)] == ["Executing", "Executing", "Failed"]
    assert exports.groups() == ["10"]


def test_the_package_has_manifest_header_and_values_as_data_management_writes_them(exports: Exports) -> None:
    exports.services.switch(dmf_nested=True)
    execution = exports.call("ExportToPackage", definitionGroupId=PROJECT, legalEntityId="usmf")["value"]
    exports.status(execution)
    assert exports.status(execution) == "Succeeded"
    url = exports.call("GetExportedPackageUrl", executionId=execution)["value"]
    content = requests.get(url, verify=exports.services.ca_bundle, timeout=30).content
    package = zipfile.ZipFile(io.BytesIO(content))
    assert package.namelist() == ["Manifest.xml", "PackageHeader.xml", "Customer groups.csv"]
    assert b"<TargetEntity>CustCustomerGroupEntity<" in package.read("Manifest.xml")
    header = package.read("Customer groups.csv").decode("utf-8-sig").partition("\r\n")[0]
    assert "CUSTOMERGROUPID" in header and "DATAAREAID" not in header


def test_enums_and_dates_are_texts_of_their_own(exports: Exports, fno: Fno) -> None:
    services = exports.services
    fno.customers("usmf", "US-1", OnHoldStatus="Invoice", CreditLimit=5)
    services.admin("POST", "definitions", {"name": "c", "entities": ["CustomersV3"], "tracking": False})
    for form, shown in (("label", "Invoice"), ("value", "1"), ("name", "Invoice")):
        services.switch(dmf_enums=form, dmf_columns="properties")
        text = exports.download(exports.start(project="c")).read("Customers V3.csv").decode("utf-8-sig")
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["OnHoldStatus"] == shown
        assert (row["CreditLimit"], row["ModifiedDateTime1"][10:11]) == ("5.00", " ")


def test_a_project_must_exist(services: Services, exports: Exports, fno: Fno) -> None:
    refused = fno("POST", ACTION + "ExportToPackage", {"definitionGroupId": "x", "legalEntityId": "usmf"})
    assert refused.status_code == 500 and "definition group: x" in infolog(refused)
    services.switch(dmf_unknown_group="accept")
    execution = exports.start(project="x")
    refused = fno("POST", ACTION + "GetExecutionSummaryStatus", {"executionId": execution})
    assert "Execution details were not found" in infolog(refused)
    listed = fno("GET", "DataManagementDefinitionGroups?$select=Name").json()["value"]
    assert [row["Name"] for row in listed] == [PROJECT]
    with pytest.raises(Refused, match="no set 'Nothing'"):
        services.admin("POST", "definitions", {"name": "y", "entities": ["Nothing"]})
    services.reset()
    assert fno.rows("DataManagementDefinitionGroups") == []


def test_files_are_signed_take_no_token_and_live_seven_days(exports: Exports) -> None:
    execution = exports.start()
    exports.download(execution)
    url = exports.call("GetExportedPackageUrl", executionId=execution)
    trusted: dict[str, Any] = {"verify": exports.services.ca_bundle, "timeout": 30}
    assert not url.startswith(exports.services.fno_url)
    assert requests.get(url, headers={"Authorization": "Bearer x"}, **trusted).status_code == 400
    assert requests.get(url[:-3], **trusted).status_code == 403
    exports.services.switch(fno_clock_offset=7.1 * 86_400)
    assert requests.get(url, **trusted).status_code == 403


def test_a_restored_database_exports_again(exports: Exports) -> None:
    exports.services.snapshot("before")
    assert exports.groups() == ["10"]
    exports.services.restore("before")
    assert exports.groups() == ["10"]
