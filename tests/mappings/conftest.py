"""A copy of the shipped maps that a test may break."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from mappings.catalogue import SHIPPED, Catalogue
from mappings.errors import MapError
from mappings.model import Map


@dataclass
class Copy:
    """The shipped maps in a folder of their own."""

    folder: Path

    def edit(self, file: str, old: str, new: str) -> tuple[Path, int]:
        """Replace one text in a map file; the path, and the line (from 1) where the new text begins."""
        path = self.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {file}"
        line = text[: text.index(old)].count("\n") + 1
        path.write_text(text.replace(old, new), encoding="utf-8")
        return path, line

    def load(self) -> Catalogue:
        return Catalogue.load([self.folder], shipped=False)

    def errors(self) -> list[MapError]:
        """Everything that loading finds wrong."""
        with pytest.raises(MapError) as caught:
            self.load()
        return [caught.value, *caught.value.also]


@pytest.fixture
def maps_copy(tmp_path: Path) -> Copy:
    folder = tmp_path / "maps"
    for path in SHIPPED.glob("*/*.yaml"):
        target = folder / path.relative_to(SHIPPED)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return Copy(folder)


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return Catalogue.load()


@pytest.fixture
def one_map() -> Callable[..., Map]:
    """A small valid map; keyword arguments replace parts of it."""

    def build(**parts: object) -> Map:
        given: dict[str, object] = {
            "map": "Things",
            "template": "Things",
            "area": "Products",
            "solution": "Mine",
            "fno": {"set": "Things", "entity": "ThingEntity", "key": ["ThingId"]},
            "dataverse": {"table": "new_things", "key": ["new_id"]},
            "fields": [{"fno": "ThingId", "dataverse": "new_id"}, {"fno": "Name", "dataverse": "new_name"}],
        }
        return Map.model_validate(given | parts)

    return build
