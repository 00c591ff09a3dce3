"""Services that ignore the versions of our writes, and throttling that outlasts a lease."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks.state.leases import Lease
from tests.integration.conftest import Prepare
from tests.integration.customers import MAPS, NAME, OTHER, PHONE, Customers, in_sync
from tests.integration.installation import ACCOUNTS, Sides, failed
from tests.integration.test_gate import KEY, before, change, lost, names, refused_as_stale, went_through
from tests.local_services import Services, Side


@pytest.fixture
def careless(services: Services, sides: Sides) -> Iterator[Services]:
    """Neither service minds a version; we know it, and look."""
    sides.fno.client.looks = sides.dataverse.client.looks = True
    yield services
    sides.fno.client.looks = sides.dataverse.client.looks = False


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_what_a_write_goes_over_is_on_record_with_row_field_and_loser(
    careless: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(careless)
    careless.switch(fno_if_match=False, dataverse_if_match=False)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: "ours"})
    before(careless, target, "PATCH", change(ours, target, **{NAME[target]: "lost", PHONE[target]: "user's"}))
    assert failed(installation.settle()) == []
    assert went_through(careless) and refused_as_stale(careless, "PATCH") == 0
    assert names(ours) == ("ours", "ours")
    assert lost(installation) == [("conflict", source, target, True)]
    # what was not gone over is no loss
    assert ours.fno(KEY)[PHONE["fno"]] == ours.dataverse(KEY)[PHONE["dataverse"]] == "user's"
    installation.at_rest()


@pytest.mark.parametrize("target", ["dataverse", "fno"])
def test_a_look_stops_no_write_where_versions_are_minded(
    careless: Services, prepare: Prepare, target: Side
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(careless)
    source = OTHER[target]
    ours.change(source, KEY, **{NAME[source]: "ours"})
    ours.change(source, "A", **{NAME[source]: "beside it"})
    before(careless, target, "PATCH", change(ours, target, **{PHONE[target]: "user's"}))
    assert failed(installation.settle()) == []
    assert went_through(careless) and refused_as_stale(careless, "PATCH") == 1
    assert names(ours) == ("ours", "ours") and lost(installation) == []
    assert ours.rows(target)["A"][NAME[target]] == "beside it"


@pytest.mark.parametrize("taken", [False, True], ids=["still ours", "taken over"])
def test_a_create_that_is_throttled_for_longer_than_its_lease_asks_again(
    services: Services, prepare: Prepare, sides: Sides, monkeypatch: pytest.MonkeyPatch, taken: bool
) -> None:
    installation, ours = prepare(in_sync, maps=MAPS), Customers(services)
    ours.add("fno", "NEW", **{NAME["fno"]: "new"})
    services.fault(
        side="dataverse",
        status=429,
        retry_after=90,
        match=r"POST \S*accounts\b|batch[\s\S]*POST \S*accounts\b",
    )
    store, name = installation.session.store, f"lane:{ACCOUNTS}:usmf"
    renewed: list[str] = []
    renew = store.renew

    def noted(lease: Lease) -> None:
        renewed.append(lease.name)
        renew(lease)

    monkeypatch.setattr(store, "renew", noted)

    def sleep(seconds: float) -> None:
        if seconds < 60:
            return
        # the lease runs out meanwhile, and somebody else may come
        renewed.clear()
        held[0]._until = 0.0
        if taken:
            with store.unfenced() as tx:
                tx._connection.exec_driver_sql(
                    "UPDATE lease SET epoch = epoch + 1, owner = 'another' WHERE name = ?", (name,)
                )

    held: list[Lease] = []
    acquire = store.acquire

    def watched(pair: int, wanted: str, owner: str, seconds: float) -> Lease:
        lease = acquire(pair, wanted, owner, seconds)
        if wanted == name:
            held[:] = [lease]
        return lease

    monkeypatch.setattr(store, "acquire", watched)
    monkeypatch.setattr(sides.dataverse.client, "_sleep", sleep)
    monkeypatch.setattr(sides.dataverse.client, "_quiet_until", 0.0)
    (summary, *_) = [each for each in installation.delta(ACCOUNTS) if each.company == "usmf"]
    assert sum(fault["hit"] for fault in services.faults()) == 1
    if taken:
        assert summary.code == "lease_lost"
        assert installation.ours("create") == []
    else:
        assert summary.verdict == "ok" and name in renewed
        assert len(installation.ours("create")) == 1
