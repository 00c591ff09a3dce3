"""Closed rows: quotes, orders and invoices that Dataverse no longer lets anybody edit.

Such a row is in another state than the first (0: draft quotes, active orders and invoices), and with it its lines. Tables that know
active and inactive alone close nothing by that. Dataverse's refusals have no code of their own for a closed row, so a refused write
is judged by the state that the row, or the row that its key names, is in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mappings.metadata import Table
from tasks.connectors.side import Operation
from tasks.sync.lane import Lane

STATE = "statecode"
_REFERENCE = re.compile(r"/?(\w+)\(([0-9a-fA-F-]{36})\)")


def closed_by(lane: Lane, row: Mapping[str, Any] | None, operation: Operation) -> str:
    """What keeps a refused write to Dataverse from going through: “salesorder, state 3”; "" if nothing is closed.

    Args:
        row: the row as it was read; None for a new one, which its parent decides about.
    """
    table = lane.dataverse_table
    if row is not None:
        for column, value in row.items():
            # lines carry the state of their parent: salesorderstatecode
            if column.endswith(STATE) and _closes(table, column, value):
                return f"{column.removesuffix(STATE) or table.logical}, state {value}"
        return ""
    heads = {part.split(".")[0] for part in lane.map.dataverse.key if "." in part}
    for head in sorted(heads):
        for navigation in table.columns[head].navigation.values():
            found = _REFERENCE.fullmatch(str(operation.body.get(f"{navigation}@odata.bind") or ""))
            if found is None:
                continue
            parent = lane.dataverse.table(found.group(1))
            if STATE not in parent.columns:
                continue
            (above,) = lane.dataverse.read(parent.name, [found.group(2)], [STATE])
            if above is not None and _closes(parent, STATE, above.get(STATE)):
                return f"{parent.logical}, state {above[STATE]}"
    return ""


def _closes(table: Table, column: str, value: object) -> bool:
    known = table.columns.get(column)
    ordinary = known is not None and set(known.members) == {"0", "1"}
    return value not in (None, 0, "0") and not ordinary
