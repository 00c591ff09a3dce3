"""Rows of Dataverse: for most maps one that F&O has too, and for most two-way maps one that F&O lacks.

Both are what a sync would have made, so that parents are there for their children. Left out are maps whose rows can't
be without a lookup through several columns or tables.
"""

from __future__ import annotations

from collections.abc import Iterator

from deployments.sandbox.seed.trading.dataverse import Twins
from deployments.sandbox.seed.whole.rows import COMPANIES, TWICE, Row, Rows
from mappings.model import Map

ONLY_HERE = 96
"""Number of the rows that F&O lacks, beyond all that the maps' value maps ask for."""
LEFT_OUT = {"CDS sales order lines", "CDS sales quotation lines"}
"""Maps whose rows need a parent that is found by several columns."""
NOT_MADE_HERE = {"CDS Contacts V2 for customers", "CDS Contacts V2 for vendors", "Warehouse locations"}
"""Two-way maps of which F&O doesn't take such a row: the person is a contact already; the aisle is no twin's."""


def rows(fno: Rows) -> Iterator[tuple[str, list[Row]]]:
    """Tables and rows, parents first.

    Args:
        fno: the rows of F&O, from which these are made.
    """
    forms, company = (Twins(fno.party), Twins(fno.catalogue)), COMPANIES[0]
    for each in fno.in_order():
        if not _simple(each):
            continue
        if each.name == "Legal entities to cdm_companies":
            found = fno.of(each, company)
        else:
            found = [fno.row(each, company.each, company)]
            if each.to_fno and fno.named(each) and each.name not in NOT_MADE_HERE:
                found.append(fno.row(each, ONLY_HERE, company))
        yield each.dataverse.table, [_twin(forms, each.name, row) for row in found]


def _twin(forms: tuple[Twins, ...], name: str, row: Row) -> Row:
    """The row that a sync in either form would have made, with what each of them knows of it."""
    found: Row = {}
    for twins in forms:
        found |= twins.twin(name, row)
    return found


def _simple(each: Map) -> bool:
    """Every lookup that a row can't be without is one that a twin can have."""
    for name, lookup in each.lookups.items():
        behind = [pair for pair in each.compared if pair.lookup == name]
        if lookup.missing != "defer" and (len(behind) != 1 or len(behind[0].path) != 2 or lookup.tables):
            return False
    return each.name not in TWICE | LEFT_OUT
