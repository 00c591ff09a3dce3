"""The JSON Schema of map files, for editors: completion, descriptions, errors while typing.

``python -m mappings.schema`` writes `map.schema.json`; a test keeps it equal to the model.
"""

from __future__ import annotations

import json
from pathlib import Path

from mappings.model import Map

FILE = Path(__file__).parent / "map.schema.json"


def text() -> str:
    """The schema's text as it belongs into the file."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Map.model_json_schema(by_alias=True, mode="validation"),
        "title": "Dualflow map",
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
