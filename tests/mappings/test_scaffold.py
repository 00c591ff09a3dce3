"""Drafts of maps from metadata: what is paired, what isn't and why."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.metadata import Column, Table
from mappings.model import Map
from mappings.scaffold import Scaffold, scaffold

LABELS = {"new_state": {"1": "Brand new", "2": "Used", "9": "Lost"}}


def fno(*columns: Column, key: tuple[str, ...] = ("dataAreaId", "VehicleNumber")) -> Table:
    named = [Column("dataAreaId", "text"), Column("VehicleNumber", "text"), *columns]
    return Table("fno", "FleetVehicles", "FleetVehicleEntity", key=key, columns={c.name: c for c in named})


def dataverse(
    *columns: Column, keys: tuple[tuple[str, ...], ...] = (("new_number", "new_company"),)
) -> Table:
    named = [
        Column("new_vehicleid", "guid"),
        Column("new_number", "text"),
        Column("new_company", "lookup", targets=("cdm_company",)),
        Column("createdon", "datetime"),
        Column("statecode", "option"),
        *columns,
    ]
    return Table(
        "dataverse", "new_vehicles", "new_vehicle", id_column="new_vehicleid", alternate_keys=keys,
        columns={c.name: c for c in named}, tracked=True,
    )  # fmt: skip


@pytest.fixture
def draft(catalogue: Catalogue) -> Any:
    def make(left: Table, right: Table) -> Scaffold:
        return scaffold(left, right, LABELS, catalogue)

    return make


def pairs(found: Scaffold) -> dict[str, str]:
    return {pair["fno"]: pair["dataverse"] for pair in found.content["fields"]}


def test_the_key_is_the_alternate_key_and_the_company_no_pair(draft: Any) -> None:
    found = draft(fno(), dataverse())
    assert pairs(found) == {"VehicleNumber": "new_number"}
    assert found.content["dataverse"]["key"] == ["new_number"]
    assert found.content["dataverse"]["company"] == "new_company"
    assert found.unmatched_fno == [] and found.unmatched_dataverse == []
    assert Map.model_validate(found.content).company_specific


def test_types_have_to_fit(draft: Any) -> None:
    found = draft(
        fno(
            Column("Price", "decimal"), Column("Note", "text"), Column("Bought", "date"),
            Column("Wheels", "text"), Column("IsFast", "enum", members=("No", "Yes"), enum="NoYes"),
            Column("IsRed", "enum", members=("Maybe", "Yes"), enum="X"),
        ),
        dataverse(
            Column("new_price", "double"), Column("new_note", "memo"), Column("new_bought", "datetime"),
            Column("new_wheels", "integer"), Column("new_isfast", "boolean"), Column("new_isred", "boolean"),
        ),
    )  # fmt: skip
    assert set(pairs(found)) == {"VehicleNumber", "Price", "Note", "Bought", "IsFast"}
    assert found.content["fields"][-1]["values"] == {"No": "false", "Yes": "true"}
    told = " ".join(line for lines in found.comments.values() for line in lines)
    assert "the types don't fit" in told and "other members than No and Yes" in told
    assert set(found.unmatched_fno) == {"Wheels", "IsRed"}


def test_options_are_paired_by_label_and_members_without_one_are_told(draft: Any) -> None:
    members = ("BrandNew", "Used", "Stolen")
    found = draft(
        fno(Column("State", "enum", members=members, enum="S")), dataverse(Column("new_state", "option"))
    )
    assert found.content["fields"][1]["values"] == {"BrandNew": "1", "Used": "2"}
    assert any("no option for Stolen" in doubt for doubt in found.doubts)


def test_lookups_go_to_the_key_of_a_mapped_table(draft: Any) -> None:
    found = draft(
        fno(Column("CurrencyCode", "text"), Column("Garage", "text"), Column("Who", "text")),
        dataverse(
            Column("new_currencycode", "lookup", targets=("transactioncurrency",)),
            Column("new_garage", "lookup", targets=("new_garage",)),
            Column("new_who", "lookup", targets=("account", "contact")),
        ),
    )
    assert pairs(found)["CurrencyCode"] == "new_currencycode.isocurrencycode"
    assert found.content["lookups"] == {"new_currencycode": {"table": "transactioncurrencies"}}
    told = " ".join(line for lines in found.comments.values() for line in lines)
    assert "no map writes new_garage" in told and "several tables" in told


def test_what_one_side_refuses_goes_one_way(draft: Any) -> None:
    found = draft(
        fno(Column("Made", "text", creatable=False, updatable=False), Column("Told", "text")),
        dataverse(Column("new_made", "text"), Column("new_told", "text", creatable=False, updatable=False)),
    )
    ways = {pair["fno"]: pair.get("direction", "both") for pair in found.content["fields"]}
    assert ways == {"VehicleNumber": "both", "Made": "to-dataverse", "Told": "to-fno"}


def test_a_key_without_pairs_is_told(draft: Any) -> None:
    found = draft(
        fno(Column("Colour", "text"), key=("Serial",)),
        dataverse(Column("new_colour", "text"), keys=(("new_x",),)),
    )
    assert found.content["dataverse"]["key"] == ["new_x"]
    assert any("has no pairs: map it" in doubt for doubt in found.doubts)


def test_systems_with_nothing_in_common_make_no_map(draft: Any) -> None:
    other = Table("dataverse", "new_others", "new_other", columns={"new_z": Column("new_z", "text")})
    with pytest.raises(FatalError) as caught:
        draft(fno(), other)
    assert caught.value.code == "nothing_in_common"
