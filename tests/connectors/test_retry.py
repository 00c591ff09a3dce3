from __future__ import annotations

from email.utils import formatdate

import pytest

from tasks.connectors.concurrency import Gate
from tasks.connectors.retry import Retries, retry_after


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("7", 7.0), ("0", 0.0), ("1.5", 1.5), (None, None), ("", None), ("soon", None), ("-3", 0.0)],
)
def test_retry_after_in_seconds(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, 1000.0) == seconds


def test_retry_after_as_a_date() -> None:
    assert retry_after(formatdate(1_000_090, usegmt=True), 1_000_000.0) == 90.0
    assert retry_after(formatdate(1_000_000, usegmt=True), 1_000_090.0) == 0.0


def test_backoff_grows_jitters_and_is_capped() -> None:
    retries = Retries(base=0.5, cap=30.0)
    assert [retries.backoff(n, lambda: 1.0) for n in (1, 2, 3, 4)] == [0.5, 1.0, 2.0, 4.0]
    assert retries.backoff(50, lambda: 1.0) == 30.0
    assert retries.backoff(3, lambda: 0.0) == 0.0


def test_gate_follows_hints_downwards_and_back_but_never_above_its_limit() -> None:
    gate = Gate(8)
    gate.hint("3")
    assert gate.allowed == 3
    gate.hint("52")
    assert gate.allowed == 8
    for nonsense in (None, "", "0", "-1", "many", "2.5"):
        gate.hint(nonsense)
    assert gate.allowed == 8


def test_gate_needs_at_least_one_connection() -> None:
    with pytest.raises(ValueError, match="at least one"):
        Gate(0)
