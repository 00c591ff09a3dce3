"""What the masters need of a map beyond pairs: several tables behind a lookup, shared rows, forms, sensitive parts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import ValidationError

from mappings.catalogue import Catalogue
from mappings.errors import FatalError, MapError
from mappings.model import Map

OneMap = Callable[..., Map]


def thing(one_map: OneMap, name: str, table: str, key: list[str] | None = None, **parts: Any) -> Map:
    """A map of a table whose key columns are all mapped."""
    columns = key or ["new_id"]
    given: dict[str, Any] = {
        "map": name,
        "fno": {"set": f"{name}Set", "entity": "X", "key": [f"Key{n}" for n in range(len(columns))]},
        "dataverse": {"table": table, "key": columns},
        "fields": [{"fno": f"Key{n}", "dataverse": column} for n, column in enumerate(columns)],
    }
    return one_map(**{**given, **parts})


def order(one_map: OneMap, lookup: dict[str, Any], pair: str = "customerid.accountnumber") -> Map:
    return one_map(
        map="Orders",
        lookups={"customerid": lookup},
        fields=[{"fno": "ThingId", "dataverse": "new_id"}, {"fno": "Customer", "dataverse": pair}],
    )


@pytest.fixture
def customers(one_map: OneMap) -> list[Map]:
    return [
        thing(one_map, "Accounts", "accounts", ["accountnumber"]),
        thing(one_map, "Persons", "contacts", ["personid"]),
        thing(one_map, "Helpers", "contacts", ["personid"]),
    ]


EITHER = {"tables": {"accounts": "accountnumber", "contacts": "personid"}}


def problems(maps: list[Map]) -> list[str]:
    return [str(error) for error in Catalogue(maps).problems()]


def test_a_lookup_to_several_tables_orders_behind_all_of_them(one_map: OneMap, customers: list[Map]) -> None:
    orders = order(one_map, EITHER)
    lookup = orders.lookups["customerid"]
    assert (lookup.table, lookup.targets) == ("accounts", ("accounts", "contacts"))
    loaded = Catalogue([*customers, orders])
    loaded.validate()
    assert {each.name for each in loaded.parents(orders)} == {"Accounts", "Persons", "Helpers"}
    assert [pair.fno for pair in loaded.key_path(orders)["customerid"]] == ["Customer"]


def test_a_lookup_may_mean_the_rows_of_some_maps_only(one_map: OneMap, customers: list[Map]) -> None:
    orders = order(one_map, EITHER | {"maps": ["Accounts", "Persons"]})
    loaded = Catalogue([*customers, orders])
    loaded.validate()
    assert {each.name for each in loaded.parents(orders)} == {"Accounts", "Persons"}
    wrong = order(one_map, EITHER | {"maps": ["Acounts"]})
    (problem,) = problems([*customers, wrong])
    assert "did you mean “Accounts”?" in problem


def test_each_table_of_a_lookup_must_be_named_by_its_key(one_map: OneMap, customers: list[Map]) -> None:
    (other,) = problems([*customers, order(one_map, {"tables": EITHER["tables"] | {"contacts": "name"}})])
    assert "give name" in other and "named by personid" in other
    (path,) = problems([*customers, order(one_map, EITHER, pair="customerid.personid")])
    assert "accountnumber alone, not by personid" in path
    (unknown,) = problems([*customers, order(one_map, {"tables": EITHER["tables"] | {"leads": "id"}})])
    assert "no map writes the table leads" in unknown


@pytest.mark.parametrize(
    ("lookup", "said"),
    [
        ({}, "needs `table`"),
        ({"table": "contacts", "tables": {"accounts": "a"}}, "leave `table` out"),
        ({"table": "accounts", "type": "objecttypecode"}, "belongs to a lookup with `tables`"),
    ],
)
def test_a_lookup_says_its_tables_once(lookup: dict[str, Any], said: str, one_map: OneMap) -> None:
    with pytest.raises(ValidationError, match=said):
        order(one_map, lookup)


def test_paths_of_any_depth_fill_a_composite_key_in_its_order(one_map: OneMap) -> None:
    makers = thing(one_map, "Makers", "makers", ["maker_id"])
    model_key = ["maker.maker_id", "model_id"]
    models = thing(one_map, "Models", "models", model_key, lookups={"maker": {"table": "makers"}})
    assets = one_map(
        map="Assets",
        lookups={"model": {"table": "models"}, "spare": {"table": "models"}},
        fields=[
            {"fno": "ThingId", "dataverse": "new_id"},
            {"fno": "Model", "dataverse": "model.model_id"},
            {"fno": "Maker", "dataverse": "model.maker.maker_id"},
            {"fno": "Spare", "dataverse": "spare.model_id"},
            {"fno": "SpareMaker", "dataverse": "spare.maker.maker_id"},
        ],
    )
    loaded = Catalogue([makers, models, assets])
    loaded.validate()
    assert [pair.fno for pair in loaded.key_path(assets)["model"]] == ["Maker", "Model"]
    assert [len(wave) for wave in loaded.order()] == [1, 1, 1]
    half = Map.model_validate(assets.model_dump(by_alias=True) | {"fields": assets.fields[:-1]})
    (problem,) = problems([makers, models, half])
    assert "give model_id, but a row of models is named by maker.maker_id, model_id" in problem


def test_sharing_orders_and_stays_within_one_table(one_map: OneMap) -> None:
    lines = thing(one_map, "Lines", "lines")
    gone = thing(one_map, "Deleted lines", "lines", shares=["Lines"])
    loaded = Catalogue([lines, gone])
    loaded.validate()
    assert loaded.order() == [("Lines",), ("Deleted lines",)]
    assert loaded.related(["Deleted lines"]) == ("Lines", "Deleted lines")
    elsewhere = thing(one_map, "Others", "others", shares=["Lines"])
    (problem,) = problems([lines, elsewhere])
    assert "only maps of one table" in problem
    (nobody,) = problems([lines, thing(one_map, "Deleted lines", "lines", shares=["Line"])])
    assert "did you mean “Lines”?" in nobody


def test_request_and_answer_is_never_scanned(one_map: OneMap) -> None:
    events = {"set": "Things", "entity": "ThingEntity", "key": ["ThingId"], "feeds": ["data_events"]}
    assert not problems([one_map(initial=False, fno=events)])
    (problem,) = problems([one_map(initial=False)])
    assert "never scanned" in problem


def write(folder: Any, name: str, **parts: Any) -> None:
    import yaml

    given: dict[str, Any] = {
        "map": name,
        "template": name,
        "area": "Products",
        "solution": "Mine",
        "fno": {"set": f"{name}Set", "entity": "X", "key": ["ThingId"]},
        "dataverse": {"table": f"new_{name.lower()}", "key": ["new_id"]},
        "fields": [{"fno": "ThingId", "dataverse": "new_id"}],
    }
    version = parts.get("version", "current")
    (folder / f"{name}_{version}.yaml").write_text(yaml.safe_dump({**given, **parts}), encoding="utf-8")


@pytest.mark.parametrize(
    ("form", "versions"),
    [
        ("classic", {"Both": "2019", "Old": "2019", "New": "current", "Own": "current"}),
        ("party", {"Both": "current", "Old": "2019", "New": "current", "Own": "current"}),
    ],
)
def test_the_form_chooses_where_a_map_comes_in_two(
    form: Any, versions: dict[str, str], tmp_path: Any
) -> None:
    for name, known in {
        "Both": ("2019", "current"),
        "Old": ("2019",),
        "New": ("current",),
        "Own": ("current", "mine"),
    }.items():
        for version in known:
            write(tmp_path, name, version=version)
    loaded = Catalogue.load([tmp_path], shipped=False, form=form)
    assert {each.name: each.version for each in loaded.maps.values()} == versions
    other = Catalogue.load([tmp_path], shipped=False, form=form, select={"Both": "current", "Own": "mine"})
    assert (other.get("Both").version, other.get("Own").version) == ("current", "mine")


def test_sensitive_maps_are_off_until_they_are_wanted(tmp_path: Any) -> None:
    write(tmp_path, "Workers", after=["Origins"])
    write(tmp_path, "Origins", sensitive=True)
    loaded = Catalogue.load([tmp_path], shipped=False)
    assert list(loaded.maps) == ["Workers"] and list(loaded.inactive) == ["Origins"]
    with pytest.raises(FatalError, match="off: its data are sensitive; DUALFLOW_SENSITIVE"):
        loaded.get("Origins")
    for wanted in (["Origins"], ["all"]):
        assert set(Catalogue.load([tmp_path], shipped=False, sensitive=wanted).maps) == {"Origins", "Workers"}
    with pytest.raises(FatalError, match="did you mean “Origins”"):
        Catalogue.load([tmp_path], shipped=False, sensitive=["Origin"])


def test_a_lookup_to_a_map_that_is_off_says_so(tmp_path: Any) -> None:
    write(
        tmp_path,
        "Workers",
        lookups={"new_origin": {"table": "new_origins"}},
        fields=[{"fno": "ThingId", "dataverse": "new_id"}, {"fno": "Of", "dataverse": "new_origin.new_id"}],
    )
    write(tmp_path, "Origins", sensitive=True)
    with pytest.raises(MapError, match=r"no map writes the table new_origins.*“Origins” is off"):
        Catalogue.load([tmp_path], shipped=False)


WORKER: dict[str, Any] = {
    "lookups": {"new_origin": {"table": "new_workers"}},
    "groups": {"birth": ["new_born", "new_town"], "origin": ["new_origin.new_id"]},
    "match": [["new_born"], ["new_town"]],
    "fields": [
        {"fno": "ThingId", "dataverse": "new_id"},
        {"fno": "Born", "dataverse": "new_born", "sensitive": True},
        {"fno": "Of", "dataverse": "new_origin.new_id", "sensitive": True},
        {"fno": "Town", "dataverse": "new_town", "direction": "to-fno"},
    ],
}


def test_a_sensitive_pair_is_left_out_with_what_only_it_used(tmp_path: Any) -> None:
    write(tmp_path, "Workers", **WORKER, delete={"to-dataverse": "propagate"})
    with pytest.raises(MapError):  # cycle, since this map looks up itself
        Catalogue.load([tmp_path], shipped=False, sensitive=["all"])
    workers = Catalogue.load([tmp_path], shipped=False).get("Workers")
    assert [pair.fno for pair in workers.fields] == ["ThingId", "Town"]
    assert workers.lookups == {} and workers.groups == {"birth": ("new_town",)}
    assert workers.match == (("new_town",),)
    assert [pair.fno for pair in workers.compared] == ["ThingId", "Town"]


def test_leaving_out_keeps_lines_and_changes_the_hash(tmp_path: Any) -> None:
    write(tmp_path, "Workers", **WORKER)
    from mappings.catalogue import read_maps

    (whole,) = read_maps([tmp_path], shipped=False)
    lines = [whole.line_of(f"fields.{index}") for index in range(4)]
    before = whole.hash
    left = whole.without_sensitive()
    assert [left.line_of("fields.0"), left.line_of("fields.1")] == [lines[0], lines[3]]
    assert left.line_of("map") == whole.line_of("map") and left.file == whole.file
    assert left.hash != before == whole.hash


def test_a_key_cannot_be_left_out(one_map: OneMap) -> None:
    fields = [{"fno": "ThingId", "dataverse": "new_id", "sensitive": True}]
    (problem,) = problems([one_map(fields=fields)])
    assert "part of the key" in problem


def test_parts_of_a_key_that_may_be_empty_are_parts_of_it_and_leave_one(one_map: OneMap) -> None:
    def given(*optional: str) -> Map:
        end = {"table": "settings", "key": ["item", "color"], "optional": list(optional)}
        return thing(one_map, "Settings", "settings", ["item", "color"], dataverse=end)

    assert not problems([given("color")])
    (unknown,) = problems([given("site")])
    assert "site is no part of the key" in unknown
    (nothing,) = problems([given("color", "item")])
    assert "names nothing" in nothing
