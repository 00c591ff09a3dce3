"""The users: they turn an edit into a request of their service, by what stands there now."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.engine.rest import SIDES, Side
from tests.integration.stored import fold
from tests.integration.trading import customer, of, person
from tests.local_services import Refused
from tests.soak.mirror import MAP_OF, NUMBERED, PAIRS, Mirror
from tests.soak.shapes import BY_MAP, COMPANY, REFERRED, SHAPES, UPPER, Input, Shape
from tests.soak.steps import Edit


class Users:
    """Everybody who edits.

    Args:
        mirror: what both systems hold, kept up to date by its owner.
        navigations: Dataverse lookup column → name under which it is bound, by table.
    """

    def __init__(self, mirror: Mirror, navigations: dict[str, dict[str, str]]) -> None:
        self._mirror = mirror
        self._navigations = navigations
        self.made_up = 0

    def edit(self, edit: Edit) -> str | None:
        """Do it, if the service lets us; what was done in words, "" if it was refused, None if there is nothing to be done."""
        shape = SHAPES[edit.map % len(SHAPES)]
        slot = edit.slot % len(shape.slots)
        found = self._mirror.find(edit.side, shape, slot)
        request = self._request(edit, shape, slot, found)
        if request is None:
            return None
        method, path, body = request
        try:
            self._mirror.edit(edit.side, method, path, body)
        except Refused:
            return ""
        return f"{edit.side} {method} {path} {body or ''}"

    def _request(
        self, edit: Edit, shape: Shape, slot: int, found: dict[str, Any] | None
    ) -> tuple[str, str, dict[str, Any] | None] | None:
        if found is None:
            if edit.kind in ("flip", "rename") or self._mirror.was_renamed(shape, slot):
                return None
            body = self._new(edit, shape, slot)
            return None if body is None else ("POST", shape.set if edit.side == "fno" else shape.table, body)
        path = self._path(edit.side, shape, found)
        if edit.kind == "delete":
            return "DELETE", path, None
        if edit.kind == "rename":
            if edit.side != "fno" or not shape.renames:
                return None
            # two rows that never met don't become one by a rename
            if not all(self._mirror.is_first(side, shape, slot) for side in SIDES):
                return None
            self.made_up += 1
            return "RENAME", path, {shape.key: f"R{self.made_up}"}
        if edit.kind == "flip":
            if edit.side == "fno" or shape.flip is None:
                return None
            column, inside, outside = shape.flip
            return "PATCH", path, {column: outside if found[column] == inside else inside}
        chosen = shape.inputs[edit.field % len(shape.inputs)]
        body = self._put(edit, shape, slot, chosen)
        return None if body is None else ("PATCH", path, body)

    def _path(self, side: Side, shape: Shape, row: dict[str, Any]) -> str:
        if side == "dataverse":
            return f"{shape.table}({row[shape.id_column]})"
        quoted = quote(str(row[shape.key]).replace("'", "''"), safe="")
        own = f"dataAreaId='{COMPANY}'," if shape.company else ""
        return f"{shape.set}({own}{shape.key}='{quoted}')?cross-company=true"

    def _new(self, edit: Edit, shape: Shape, slot: int) -> dict[str, Any] | None:
        """The body of a new row: what it needs, and one value besides; None if what it needs is not there."""
        key = shape.slots[slot]
        if edit.side == "fno":
            body = {shape.key: key, **({"dataAreaId": COMPANY} if shape.company else {}), **shape.fno_extra}
        else:
            body = {shape.column: key, **(of(COMPANY) if shape.company else {}), **shape.dataverse_extra}
        before = self._mirror.deleted.get((edit.side, shape.map, fold(key))) if edit.value == 4 else None
        if before is not None:
            was = self._as_it_was(edit.side, shape, before)
            return None if was is None else body | was
        for n, each in enumerate(shape.inputs):
            if each.needed or n == edit.field % len(shape.inputs) or (each.kind == "text" and n < 2):
                put = self._put(Edit("set", edit.side, edit.map, slot, n, edit.value), shape, slot, each)
                if put is None and each.needed:
                    return None
                body |= put or {}
        return body

    def _as_it_was(self, side: Side, shape: Shape, row: dict[str, Any]) -> dict[str, Any] | None:
        """What a row said that is no more, as the body of a new one; None if what it needs is no more either."""
        needed = {f"_{each.dataverse}_value" for each in shape.inputs if each.needed}
        if side == "fno":
            own = {pair.property for pair in PAIRS[shape.map] if pair.name not in ("key", *NUMBERED)}
            return {name: row[name] for name in own if row[name] not in ("", None)}
        body: dict[str, Any] = {}
        for pair in PAIRS[shape.map]:
            if pair.name == "key" or row[pair.raw] is None:
                continue
            if not pair.target:
                body[pair.raw] = row[pair.raw]
            elif pair.table in MAP_OF and row[pair.raw] in self._mirror.rows["dataverse", pair.table]:
                column = pair.raw.removeprefix("_").removesuffix("_value")
                navigation = self._navigations[shape.table][column]
                body[f"{navigation}@odata.bind"] = f"/{pair.table}({row[pair.raw]})"
            elif pair.raw in needed:
                return None
        return body

    def _put(self, edit: Edit, shape: Shape, slot: int, chosen: Input) -> dict[str, Any] | None:
        """A value of an input, as a body; None if there is nothing that it could refer to."""
        name = chosen.fno if edit.side == "fno" else chosen.dataverse
        if chosen.kind == "lookup":
            return self._refer(edit, shape, slot, chosen)
        if chosen.kind == "choice":
            options = list(chosen.choices.items())
            member, option = options[edit.value % len(options)]
            return {name: member if edit.side == "fno" else option}
        if edit.value <= 2:
            self.made_up += 1
        if chosen.kind == "number":
            values: list[Any] = [self.made_up + 100] * 3 + [7, 0, 0]
            if chosen.fno == "CreditLimit":
                values[1], values[2] = self.made_up + 0.25, self.made_up + 0.128
            return {name: values[edit.value]}
        fresh = f"{edit.side[0]}{self.made_up}"
        texts = [fresh, fresh, f"{fresh}  ", "same", first_text(shape, slot, chosen), ""]
        text = texts[edit.value]
        if not text and (chosen is shape.inputs[0] or shape.map not in CUSTOMERS or "Name" in chosen.fno):
            text = "same"
        return {name: text if text or edit.side == "fno" else None}

    def _refer(self, edit: Edit, shape: Shape, slot: int, chosen: Input) -> dict[str, Any] | None:
        target = BY_MAP[chosen.target]
        at = (slot + edit.value) % min(len(target.slots), REFERRED)
        row = None if edit.value == 5 and not chosen.needed else self._mirror.find(edit.side, target, at)
        if row is None:
            if chosen.needed:
                return None
            if edit.side == "fno":
                return {chosen.fno: ""}
            return {f"{self._navigations[shape.table][chosen.dataverse]}@odata.bind": None}
        if edit.side == "fno":
            return {chosen.fno: row[target.key]}
        return self._bind(shape, chosen, row[target.id_column])

    def _bind(self, shape: Shape, chosen: Input, row_id: str) -> dict[str, Any]:
        navigation = self._navigations[shape.table][chosen.dataverse]
        return {f"{navigation}@odata.bind": f"/{BY_MAP[chosen.target].table}({row_id})"}


CUSTOMERS = {shape.map for shape in SHAPES if shape.set == "CustomersV3"}

KEPT = {shape.map: f"KP{n}" for n, shape in enumerate(SHAPES)}
"""Keys of rows that no user knows: a table that is found empty looks like lost access, not like deletes."""


def first_text(shape: Shape, slot: int, chosen: Input) -> str:
    """What stands in a text field of a slot's row at the start."""
    text = f"{chosen.fno[:2]} {slot}"
    return text.upper() if chosen.fno in UPPER else text


def first_rows(shape: Shape) -> list[dict[str, Any]]:
    """A map's rows of F&O at the start."""
    rows = []
    for n, key in enumerate((*shape.slots[: shape.present], KEPT[shape.map])):
        row = {each.fno: first_text(shape, n, each) for each in shape.inputs if each.kind == "text"}
        if shape.map in CUSTOMERS:
            row = (person if "PartyType" in shape.fno_extra else customer)(COMPANY, key, **row)
        else:
            row |= {shape.key: key, **({"dataAreaId": COMPANY} if shape.company else {})}
        for each in shape.inputs:
            if each.kind == "lookup" and n:
                row[each.fno] = BY_MAP[each.target].slots[0]
        rows.append(row)
    return rows
