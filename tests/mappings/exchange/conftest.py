"""Documents as dual-write exports them."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from mappings.catalogue import read_maps
from mappings.errors import MapError
from mappings.exchange.importing import Imported, import_file
from mappings.exchange.known import Known
from mappings.model import Map

Import = Callable[..., list[Imported]]


@pytest.fixture(scope="session")
def every_form() -> tuple[Map, ...]:
    return read_maps()


@pytest.fixture(scope="session")
def known(every_form: Sequence[Map]) -> Known:
    return Known(every_form)


@pytest.fixture
def imported(tmp_path: Path, known: Known) -> Import:
    """Import a JSON document (or a file) that must go through whole."""

    def run(content: object, *, knowing: Known = known) -> list[Imported]:
        path = content if isinstance(content, Path) else tmp_path / "given.json"
        if path is not content:
            path.write_text(json.dumps(content), encoding="utf-8")
        found, errors = import_file(path, knowing)
        assert errors == []
        return found

    return run


@pytest.fixture
def refused(tmp_path: Path, known: Known) -> Callable[[bytes], MapError]:
    """The error with which a file is refused."""

    def run(content: bytes) -> MapError:
        path = tmp_path / "given"
        path.write_bytes(content)
        with pytest.raises(MapError) as caught:
            import_file(path, known)
        return caught.value

    return run


def field(source: str, destination: str, direction: object = 3, **more: Any) -> dict[str, Any]:
    return {"syncDirection": direction, "sourceField": source, "destinationField": destination, **more}


def value_map(**values: str) -> dict[str, Any]:
    return {"transformType": "ValueMap", "valueMap": values, "createValuesOnDestination": False}


def default(value: str) -> dict[str, Any]:
    return {"transformType": "Default", "defaultValue": value}


def mapping(source: str, destination: str, fields: Sequence[dict[str, Any]], **leg: Any) -> dict[str, Any]:
    return {
        "name": f"[{source}] - [{destination}]",
        "legs": [{"sourceSchema": source, "destinationSchema": destination, "fieldMappings": fields, **leg}],
    }
