"""Every shipped map at work on the seed `everything`: one initial sync, then a change of each map in each direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest
import yaml

from flows import initial_sync as initial_module
from mappings.catalogue import Catalogue, Form
from tasks import entity
from tasks.sync.verify import verify
from tests.integration.conftest import Install
from tests.integration.everything import Tables, arrived, changes, directions, make
from tests.integration.installation import Installation, failed
from tests.integration.stored import id_of
from tests.local_services import Services

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

COMPANIES = ("usmf", "demf")
PLANTED = Path(__file__).parents[2] / "deployments/sandbox/seed/whole/planted.yaml"


@pytest.mark.parametrize("form", get_args(Form))
def test_every_map_syncs_whole_and_every_change_arrives(
    form: Form, services: Services, install: Install
) -> None:
    services.reset("everything")
    catalogue = Catalogue.load(form=form, sensitive=["all"])
    installation = install(catalogue=catalogue, companies=COMPANIES)

    assert failed(installation.initial()) == []
    only_planted_is_open(installation)
    assert without_links(installation) == {each.name for each in catalogue.maps.values() if not each.initial}
    assert members_missing(services, catalogue) == []
    assert lookups_unused(services, catalogue) == []
    installation.at_rest()

    before = Tables(installation)
    chosen = list(changes(installation))
    assert [(each.map.name, each.side) for each in chosen] == [
        (each.name, side) for each in catalogue.maps.values() if each.initial for side in directions(each)
    ]
    expected = [make(services, change, before) for change in chosen]
    installation.delta()
    installation.delta()
    after = Tables(installation)
    assert [
        str(change)
        for change, value in zip(chosen, expected, strict=True)
        if not arrived(change, value, after)
    ] == []
    installation.at_rest()
    only_planted_is_open(installation)
    assert of_other_companies(services, catalogue) == []


@pytest.mark.prefect
def test_the_flow_runs_every_map_as_a_task_of_its_own(
    services: Services, install: Install, monkeypatch: pytest.MonkeyPatch, prefect_server: None
) -> None:
    services.reset("everything")
    installation = install(catalogue=Catalogue.load(sensitive=["all"]), companies=COMPANIES)
    for module in (entity, initial_module):
        monkeypatch.setattr(module, "shared_session", lambda: installation.session)

    state = initial_module.initial_sync(return_state=True)

    assert state.is_completed(), state.message
    report: Any = state.result()
    assert {lane["map"] for lane in report["lanes"]} == set(installation.catalogue.maps)
    only_planted_is_open(installation)


def only_planted_is_open(installation: Installation) -> None:
    """Parked, waiting and different are the rows that the seed says, and no others."""
    parked = {(row.map, row.company, row.key, row.side, row.code) for row in installation.parked()}
    assert parked == {tuple(each.values()) for each in planted("parked")}
    assert {row.map for row in installation.waiting()} == set(planted("waits"))
    different = {(each.map, each.key) for each in verify(installation.session).details}
    assert different == {tuple(each.values()) for each in planted("differs")}


def planted(what: str) -> list[Any]:
    """What the seed's own list says of the rows in it."""
    entries = yaml.safe_load(PLANTED.read_text(encoding="utf-8"))
    return [each for entry in entries for each in entry.get(what, ())]


def without_links(installation: Installation) -> set[str]:
    """Maps that paired no row in some company."""
    return {
        each.name
        for each in installation.catalogue.maps.values()
        for company in (COMPANIES if each.company_specific else ("",))
        if not installation.links(each.name, company)
    }


def of_other_companies(services: Services, catalogue: Catalogue) -> list[str]:
    """Tables with rows of a company that is not in scope."""
    codes = {
        row["cdm_companyid"]: row["cdm_companycode"] for row in services.dump("dataverse", "cdm_companies")
    }
    assert set(codes.values()) > {*COMPANIES}
    tables = {(each.dataverse.table, each.dataverse.company) for each in catalogue.maps.values()}
    return [
        table
        for table, company in sorted(tables, key=str)
        if company
        for row in services.dump("dataverse", table)
        if codes.get(row[f"_{company}_value"], COMPANIES[0]) not in COMPANIES
    ]


def members_missing(services: Services, catalogue: Catalogue) -> list[str]:
    """Values of value maps that no row in Dataverse has."""
    missing = []
    tables = {each.dataverse.table for each in catalogue.maps.values() if each.to_dataverse and each.initial}
    stored = {table: services.dump("dataverse", table) for table in tables}
    for each in catalogue.maps.values():
        if not each.initial or each.name == "Ledger":
            continue
        for pair in each.compared:
            if pair.values and pair.to_dataverse and str(pair.fno) not in (each.fno.filter or ""):
                there = {str(row.get(str(pair.dataverse))).casefold() for row in stored[each.dataverse.table]}
                missing += [
                    f"{each.name}: {pair.id}: {value}"
                    for value in pair.values.values()
                    if value.casefold() not in there
                ]
    return missing


def lookups_unused(services: Services, catalogue: Catalogue) -> list[str]:
    """Lookups that point at no row of some table that they may point at."""
    stored: dict[str, list[dict[str, Any]]] = {}

    def rows(table: str) -> list[dict[str, Any]]:
        if table not in stored:
            stored[table] = services.dump("dataverse", table)
        return stored[table]

    return [
        f"{each.name}: {name} → {target}"
        for each in catalogue.maps.values()
        if each.initial
        for name, lookup in each.lookups.items()
        for target in lookup.targets
        if not {id_of(row) for row in rows(target)}
        & {row[f"_{name}_value"] for row in rows(each.dataverse.table)}
    ]
