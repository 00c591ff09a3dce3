"""Stored values as texts that say the same on both sides; the soak's own reading of the maps, as plain YAML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Literal

from tests.engine.rest import Field, Side
from tests.integration.stored import fold
from tests.soak.shapes import DOCUMENTS, UPPER, Shape

Direction = Literal["both", "to-dataverse", "to-fno"]
NOBODY = "00000000-0000-0000-0000-000000000000"


@dataclass(frozen=True)
class Pair:
    """A field pair.

    Attributes:
        name: what the field is called in the proof: the F&O property.
        id: what it is called in conflict records.
        property: of F&O; `raw` is Dataverse's, as rows are stored.
        target: column of the row that the lookup leads to, "" for a plain column.
        values: F&O member → Dataverse value.
    """

    name: str
    id: str
    property: str
    raw: str
    table: str
    target: str
    direction: Direction
    values: Mapping[str, str] | None
    group: str

    def raw_of(self, side: Side) -> str:
        """Name of the stored value on a side."""
        return self.property if side == "fno" else self.raw


SYMBOLS = {
    "both": ("=", "><"),
    "to-dataverse": (">", ">>"),
    "to-fno": ("<", "<<"),
}
"""How a conflict record joins the two ends of a pair: plain, or with a value map between them."""


def pairs_of(shape: Shape) -> tuple[Pair, ...]:
    """The field pairs of a map, its key among them under the name "key"."""
    document = DOCUMENTS[shape.map]
    groups = {column: name for name, columns in document.get("groups", {}).items() for column in columns}
    found = []
    for pair in document["fields"]:
        if "fno" not in pair or "dataverse" not in pair:
            continue
        head, _, rest = pair["dataverse"].partition(".")
        direction = pair.get("direction", "both")
        found.append(
            Pair(
                name="key" if pair["fno"] == shape.key else pair["fno"],
                id=f"{pair['fno']}{SYMBOLS[direction]['values' in pair or 'default' in pair]}{pair['dataverse']}",
                property=pair["fno"],
                raw=f"_{head}_value" if rest else head,
                table=document["lookups"][head]["table"] if rest else "",
                target=rest,
                direction=direction,
                values=pair.get("values"),
                group=next((groups[n] for n in (pair["dataverse"], head, pair["fno"]) if n in groups), ""),
            )
        )
    return tuple(found)


def plain(value: Any) -> str:
    """A stored value as text; what stands for nothing is the empty text."""
    if value is None or value in ("", NOBODY):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return number(str(value))
    text = str(value).rstrip(" ")
    return "" if text.startswith("1900-01-01") else text


def number(text: str) -> str:
    """A number without zeros that say nothing."""
    value = Decimal(text)
    return f"{value.normalize():f}" if value else ""


def text_of(pair: Pair, side: Side, value: Any) -> str:
    """What a stored value says."""
    if pair.values is not None:
        if side == "fno":
            return pair.values.get(str(value), str(value))
        return "" if value is None else plain(value) or str(value)
    if pair.target:
        return fold(value)
    if pair.name == "key":
        return fold(value)
    return plain(value)


def rounded(places: Mapping[Side, int | None]) -> Any:
    """What each side keeps of a number."""

    def keeps(side: Side, value: str) -> str:
        scale = places[side]
        if scale is None or not value:
            return value
        return number(str(Decimal(value).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)))

    return keeps


def chosen(first: str) -> Any:
    """F&O has no choice that is empty: its first one stands for it."""
    return lambda side, value: value or first if side == "fno" else value


def shouted(side: Side, value: str) -> str:
    """F&O keeps some texts in upper case."""
    return value.upper() if side == "fno" else value


def field_of(pair: Pair, scales: Mapping[Side, int | None], first: str) -> Field:
    """The field of a pair, in the words of the invariants.

    Args:
        scales: places that each side keeps of a number; None for what is none.
        first: what Dataverse calls the first member of F&O's enum; "" for what is none.
    """
    made = Field(pair.name, pair.direction, records=frozenset({pair.id}), group=pair.group)
    if pair.property in UPPER:
        return replace(made, keeps=shouted)
    if any(scale is not None for scale in scales.values()):
        return replace(made, keeps=rounded(scales))
    return replace(made, keeps=chosen(first)) if first else made
