"""Which maps a choice means."""

from __future__ import annotations

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.selection import choose, with_related


def names(maps: object) -> list[str]:
    return [each.name for each in maps]  # type: ignore[attr-defined]


def test_nothing_said_means_all_or_all_that_the_settings_name(catalogue: Catalogue) -> None:
    assert set(names(choose(catalogue))) == set(catalogue.maps)
    assert names(choose(catalogue, within=["Units", "Currencies"])) == ["Currencies", "Units"]


def test_names_come_beside_areas_and_areas_within_solutions(catalogue: Catalogue) -> None:
    customers = set(names(choose(catalogue, areas=["customers"])))
    assert customers == {name for name, each in catalogue.maps.items() if each.area == "Customers"}
    assert customers
    assert set(names(choose(catalogue, ["Units"], ["Customers"]))) == {"Units", *customers}
    assert choose(catalogue, areas=["Customers"], solutions=["SupplyChainCommon"]) == ()
    finance = choose(catalogue, areas=["Customers", "Units"], solutions=["financecommon"])
    assert {each.area for each in finance} == {"Customers"}


def test_areas_choose_from_what_the_settings_name_and_names_from_all(catalogue: Catalogue) -> None:
    assert names(choose(catalogue, areas=["Units"], within=["Units"])) == ["Units"]
    assert names(choose(catalogue, ["Currencies"], within=["Units"])) == ["Currencies"]


def test_the_order_is_that_of_an_initial_sync(catalogue: Catalogue) -> None:
    order = [name for wave in catalogue.order() for name in wave]
    found = names(choose(catalogue, ["Vendors V2", "Currencies", "Vendor groups"]))
    assert found == sorted(found, key=order.index)


def test_related_maps_come_before_those_that_need_them(catalogue: Catalogue) -> None:
    found = names(with_related(catalogue, choose(catalogue, ["Customer groups"])))
    assert found[-1] == "Customer groups"
    assert {"Legal entities to cdm_companies", "Terms of payment"} <= set(found)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"maps": ["Unit"]}, "did you mean"),
        ({"areas": ["Customer"]}, "did you mean “Customers”?"),
        ({"solutions": ["FinanceComon"]}, "did you mean “FinanceCommon”?"),
        ({"areas": ["Zzzz"]}, "known are"),
    ],
)
def test_what_there_is_not_is_told_with_the_nearest(
    given: dict[str, list[str]], told: str, catalogue: Catalogue
) -> None:
    with pytest.raises(FatalError) as caught:
        choose(catalogue, given.get("maps", ()), given.get("areas", ()), given.get("solutions", ()))
    assert told in caught.value.remedy
