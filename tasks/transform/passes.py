"""Column passes: one pass over a column of cells instead of one over each row.

Values that repeat (options, enums, booleans, numbers, dates, lookup keys) are converted once and
remembered; plain text goes through untouched unless one look at the joined column finds something to tidy.
What is remembered depends on the cell alone, never on its neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from mappings.metadata import Column, SideName
from tasks.transform.folding import tidy
from tasks.transform.forms import OMITTED, UNTRANSLATED, Form, Misfit, TextForm

REMEMBERED = 50_000
"""Cells remembered per column before a new page starts afresh: some megabytes at most."""

_SEPARATOR = "\x1f"
_TRAILING = " " + _SEPARATOR
_TEXTUAL = ("text", "memo")


class _Memo(dict[Hashable, Any]):
    """Cell → converted value, filled on first sight; `special` says that a misfit or an omission is among
    them."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        super().__init__()
        self._convert = convert
        self.misfits: dict[Hashable, Misfit] = {}
        self.omits = False

    def __missing__(self, cell: Hashable) -> Any:
        value = self._convert(cell)
        if isinstance(value, Misfit):
            self.misfits[cell] = value
            value = value.text
        elif value is OMITTED:
            self.omits = True
        self[cell] = value
        return value


class _Remembering:
    """Holds a memo per column; a page keeps the memo that it started with, so threads don't disturb each
    other."""

    def __init__(self, convert: Callable[[Any], Any]) -> None:
        self._convert = convert
        self._memo = _Memo(convert)

    def convert(self, cells: Sequence[Any]) -> tuple[list[Any], _Memo, Sequence[Any]]:
        memo = self._memo
        if len(memo) > REMEMBERED:
            memo = self._memo = _Memo(self._convert)
        try:
            return list(map(memo.__getitem__, cells)), memo, cells
        except TypeError:
            # a list or object where the metadata promised a plain value
            cells = [cell if isinstance(cell, Hashable) else str(cell) for cell in cells]
            return list(map(memo.__getitem__, cells)), memo, cells


class Reading:
    """Cells of one side's column to canonical texts.

    Args:
        form: how the two columns meet.
        side: whose cells these are.
        source: their column, None if it is not known (behind a lookup).
        target: the column on the other side, None if it is not known.
        lookup: the pair goes through a lookup: few values, often repeated.
    """

    def __init__(
        self, form: Form, side: SideName, source: Column | None, target: Column | None, *, lookup: bool
    ) -> None:
        self._read = form.read_fno if side == "fno" else form.read_dataverse
        self._send = form.send_dataverse if side == "fno" else form.send_fno
        self._limit = _limit(source, target)
        self._folded = isinstance(form, TextForm) and form.folded
        self._lookup = lookup
        self._plain = isinstance(form, TextForm) and not lookup
        self._remembering = _Remembering(self._one)

    def __call__(self, cells: Sequence[Any]) -> tuple[list[str], Mapping[int, Misfit]]:
        """Canonical text of each cell, and the misfits by their place."""
        if self._plain:
            return self._texts(cells)
        texts, memo, cells = self._remembering.convert(cells)
        if not memo.misfits:
            return texts, {}
        misfits = memo.misfits
        return texts, {place: misfits[cell] for place, cell in enumerate(cells) if cell in misfits}

    def _one(self, cell: Any) -> str | Misfit:
        if self._lookup and isinstance(cell, str) and cell.startswith(UNTRANSLATED):
            return cell
        text = self._read(cell)
        if self._limit is None or isinstance(text, Misfit):
            return text
        return self._too_long(cell, text) or text

    def _texts(self, cells: Sequence[Any]) -> tuple[list[str], dict[int, Misfit]]:
        texts = ["" if cell is None else cell for cell in cells]
        try:
            joined = _SEPARATOR.join(texts)
        except TypeError:
            read = self._read
            texts = [text if isinstance(text := read(cell), str) else text.text for cell in cells]
            joined = _SEPARATOR.join(texts)
        if len(joined) < len(texts):
            return texts, {}  # nothing but separators
        if "\r" in joined or _TRAILING in joined or joined.endswith(" "):
            texts = [tidy(text) for text in texts]
        if self._folded:
            texts = [text.casefold() for text in texts]
        limit = self._limit
        # a character may count twice (outside the basic plane, or a line end that was tidied), never more
        if limit is None or 2 * max(map(len, texts), default=0) <= limit:
            return texts, {}
        misfits = {}
        for place, text in enumerate(texts):
            if len(text) > limit or (2 * len(text) > limit and not (text.isascii() and "\n" not in text)):
                misfit = self._too_long(cells[place], text)
                if misfit is not None:
                    misfits[place] = misfit
        return texts, misfits

    def _too_long(self, cell: Any, text: str) -> Misfit | None:
        sent, limit = self._send(cell), self._limit
        if limit is None or not isinstance(sent, str):
            return None
        length = len(sent) if sent.isascii() else len(sent.encode("utf-16-le", "surrogatepass")) // 2
        if length <= limit:
            return None
        shown = sent if len(sent) <= 60 else f"{sent[:60]}…"
        return Misfit(text, "too_long", f"{shown!r} has {length} characters, {limit} are allowed")


class Sending:
    """Cells of one side's column to values on the wire of the other.

    Args:
        form: how the two columns meet.
        towards: the side that takes the values.
        default: what a new row gets where the source is empty; None = nothing.
        lookup: the cells are key texts behind a lookup.
    """

    def __init__(self, form: Form, towards: SideName, default: Any, *, lookup: bool) -> None:
        to_dataverse = towards == "dataverse"
        self._send = form.send_dataverse if to_dataverse else form.send_fno
        self._read = form.read_fno if to_dataverse else form.read_dataverse
        self._default = default
        self._empty = None if to_dataverse else ""
        self._lookup = lookup
        self._plain = isinstance(form, TextForm) and not lookup
        self._remembering = _Remembering(self._one)

    def __call__(self, cells: Sequence[Any], *, create: bool = False) -> tuple[list[Any], bool]:
        """The value of each cell, and whether some are OMITTED.

        Args:
            create: put the default where the source is empty.
        """
        values, omits = self._texts(cells) if self._plain else self._converted(cells)
        if create and self._default is not None:
            default, read = self._default, self._read
            values = [
                default if read(cell) == "" else value for cell, value in zip(cells, values, strict=True)
            ]
        return values, omits

    def _converted(self, cells: Sequence[Any]) -> tuple[list[Any], bool]:
        values, memo, _ = self._remembering.convert(cells)
        return values, memo.omits and any(value is OMITTED for value in values)

    def _one(self, cell: Any) -> Any:
        if self._lookup and isinstance(cell, str) and cell.startswith(UNTRANSLATED):
            return OMITTED
        return self._send(cell)

    def _texts(self, cells: Sequence[Any]) -> tuple[list[Any], bool]:
        try:
            joined = _SEPARATOR.join(["" if cell is None else cell for cell in cells])
        except TypeError:
            return [self._send(cell) for cell in cells], False
        if len(joined) < len(cells):
            return [self._empty] * len(cells), False  # nothing but separators
        if _TRAILING in joined or joined.endswith(" "):
            return [self._send(cell) for cell in cells], False
        empty = self._empty
        return [cell or empty for cell in cells], False


def _limit(source: Column | None, target: Column | None) -> int | None:
    """The longest text that must be looked for, None where no cell can be too long."""
    if target is None or target.kind not in _TEXTUAL or target.max_length is None:
        return None
    if (
        source is not None
        and source.kind in _TEXTUAL
        and source.max_length is not None
        and source.max_length <= target.max_length
    ):
        return None
    return target.max_length
