"""What a service refuses comes with what to do about it, wherever it is shown."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flows.commands.output import explain
from flows.plan_report import lane_rows as plan_rows
from flows.reconciliation import lane_rows
from flows.report import LaneReport, Report
from flows.states import states
from mappings.errors import RetriableError
from mappings.troubleshooting.catalogue import advice, advised, recognize
from tasks.state.records import LaneRecord
from tasks.sync.planning import PlannedLane
from tasks.sync.reconcile import Compared
from tasks.sync.status import status
from tests.engine.trade import Trade

SAID = "The user is not a member of the organization."
OWN = "its table is gone → import the solution"
UNKNOWN = "0x8badf00d: the flux of the capacitor is out of bounds"


def in_a_report(said: str) -> str:
    lane = LaneReport("Customers", "usmf", "failed", said)
    return Report("delta_sync", 1, {("Customers", "usmf"): lane}).markdown()


def in_its_json(said: str) -> str:
    """As `dualflow sync` and `dualflow relink` show it."""
    return str(LaneReport("Customers", "usmf", "failed", said).as_json()["message"])


def in_a_plan(said: str) -> str:
    return str(plan_rows([PlannedLane("Customers", "usmf", verdict="failed", message=said)])[0][-1])


def in_the_states(said: str) -> str:
    lane = LaneRecord(1, "Customers", "usmf", "error", reason=said)
    return str(states([lane])[0]["why"])


def in_a_comparison(said: str) -> str:
    return str(lane_rows([Compared("Customers", "usmf", message=said)])[0][-1])


@pytest.mark.parametrize("place", [in_a_report, in_its_json, in_a_plan, in_the_states, in_a_comparison])
def test_errors_of_services_are_shown_with_what_to_do(place: Callable[[str], str]) -> None:
    known = recognize(SAID)
    assert known is not None and known.advice
    assert SAID in place(SAID) and known.advice in place(SAID)
    assert place(OWN).count("→") == 1, "what brings its own advice keeps it"
    assert UNKNOWN in place(UNKNOWN) and "→" not in place(UNKNOWN), "what nobody knows is shown whole"


def test_a_command_that_ends_in_such_an_error_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    explain(RetriableError(SAID))
    assert advice(SAID) in capsys.readouterr().err


def test_the_status_of_a_map_in_error_says_what_to_do() -> None:
    w = Trade()
    w.connect()
    with w.store.unfenced() as tx:
        tx.save_lane_state(w.session.pair, "Customers", "usmf", "error", SAID)
    found = status(w.store, w.session.pair, w.catalogue, w.clock())
    assert advised(SAID) in [lane.reason for lane in found.lanes]
