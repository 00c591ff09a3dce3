"""Forms of what is measured: numbers in the smaller of two scales, dates in the coarser of two precisions."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mappings.metadata import Column
from tasks.transform import moments, numbers
from tasks.transform.forms import OMITTED, UNMAPPED, Misfit, empty_fno


@dataclass(frozen=True)
class NumberForm:
    """Numbers in the smaller of both scales. `exact`: part of the key, where 0 is a value like any other."""

    fno: Column
    dataverse: Column
    exact: bool

    @property
    def scale(self) -> int | None:
        return numbers.coarser_scale(numbers.scale_of(self.fno), numbers.scale_of(self.dataverse))

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("number", self.scale, self.exact)

    def _read(self, cell: Any, target: Column) -> str | Misfit:
        if cell is None or cell == "":
            return ""
        try:
            number = numbers.parse_number(cell)
        except ValueError:
            return Misfit(UNMAPPED + str(cell), "not_a_number", f"{cell!r} is not a number")
        text = numbers.number_text(numbers.round_half_up(number, self.scale))
        if text == "0" and not self.exact:
            text = ""
        low, high = numbers.range_of(target)
        sent = numbers.round_half_up(number, numbers.scale_of(target))
        if (low is not None and sent < low) or (high is not None and sent > high):
            return Misfit(
                text, "out_of_range", f"{cell} is outside {_bound(low, 'any')} to {_bound(high, 'any')}"
            )
        return text

    def read_fno(self, cell: Any) -> str | Misfit:
        return self._read(cell, self.dataverse)

    def read_dataverse(self, cell: Any) -> str | Misfit:
        return self._read(cell, self.fno)

    def _send(self, cell: Any, target: Column, empty: Any) -> Any:
        if cell is None or cell == "":
            return empty
        try:
            number = numbers.round_half_up(numbers.parse_number(cell), self.scale)
        except ValueError:
            return OMITTED
        return numbers.number_for(target, number)

    def send_dataverse(self, cell: Any) -> Any:
        return self._send(cell, self.dataverse, 0 if cell is None and self.dataverse.kind != "text" else None)

    def send_fno(self, cell: Any) -> Any:
        return self._send(cell, self.fno, empty_fno(self.fno))


@dataclass(frozen=True)
class MomentForm:
    """Dates and times: the day where either column has only days, else seconds in UTC."""

    fno: Column
    dataverse: Column
    days: bool
    exact: bool

    @property
    def signature(self) -> tuple[Any, ...]:
        return ("date" if self.days else "datetime", self.exact)

    def _read(self, cell: Any, first: str, last: str) -> str | Misfit:
        if cell is None or cell == "":
            return ""
        try:
            moment = moments.parse_moment(cell)
        except ValueError:
            return Misfit(UNMAPPED + str(cell), "not_a_date", f"{cell!r} is not a date")
        if moments.is_empty_moment(moment) and not self.exact:
            return ""
        day = moments.as_date(moment)
        text = day if self.days else moments.as_datetime(moment)
        if not first <= day <= last:
            return Misfit(text, "out_of_range", f"{day} is outside {first} to {last}")
        return text

    def read_fno(self, cell: Any) -> str | Misfit:
        return self._read(cell, moments.DATAVERSE_FIRST, "9999-12-31")

    def read_dataverse(self, cell: Any) -> str | Misfit:
        return self._read(cell, moments.FNO_FIRST, moments.FNO_LAST)

    def send_dataverse(self, cell: Any) -> Any:
        text = self.read_fno(cell)
        if isinstance(text, Misfit):
            return OMITTED
        if not text:
            return None
        if self.dataverse.kind == "date":
            return moments.as_date(text)
        # a day goes into a moment at noon, as F&O keeps it: at midnight it would be the day before in half the world
        return (
            moments.as_datetime(text, "12:00:00") if self.days and self.dataverse.kind == "datetime" else text
        )

    def send_fno(self, cell: Any) -> Any:
        text = self.read_dataverse(cell)
        if isinstance(text, Misfit):
            return OMITTED
        dated = self.days or self.fno.kind == "date"
        if not text:
            if self.fno.kind in ("date", "datetime"):
                return moments.EMPTY_DATE if dated else moments.EMPTY_DATETIME
            return empty_fno(self.fno)
        # noon: F&O stores days at 12:00 UTC, and midnight could slip into the day before
        return moments.as_datetime(text, "12:00:00") if dated else text


def _bound(limit: Decimal | None, otherwise: str) -> str:
    return otherwise if limit is None else numbers.number_text(limit)
