"""The codes of findings: complete, and each is either looked for or says why not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mappings import codes
from mappings.errors import MapError

SOURCES = Path(codes.__file__).parent


def test_all_codes_of_dual_write_are_there() -> None:
    missing_in_the_published_list = {1009, 1013}
    validation = {
        f"DIPV{number}" for number in range(1000, 1032) if number not in missing_in_the_published_list
    }
    health = [
        "100",
        "400",
        "500",
        "900",
        "1000",
        "1300",
        "1500",
        "1600",
        "1700",
        "1800",
        "1900",
        "2000",
        "5000",
        "5100",
        "5200",
    ]
    assert validation | set(health) <= codes.load().keys()


def test_each_code_is_looked_for_or_says_why_not() -> None:
    for each in codes.load().values():
        assert bool(each.checked) != bool(each.not_checked), each.code
        assert each.title and each.remedy, each.code


def test_what_is_looked_for_in_both_systems_is_what_the_checks_report() -> None:
    """A code that claims to be checked live and never is would promise what nobody does."""
    text = "".join(path.read_text(encoding="utf-8") for path in (SOURCES / "live").glob("*.py"))
    named = set(re.findall(r'"(DIPV\d{4}|\d{3,4}|[a-z]+(?:_[a-z]+)*)"', text))
    live = {each.code for each in codes.load().values() if "live" in each.checked}
    assert live <= named
    unclaimed = {code for code in named & codes.load().keys() if not codes.load()[code].checked}
    assert unclaimed == set()


@pytest.mark.parametrize(
    ("word", "field", "code"),
    [
        ("key_not_mapped", "dataverse.key.0", "DIPV1014"),
        ("bad_filter", "fno.filter", "900"),
        ("unknown_filter_field", "dataverse.filter", "DIPV1012"),
        ("company_mismatch", "dataverse", "DIPV1002"),
        ("company_mismatch", "lookups.msdyn_site", "DIPV1017"),
        ("cycle", "", "cycle"),
        ("something new", "", "invalid_map"),
    ],
)
def test_words_of_the_checks_alone_have_codes(word: str, field: str, code: str) -> None:
    assert codes.code_of(word, field) == code


@pytest.mark.parametrize(
    "entry",
    [
        "X: {title: a, severity: error, remedy: b}",
        "X: {title: a, severity: error, remedy: b, checked: [live], not_checked: c}",
        "X: {title: a, severity: fatal, remedy: b, checked: [live]}",
        "X: {title: a, severity: error, remedy: b, checked: [somewhere]}",
        "X: {title: a, severity: error, checked: [live]}",
    ],
)
def test_an_incomplete_code_is_refused(entry: str, tmp_path: Path) -> None:
    file = tmp_path / "codes.yaml"
    file.write_text(entry, encoding="utf-8")
    with pytest.raises(MapError, match="no complete code"):
        codes.load(file)
