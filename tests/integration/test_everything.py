"""Every shipped map at work on the seed `everything`: one initial sync, then a change of each map in each direction."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from flows import initial_sync as initial_module
from mappings.catalogue import Catalogue
from tasks import entity
from tasks.sync.verify import verify
from tests.integration.conftest import Install
from tests.integration.everything import Tables, answer, answered, arrived, ask, changes, directions, make
from tests.integration.installation import Installation, failed
from tests.integration.stored import id_of
from tests.local_services import Services

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

COMPANIES = ("usmf", "demf")
PLANTED = Path(__file__).parents[2] / "deployments/sandbox/seed/whole/planted.yaml"


def test_every_map_of_the_party_form_syncs_whole_and_every_change_arrives(
    services: Services, install: Install
) -> None:
    services.reset("everything")
    catalogue = Catalogue.load(form="party", sensitive=["all"])
    installation = install(catalogue=catalogue, companies=COMPANIES)

    assert failed(installation.initial()) == []

    all_is_there(installation)
    every_change_arrives(installation)


@pytest.mark.prefect
def test_the_flow_runs_every_map_as_a_task_of_its_own_and_every_change_arrives(
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
    all_is_there(installation)
    every_change_arrives(installation)


def all_is_there(installation: Installation) -> None:
    """One run was enough: what can be synced is, all values and lookups occur, and a delta writes nothing."""
    maps = installation.catalogue.maps.values()
    only_planted_is_open(installation)
    assert without_links(installation) == {each.name for each in maps if not each.initial}
    assert members_missing(installation.services, installation.catalogue) == []
    assert lookups_unused(installation.services, installation.catalogue) == []
    installation.at_rest()


def every_change_arrives(installation: Installation) -> None:
    """A change of every map in each direction that it allows; one delta takes all to the other side."""
    services, maps = installation.services, installation.catalogue.maps.values()
    before = Tables(installation)
    chosen = list(changes(installation))
    assert [(each.map.name, each.side) for each in chosen] == [
        (each.name, side) for each in maps if each.initial for side in directions(each)
    ]
    expected = [make(services, change, before) for change in chosen]
    question = ask(services)
    installation.delta()
    answer(services, question)
    installation.delta()
    after = Tables(installation)
    assert [
        str(change)
        for change, value in zip(chosen, expected, strict=True)
        if not arrived(change, value, after)
    ] == []
    assert answered(services, question) == 7
    installation.at_rest()
    only_planted_is_open(installation)
    assert of_other_companies(services, installation.catalogue) == []


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
