"""Two workers on one state at the same time: each row is worked on once, whoever comes first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from tasks.sync.seams import Failpoint, Seams
from tasks.sync.session import Session
from tasks.sync.work import LaneSummary, delta_sync, initial_sync, poll
from tests.integration.conftest import Install, on_both_databases
from tests.integration.customers import MAPS, NAME, SIDES, Customers, in_sync
from tests.integration.installation import ACCOUNTS, Installation, failed
from tests.local_services import Services


def run(session: Session) -> list[LaneSummary]:
    """A delta of all maps."""
    maps = session.selected()
    poll(session, maps)
    return [found for sync in maps for found in delta_sync(session, sync.name)]


@on_both_databases
def test_two_deltas_at_a_time_do_everything_once(
    services: Services, install: Install, state_url: str | None
) -> None:
    installation, ours = install(maps=MAPS, state_url=state_url), Customers(services)
    in_sync(installation)
    installation.forget_writes()
    sessions = [installation.session, installation.open()]
    changed = [key for key in ours.rows("fno") if key[0] in "ACEO"]
    for turn in range(3):
        for number, key in enumerate(changed):
            side = SIDES[(number + turn) % 2]
            ours.change(side, key, **{NAME[side]: f"turn {turn}"})
        for side in SIDES:
            ours.add(side, f"{side} {turn}")
        with ThreadPoolExecutor(2) as both:
            done = [found for summaries in both.map(run, sessions) for found in summaries]
        assert {found.code for found in done} <= {"", "lease_held"}
        installation.settle()
        for side in SIDES:
            rows = ours.rows(side)
            assert {rows[key][NAME[side]] for key in changed} == {f"turn {turn}"}
    sessions[1].store.close()

    writes = Counter((write["side"], write["kind"]) for write in installation.ours())
    assert writes["fno", "create"] == writes["dataverse", "create"] == 3
    # a change each, and what F&O filled into its new rows
    assert writes["fno", "update"] + writes["dataverse", "update"] == 3 * len(changed) + 3
    assert installation.stored().differences(MAPS) == []
    assert installation.stored().twins(MAPS) == []
    assert installation.conflicts(ACCOUNTS) == []
    assert installation.parked() == []
    assert installation.open_intents() == []


def held_up(installation: Installation, steps: dict[str, Callable[[], object]]) -> Session:
    """Another worker, which is interrupted once at each of these steps."""

    def failpoint(name: Failpoint) -> None:
        if name in steps:
            steps.pop(name)()

    return installation.open(Seams(failpoint=failpoint))


@on_both_databases
def test_an_initial_sync_and_a_delta_of_one_lane_keep_each_other_out(
    services: Services, install: Install, state_url: str | None
) -> None:
    """Whoever comes second changes nothing, in either system and in the state; the map's other company goes on."""
    installation, ours = install(maps=MAPS, state_url=state_url), Customers(services)
    in_sync(installation)
    theirs = Customers(services, "demf")
    installation.forget_writes()
    refused: list[LaneSummary] = []

    def start_over() -> None:
        before, lane = len(installation.ours()), installation.lane(ACCOUNTS, "usmf")
        refused.extend(initial_sync(installation.session, ACCOUNTS, ["usmf"]))
        assert (len(installation.ours()), installation.lane(ACCOUNTS, "usmf")) == (before, lane)

    steps: dict[str, Callable[[], object]] = dict.fromkeys(("diffed", "intent", "written"), start_over)
    worker = held_up(installation, steps)
    ours.change("dataverse", "US", name="new")
    poll(worker, worker.selected())
    assert failed(delta_sync(worker, ACCOUNTS, ["usmf"])) == []
    assert steps == {} and [each.code for each in refused] == ["lease_held"] * 3
    assert ours.fno("US")["OrganizationName"] == "new"
    installation.settle()

    def look() -> None:
        theirs.change("dataverse", "US", name="theirs")
        before = installation.lane(ACCOUNTS, "usmf")
        done = run(installation.session)
        assert {each.company for each in done if each.map == ACCOUNTS and each.verdict == "ok"} == {"demf"}
        assert theirs.fno("US")["OrganizationName"] == "theirs"
        assert ours.dataverse("US")["name"] == "new" and installation.lane(ACCOUNTS, "usmf") == before

    ours.change("fno", "US", OrganizationName="newer")
    steps["diffed"] = look
    assert failed(initial_sync(worker, ACCOUNTS, ["usmf"])) == []
    worker.store.close()
    assert steps == {} and ours.dataverse("US")["name"] == "newer"
    installation.settle()
    installation.quiet()
