"""What is exported comes back whole: as JSON, as YAML, with our extension, and what dual-write carries without it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mappings import filters
from mappings.catalogue import SHIPPED
from mappings.errors import MapError
from mappings.exchange import exporting, yaml_text
from mappings.exchange.document import EXTENSION
from mappings.exchange.known import Known
from mappings.model import Map
from mappings.reader import read_map
from tests.mappings.exchange.conftest import Import

FORMS = sorted(path.relative_to(SHIPPED).as_posix() for path in SHIPPED.glob("*/*.yaml"))


def same(one: Map, other: Map) -> None:
    """Identity, and every field that is no part of it."""
    assert one.model_dump() == other.model_dump()
    assert one.hash == other.hash


@pytest.fixture
def rewritten(tmp_path: Path) -> Any:
    def write_and_read(text: str) -> Map:
        path = tmp_path / "written.yaml"
        path.write_text(text, encoding="utf-8")
        return read_map(path)

    return write_and_read


@pytest.mark.parametrize("file", FORMS)
def test_import_of_an_export_is_the_identity(file: str, imported: Import, rewritten: Any) -> None:
    each = read_map(SHIPPED / file)
    (back,) = imported(exporting.document(each))
    assert back.remarks == []
    same(back.map, each)
    same(rewritten(back.text()), each)


@pytest.mark.parametrize("file", FORMS)
def test_the_legs_carry_what_dual_write_carries(
    file: str, imported: Import, every_form: Sequence[Map]
) -> None:
    """Without our object and without the shipped maps: pairs, directions, values, defaults, filters come from the legs."""
    each = read_map(SHIPPED / file)
    document = exporting.document(each)
    properties = {"properties": document.pop(EXTENSION)["properties"]}
    (back,) = imported(document, knowing=Known(()))
    spelling = {name.upper(): name for name in properties["properties"]}
    got = [
        (spelling.get((pair.fno or "").upper()), pair.dataverse, pair.symbol, pair.default, pair.constant)
        for pair in back.map.fields
    ]
    assert got == [
        (pair.fno, pair.dataverse, pair.symbol, pair.default, pair.constant) for pair in each.fields
    ]
    assert [_plain(pair.values) for pair in back.map.fields] == [_plain(pair.values) for pair in each.fields]
    assert {column: lookup.targets for column, lookup in back.map.lookups.items()} == {
        column: lookup.targets for column, lookup in each.lookups.items()
    }
    assert _tree(back.map.dataverse.filter) == _tree(each.dataverse.filter)
    assert exporting.xpp_filter(back.map.fno.filter) == exporting.xpp_filter(each.fno.filter)
    assert set(back.map.dataverse.key) <= {pair.dataverse for pair in each.fields}


def _tree(filter_: str | None) -> object:
    return filters.parse(filter_) if filter_ else None


def _plain(values: Any) -> list[tuple[str, str]] | None:
    return None if values is None else [(of.lower(), to.lower()) for of, to in values.items()]


@pytest.mark.parametrize("file", FORMS)
def test_written_yaml_is_the_same_map_in_lines_of_the_usual_width(file: str, rewritten: Any) -> None:
    each = read_map(SHIPPED / file)
    text = yaml_text.text(yaml_text.plain(each))
    same(rewritten(text), each)
    assert [line for line in text.splitlines() if len(line) > yaml_text.WIDTH] == []


def test_all_maps_go_through_one_file_of_rows(every_form: Sequence[Map], imported: Import) -> None:
    back = imported(exporting.rows(every_form))
    assert [(each.map.name, each.map.hash) for each in back] == [
        (each.name, each.hash) for each in every_form
    ]


def test_what_was_edited_in_the_export_wins_over_our_object(
    every_form: Sequence[Map], imported: Import
) -> None:
    each = next(each for each in every_form if each.name == "Vendors V2" and each.version == "2019")
    document = exporting.document(each)
    leg = document["legs"][0]
    leg["sourceFilter"] = '(VENDORPARTYTYPE == "Organization")'
    leg["fieldMappings"] = [row for row in leg["fieldMappings"] if row["destinationField"] != "msdyn_hobbies"]
    leg["fieldMappings"][0]["syncDirection"] = "1"
    (back,) = imported(document)
    assert back.map.fno.filter == "VendorPartyType eq 'Organization'"
    assert "msdyn_hobbies" not in {pair.dataverse for pair in back.map.fields}
    assert back.map.fields[0].symbol == ">"
    assert back.map.groups == each.groups and back.map.match == each.match


@pytest.mark.parametrize(
    "broken",
    [{"fno": []}, {"fno": {"set": "X"}, "dataverse": 3}, {"fields": [1], "fno": {}}, {"map": "x"}],
)
def test_our_object_in_the_wrong_shape_is_refused(
    broken: dict[str, Any], every_form: Sequence[Map], refused: Callable[[bytes], MapError]
) -> None:
    error = refused(json.dumps({**exporting.document(every_form[0]), EXTENSION: broken}).encode())
    assert EXTENSION in str(error)
