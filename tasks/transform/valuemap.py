"""Pairs with a value map: both sides read into the receiving side's values, Dataverse's where a pair goes
both ways.

Case doesn't count on either side of a value map. A member that the map names is a value of its own, the
enum's first one included; a first member that it doesn't name is F&O's empty value. What the map doesn't
name goes by `else`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.metadata import Column
from mappings.model import FieldPair
from tasks.transform.folding import fold, listing, tidy
from tasks.transform.forms import OMITTED, UNMAPPED, Misfit, empty_fno, member_of
from tasks.transform.numbers import NUMERIC
from tasks.transform.wire import comparable, named_member, typed


@dataclass(frozen=True)
class Entry:
    """One row of a value map, or what `else` stands for, in all forms that are needed.

    Attributes:
        canonical: the text that both sides read as.
        fno: F&O's value on the wire, OMITTED if the live enum has no such member.
        dataverse: Dataverse's value on the wire.
    """

    canonical: str
    fno: Any
    dataverse: Any


@dataclass(frozen=True)
class MappedForm:
    """A value map between two live columns.

    Attributes:
        by_fno: F&O value, comparable → entry.
        by_dataverse: Dataverse value, comparable → entry; the first of several wins.
        otherwise: for values that the map doesn't name: park, pass, or an entry to take instead.
        named: the map's own spellings, for messages.
    """

    fno: Column
    dataverse: Column
    exact: bool
    folded: bool
    by_fno: Mapping[str, Entry]
    by_dataverse: Mapping[str, Entry]
    otherwise: str | Entry
    named: Mapping[str, str] = field(repr=False)

    @property
    def signature(self) -> tuple[Any, ...]:
        return (
            "mapped",
            sorted((value, entry.canonical) for value, entry in self.by_fno.items()),
            sorted((value, entry.canonical) for value, entry in self.by_dataverse.items()),
            self.otherwise if isinstance(self.otherwise, str) else ["value", self.otherwise.canonical],
            sorted(self._empty),
            self.exact,
            self.folded,
        )

    @property
    def _empty(self) -> frozenset[str]:
        """F&O values that compare as empty because the map doesn't name them."""
        if isinstance(self.otherwise, Entry):
            return frozenset({""})
        if self.exact:
            return frozenset({""})
        empty = empty_fno(self.fno)
        return frozenset({"", "" if empty is OMITTED else comparable(self.fno, empty)})

    def _unnamed(self, column: Column, cell: Any) -> str:
        """A value outside the map, as it compares: in the column's own terms."""
        if column.kind in ("text", "memo"):
            text = tidy(str(cell))
            return text.casefold() if self.folded else text
        return comparable(column, cell)

    def _misfit(self, column: Column, cell: Any, named: list[str]) -> Misfit:
        return Misfit(
            UNMAPPED + self._unnamed(column, cell),
            "value_not_mapped",
            f"{cell!r} is not in the value map, which names {listing(named)}",
        )

    def read_fno(self, cell: Any) -> str | Misfit:
        value = comparable(self.fno, cell)
        entry = self.by_fno.get(value)
        if entry is not None:
            if entry.dataverse is OMITTED:
                return Misfit(entry.canonical, "value_not_mapped", f"{cell!r} has no value in Dataverse")
            return entry.canonical
        if value in self._empty:
            return ""
        if isinstance(self.otherwise, Entry) and self.otherwise.dataverse is not OMITTED:
            return self.otherwise.canonical
        passed = self._passed(self.dataverse, cell)
        if passed is not OMITTED:
            return self._read_passed(passed)
        return self._misfit(self.fno, cell, list(self.named))

    def read_dataverse(self, cell: Any) -> str | Misfit:
        value = comparable(self.dataverse, cell)
        entry = self.by_dataverse.get(value)
        if entry is not None:
            if entry.fno is OMITTED:
                return Misfit(
                    entry.canonical,
                    "not_a_member",
                    f"the value map has no F&O member for {cell!r}; allowed are {listing(self.fno.members)}",
                )
            return entry.canonical
        if value == "" or (value == "0" and self.dataverse.kind in NUMERIC and not self.exact):
            return ""
        if isinstance(self.otherwise, Entry) and self.otherwise.fno is not OMITTED:
            return self.otherwise.canonical
        passed = self._passed(self.fno, cell)
        if passed is not OMITTED:
            # as it will read once F&O has it
            text = self.read_fno(passed)
            return text if isinstance(text, str) else self._unnamed(self.dataverse, cell)
        misfit = self._misfit(self.dataverse, cell, list(self.named.values()))
        if isinstance(self.otherwise, Entry) and value == comparable(
            self.dataverse, self.otherwise.dataverse
        ):
            # what `else` puts there is equal to its source, although nothing leads back from it
            return misfit._replace(text=self.otherwise.canonical)
        return misfit

    def send_dataverse(self, cell: Any) -> Any:
        value = comparable(self.fno, cell)
        entry = self.by_fno.get(value)
        if entry is not None:
            return entry.dataverse
        if value in self._empty:
            return 0 if self.dataverse.kind in NUMERIC else None
        if isinstance(self.otherwise, Entry):
            return self.otherwise.dataverse
        return self._passed(self.dataverse, cell)

    def send_fno(self, cell: Any) -> Any:
        value = comparable(self.dataverse, cell)
        entry = self.by_dataverse.get(value)
        if entry is not None:
            return entry.fno
        if value == "" or (value == "0" and self.dataverse.kind in NUMERIC and not self.exact):
            return empty_fno(self.fno)
        if isinstance(self.otherwise, Entry):
            return self.otherwise.fno
        return self._passed(self.fno, cell)

    def _read_passed(self, passed: Any) -> str:
        """An F&O value that Dataverse took as it is: it may be one that the map gives to another F&O
        value."""
        entry = self.by_dataverse.get(comparable(self.dataverse, passed))
        return self._unnamed(self.dataverse, passed) if entry is None else entry.canonical

    def _passed(self, target: Column, cell: Any) -> Any:
        """What a value outside the map becomes where such values pass as they are; else OMITTED."""
        if self.otherwise != "pass":
            return OMITTED
        text = str(cell).rstrip(" ")
        if self.fno.kind == "enum":
            member = member_of(self.fno, text)
            if member is None and target is self.fno:
                return OMITTED
            text = member or text
        try:
            return typed(target, text)
        except ValueError:
            return OMITTED


def compile_values(
    pair: FieldPair, fno: Column, dataverse: Column, *, exact: bool, folded: bool
) -> MappedForm:
    """A pair's value map between two live columns.

    Raises:
        ValueError: one of its Dataverse values can't stand in that column.
    """
    entries: list[tuple[str, str, Entry]] = []
    for left, right in (pair.values or {}).items():
        entries.append(_entry(pair, fno, dataverse, left, right, folded))
    by_fno: dict[str, Entry] = {}
    by_dataverse: dict[str, Entry] = {}
    for value, image, entry in entries:
        by_fno.setdefault(value, entry)
        by_dataverse.setdefault(image, entry)
    return MappedForm(
        fno=fno,
        dataverse=dataverse,
        exact=exact,
        folded=folded,
        by_fno=by_fno,
        by_dataverse=by_dataverse,
        otherwise=_otherwise(pair, fno, dataverse, by_fno, by_dataverse, folded),
        named=dict(pair.values or {}),
    )


def _entry(
    pair: FieldPair, fno: Column, dataverse: Column, left: str, right: str, folded: bool
) -> tuple[str, str, Entry]:
    if fno.kind == "enum":
        member = named_member(fno, left)
        source: Any = OMITTED if member is None else member
        value = fold(left) if member is None else member.casefold()
    else:
        source = empty_fno(fno) if _is_blank(fno, left) else typed(fno, left)
        value = comparable(fno, source)
    image = None if _is_blank(dataverse, right) else typed(dataverse, right)
    compared = comparable(dataverse, image)
    canonical = _image_text(dataverse, image, folded) if pair.to_dataverse else value
    return value, compared, Entry(canonical, source, image)


def _image_text(column: Column, image: Any, folded: bool) -> str:
    """Canonical text of a Dataverse value: text keeps the map's spelling unless case doesn't count."""
    if column.kind in ("text", "memo") and not folded:
        return tidy(str(image or ""))
    return comparable(column, image)


def _is_blank(column: Column, text: str) -> bool:
    """`blank` is how published maps write an empty value; in a text column it may be a word."""
    return text == "" or (fold(text) == "blank" and column.kind not in ("text", "memo"))


def _otherwise(
    pair: FieldPair,
    fno: Column,
    dataverse: Column,
    by_fno: Mapping[str, Entry],
    by_dataverse: Mapping[str, Entry],
    folded: bool,
) -> str | Entry:
    """What `else` means: a value of the receiving side; on a both-way pair either side's spelling is
    understood."""
    text = pair.else_
    if text in ("park", "pass"):
        return text
    known = by_dataverse.get(comparable(dataverse, text)) if pair.to_dataverse else None
    known = known or by_fno.get(comparable(fno, text))
    if known is not None:
        return known
    if pair.to_dataverse:
        image = typed(dataverse, text)
        return Entry(_image_text(dataverse, image, folded), OMITTED, image)
    source = typed(fno, text)
    return Entry(comparable(fno, source), source, OMITTED)
