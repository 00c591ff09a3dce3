"""The JSON Schema for editors is current, and says the same as the model."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mappings import schema
from mappings.catalogue import SHIPPED
from mappings.reader import read_yaml

jsonschema = pytest.importorskip("jsonschema")


def test_the_file_is_current() -> None:
    assert schema.FILE.read_text(encoding="utf-8") == schema.text(), "run `python -m mappings.schema`"


def test_editors_explain_every_field() -> None:
    document = json.loads(schema.text())
    parts = {"Map": document, **document["$defs"]}
    fields = {
        (part, name): field
        for part, each in parts.items()
        for name, field in each.get("properties", {}).items()
    }
    assert len(fields) > 50
    assert [place for place, field in fields.items() if not field.get("description")] == []


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_shipped_maps_satisfy_it(path: Path) -> None:
    content, _ = read_yaml(path)
    jsonschema.validate(content, json.loads(schema.text()))


def test_it_refuses_an_unknown_field() -> None:
    content, _ = read_yaml(SHIPPED / "company" / "legal_entities.yaml")
    with pytest.raises(jsonschema.ValidationError, match="conflct"):
        jsonschema.validate(content | {"conflct": "fno"}, json.loads(schema.text()))
