"""Findings of the maps alone: each code that is looked for there has a broken map that shows it, with file and line."""

from __future__ import annotations

import pytest

from mappings import codes
from mappings.catalogue import Catalogue
from mappings.errors import MapError
from mappings.findings import Finding, of_catalogue, of_errors
from tests.mappings.conftest import Copy

F, X, S = "finance_common", "currency_exchange_rates", "supply_chain_common"
GROUPS, DAYS = f"{F}/customer_groups.yaml", f"{F}/payment_days.yaml"

CASES: dict[str, tuple[str, str, str, str]] = {
    # code: file, text, instead of it, words of the finding
    "DIPV1002": (DAYS, "  company: msdyn_company\n", "", "names no company lookup"),
    "DIPV1003": (DAYS, "  key: [msdyn_name]", "  key: []", "can't be empty"),
    "DIPV1004": (
        DAYS,
        "  - {fno: Name, dataverse: msdyn_name}",
        "  - {fno: Name, dataverse: msdyn_name, direction: to-dataverse}",
        "only flows to Dataverse",
    ),
    "DIPV1012": (f"{F}/customers_accounts.yaml", "customertypecode eq 3", "customertypecode is 3", "can't be read"),
    "DIPV1014": (DAYS, "  key: [msdyn_name]", "  key: [msdyn_nam]", "key part msdyn_nam is not mapped"),
    "DIPV1015": (
        f"{F}/payment_day_lines.yaml",
        "key: [msdyn_paymentday.msdyn_name",
        "key: [msdyn_paymentday.msdyn_nam",
        "key part msdyn_paymentday.msdyn_nam is not mapped",
    ),
    "DIPV1021": (DAYS, "  - {fno: Name, dataverse: msdyn_name}", "  - {dataverse: msdyn_name}", "needs both"),
    "DIPV1022": (GROUPS, "fno: Description,", "fno: Descripton,", "no published property “Descripton”"),
    "DIPV1023": (
        DAYS,
        "conflict: fno",
        "  - {fno: Description, dataverse: msdyn_description, direction: to-fno}\nconflict: fno",
        "are a pair in line",
    ),
    "DIPV1024": (DAYS, "  - {fno: Name, dataverse: msdyn_name}", "  - {fno: Name}", "needs both"),
    "DIPV1025": (
        DAYS,
        "conflict: fno",
        "  - {fno: Nonsense, dataverse: msdyn_more, direction: to-fno}\nconflict: fno",
        "no published property “Nonsense”",
    ),
    "DIPV1026": (
        DAYS,
        "conflict: fno",
        "  - {fno: Description, dataverse: msdyn_name, direction: to-dataverse}\nconflict: fno",
        "is already filled",
    ),
    "DIPV1027": (
        f"{F}/payment_day_lines.yaml",
        "dataverse: msdyn_paymentday.msdyn_name}",
        "dataverse: msdyn_paymentday.msdyn_description}",
        "a row of msdyn_paymentdays is named by",
    ),
    "DIPV1029": (GROUPS, "values: {No: false, Yes: true}", "values: {No: true, Yes: true}", "stands in it 2 times"),
    "900": (f"{F}/customers_accounts.yaml", "PartyType eq 'Organization'", "PartyTyp eq 'Organization'", "names PartyTyp"),
    "unknown_lookup": (DAYS, "dataverse: msdyn_description}", "dataverse: msdyn_x.msdyn_y}", "goes through msdyn_x"),
}  # fmt: skip


def findings(copy: Copy) -> tuple[Finding, ...]:
    try:
        return of_catalogue(Catalogue.load([copy.folder], shipped=False, validate=False))
    except MapError as error:
        return tuple(of_errors([error]))


@pytest.mark.parametrize("code", CASES)
def test_each_code_has_a_map_that_shows_it(maps_copy: Copy, code: str) -> None:
    file, old, new, words = CASES[code]
    path, _ = maps_copy.edit(file, old, new)
    found = [each for each in findings(maps_copy) if each.code == code]
    assert found and any(words in each.message for each in found), findings(maps_copy)[:5]
    assert {each.file for each in found} == {str(path)}
    assert all(each.line and each.remedy and each.severity == "error" for each in found)


def test_a_value_that_stands_twice_is_found_in_reading(maps_copy: Copy) -> None:
    maps_copy.edit(GROUPS, "values: {No: false, Yes: true}", "values: {No: false, No: true}")
    (finding,) = findings(maps_copy)
    assert finding.code == "DIPV1029" and "a second time" in finding.message


def test_a_global_map_that_looks_up_a_company_is_told_as_that(maps_copy: Copy) -> None:
    maps_copy.edit(
        f"{X}/exchange_rate_types.yaml",
        "conflict: fno",
        "  - {fno: Description, dataverse: msdyn_group.msdyn_groupid}\n"
        "lookups: {msdyn_group: {table: msdyn_customergroups}}\nconflict: fno",
    )
    assert "DIPV1017" in {each.code for each in findings(maps_copy)}


def test_the_shipped_maps_have_notes_at_most() -> None:
    for form in ("classic", "party"):
        catalogue = Catalogue.load(form=form, sensitive=["all"])
        found = of_catalogue(catalogue)
        assert {each.severity for each in found} == {"note"}
        assert {each.code for each in found} == {"unverified", "kept"}
        kept = [each for each in found if each.code == "kept" and "IsReceivingDirectMail" in each.message]
        assert all(each.line and each.field.startswith("fields.") for each in kept)
        assert len(kept) == 2


def test_every_code_that_reading_finds_is_known() -> None:
    assert {code for code in CASES if codes.load()[code].checked} == set(CASES)
