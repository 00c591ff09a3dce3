"""A plan over both services: what the run after it does, row for row, for every way that two environments can start.

The services refuse, number and fill in what nobody can know beforehand; each such row is named here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence

import pytest

from tasks.state.records import ParkedRow
from tasks.sync.control import pause, resume
from tasks.sync.cost import count_operations, count_requests
from tasks.sync.planning import Plan, PlannedWrite, What, plan
from tasks.sync.reconcile import reconcile
from tests.integration.conftest import Install
from tests.integration.installation import ACCOUNTS, CORE, CURRENCIES, Installation
from tests.integration.test_start_scenarios import SCENARIOS
from tests.integration.trading import customer
from tests.local_services import Services

Written = Counter[tuple[str, str, str, str, frozenset[str]]]


def said(found: Plan, refused: Collection[tuple[str, str, str]]) -> Written:
    """Side, table, what, row and fields of every planned write, but those of rows that the service refused."""
    return Counter(
        (each.side, each.table, each.kind, each.key if each.side == "fno" else "", lower(each.fields))
        for each in found.writes
        if row_of(each) not in refused
    )


def done(installation: Installation) -> Written:
    """The same of what was written, as the services logged it."""
    out: Written = Counter()
    for write in installation.ours():
        table = installation.session.dataverse.table(write["set"]) if write["side"] == "dataverse" else None
        own = table.id_column if table is not None else ""
        fields = [name.partition("@")[0] for name in write["fields"] if name != own]
        key = "/".join(str(value) for name, value in write["key"].items() if name != "dataAreaId")
        out[(write["side"], write["set"], write["kind"], "" if table else key, lower(fields))] += 1
    return out


def asked(installation: Installation) -> dict[str, tuple[int, int]]:
    """Requests for data that each side was sent so far, and the operations in them."""
    counted = installation.session.requests()
    return {side: (count_requests(counted, side), count_operations(counted, side)) for side in counted}


def assert_asked_as_planned(
    installation: Installation, found: Plan, before: dict[str, tuple[int, int]]
) -> None:
    """Beside what the rows take, a run asks about feeds and reads again what a service refused."""
    for each in found.costs:
        for planned, now, then in zip(
            (each.requests, each.operations), asked(installation)[each.side], before[each.side], strict=True
        ):
            really = now - then
            assert 0.75 * really - 5 <= planned <= 1.25 * really + 5, (each.side, planned, really)


def row_of(each: PlannedWrite | ParkedRow) -> tuple[str, str, str]:
    return each.map, each.company, each.key.casefold()


def lower(names: Sequence[str]) -> frozenset[str]:
    # the owner of rows of a company made in the same run is its team, which a plug-in of the company makes
    return frozenset(name.casefold() for name in names) - {"ownerid"}


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_run_does_what_the_plan_says(services: Services, install: Install, name: str) -> None:
    scenario = SCENARIOS[name]
    scenario.fno(services)
    scenario.dataverse(services)
    # what a service fills in on its own can't be planned
    services.switch(normalize_defaults=False)
    installation = install(maps=CORE)
    known = plan(
        installation.session, installation.session.selected(), listed=0
    )  # metadata is asked for once
    before = services.write_count()
    found = plan(installation.session, installation.session.selected())
    assert found.total_writes == known.total_writes
    assert services.write_count() == before
    assert installation.lane(CURRENCIES).initial == "none"

    asked_before = asked(installation)
    installation.initial()
    assert_asked_as_planned(installation, found, asked_before)
    refused = {row_of(each) for each in installation.parked() if each.code == "refused"}
    planned, written = said(found, refused), done(installation)
    assert planned == written, f"not done {planned - written}, not planned {written - planned}"
    listed = {
        (each.map, each.code, each.key) for each in installation.parked() if row_of(each) not in refused
    }
    assert {(each.map, each.code, each.key) for each in (*found.parked, *found.unclear)} == listed


def test_a_delta_is_planned_from_what_the_feeds_name(services: Services, install: Install) -> None:
    SCENARIOS["data-new"].fno(services)
    SCENARIOS["data-new"].dataverse(services)
    installation = install(maps=CORE)
    installation.initial()
    installation.settle()
    condition = "dataAreaId eq 'usmf' and CustomerAccount eq 'US-001'"
    services.change("fno", "CustomersV3", {"SalesMemo": "hello"}, condition)
    installation.forget_writes()
    found = plan(installation.session, installation.session.selected(), what="delta")
    assert [(each.side, each.kind, each.key, each.fields) for each in found.writes] == [
        ("dataverse", "update", "us-001", ("description",))
    ]
    assert installation.ours() == []
    installation.delta()
    assert said(found, set()) == done(installation)


@pytest.mark.parametrize("what", ["resume", "repair"])
def test_a_resume_and_a_repair_are_planned_as_well(services: Services, install: Install, what: What) -> None:
    SCENARIOS["data-new"].fno(services)
    SCENARIOS["data-new"].dataverse(services)
    installation = install(maps=CORE)
    installation.initial()
    installation.settle()
    session = installation.session
    with session.store.read() as state:
        lanes = [lane for lane in state.lanes(session.pair) if lane.map == ACCOUNTS]
    if what == "resume":
        pause(session.store, lanes)
    condition = "dataAreaId eq 'usmf' and CustomerAccount eq 'US-001'"
    services.change("fno", "CustomersV3", {"SalesMemo": "hello"}, condition)
    services.load(
        "fno", "CustomersV3", [customer("usmf", "NEW-1"), customer("usmf", "NEW-2", CustomerGroupId="10")]
    )
    services.change("dataverse", "accounts", {"name": "changed there"}, "accountnumber eq 'C+D'")
    installation.forget_writes()
    found = plan(session, session.selected(), what=what)
    assert installation.ours() == []
    assert Counter((each.side, each.kind) for each in found.writes) == Counter(
        {("dataverse", "create"): 2, ("dataverse", "update"): 1, ("fno", "update"): 2}
    )
    asked_before = asked(installation)
    if what == "resume":
        resume(session.store, lanes)
        installation.delta()
    else:
        assert not reconcile(session, repair=True).open
    assert said(found, set()) == done(installation)
    assert_asked_as_planned(installation, found, asked_before)
