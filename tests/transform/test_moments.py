"""Days and moments between columns that keep only one of the two."""

from __future__ import annotations

import pytest

from mappings.metadata import Column, Kind
from tasks.transform.measures import MomentForm


def form(fno: Kind, dataverse: Kind) -> MomentForm:
    return MomentForm(Column("F", fno), Column("d", dataverse), days="date" in (fno, dataverse), exact=False)


@pytest.mark.parametrize(
    ("fno", "dataverse", "cell", "sent"),
    [
        ("date", "date", "2026-08-01T12:00:00Z", "2026-08-01"),
        ("date", "datetime", "2026-08-01T12:00:00Z", "2026-08-01T12:00:00Z"),
        ("datetime", "date", "2026-08-01T23:30:00Z", "2026-08-01"),
        ("datetime", "datetime", "2026-08-01T23:30:00Z", "2026-08-01T23:30:00Z"),
    ],
)
def test_each_column_gets_the_type_it_takes(fno: Kind, dataverse: Kind, cell: str, sent: str) -> None:
    """Dataverse refuses a bare day in a date-time column, and a moment in a date column."""
    assert form(fno, dataverse).send_dataverse(cell) == sent


def test_a_day_comes_back_as_the_same_day() -> None:
    one = form("date", "datetime")
    sent = one.send_dataverse("2026-08-01T12:00:00Z")
    assert one.read_dataverse(sent) == one.read_fno("2026-08-01T12:00:00Z") == "2026-08-01"
