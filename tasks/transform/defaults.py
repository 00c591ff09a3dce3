"""Defaults: what a new row gets where its source is empty."""

from __future__ import annotations

from typing import Any

from mappings.metadata import Column
from mappings.model import FieldPair
from tasks.transform.forms import OMITTED, Form
from tasks.transform.valuemap import MappedForm
from tasks.transform.wire import comparable, typed


def default_for_dataverse(pair: FieldPair, form: Form, column: Column) -> Any:
    """A pair's default as Dataverse takes it, None without one.

    Raises:
        ValueError: the column can't hold it.
    """
    if pair.default is None or column.kind == "lookup":
        return None
    if isinstance(form, MappedForm):
        entry = form.by_dataverse.get(comparable(column, pair.default)) or form.by_fno.get(
            comparable(form.fno, pair.default)
        )
        if entry is not None:
            return entry.dataverse
    return typed(column, pair.default)


def default_for_fno(pair: FieldPair, form: Form, column: Column) -> Any:
    """A pair's default as F&O takes it, None without one; a value map's Dataverse value is translated.

    Raises:
        ValueError: the property can't hold it.
    """
    if pair.default is None:
        return None
    if isinstance(form, MappedForm):
        entry = form.by_fno.get(comparable(column, pair.default)) or form.by_dataverse.get(
            comparable(form.dataverse, pair.default)
        )
        if entry is not None and entry.fno is not OMITTED:
            return entry.fno
    return typed(column, pair.default)
