"""Which form two columns meet in: chosen from both live types, once per pair."""

from __future__ import annotations

from mappings.live.types import MOMENTS, NUMERIC, misfit
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
)
from tasks.transform.measures import MomentForm, NumberForm
from tasks.transform.valuemap import compile_values


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
    problem = misfit(pair, fno, dataverse)
    if problem:
        raise ValueError(problem)
    kinds = {fno.kind, dataverse.kind}
    if kinds & MOMENTS:
        # a value map between dates only spells out the empty date
        return MomentForm(fno, dataverse, days="date" in kinds, exact=key)
    if pair.values is not None:
        return compile_values(pair, fno, dataverse, exact=key, folded=folded)
    if "guid" in kinds:
        return GuidForm(fno)
    if "boolean" in kinds:
        return BooleanForm(fno, dataverse)
    if dataverse.kind == "option":
        return OptionForm(fno, dataverse, exact=key)
    if dataverse.kind == "options":
        return OptionsForm()
    if fno.kind == "enum":
        return MemberForm(fno, exact=key)
    if kinds & NUMERIC:
        return NumberForm(fno, dataverse, exact=key)
    return TextForm(folded)


def _image(fno: Column) -> Column:
    """The column behind a lookup as the F&O type suggests it: days for a date-time, since keys are days
    mostly."""
    if fno.kind in MOMENTS:
        return Column(fno.name, "date")
    if fno.kind in NUMERIC or fno.kind == "guid":
        return Column(fno.name, fno.kind, scale=fno.scale)
    return Column(fno.name, "text")
