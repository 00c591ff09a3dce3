"""Labels of a Dataverse table's options, which nothing but the draft of a map needs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mappings.errors import FatalError
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.odata import text_literal
from tasks.connectors.paging import PAGE, fetch


def option_labels(side: DataverseSide, table: str) -> dict[str, dict[str, str]]:
    """Option column → option number → label, in the user's language.

    Raises:
        FatalError: there is no such table, or its metadata may not be read.
    """
    logical = text_literal(side.table(table).logical)
    url = (
        f"EntityDefinitions(LogicalName={logical})/Attributes/Microsoft.Dynamics.CRM.PicklistAttributeMetadata"
        "?$select=LogicalName&$expand=OptionSet($select=Options),GlobalOptionSet($select=Options)"
    )
    answer = fetch(side.client, "metadata", url, decoder=PAGE)
    if answer.data is None:
        raise FatalError(f"the options of {table} can't be read", code="unreadable_answer", side="dataverse")
    return {row["LogicalName"]: dict(_labels(row)) for row in answer.data.value}


def _labels(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for holder in ("OptionSet", "GlobalOptionSet"):
        for option in (row.get(holder) or {}).get("Options") or ():
            label = ((option.get("Label") or {}).get("UserLocalizedLabel") or {}).get("Label")
            if label and option.get("Value") is not None:
                yield str(option["Value"]), str(label)
