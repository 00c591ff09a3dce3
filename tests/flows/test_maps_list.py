"""The list of maps on terminals of any width."""

from __future__ import annotations

import pytest

from flows.commands import maps_list
from mappings.catalogue import Catalogue
from mappings.model import Map


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def printed(
    maps: list[Map],
    catalogue: Catalogue,
    width: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> list[str]:
    from rich.console import Console

    monkeypatch.setattr(maps_list, "console", lambda: Console(highlight=False, width=width))
    maps_list.print_list(maps, catalogue, {"Customers V3 to accounts"})
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("width", [80, 100, 160, 240])
def test_every_map_is_in_a_line_that_fits_below_its_area(
    catalogue: Catalogue, width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    maps = list(catalogue.maps.values())
    *lines, _blank, summary = printed(maps, catalogue, width, monkeypatch, capsys)
    assert summary.startswith(f"{len(maps)} maps")
    assert max(map(len, lines)) <= width
    assert len({line.index(arrow) for line in lines for arrow in "↔→←" if arrow in line}) == 1
    areas = [line for line in lines if not line.startswith(" ")]
    assert areas == [area for area, _ in maps_list.by_area(maps)] and len(areas) == len(set(areas))
    rows = [line for line in lines if any(arrow in line for arrow in "↔→←")]
    assert len(rows) == len(maps)


def test_arrows_forms_and_counts_are_told(
    catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ("Customers V3 to accounts", "Currencies", "Units", "Mixed reality guides entity")
    maps = [catalogue.get(name) for name in names]
    lines = printed(maps, catalogue, 160, monkeypatch, capsys)
    by_map = {name: next(line for line in lines if line.startswith(f"  {name}")) for name in names}
    assert by_map["Currencies"].split() == [
        *("Currencies", "Currencies", "↔", "transactioncurrencies", "3", "·", "·")
    ]
    assert "→" in by_map["Units"] and "←" in by_map["Mixed reality guides entity"]
    assert "(2019)" in by_map["Customers V3 to accounts"] and "(" not in by_map["Units"]


def test_areas_of_your_own_come_last(catalogue: Catalogue) -> None:
    mine = catalogue.get("Units").model_copy(update={"area": "Bicycles"})
    groups = maps_list.by_area([mine, catalogue.get("Currencies")])
    assert [area for area, _ in groups] == ["Currencies", "Bicycles"]
