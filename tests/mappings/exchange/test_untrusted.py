"""Files from elsewhere: too large, too deep, hostile or simply broken, each refused with a reason."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable

import pytest

from mappings.errors import MapError
from mappings.exchange import rows

Refused = Callable[[bytes], MapError]


def zipped(**members: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return stream.getvalue()


LAUGHS = b"""<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>
<msdyn_dualwriteentitymap><msdyn_name>&b;</msdyn_name></msdyn_dualwriteentitymap>"""
OUTSIDE = b"""<!DOCTYPE x SYSTEM "file:///etc/passwd"><msdyn_dualwriteentitymap/>"""


@pytest.mark.parametrize("content", [LAUGHS, OUTSIDE, zipped(customizations__xml=LAUGHS)])
def test_xml_entities_are_refused_before_anything_is_expanded(content: bytes, refused: Refused) -> None:
    error = refused(content)
    assert error.code == "unsafe_xml"
    assert "document type" in error.problem


def test_a_zip_bomb_is_not_unpacked(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = zipped(customizations__xml=b"<a>" + b" " * (rows.MAX_FILE + 10) + b"</a>")
    assert len(bomb) < 200_000
    assert refused(bomb).code == "too_large"


def test_many_members_add_up(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_UNPACKED", 1000)
    names = {f"msdyn_dualwriteentitymaps_{number}__xml": b"<a>" + b"x" * 300 + b"</a>" for number in range(5)}
    assert refused(zipped(**names)).code == "too_large"


def test_too_many_members_and_rows_are_refused(refused: Refused, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MAX_MEMBERS", 3)
    assert "more than 3 files" in refused(zipped(**{f"m{number}": b"" for number in range(4)})).problem
    monkeypatch.setattr(rows, "MAX_ROWS", 3)
    assert "more than 3 rows" in refused(json.dumps([{"msdyn_mapping": "{}"}] * 4).encode()).problem


def test_a_file_larger_than_any_solution_is_not_read(
    refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MAX_FILE", 100)
    assert refused(b"x" * 101).code == "too_large"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe\x00", "neither a zip nor text"),
        (b"[" * 100_000, "nested too deep"),
        (b'{"a": ', "no JSON"),
        (b'"text"', "no JSON object"),
        (b"1" * 5000, "no JSON"),
        (b'{"name": "\\ud800", "legs": []}', "half a character"),
        (b"[1]", "is no row"),
        (b"[]", "holds no row"),
        (b'{"legs": 3}', "no JSON list"),
        (b'{"legs": []}', "has no legs"),
        (b'{"legs": [{"sourceSchema": "A"}]}', "destinationSchema"),
        (b'[{"msdyn_name": "a"}]', "no msdyn_mapping"),
        (b"<a>", "no XML"),
        (b"<a/>", "holds no row"),
        (b"<a>" * 200, "nested too deep"),
        (zipped(solution__xml=b"<a/>"), "holds no row"),
        (zipped(customizations__xml=b"<a/>")[:-30] + b"PK\x05\x06" + b"\0" * 18, "holds no row"),
    ],
)
def test_broken_files_are_refused_with_the_reason(content: bytes, told: str, refused: Refused) -> None:
    error = refused(content)
    text = str(error)
    assert told in text and "given" in text


def test_a_damaged_zip_is_told(refused: Refused) -> None:
    content = bytearray(zipped(customizations__xml=b"<a>" + bytes(range(32, 127)) * 50 + b"</a>"))
    for at in range(60, 90):
        content[at] ^= 0xFF
    assert refused(bytes(content)).code == "damaged_file"
