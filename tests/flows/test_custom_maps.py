"""Maps of one's own, from the draft to rows in Dataverse: a file in a folder is all it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flows.cli import app
from mappings.catalogue import Catalogue
from mappings.reader import read_map
from tasks.sync.session import shared_session
from tests.local_services import Services, start

pytestmark = [pytest.mark.slow, pytest.mark.prefect]

VEHICLES = """
map: Fleet vehicles
template: Fleet vehicles
area: Fleet
solution: Mine
fno: {set: FleetVehicles, entity: FleetVehicleEntity, key: [VehicleCode]}
dataverse: {table: new_vehicles, key: [new_vehiclecode]}
lookups:
  new_currencycode: {table: transactioncurrencies}
fields:
  - {fno: VehicleCode, dataverse: new_vehiclecode}
  - {fno: ModelName, dataverse: new_modelname}
  - {fno: CurrencyCode, dataverse: new_currencycode.isocurrencycode}
"""
Dualflow = Callable[..., Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of maps with one file in it."""
    made = tmp_path / "maps"
    made.mkdir()
    (made / "vehicles.yaml").write_text(VEHICLES, encoding="utf-8")
    return made


@pytest.fixture
def systems(folder: Path, tmp_path: Path) -> Iterator[Services]:
    """Both systems, with the tables of our maps too."""
    services = start(tmp_path / "sandbox", arguments=["--maps", str(folder)])
    yield services
    services.stop()


@pytest.fixture
def dualflow(
    systems: Services, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prefect_server: None
) -> Iterator[Dualflow]:
    """Run a command with JSON as its answer."""
    from prefect.settings import PREFECT_API_URL

    environment = {
        **systems.environment,
        "DUALFLOW_MAPS_FOLDER": str(folder),
        "DUALFLOW_COMPANIES": "usmf",
        "DUALFLOW_STATE_URL": f"sqlite:///{tmp_path}/state.db",
        "PREFECT_API_URL": str(PREFECT_API_URL.value()),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> Any:
        done = CliRunner().invoke(app, [*arguments, "--json"])
        assert done.exit_code == 0, f"{done.stderr[-3000:]}{done.stdout[-3000:]}{done.exception!r}"
        return json.loads(done.stdout)

    yield run
    shared_session().close()


def test_a_file_in_the_folder_is_listed_and_runs_with_what_it_needs(
    systems: Services, dualflow: Dualflow
) -> None:
    systems.load("fno", "Currencies", [{"CurrencyCode": "EUR", "Name": "Euro", "Symbol": "€"}])
    systems.load(
        "fno",
        "FleetVehicles",
        [{"VehicleCode": f"V{number}", "ModelName": "Van", "CurrencyCode": "EUR"} for number in range(3)],
    )
    listed = {each["map"]: each for each in dualflow("maps", "list")}
    assert listed["Fleet vehicles"]["area"] == "Fleet" and listed["Fleet vehicles"]["active"]

    report = dualflow("sync", "initial", "--area", "Fleet")
    assert {lane["map"] for lane in report["lanes"]} == {"Currencies", "Fleet vehicles"}
    euro = next(row for row in systems.dump("dataverse", "transactioncurrencies"))
    rows = systems.dump("dataverse", "new_vehicles")
    assert {row["new_vehiclecode"] for row in rows} == {"V0", "V1", "V2"}
    assert {row["_new_currencycode_value"] for row in rows} == {euro["transactioncurrencyid"]}

    systems.load("fno", "FleetVehicles", [{"VehicleCode": "V9", "ModelName": "Bus", "CurrencyCode": "EUR"}])
    dualflow("sync", "delta", "--area", "Fleet", "--without-related")
    assert "V9" in {row["new_vehiclecode"] for row in systems.dump("dataverse", "new_vehicles")}


def test_a_draft_from_live_metadata_pairs_what_has_the_same_name(dualflow: Dualflow, tmp_path: Path) -> None:
    out = tmp_path / "drafts" / "vehicles.yaml"
    found = dualflow(
        "maps", "new", "--fno", "FleetVehicles", "--dataverse", "new_vehicles", "--out", str(out),
        "--name", "Fleet vehicles",
    )  # fmt: skip
    assert found["pairs"] == 3 and found["unmatched"] == {"fno": [], "dataverse": []}
    drafted, wanted = read_map(out), read_map(tmp_path / "maps" / "vehicles.yaml")
    assert set(drafted.fields) == set(wanted.fields)
    assert drafted.dataverse == wanted.dataverse and drafted.lookups == wanted.lookups
    Catalogue.load([out.parent])

    groups = tmp_path / "groups" / "groups.yaml"
    dualflow(
        "maps", "new", "--fno", "CustomerGroups", "--dataverse", "msdyn_customergroups", "--out", str(groups),
        "--name", "Customer groups",
    )  # fmt: skip
    shipped, draft = Catalogue.load().maps["Customer groups"], read_map(groups)
    assert {pair.id for pair in draft.fields} == {pair.id for pair in shipped.fields}
    assert draft.dataverse == shipped.dataverse
    assert {name: each.table for name, each in draft.lookups.items()} == {
        name: each.table for name, each in shipped.lookups.items()
    }
    assert [pair.values for pair in draft.fields if pair.values] == [
        pair.values for pair in shipped.fields if pair.values
    ]
