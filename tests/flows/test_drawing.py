"""Pictures of the graph: boxes apart, arrows forward, nothing lost, however many maps there are."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from flows import drawing
from flows.layering import place
from mappings.catalogue import Catalogue

BOX, GAP, PASSING = 40.0, 10.0, 8.0


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.load()


def random_graph(size: int, columns: int) -> tuple[list[list[str]], list[tuple[str, str]]]:
    dice = random.Random(size)
    waves: list[list[str]] = [[] for _ in range(columns)]
    for number in range(size):
        waves[dice.randrange(columns)].append(f"n{number}")
    arrows = []
    for column, wave in enumerate(waves[1:], start=1):
        before = [name for earlier in waves[:column] for name in earlier]
        for name in wave:
            arrows += [(parent, name) for parent in dice.sample(before, min(len(before), 3))]
    return waves, arrows


@pytest.mark.parametrize("size", [5, 40, 140])
def test_boxes_never_overlap_and_stay_inside_the_picture(size: int) -> None:
    waves, arrows = random_graph(size, 7)
    placed = place(waves, arrows, box=BOX, gap=GAP, passing=PASSING)
    for column, wave in enumerate(waves):
        heights = sorted(placed.middle[name][1] for name in wave)
        assert all(placed.middle[name][0] == column for name in wave)
        assert all(below - above >= BOX + GAP - 1e-6 for above, below in pairwise(heights))
        assert all(BOX / 2 - 1e-6 <= height <= placed.height - BOX / 2 + 1e-6 for height in heights)


def test_long_arrows_pass_between_the_boxes() -> None:
    waves, arrows = random_graph(60, 6)
    placed = place(waves, arrows, box=BOX, gap=GAP, passing=PASSING)
    for line in placed.lines.values():
        for column, height in line:
            for name in waves[column]:
                assert abs(placed.middle[name][1] - height) >= (BOX + GAP + PASSING) / 2 - 1e-6


def test_arrows_that_can_go_without_crossing_do() -> None:
    waves = [["a", "b", "c"], ["z", "y", "x"]]
    placed = place(waves, [("a", "x"), ("b", "y"), ("c", "z")], box=BOX, gap=GAP, passing=PASSING)
    left = sorted("abc", key=lambda name: placed.middle[name][1])
    right = sorted("xyz", key=lambda name: placed.middle[name][1])
    assert "".join(left + right) in ("abcxyz", "cbazyx")


def test_the_whole_catalogue_is_one_well_formed_picture(catalogue: Catalogue) -> None:
    text = drawing.svg(catalogue, set(catalogue.maps))
    root = ElementTree.fromstring(text)
    titles = {str(title.text).split("\n")[0] for title in root.iter("{http://www.w3.org/2000/svg}title")}
    assert titles == set(catalogue.maps)
    assert drawing.svg(catalogue, set(catalogue.maps)) == text, "the same maps make the same picture"


def test_nothing_is_drawn_outside_the_picture(catalogue: Catalogue) -> None:
    root = ElementTree.fromstring(drawing.svg(catalogue, set(catalogue.maps)))
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    (moved,) = [each for each in root if each.tag.endswith("}g")]
    match = re.search(r"translate\(0 (\d+)\)", moved.attrib["transform"])
    assert match
    for box in moved.iter("{http://www.w3.org/2000/svg}rect"):
        assert float(box.attrib["x"]) + float(box.attrib["width"]) <= width
        assert float(match[1]) + float(box.attrib["y"]) + float(box.attrib["height"]) <= height


def test_the_company_is_a_mark_in_large_pictures_and_an_arrow_in_small_ones(catalogue: Catalogue) -> None:
    company = "Legal entities to cdm_companies"
    large = drawing.svg(catalogue, set(catalogue.maps))
    assert f"◆ company-specific: after {company}" in large
    small = drawing.mermaid(catalogue, {company, "Customer groups"})
    assert "m1 --> m0" in small or "m0 --> m1" in small
    assert "◆" not in small


def test_frames_hold_the_areas_in_mermaid(catalogue: Catalogue) -> None:
    text = drawing.mermaid(catalogue, set(catalogue.maps))
    assert text.count("subgraph") == text.count("  end")
    assert all(f'["{name}' in text for name in catalogue.maps)
