"""Known problems: every documented one is recognized by what people see, and says what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from mappings import codes
from mappings.troubleshooting.catalogue import problems, recognize, search
from mappings.troubleshooting.recognizing import fits, plain

MET = yaml.safe_load(
    (Path(__file__).parents[1] / "data" / "troubleshooting.yaml").read_text(encoding="utf-8")
)
CASES = [(kind, name, text) for kind, own in MET.items() for name, texts in own.items() for text in texts]
NUMBERED = [problem for problem in problems() if problem.kind in ("validation", "health")]


@pytest.mark.parametrize(
    ("kind", "name", "text"), CASES, ids=[f"{name}-{at}" for at, (_, name, _) in enumerate(CASES)]
)
def test_an_error_is_recognized_as_it_is_met(kind: str, name: str, text: str) -> None:
    found = recognize(text)
    assert found is not None, text
    assert (found.kind, found.name) == (kind, name)


@pytest.mark.parametrize("problem", NUMBERED, ids=lambda problem: problem.name)
def test_a_code_of_dual_write_is_recognized(problem: object) -> None:
    name = problem.name  # type: ignore[attr-defined]
    assert recognize(f"{name}: see the map", "") is problem
    assert recognize("see the map", name) is problem


def test_every_known_problem_has_a_text_that_it_was_met_with() -> None:
    met = {(kind, name) for kind, own in MET.items() for name in own}
    known = {(each.kind, each.name) for each in problems() if each not in NUMBERED}
    assert met == known


def test_the_documented_ones_are_complete() -> None:
    count: dict[str, int] = {}
    for each in problems():
        count[each.kind] = count.get(each.kind, 0) + 1
    assert (count["documented"], count["validation"], count["health"], count["configuration"]) == (
        55,
        30,
        15,
        8,
    )
    assert {each.name for each in NUMBERED} <= codes.load().keys()


def test_each_says_why_and_what_to_do() -> None:
    assert all(each.cause and each.remedy for each in problems())


def test_the_services_words_go_before_their_code() -> None:
    """Dataverse uses one code for whatever a plug-in says."""
    found = recognize(
        "A record that has the attribute values Location ID already exists. The entity key Location ID Key requires that",
        "0x80040265",
    )
    assert found is not None and found.name == "location_key"
    assert (other := recognize("The plug-in says no.", "0x80040265")) is not None
    assert other.name == "plugin_refused"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "Something nobody has seen before",
        "the price is 100 EUR",
        "order 5100-7 is closed",
        "0x8004",
    ],
)
def test_what_is_not_known_is_not_guessed(text: str) -> None:
    assert recognize(text) is None


def test_words_find_problems() -> None:
    assert search("account number second company")[0].name == "prospect_to_cash_key"
    assert search("zzz") == []


def test_parts_must_come_in_their_order() -> None:
    assert fits("limit of … seconds", plain("The limit  of\n300 SECONDS"))
    assert not fits("limit of … seconds", plain("seconds, the limit of"))
