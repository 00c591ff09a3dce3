"""The map's model: names of pairs, defaults, identity."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import ValidationError

from mappings.catalogue import Catalogue
from mappings.model import Direction, FieldPair, Map
from mappings.reader import read_map
from tests.mappings.conftest import Copy

FILE = "finance_common/customers_accounts.yaml"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"fno": "A", "dataverse": "b"}, "A=b"),
        ({"fno": "A", "dataverse": "b", "values": {"No": False}}, "A><b"),
        ({"fno": "A", "dataverse": "b", "direction": "to-dataverse"}, "A>b"),
        ({"fno": "A", "dataverse": "b", "direction": "to-dataverse", "default": 0}, "A>>b"),
        ({"fno": "A", "dataverse": "b", "direction": "to-fno"}, "A<b"),
        ({"dataverse": "b", "constant": 3}, "none>>b"),
        ({"fno": "A", "constant": "x"}, "A<<none"),
    ],
)
def test_id_of_a_pair_is_how_dual_write_writes_it(given: dict[str, object], expected: str) -> None:
    assert FieldPair.model_validate(given).id == expected


def test_path_and_lookup() -> None:
    plain = FieldPair.model_validate({"fno": "A", "dataverse": "b"})
    deep = FieldPair.model_validate({"fno": "A", "dataverse": "pair.type.name"})
    constant = FieldPair.model_validate({"fno": "A", "constant": "x"})
    assert (plain.lookup, plain.path) == (None, ("b",))
    assert (deep.lookup, deep.path) == ("pair", ("pair", "type", "name"))
    assert (constant.lookup, constant.path, constant.direction) == (None, (), Direction.TO_FNO)
    assert (constant.to_fno, constant.to_dataverse) == (True, False)


def test_values_are_text() -> None:
    pair = FieldPair.model_validate(
        {"fno": "A", "dataverse": "b", "values": {"No": False, "Yes": True, "Some": 3}, "else": "pass"}
    )
    assert list((pair.values or {}).items()) == [("No", "false"), ("Yes", "true"), ("Some", "3")]
    assert pair.else_ == "pass"
    assert FieldPair.model_validate({"fno": "A", "dataverse": "b"}).else_ == "park"


def test_what_a_map_does(one_map: Callable[..., Map]) -> None:
    each = one_map(
        fields=[
            {"fno": "Name", "dataverse": "new_name", "direction": "to-dataverse"},
            {"fno": "ThingId", "dataverse": "new_id", "direction": "to-dataverse"},
            {"dataverse": "new_kind", "constant": 1},
            {"fno": "Language", "constant": "en-us"},
        ]
    )
    assert [pair.id for pair in each.compared] == ["Name>new_name", "ThingId>new_id"]
    assert [pair.id for pair in each.constants] == ["none>>new_kind", "Language<<none"]
    assert [pair.fno for pair in each.key_pairs] == ["ThingId"]
    assert (each.to_dataverse, each.to_fno, each.company_specific) == (True, False, False)
    assert each.file is None and each.line_of("fields") is None


def test_a_map_is_frozen_and_hashable(one_map: Callable[..., Map]) -> None:
    each = one_map()
    with pytest.raises(ValidationError):
        each.conflict = "hold"  # type: ignore[misc]
    assert len({each, one_map(), one_map(conflict="hold")}) == 2


def test_hash_is_stable_under_comments_and_layout(maps_copy: Copy) -> None:
    path = maps_copy.folder / FILE
    before = read_map(path).hash
    text = path.read_text(encoding="utf-8")
    path.write_text("# another comment\n\n" + text.replace("about: >-", "about: >- # why"), encoding="utf-8")
    assert read_map(path).hash == before
    path.write_text(text.replace("Customers that are organizations", "Others"), encoding="utf-8")
    assert read_map(path).hash == before, "descriptions change nothing that a sync does"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("conflict: fno", "conflict: hold"),
        ("filter: customertypecode eq 3", "filter: customertypecode eq 2"),
        (
            "{fno: CreditLimit, dataverse: creditlimit}",
            "{fno: CreditLimit, dataverse: creditlimit, default: 1}",
        ),
        ("Requisition: 806380004", "Requisition: 806380014"),
        ("  - {fno: PartyCountry, dataverse: msdyn_partycountry}\n", ""),
    ],
)
def test_hash_changes_with_content(old: str, new: str, maps_copy: Copy) -> None:
    before = read_map(maps_copy.folder / FILE).hash
    path, _ = maps_copy.edit(FILE, old, new)
    assert read_map(path).hash != before


def test_hashes_differ(catalogue: Catalogue) -> None:
    assert len({each.hash for each in catalogue.maps.values()}) == len(catalogue.maps)


def test_hash_doesnt_depend_on_where_the_file_is(maps_copy: Copy, catalogue: Catalogue) -> None:
    copied: Path = maps_copy.folder / FILE
    assert read_map(copied).hash == catalogue.get("Customers V3 to accounts").hash
