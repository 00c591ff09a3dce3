"""What writers of maps read: the example is a map, every field is explained, nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from mappings import ends, lookup, model
from mappings.catalogue import SHIPPED, Catalogue

TEXT = (SHIPPED / "README.md").read_text(encoding="utf-8")


def names_of(part: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in part.model_fields.items()}


def section(start: str) -> str:
    """The paragraph that begins like this."""
    return TEXT[TEXT.index(start) :].partition("\n\n")[0]


def test_the_example_is_a_map_without_faults(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
    (tmp_path / "vehicles.yaml").write_text(example, encoding="utf-8")
    catalogue = Catalogue.load(folders=[tmp_path])
    found = catalogue.get("Vehicles")
    assert catalogue.problems() == ()
    assert {parent.name for parent in catalogue.parents(found)} >= {"Legal entities to cdm_companies"}
    assert {pair.symbol for pair in found.fields} == {"=", ">", "><", ">>", "<<"}


def test_the_table_has_every_field_of_a_map_and_no_other() -> None:
    rows = re.findall(r"^\| (`.*?) \|", TEXT, re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == names_of(model.Map)


@pytest.mark.parametrize(
    ("start", "part"),
    [
        ("**`fno`**", ends.FnoEnd),
        ("**`dataverse`**", ends.DataverseEnd),
        ("**`lookups`**", lookup.Lookup),
        ("**`fields`**", model.FieldPair),
    ],
)
def test_the_parts_have_every_field(start: str, part: type[BaseModel]) -> None:
    text = section(start)
    assert [name for name in names_of(part) if not re.search(rf"`{name}\b", text)] == []
