"""The form in which the two columns of a pair meet: how a cell of either side reads, and what it becomes on
the other.

Reading gives canonical text; sending gives a JSON-ready value made from the source's cell. Both work on one
cell, without regard to its neighbours, so that a value reads the same in any page. What a cell can't become
is a `Misfit`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from mappings.metadata import Column
from tasks.transform import moments, numbers
from tasks.transform.folding import fold, listing, tidy

UNMAPPED = "\x01"
UNTRANSLATED = "\x00"


class Misfit(NamedTuple):
    """A cell that compares (by `text`) but can't be sent, and why."""

    text: str
    code: str
    message: str


class _Omitted:
    """Stands for a value that has no image on the other side."""

    def __repr__(self) -> str:
        return "OMITTED"


OMITTED: Any = _Omitted()


class Form(Protocol):
    """How the two columns of a pair meet."""

    @property
    def signature(self) -> tuple[Any, ...]:
        """All that the canonical text depends on, besides the cell."""
        ...

    def read_fno(self, cell: Any) -> str | Misfit:
        """Canonical text of an F&O cell; a misfit can't go to Dataverse."""
        ...

    def read_dataverse(self, cell: Any) -> str | Misfit:
        """Canonical text of a Dataverse cell; a misfit can't go to F&O."""
        ...

    def send_dataverse(self, cell: Any) -> Any:
        """What an F&O cell becomes in Dataverse; OMITTED where it has no image."""
        ...

    def send_fno(self, cell: Any) -> Any:
        """What a Dataverse cell becomes in F&O; OMITTED where it has no image."""
        ...


def empty_fno(column: Column) -> Any:
    """F&O's empty value of a type: it has no null."""
    match column.kind:
        case "integer" | "bigint" | "decimal" | "double":
            return 0
        case "boolean":
            return False
        case "enum":
            return column.members[0] if column.members else OMITTED
        case "date":
            return moments.EMPTY_DATE
        case "datetime":
            return moments.EMPTY_DATETIME
        case "guid":
            return "00000000-0000-0000-0000-000000000000"
        case _:
            return ""


@dataclass(frozen=True)
class TextForm:
    """Text on both sides. `folded`: part of a key or a lookup, so its case doesn't count."""

    folded: bool

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("text", self.folded)

    def _read(self, cell: Any) -> str:
        if cell is None:
            return ""
        text = tidy(_text(cell))
        return text.casefold() if self.folded else text

    read_fno = read_dataverse = _read

    def send_dataverse(self, cell: Any) -> str | None:
        return None if cell is None else _text(cell).rstrip(" ") or None

    def send_fno(self, cell: Any) -> str:
        return "" if cell is None else _text(cell).rstrip(" ")


@dataclass(frozen=True)
class BooleanForm:
    """Yes and no without a value map: F&O's NoYes enum, a boolean, or a word for it."""

    fno: Column
    dataverse: Column

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("boolean",)

    def _read(self, cell: Any) -> str | Misfit:
        if cell is None or cell == "":
            return ""
        truth = truth_of(cell)
        if truth is None:
            return Misfit(UNMAPPED + tidy(str(cell)), "not_a_boolean", f"{cell!r} is neither yes nor no")
        return "true" if truth else "false"

    read_fno = read_dataverse = _read

    def _send(self, cell: Any, target: Column, empty: Any) -> Any:
        if cell is None or cell == "":
            return empty
        truth = truth_of(cell)
        return OMITTED if truth is None else _truth_for(target, truth)

    def send_dataverse(self, cell: Any) -> Any:
        return self._send(cell, self.dataverse, None)

    def send_fno(self, cell: Any) -> Any:
        return self._send(cell, self.fno, empty_fno(self.fno))


@dataclass(frozen=True)
class OptionForm:
    """Option numbers without a value map: the F&O property holds the number itself, as number or text."""

    fno: Column
    dataverse: Column
    exact: bool

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("option", self._zero_counts)

    @property
    def _zero_counts(self) -> bool:
        return self.exact or "0" in self.dataverse.members

    def _read(self, cell: Any) -> str | Misfit:
        if cell is None or cell == "":
            return ""
        try:
            text = str(int(cell))
        except ValueError:
            return Misfit(UNMAPPED + tidy(str(cell)), "not_an_option", f"{cell!r} is not an option number")
        return "" if text == "0" and not self._zero_counts else text

    def read_fno(self, cell: Any) -> str | Misfit:
        text = self._read(cell)
        allowed = self.dataverse.members
        if isinstance(text, str) and text and allowed and text not in allowed:
            return Misfit(text, "not_an_option", f"{cell!r} is not one of the options {listing(allowed)}")
        return text

    read_dataverse = _read

    def send_dataverse(self, cell: Any) -> Any:
        text = self._read(cell)
        if isinstance(text, Misfit):
            return OMITTED
        return int(text) if text else None

    def send_fno(self, cell: Any) -> Any:
        text = self._read(cell)
        if isinstance(text, Misfit):
            return OMITTED
        if not text:
            return empty_fno(self.fno)
        return int(text) if self.fno.kind in numbers.NUMERIC else text


@dataclass(frozen=True)
class OptionsForm:
    """Several option numbers, as text on both sides; their order doesn't count."""

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("options",)

    def _read(self, cell: Any) -> str | Misfit:
        parts = [part.strip() for part in str(cell or "").split(",") if part.strip()]
        try:
            return ",".join(str(number) for number in sorted({int(part) for part in parts}))
        except ValueError:
            return Misfit(
                UNMAPPED + tidy(str(cell)), "not_an_option", f"{cell!r} is not a list of option numbers"
            )

    read_fno = read_dataverse = _read

    def send_dataverse(self, cell: Any) -> Any:
        text = self._read(cell)
        return OMITTED if isinstance(text, Misfit) else text or None

    def send_fno(self, cell: Any) -> Any:
        text = self._read(cell)
        return OMITTED if isinstance(text, Misfit) else text


@dataclass(frozen=True)
class GuidForm:
    """Ids: lower case without braces; all zeros is F&O's empty one."""

    fno: Column

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("guid",)

    def _read(self, cell: Any) -> str:
        text = str(cell or "").strip(" {}").lower()
        return text if text.strip("0-") else ""

    read_fno = read_dataverse = _read

    def send_dataverse(self, cell: Any) -> str | None:
        return self._read(cell) or None

    def send_fno(self, cell: Any) -> Any:
        return self._read(cell) or empty_fno(self.fno)


@dataclass(frozen=True)
class MemberForm:
    """An F&O enum in a text column without a value map: the member's name, in the live spelling.

    The first member compares as empty, as F&O has no other empty value for an enum; it is sent by its name
    all the same, because a name like Quantity (of a unit class) says something.
    """

    fno: Column
    exact: bool

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("member", "" if self.exact else self._first)

    @property
    def _first(self) -> str:
        return self.fno.members[0].casefold() if self.fno.members else ""

    def _read(self, cell: Any) -> str:
        text = "" if cell is None else fold(str(cell))
        return "" if text == self._first and not self.exact else text

    read_fno = _read

    def read_dataverse(self, cell: Any) -> str | Misfit:
        text = self._read(cell)
        if text and member_of(self.fno, text) is None:
            return Misfit(text, "not_a_member", f"{cell!r} is not one of {listing(self.fno.members)}")
        return text

    def send_dataverse(self, cell: Any) -> str | None:
        if cell is None:
            return None
        return member_of(self.fno, str(cell)) or str(cell).rstrip(" ") or None

    def send_fno(self, cell: Any) -> Any:
        if cell is None or not str(cell).rstrip(" "):
            return empty_fno(self.fno)
        return member_of(self.fno, str(cell)) or OMITTED


def member_of(column: Column, name: str) -> str | None:
    """An enum member in the live system's spelling, whatever the case of `name`; None if there is none."""
    folded = fold(name)
    return next((member for member in column.members if member.casefold() == folded), None)


def truth_of(cell: Any) -> bool | None:
    """Yes or no, however it is spelled; None for anything else."""
    return _TRUTHS.get(fold(str(cell)))


_TRUTHS = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}


def _truth_for(column: Column, truth: bool) -> Any:
    match column.kind:
        case "boolean":
            return truth
        case "enum":
            return member_of(column, "yes" if truth else "no") or OMITTED
        case "integer" | "bigint" | "decimal" | "double" | "option":
            return int(truth)
        case _:
            return "true" if truth else "false"


def _text(cell: Any) -> str:
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return cell if isinstance(cell, str) else str(cell)
