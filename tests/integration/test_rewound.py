"""A restored Dataverse: found by its versions, nothing overwritten, and paired anew when a person says so."""

from __future__ import annotations

from typing import Any

import pytest

from mappings.errors import FatalError
from tasks.state.records import LaneRecord
from tasks.sync.relinking import lanes_to_relink
from tasks.sync.rewound import Rewound
from tests.integration.conftest import Install, Prepare
from tests.integration.customers import MAPS, Customers, in_sync
from tests.integration.installation import ACCOUNTS, LEGAL_ENTITIES, Installation, failed
from tests.integration.trading import companies, customer
from tests.local_services import Services

NEW = "made since"


@pytest.fixture
def rewound(prepare: Prepare, services: Services, ours: Customers) -> Installation:
    """Dataverse is as it was before a name was changed and a customer was made there; F&O has both."""
    installation = prepare(in_sync, maps=MAPS)
    services.snapshot("before")
    ours.change("dataverse", "US", name="newer")
    ours.add("dataverse", NEW)
    installation.settle()
    services.restore("before")
    services.load(
        "fno",
        "CustomersV3",
        [customer("usmf", "US", OrganizationName="newer"), customer("usmf", NEW, OrganizationName=NEW)],
    )
    installation.forget_writes()
    return installation


def stopped(installation: Installation) -> set[str]:
    with installation.session.store.read() as state:
        return {lane.map for lane in state.lanes(installation.pair) if lane.state == "error"}


def names(ours: Customers) -> dict[str, Any]:
    """What both sides call the two customers."""
    fno, dataverse = ours.rows("fno"), ours.rows("dataverse")
    return {
        key: (fno[key]["OrganizationName"], dataverse[key]["name"] if key in dataverse else None)
        for key in ("US", NEW)
    }


def test_old_values_overwrite_nothing_and_missing_rows_delete_nothing(
    rewound: Installation, ours: Customers
) -> None:
    before = names(ours)
    assert before == {"US": ("newer", "Customer US"), NEW: (NEW, None)}

    with pytest.raises(Rewound, match=r"Dataverse went back in time.*dualflow relink.*--mode link"):
        rewound.delta()

    assert stopped(rewound) == set(MAPS)
    rewound.delta()
    assert failed(rewound.initial()) and {s.code for s in rewound.initial()} == {"choose_mode"}
    with pytest.raises(FatalError, match="nothing is held"):
        rewound.approve(ACCOUNTS)
    assert rewound.ours() == [] and names(ours) == before


def test_pairing_anew_writes_nothing_and_lets_the_maps_go_on(rewound: Installation, ours: Customers) -> None:
    with pytest.raises(Rewound):
        rewound.delta()

    assert failed(rewound.initial(mode="link")) == []

    assert rewound.ours() == [] and stopped(rewound) == set()
    rewound.settle()
    assert names(ours) == {"US": ("newer", "newer"), NEW: (NEW, NEW)}
    ours.change("dataverse", "US", name="newest")
    rewound.settle()
    assert names(ours)["US"] == ("newest", "newest")
    rewound.quiet()


def test_another_organization_is_not_taken_for_one_that_lacks_everything(
    services: Services, install: Install
) -> None:
    companies(services, "usmf")
    installation = install(maps=[LEGAL_ENTITIES])
    store = installation.session.store
    before = store.pair(installation.sides.fno.environment, "the organization before")
    with store.unfenced() as tx:
        tx.save_lane(LaneRecord(before, LEGAL_ENTITIES, "", "running", initial="done"))

    (refused,) = installation.initial()

    assert refused.code == "replaced" and installation.ours() == []
    assert "the organization before" in refused.message and "--mode link" in refused.message
    chosen = installation.session.selected([LEGAL_ENTITIES])
    assert lanes_to_relink(installation.session, chosen) == {LEGAL_ENTITIES: [""]}
    assert failed(installation.initial(mode="to-dataverse")) == []
    assert failed(installation.initial()) == [], "said once"
    assert lanes_to_relink(installation.session, chosen) == {}
    assert [write["kind"] for write in installation.ours()] == ["create"]


def test_two_copies_are_paired_anew_when_a_person_says_that_they_are_copies(
    services: Services, install: Install
) -> None:
    companies(services, "usmf")
    installation = install(maps=[LEGAL_ENTITIES])
    session = installation.session
    before = session.store.pair("https://before.example.com", "the organization before")
    with session.store.unfenced() as tx:
        tx.save_lane(LaneRecord(before, LEGAL_ENTITIES, "", "running", initial="done"))
    chosen = session.selected([LEGAL_ENTITIES])
    assert lanes_to_relink(session, chosen) == {}, "nobody can tell copies from other systems"
    assert lanes_to_relink(session, chosen, reset=True) == {LEGAL_ENTITIES: [""]}


def test_it_is_found_when_the_versions_have_caught_up_and_the_tokens_are_void(
    rewound: Installation, services: Services, ours: Customers
) -> None:
    """Then no token tells of it: rows that are older than they were do."""
    before = names(ours)
    for number in range(40):
        ours.add("dataverse", f"X{number}")
    services.void_tokens()

    with pytest.raises(Rewound):
        rewound.delta()

    assert rewound.ours() == [] and names(ours) == before


def test_relink_takes_the_maps_that_were_stopped_and_no_others(rewound: Installation) -> None:
    chosen = rewound.session.selected(list(MAPS))
    assert lanes_to_relink(rewound.session, chosen) == {}
    with pytest.raises(Rewound):
        rewound.delta()

    found = lanes_to_relink(rewound.session, chosen)

    assert set(found) == set(MAPS)
    assert failed(rewound.initial(mode="link")) == [] and rewound.ours() == []
    assert lanes_to_relink(rewound.session, chosen) == {}
