"""Validation against the sandbox: the whole catalogue fits it untouched, and every wrong state put into it is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from flows.commands.output import FINDINGS, OK
from mappings.catalogue import Catalogue, Form
from mappings.live.check import check
from tasks.state.store import Store
from tasks.sync.metadata import read
from tasks.sync.validation import LiveValidation, look
from tests.integration.installation import Installation, Sides
from tests.local_services import Services, Side

FORMS: tuple[Form, ...] = ("classic", "party")


class Looks:
    """Looks at both systems with fresh clients, as one run of the command after the other takes them."""

    def __init__(self, services: Services, store: Store, catalogue: Catalogue) -> None:
        self._services = services
        self._store = store
        self._maps = tuple(catalogue.maps.values())

    def __call__(self, *names: str, remember: bool = True) -> LiveValidation:
        sides = Sides(self._services)
        maps = [each for each in self._maps if not names or each.name in names]
        try:
            return look(self._store, sides.fno, sides.dataverse, maps, remember=remember)
        finally:
            sides.close()


@pytest.fixture(scope="module")
def whole() -> Catalogue:
    return Catalogue.load(sensitive=["all"])


@pytest.fixture
def looks(services: Services, whole: Catalogue, tmp_path: Path) -> Iterator[Looks]:
    with Store.open(f"sqlite:///{tmp_path}/state.db") as store:
        yield Looks(services, store, whole)


@pytest.mark.parametrize("form", FORMS)
def test_the_whole_catalogue_fits_the_untouched_sandbox(services: Services, form: Form) -> None:
    catalogue = Catalogue.load(form=form, sensitive=["all"])
    sides = Sides(services)
    found = check(catalogue.maps.values(), read(sides.fno, sides.dataverse, catalogue.maps.values()))
    sides.close()
    assert [each for each in found if each.severity != "note"] == []


def test_metadata_of_all_tables_takes_few_requests(services: Services, whole: Catalogue) -> None:
    sides = Sides(services)
    before = services.trace()[-1]["seq"] if services.trace() else 0
    live = read(sides.fno, sides.dataverse, whole.maps.values())
    asked = [each for each in services.trace(since=before) if each["side"] == "dataverse"]
    sides.close()
    assert len(live.dataverse) > 100
    assert len(asked) < len(live.dataverse) / 3


ACCOUNTS, GROUPS, VENDORS = "Customers V3 to accounts", "Customer groups", "Vendors V2"
ORDERS = "CDS sales order headers"

WRONG: dict[str, tuple[Side, str, dict[str, Any], str, str, str]] = {
    # side, set, change, code, map, words
    "column gone": ("dataverse", "accounts", {"drop": ["telephone1"]}, "DIPV1025", ACCOUNTS, "no column telephone1"),
    "property gone": ("fno", "CustomerGroups", {"drop": ["Description"]}, "DIPV1022", GROUPS, "no property Description"),
    "table gone": ("dataverse", "msdyn_customergroups", {"gone": True}, "DIPV1020", GROUPS, "no table msdyn_customergroups"),
    "entity gone": ("fno", "CustomerGroups", {"gone": True}, "DIPV1018", GROUPS, "no entity set CustomerGroups"),
    "key gone": ("dataverse", "accounts", {"keys": []}, "5100", ACCOUNTS, "no active alternate key"),
    "another entity key": ("fno", "CustomerGroups", {"key": ["CustomerGroupId"]}, "entity_key", GROUPS, "the key of"),
    "tracking off": ("dataverse", "accounts", {"tracked": False}, "tracking_off", ACCOUNTS, "accounts is off"),
    "no bulk": ("dataverse", "accounts", {"bulk": []}, "no_bulk", ACCOUNTS, "no CreateMultiple"),
    "read-only entity": ("fno", "VendorsV2", {"read_only": True}, "read_only_entity", VENDORS, "is read-only"),
    "read-only column": (
        "dataverse", "accounts", {"columns": {"fax": {"creatable": False, "updatable": False}}},
        "DIPV1011", ACCOUNTS, "fax is read-only in Dataverse",
    ),
    "read-only property": (
        "fno", "CustomersV3", {"columns": {"CreditLimit": {"creatable": False, "updatable": False}}},
        "DIPV1011", ACCOUNTS, "CreditLimit is read-only in F&O",
    ),
    "new required column": (
        "dataverse", "accounts", {"columns": {"new_must": {"kind": "text", "required": True}}},
        "DIPV1010", ACCOUNTS, "requires new_must",
    ),
    "another type": (
        "dataverse", "accounts", {"columns": {"creditlimit": {"kind": "datetime", "money": False}}},
        "DIPV1030", ACCOUNTS, "have no form in common",
    ),
    "enum without a member": (
        "fno", "CustomersV3", {"columns": {"OnHoldStatus": {"members": ["No", "Invoice", "PurchOrder"], "enum": "NoYes"}}},
        "unknown_member", ACCOUNTS, "no member",
    ),
    "choice without options": (
        "dataverse", "accounts", {"columns": {"msdyn_onholdstatus": {"options": {"806380000": "No"}}}},
        "unknown_option", ACCOUNTS, "msdyn_onholdstatus has no option",
    ),
    "company gone": (
        "dataverse", "msdyn_customergroups", {"drop": ["msdyn_company"]},
        "DIPV1016", GROUPS, "no column msdyn_company",
    ),
    "lookup elsewhere": (
        "dataverse", "accounts", {"columns": {"msdyn_customergroupid": {"targets": ["contacts"]}}},
        "lookup_target", ACCOUNTS, "does not point at msdyn_customergroup",
    ),
    "lookup to one of two tables": (
        "dataverse", "salesorders", {"columns": {"customerid": {"targets": ["accounts"]}}},
        "lookup_target", ORDERS, "customerid does not point at contact",
    ),
    "column behind a lookup": (
        "dataverse", "msdyn_shipvias", {"drop": ["msdyn_name"]}, "DIPV1028", ORDERS, "behind msdyn_deliverymode",
    ),
    "column of a filter": ("dataverse", "salesorders", {"drop": ["msdyn_ordertype"]}, "DIPV1012", ORDERS, "names msdyn_ordertype"),
    "no row versions": ("dataverse", "accounts", {"drop": ["versionnumber"]}, "DIPV1019", ACCOUNTS, "no versionnumber"),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_state_is_named(services: Services, looks: Looks, name: str) -> None:
    side, entity_set, change, code, sync, words = WRONG[name]
    services.alter(side, entity_set, **change)
    found = [each for each in looks(sync).findings if each.code == code]
    assert any(words in each.message for each in found), [each.message for each in found]
    assert all(each.map == sync and each.file and each.line for each in found)


def test_a_key_whose_index_failed_is_no_key(services: Services, looks: Looks) -> None:
    services.switch(alternate_keys=False)
    assert "5100" in {each.code for each in looks(ACCOUNTS).findings}


def test_drift_names_what_changed_and_whom_it_touches(services: Services, looks: Looks) -> None:
    assert looks().first
    again = looks()
    assert not again.first and again.drift == () and again.since is None
    services.alter("dataverse", "accounts", drop=["fax"], columns={"name": {"length": 50}})
    services.alter("dataverse", "accounts", columns={"new_more": {"kind": "text"}})
    services.alter("fno", "CustomerGroups", columns={"Description": {"kind": "integer"}})
    peeked = looks(remember=False)
    changed = looks()
    assert changed.drift == peeked.drift and changed.since is not None
    found = {each.text: each.touches for each in changed.drift}
    touched = {ACCOUNTS: ("PrimaryContactFax=fax",), "Vendors V2 to accounts": ("PrimaryFaxNumber>fax",)}
    assert found["accounts.fax removed (text)"] == touched
    assert ACCOUNTS in (found["accounts.name: length 160 → 50"] or {})
    assert found["accounts.new_more added (text)"] == {}
    assert found["CustomerGroups.Description: type text → integer"] == {
        GROUPS: ("Description=msdyn_description",)
    }
    assert [bool(each.touches) for each in changed.drift] == [True, True, True, False]
    assert looks().drift == ()


def test_what_a_sync_saw_first_is_what_the_first_look_compares_with(
    services: Services, whole: Catalogue, tmp_path: Path
) -> None:
    sides = Sides(services)
    url = f"sqlite:///{tmp_path}/state.db"
    installation = Installation(services, sides, whole, url, maps=[GROUPS])
    installation.session.lane(GROUPS, "")
    installation.close()
    sides.close()
    services.alter("fno", "CustomerGroups", drop=["Description"])
    with Store.open(url) as store:
        seen = Looks(services, store, whole)(GROUPS)
    assert [each.text for each in seen.drift] == ["CustomerGroups.Description removed (text)"]


def test_drift_of_other_maps_waits_for_them(services: Services, looks: Looks) -> None:
    looks()
    services.alter("dataverse", "accounts", drop=["fax"])
    assert looks(GROUPS).drift == ()
    assert [each.column for each in looks(ACCOUNTS).drift] == ["fax"]


def test_a_table_that_is_gone_is_told_until_it_is_back(services: Services, looks: Looks) -> None:
    looks(GROUPS)
    services.alter("dataverse", "msdyn_customergroups", gone=True)
    for _ in range(2):
        assert [each.text for each in looks(GROUPS).drift] == ["msdyn_customergroups removed"]
    services.reset()
    assert looks(GROUPS).drift == ()


def test_the_command_tells_people_and_programs(
    services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in services.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DUALFLOW_STATE_URL", f"sqlite:///{tmp_path}/state.db")
    monkeypatch.chdir(tmp_path)
    clean = CliRunner().invoke(app, ["maps", "validate", "--live", "--json"])
    assert clean.exit_code == OK
    found = json.loads(clean.stdout)
    assert found["findings"] == [] and found["live"] and found["drift"]["first"] and found["maps"] >= 135
    services.alter("dataverse", "accounts", drop=["telephone1"], tracked=False)
    shown = CliRunner().invoke(app, ["maps", "validate", "--live", "--no-remember"])
    assert shown.exit_code == FINDINGS
    assert "accounts.telephone1 removed" in shown.stdout and "error tracking_off" in shown.stdout
    found = json.loads(CliRunner().invoke(app, ["maps", "validate", "--live", "--json"]).stdout)
    assert {each["code"] for each in found["findings"]} == {"tracking_off", "DIPV1025"}
    assert found["errors"] == len(found["findings"])
    removed = next(each for each in found["drift"]["changes"] if each["what"] == "column removed")
    assert removed["touches"][ACCOUNTS] == ["PrimaryContactPhone=telephone1"]
