"""Whatever a map holds, its file reads back the same, and reads well."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from mappings.exchange import yaml_text
from mappings.model import Map
from mappings.reader import read_map

WORDS = (
    "No yes true True null ~ 3 -0 007 +5 1.50 # [x] {x x,y ' \" a\\b *a &a !a %a @a `a | > : a: = é 日本"
    " 2021-06-23 0x1F 1e3 \x85 \ufeff"
)
SPACED = ["a: b", "a #b", "- x", "? y", " lead", "trail ", "two  blanks", "line\nbreak", "\u2028", " ", "\t"]
texts = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20) | st.sampled_from(
    [*WORDS.split(" "), *SPACED]
)


@st.composite
def maps(draw: st.DrawFn) -> Map:
    values = draw(st.none() | st.dictionaries(texts, texts, min_size=1, max_size=4))
    pair: dict[str, Any] = {"fno": "Name", "dataverse": "new_name"}
    pair |= {"values": values} if values else {}
    return Map.model_validate(
        {
            "map": draw(texts),
            "template": draw(texts),
            "version": draw(texts),
            "area": draw(texts),
            "solution": "Mine",
            "about": draw(st.just("") | texts | st.lists(texts, min_size=30, max_size=40).map(" ".join)),
            "fno": {"set": "Things", "entity": "T", "key": ["ThingId"], "filter": draw(st.none() | texts)},
            "dataverse": {"table": "new_things", "key": ["new_id"]},
            "fields": [
                {"fno": "ThingId", "dataverse": "new_id"},
                {**pair, "default": draw(st.none() | texts)},
                {"fno": "Kind", "constant": draw(texts)},
            ],
            "groups": draw(st.dictionaries(texts, st.just(("new_name",)), max_size=2)),
        }
    )


@given(maps())
def test_every_map_reads_back_the_same(each: Map) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.yaml"
        path.write_text(yaml_text.text(yaml_text.plain(each)), encoding="utf-8", newline="\n")
        back = read_map(path)
    assert back.model_dump() == each.model_dump()
    assert back.hash == each.hash


@given(st.text(max_size=200))
def test_no_comment_gets_out_of_its_line(text: str) -> None:
    for line in yaml_text.comment_lines(text):
        assert len(line.splitlines()) <= 1 and line.isprintable()


def test_long_things_are_broken_where_people_would(one_map: Callable[..., Map]) -> None:
    each = one_map(
        about="A sentence that goes on. " * 8 + "End.",
        fields=[
            {"fno": "ThingId", "dataverse": "new_id"},
            {"fno": "Kind", "dataverse": "new_kind", "values": {f"Member{n}": n for n in range(30)}},
            {"fno": "Way", "dataverse": "new_way", "direction": "to-dataverse", "values": {"No": False}},
        ],
        groups={"short": ["new_kind"], "long": [f"new_a_rather_long_column_name_{n}" for n in range(5)]},
    )
    text = yaml_text.text(yaml_text.plain(each))
    assert max(len(line) for line in text.splitlines()) <= yaml_text.WIDTH
    assert "about: >-\n  A sentence" in text
    assert "  - {fno: ThingId, dataverse: new_id}\n" in text
    assert "  - fno: Kind\n    dataverse: new_kind\n    values: {Member0: 0, Member1: 1," in text
    assert ",\n             Member" in text, "lines of a value map begin below the first value"
    assert "  - {fno: Way, dataverse: new_way, direction: to-dataverse, values: {No: false}}\n" in text
    assert "  short: [new_kind]\n  long:\n    - new_a_rather_long_column_name_0\n" in text
    assert "verified: true" in text and "empty:" not in text
