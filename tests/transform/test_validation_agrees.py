"""Validation and the transforms are of one mind: what validation lets pass compiles, what it refuses does not."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from mappings.live.types import holds, misfit
from mappings.metadata import Column, Kind
from mappings.model import FieldPair
from tasks.transform.meeting import form_of
from tasks.transform.wire import typed

NO_YES = Column("Flag", "enum", enum="NoYes", members=("No", "Yes"))
COLORS = Column("Color", "enum", enum="Color", members=("Red", "Green", "Blue"))
KINDS = [
    Column("c", kind, members=("1", "2") if kind in ("option", "options") else ()) for kind in get_args(Kind)
]
FNO = [each for each in KINDS if each.kind not in ("lookup", "option", "options", "enum", "memo")]
DATAVERSE = [each for each in KINDS if each.kind != "enum"]


@pytest.mark.parametrize("lookup", [False, True])
def test_every_two_types(lookup: bool) -> None:
    pair = FieldPair(fno="A", dataverse="b.c" if lookup else "b")
    for fno, dataverse in product([*FNO, NO_YES, COLORS], DATAVERSE):
        if lookup and dataverse.kind == "lookup":
            continue
        column = Column("b", "lookup") if lookup else dataverse
        try:
            form_of(pair, fno, column, key=False, behind=dataverse if lookup else None)
            compiles = True
        except ValueError:
            compiles = False
        assert (misfit(pair, fno, dataverse) == "") is compiles, (fno, dataverse)


@pytest.mark.parametrize("kind", ["boolean", "integer", "bigint", "decimal", "double", "enum"])
@pytest.mark.parametrize("text", ["true", "No", "1", "1.5", "-3", "Red", "red", "blank", "", "x"])
def test_values_that_a_column_can_have(kind: Kind, text: str) -> None:
    column = COLORS if kind == "enum" else Column("c", kind)
    try:
        typed(column, text)
        possible = True
    except ValueError:
        possible = False
    assert holds(column, text) is possible
