"""Digests: pinned values, and independence of everything but text and key."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.transform.digests import EMPTY, digests, fold, key_text, raw_digests
from tests.transform.sample import KEY

# what other versions of pandas must give as well: a difference is a new layout.ALGORITHM
GOLDEN = {
    "": 17823166148561711690,
    "a": 5941279374467348348,
    "Contoso": 13961561417674258922,
    "contoso": 289676616901423725,
    "10.13": 11584024656322902620,
    "806380000": 2653620236102549901,
    "2016-08-15": 10921754606460201237,
    "ÄÖÜ ß 😀": 17960944955756821542,
    "a\x00": 12490390359799360410,
    "\x00": 3151560926108808538,
    "x" * 4000: 16648355585366219739,
}
GOLDEN_RAW = {
    ("a", None): 15121686053860487905,
    ("a", ""): 15324187432669944444,
    ("a", 0): 9511640066588456732,
    ("1.50", True): 655147134095923668,
}


def hashed(*texts: str, key: str = KEY) -> list[int]:
    return [int(found) for found in digests(np.array([texts], dtype=object), key)[0]]


def test_golden_digests() -> None:
    assert dict(zip(GOLDEN, hashed(*GOLDEN), strict=True)) == GOLDEN


def test_golden_raw_digests() -> None:
    rows = [{"x": x, "y": y} for x, y in GOLDEN_RAW]
    assert raw_digests(rows, ["x", "y"], KEY).tolist() == list(GOLDEN_RAW.values())


def test_the_key_changes_every_digest() -> None:
    assert not set(hashed("", "a", "b")) & set(hashed("", "a", "b", key="fedcba9876543210"))
    assert EMPTY(KEY) == hashed("")[0] != EMPTY("fedcba9876543210")


@given(st.lists(st.lists(st.text(max_size=5), min_size=3, max_size=3), min_size=1, max_size=5))
def test_a_digest_depends_on_its_text_alone(page: list[list[str]]) -> None:
    texts = np.empty((len(page), 3), dtype=object, order="F")
    for row, cells in enumerate(page):
        texts[row] = cells
    found = digests(texts, KEY)
    assert found.shape == (len(page), 3) and found.dtype == np.uint64
    for (row, column), text in np.ndenumerate(texts):
        assert hashed(text) == [int(found[row, column])]


def test_the_order_of_the_memory_does_not_matter() -> None:
    texts = [["a", "b", "c"], ["d", "e", "f"]]
    one = digests(np.array(texts, dtype=object, order="C"), KEY)
    other = digests(np.array(texts, dtype=object, order="F"), KEY)
    assert one.tolist() == other.tolist()
    assert digests(np.array(texts, dtype=object)[1:], KEY).tolist() == one[1:].tolist()


def test_zero_is_never_returned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tasks.transform.digests.hash_array", lambda values, **_: np.zeros(len(values), dtype=np.uint64)
    )
    assert hashed("a", "b") == [1, 1]


def test_half_a_surrogate_pair_has_a_digest() -> None:
    broken, whole = hashed("\ud83d", "a")
    assert broken and whole == hashed("a")[0]
    assert raw_digests([{"x": "\ud83d", "y": 1}], ["x", "y"], KEY)[0]


def test_no_rows() -> None:
    assert digests(np.empty((0, 3), dtype=object), KEY).shape == (0, 3)
    assert raw_digests([], ["x"], KEY).shape == (0,)


def test_raw_digests_cover_the_chosen_properties_only() -> None:
    row = {"x": "a", "y": 1, "@odata.etag": 'W/"1"', "modifiedon": "2024-01-01T00:00:00Z"}
    later = row | {"@odata.etag": 'W/"2"', "modifiedon": "2024-01-02T00:00:00Z"}
    edited = row | {"y": 2}
    one, two, three = raw_digests([row, later, edited], ["x", "y"], KEY)
    assert one == two != three
    assert (
        raw_digests([{"x": "a"}, {"x": "a", "y": None}], ["x", "y"], KEY).tolist()
        == [raw_digests([{"x": "a", "y": None}], ["x", "y"], KEY)[0]] * 2
    )
    assert raw_digests([row], ["x"], KEY)[0] == raw_digests([{"x": "a"}], ["x"], KEY)[0]


def test_raw_digests_tell_null_from_empty_and_zero() -> None:
    rows = [{"x": cell} for cell in (None, "", 0, "0", False, "None")]
    assert len(set(raw_digests(rows, ["x"], KEY).tolist())) == len(rows)


def test_equal_rows_have_equal_raw_digests_whatever_objects_hold_them() -> None:
    shared = "US-" + str(1)
    rows = [
        {"x": shared, "y": shared},
        {"x": "US-" + str(1), "y": "US-" + str(1)},
        {"x": "US-1", "y": "US-1"},
    ]
    assert len(set(raw_digests(rows, ["x", "y"], KEY).tolist())) == 1


def test_key_texts_fold() -> None:
    assert key_text(["US-001 ", "a/B"], "USMF") == "usmf\x1fus-001\x1fa/b"
    assert key_text(["USD"]) == "\x1fusd"
    assert fold("STRASSE ") == fold("Straße")
    assert key_text(["a", ""]) != key_text(["a"])
