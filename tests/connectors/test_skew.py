"""The clock of a service, by the dates of its answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

from tasks.connectors.skew import Skew

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_the_middle_of_the_latest_answers_counts() -> None:
    skew = Skew(lambda: NOW)
    assert skew.seconds == 0
    for ahead in (60, 60, 61, -500, 60):
        skew.note({"date": format_datetime(NOW + timedelta(seconds=ahead), usegmt=True)})
    assert skew.seconds == 60


def test_an_answer_without_a_date_says_nothing() -> None:
    skew = Skew(lambda: NOW)
    skew.note({})
    skew.note({"date": "yesterday"})
    assert skew.seconds == 0
