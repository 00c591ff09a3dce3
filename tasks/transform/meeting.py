"""Which form two columns meet in: chosen from both live types, once per pair."""

from __future__ import annotations

from collections.abc import Set as AbstractSet

from mappings.metadata import Column
from mappings.model import FieldPair
from tasks.transform.forms import (
    BooleanForm,
    Form,
    GuidForm,
    MemberForm,
    OptionForm,
    OptionsForm,
    TextForm,
    truth_of,
)
from tasks.transform.measures import MomentForm, NumberForm
from tasks.transform.numbers import NUMERIC
from tasks.transform.valuemap import compile_values

_TEXTUAL = frozenset({"text", "memo"})
_MOMENTS = frozenset({"date", "datetime"})


def form_of(
    pair: FieldPair, fno: Column, dataverse: Column, *, key: bool, behind: Column | None = None
) -> Form:
    """The form in which a pair's two columns meet.

    Args:
        dataverse: the plain column, or the lookup column of a lookup pair.
        key: part of the integration key: case doesn't count, 0 and first members are values.
        behind: for a lookup pair the column that identifies the row looked up; None = not known, then the
            F&O type decides.

    Raises:
        ValueError: the two types can't meet; says what would help.
    """
    folded = key or pair.lookup is not None
    if pair.lookup is not None:
        dataverse = behind or _image(fno)
    elif dataverse.kind == "lookup":
        raise ValueError("is a lookup: follow it with a dot to the column that identifies the row behind it")
    kinds = {fno.kind, dataverse.kind}
    if kinds & _MOMENTS:
        # a value map between dates only spells out the empty date
        _only(kinds, _MOMENTS | _TEXTUAL)
        return MomentForm(fno, dataverse, days="date" in kinds, exact=key)
    if pair.values is not None:
        return compile_values(pair, fno, dataverse, exact=key, folded=folded)
    if "guid" in kinds:
        _only(kinds, _TEXTUAL | {"guid"})
        return GuidForm(fno)
    if "boolean" in kinds:
        if fno.kind == "enum" and not _is_yes_no(fno):
            raise ValueError(f"needs `values`: which of {', '.join(fno.members)} mean true?")
        _only(kinds, _TEXTUAL | NUMERIC | {"boolean", "enum"})
        return BooleanForm(fno, dataverse)
    if dataverse.kind == "option":
        if fno.kind == "enum":
            raise ValueError("needs `values`: which option stands for which member?")
        _only(kinds, _TEXTUAL | NUMERIC | {"option"})
        return OptionForm(fno, dataverse, exact=key)
    if dataverse.kind == "options":
        _only(kinds, _TEXTUAL | {"options"})
        return OptionsForm()
    if fno.kind == "enum":
        if dataverse.kind not in _TEXTUAL:
            raise ValueError("needs `values`: which number stands for which member?")
        return MemberForm(fno, exact=key)
    if kinds & NUMERIC:
        _only(kinds, _TEXTUAL | NUMERIC)
        return NumberForm(fno, dataverse, exact=key)
    return TextForm(folded)


def _image(fno: Column) -> Column:
    """The column behind a lookup as the F&O type suggests it: days for a date-time, since keys are days
    mostly."""
    if fno.kind in _MOMENTS:
        return Column(fno.name, "date")
    if fno.kind in NUMERIC or fno.kind == "guid":
        return Column(fno.name, fno.kind, scale=fno.scale)
    return Column(fno.name, "text")


def _is_yes_no(column: Column) -> bool:
    return sorted(truth_of(member) is True for member in column.members) == [False, True]


def _only(kinds: AbstractSet[str], allowed: frozenset[str]) -> None:
    if kinds - allowed:
        raise ValueError(
            f"{' and '.join(sorted(kinds))} have no form in common; a value map may give them one"
        )
