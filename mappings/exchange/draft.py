"""A map in the making: what an import knows of it so far, with comments and remarks for what a person must see."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from mappings import filters
from mappings.errors import MapError
from mappings.exchange import filter_text, xpp
from mappings.exchange.document import FieldMapping
from mappings.exchange.known import Spelling
from mappings.exchange.names import split_several
from mappings.model import Direction

UNTRANSLATED = "to be translated"
"""In place of a filter that can't be translated: no OData, so the map can't run before somebody wrote one."""

_EMPTY_DATES = ("1/1/1900", "01/01/1900", "1900-01-01", "1900-01-01T00:00:00Z")

RemarkKind = Literal["assumed", "untranslated", "left out"]


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that a person should know of an import.

    Attributes:
        kind: assumed (check it), untranslated (write it), left out (it stands in the file as a comment).
        field: place in the map, such as ``fno.filter``; "" = the map as a whole.
        text: what and why.
        source: place in the file that was imported.
    """

    kind: RemarkKind
    field: str
    text: str
    source: str


@dataclass
class Draft:
    """The content of a map file so far.

    Args:
        source: place in the file that is imported, for remarks.

    Attributes:
        content: as a map file has it.
        comments: place in the map → lines that its file should carry there.
        remarks: what a person should know.
    """

    source: str
    spelling: Spelling
    content: dict[str, Any] = field(default_factory=dict)
    comments: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)

    def remark(self, kind: RemarkKind, place: str, text: str, at: str = "") -> None:
        """Note something, with its place in the imported document."""
        self.remarks.append(Remark(kind, place, text, f"{self.source} {at}".strip()))

    def comment(self, place: str, text: str) -> None:
        self.comments.setdefault(place, []).append(text)

    def leave_out(self, index: int, each: FieldMapping, why: str) -> None:
        """Keep a field mapping that can't become a pair as a comment where it would stand."""
        told = f"left out: {each.name}" + (f", values {dict(each.values)}" if each.values else "")
        told += f", default “{each.default}”" if each.default is not None else ""
        self.comment(f"fields.{index}", f"{told}: {why}")
        self.remark("left out", f"fields.{index}", f"{each.name}: {why}", each.at)

    def pair(self, each: FieldMapping, index: int, *, exact: bool) -> dict[str, Any]:
        """The field pair of a field mapping.

        Args:
            index: place of the pair among the map's pairs.
            exact: values are spelled as our maps spell them; else they are put right, and those that can't be
                are left out as a comment.
        """
        fno = self.spelling.of(each.source) or each.source if each.source else ""
        dataverse = each.destination
        if (named := split_several(dataverse)) is not None:
            dataverse = f"{named[0]}.{next(iter(named[1].values()))}"
        default = each.default if exact or each.default is None else _truth(each.default)
        if not fno:
            return {"dataverse": dataverse, "constant": default}
        if not dataverse:
            return {"fno": fno, "constant": default if exact else self.spelling.value(fno, default or "")}
        found: dict[str, Any] = {"fno": fno, "dataverse": dataverse}
        if each.direction is not Direction.BOTH:
            found["direction"] = str(each.direction)
        values = each.values if exact else self._values(each, fno, index)
        if values is not None:
            found["values"] = dict(values)
        if default is not None:
            found["default"] = default
        return found

    def _values(self, each: FieldMapping, fno: str, index: int) -> dict[str, str] | None:
        """A value map in the spelling of both systems, without what no row can have."""
        if each.values is None:
            return None
        members = self.spelling.members(fno)
        found: dict[str, str] = {}
        for name, value in each.values.items():
            key = self.spelling.value(fno, name)
            if members and key not in members:
                self._left_value(each, index, name, f"{fno} has no such member")
            elif name in _EMPTY_DATES and value.casefold() in ("", "blank"):
                self._left_value(each, index, name, "an empty date is empty on both sides anyway")
            else:
                found[key] = _truth(value)
        return found or None

    def _left_value(self, each: FieldMapping, index: int, name: str, why: str) -> None:
        told = f"value {name}: {each.values[name] if each.values else ''} of {each.name}"
        self.comment(f"fields.{index}", f"left out: {told}: {why}")
        self.remark("left out", f"fields.{index}", f"{told}: {why}", each.at)

    def fno_filter(self, text: str, at: str) -> None:
        """Translate the F&O filter, or keep it as a comment."""
        try:
            node = self.spelling.filter(xpp.parse(text))
            self.content["fno"]["filter"] = filter_text.odata(node)
        except MapError as error:
            self._untranslated("fno", text, error.problem, f"{at}.sourceFilter")

    def dataverse_filter(self, text: str, at: str, *, exact: bool) -> None:
        """Take the Dataverse filter, which is OData already, unless it is more than maps can use.

        Args:
            exact: as it is written; else in the usual form.
        """
        try:
            node = filters.parse(text)
            self.content["dataverse"]["filter"] = text if exact else filter_text.odata(node)
        except MapError as error:
            self._untranslated("dataverse", text, error.problem, f"{at}.reversedSourceFilter")

    def _untranslated(self, end: str, text: str, why: str, at: str) -> None:
        self.content[end]["filter"] = UNTRANSLATED
        place = f"{end}.filter"
        self.comment(place, f"the imported filter: {text}")
        self.comment(place, "write it in OData here; until then the map can't run")
        self.remark("untranslated", place, why, at)


def _truth(value: str) -> str:
    return value.lower() if value in ("True", "False") else value
