"""Maps as dual-write keeps them: the JSON of `msdyn_mapping`, and rows of its table.

The legs say what dual-write can say. What it has no place for (keys, policies, groups, what to do where a lookup
finds nothing) goes into the object `dualflow` beside them, so that an import finds the whole map again; of that
object nothing repeats what a leg says, except exact spellings.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from mappings import filters
from mappings.errors import MapError
from mappings.exchange import filter_text, names, yaml_text
from mappings.exchange.document import DIRECTIONS, EXTENSION
from mappings.model import FieldPair, Map

CARRIED = ("fno", "dataverse", "direction", "values", "default", "constant")
"""Fields of a pair that a field mapping holds."""
_CODES = {direction: code for code, direction in DIRECTIONS.items()}


def document(each: Map) -> dict[str, Any]:
    """The `msdyn_mapping` of a map, with our extension."""
    return {
        "name": f"[{each.template}] - [{each.dataverse.table}]",
        "leftEnvironmentType": "AX",
        "centerEnvironmentType": "CRM",
        "legs": [
            {
                "id": "001",
                "sourceSchema": each.template,
                "sourceEnvironmentType": "AX",
                "sourceFilter": xpp_filter(each.fno.filter) or "",
                "destinationSchema": each.dataverse.table,
                "destinationEnvironmentType": "CRM",
                "reversedSourceFilter": each.dataverse.filter or "",
                "fieldMappings": [_field(each, pair) for pair in each.fields],
            }
        ],
        EXTENSION: _extension(each),
    }


def row(each: Map) -> dict[str, str]:
    """The map as a row of `msdyn_dualwriteentitymap`."""
    return {
        "msdyn_name": f"[{each.template}] - [{each.dataverse.table}]",
        "msdyn_displayname": each.name,
        "msdyn_version": each.version if re.fullmatch(r"\d+(\.\d+){1,3}", each.version) else "1.0.0.0",
        "msdyn_mapping": json.dumps(document(each), ensure_ascii=False),
    }


def rows(maps: Iterable[Map]) -> dict[str, Any]:
    """Several maps as the Web API answers them."""
    return {"value": [row(each) for each in maps]}


def service_name(name: str) -> str:
    """An F&O property as dual-write spells it."""
    return name.upper()


def xpp_filter(text: str | None) -> str | None:
    """An F&O filter in X++; None where there is none, or where X++ can't say it."""
    if text is None:
        return None
    try:
        return filter_text.xpp(filters.parse(text), service_name)
    except MapError:
        return None


def destination(each: Map, pair: FieldPair) -> str:
    """The Dataverse column of a pair as dual-write names it."""
    lookup = each.lookups.get(pair.lookup) if pair.lookup else None
    if lookup is not None and lookup.tables:
        return names.several(str(pair.lookup), lookup.tables)
    return pair.dataverse or ""


def _field(each: Map, pair: FieldPair) -> dict[str, Any]:
    transforms: list[dict[str, Any]] = []
    if pair.values is not None:
        transforms.append({"transformType": "ValueMap", "valueMap": dict(pair.values)})
    default = pair.constant if pair.constant is not None else pair.default
    if default is not None:
        transforms.append({"transformType": "Default", "defaultValue": default})
    found: dict[str, Any] = {
        "syncDirection": _CODES[pair.direction],
        "sourceField": service_name(pair.fno or ""),
        "destinationField": destination(each, pair),
        "valueTransforms": transforms,
        "isSystemGenerated": pair.dataverse in each.dataverse.key,
    }
    lookup = each.lookups.get(pair.lookup) if pair.lookup else None
    if lookup is not None:
        found["destinationLookupFieldRelatedEntity"] = lookup.table
    return found


def _extension(each: Map) -> dict[str, Any]:
    """What the legs can't carry, in the fields of a map file."""
    given = yaml_text.plain(each)
    given.pop("template")
    given["dataverse"].pop("table")
    given["dataverse"].pop("filter", None)  # OData on both sides; X++ loses what OData tells apart
    if "lookups" in given:
        given["lookups"] = {column: _more(lookup, ("table",)) for column, lookup in given["lookups"].items()}
    rest = []
    for pair, written in zip(each.fields, given.pop("fields"), strict=True):
        if more := more_than_carried(written):
            rest.append(
                {
                    "sourceField": service_name(pair.fno or ""),
                    "destinationField": destination(each, pair),
                    **more,
                }
            )
    if rest:
        given["fields"] = rest
    given["properties"] = sorted({pair.fno for pair in each.fields if pair.fno})
    return given


def more_than_carried(written: Mapping[str, Any]) -> dict[str, Any]:
    """What a field mapping has no place for."""
    return _more(written, CARRIED)


def _more(written: Mapping[str, Any], carried: Iterable[str]) -> dict[str, Any]:
    return {name: value for name, value in written.items() if name not in carried}
