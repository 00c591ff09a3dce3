"""`dualflow check`: each state in which no sync can work, or works badly, is found, by a code of its own and nothing else."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from tasks.state.records import LaneRecord
from tasks.state.store import Store
from tasks.sync.health.examine import Examination, examine
from tasks.sync.planning import plan
from tasks.sync.settings import load_settings
from tests.integration.conftest import Install
from tests.integration.installation import ACCOUNTS, CUSTOMER_GROUPS, LEGAL_ENTITIES, UNITS
from tests.local_services import Services

ORDERS = "CDS sales order headers"
MAPS = (LEGAL_ENTITIES, UNITS, CUSTOMER_GROUPS, ACCOUNTS, ORDERS)
COMPANIES = "usmf,demf"
NOBODY = "https://localhost:9"
"""An address at which nobody listens."""
OTHER_TENANT = "11111111-2222-3333-4444-555555555555"


@dataclass(frozen=True)
class State:
    """A bad state.

    Attributes:
        found: codes that a check tells beside those of a healthy environment.
        switches: of the sandbox.
        settings: of the installation.
        fault: of the sandbox.
        edits: as a user, or of the schema.
        state: what becomes of the state's file before the check.
    """

    found: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    fault: Mapping[str, Any] = field(default_factory=dict)
    edits: Callable[[Services], object] | None = None
    state: Callable[[Path], object] | None = None

    @property
    def codes(self) -> set[str]:
        return set(self.found.split())


def _newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("create table alembic_version (version_num varchar(32) not null)")
        database.execute("insert into alembic_version values ('9999')")
        database.commit()


def _twice(services: Services) -> None:
    services.alter("dataverse", "cdm_companies", keys=[])
    services.load("dataverse", "cdm_companies", [{"cdm_companycode": "usmf", "cdm_name": "Twin"}])


def _prospect_key(services: Services) -> None:
    """The key stays as it is, the solution and its templates go."""
    services.switch(
        prospect_to_cash=True, solutions={"CRMP2C": None, "P2CFieldService": None, "P2CProjectService": None}
    )
    services.change("dataverse", "msdyn_dualwriteentitymaps", None)


def _dual_write_step(services: Services) -> None:
    """A plug-in that listens to accounts is one of dual-write's."""
    (kind,) = (
        each for each in services.dump("dataverse", "plugintypes") if "TakeNameOfParty" in each["typename"]
    )
    assembly = {"assemblyname": "Microsoft.Dynamics.DualWriteRuntime.Plugins"}
    services.edit("dataverse", "PATCH", f"plugintypes({kind['plugintypeid']})", assembly)


def _duplicate_rule(services: Services) -> None:
    rule = {"name": "Accounts of one name", "baseentityname": "account", "matchingentityname": "account"}
    services.load("dataverse", "duplicaterules", [rule])
    services.change("dataverse", "duplicaterules", {"statecode": 1, "statuscode": 2})


STATES: dict[str, State] = {
    # the way to both systems
    "nobody answers at F&O's address": State("reach_host", settings={"fno_url": NOBODY}),
    "nobody answers at Dataverse's address": State("reach_host", settings={"dataverse_url": NOBODY}),
    "F&O's address is that of something else": State("reach_resource", settings={"fno_url": "{login}"}),
    "Dataverse cuts connections": State(
        "reach_host", fault={"side": "dataverse", "times": 0, "action": "lose_before"}
    ),
    "the login service does not answer": State("reach_login", settings={"authority": NOBODY}),
    "the certificates are of nobody we trust": State("reach_certificate", settings={"ca_bundle": None}),
    "the secret is wrong": State("reach_secret", settings={"client_secret": "wrong"}),
    "the application is unknown": State("reach_application", settings={"client_id": OTHER_TENANT}),
    "the tenant is unknown": State("reach_tenant", settings={"tenant_id": OTHER_TENANT}),
    "F&O is down": State(
        "reach_busy", fault={"side": "fno", "times": 100, "action": "status", "status": 503}
    ),
    "the application is not registered in F&O": State("reach_registered", {"fno_registered": False}),
    "the application is no user of Dataverse": State("reach_member", {"dataverse_member": False}),
    "its user in Dataverse is disabled": State("reach_disabled", {"dataverse_user_enabled": False}),
    "its user in Dataverse has no role": State("reach_roles", {"dataverse_roles": []}),
    "F&O is of another tenant": State("reach_other_tenant", {"fno_tenant": OTHER_TENANT}),
    "Dataverse is of another tenant": State("reach_other_tenant", {"dataverse_tenant": OTHER_TENANT}),
    # versions
    "F&O's application is too old": State("version_fno_application", {"fno_application_version": "10.0.3"}),
    "F&O's platform is too old": State("version_fno_platform", {"fno_platform_version": "7.0.5286.41"}),
    "F&O is too old for row versions": State(
        "version_row_version feed_setting",
        {"fno_application_version": "10.0.30"},
        {"feeds": {CUSTOMER_GROUPS: "row_version"}},
    ),
    "Dataverse is too old": State("version_dataverse", {"dataverse_version": "9.0.2.1"}),
    # users and what they may do
    "our user in F&O speaks German": State("user_language", {"fno_user_language": "de"}),
    "our user in F&O is disabled": State("reach_registered", {"fno_user_enabled": False}),
    "our user in F&O has no role": State(
        "user_roles entity_denied company_fno_not_checked", {"fno_user_roles": []}
    ),
    "our user in F&O reaches one company": State("user_company", {"fno_user_companies": ["usmf"]}),
    "our user in F&O reaches more companies": State(
        "user_company_wider",
        {"fno_user_companies": ["usmf", "demf", "gbsi"]},
        edits=lambda services: services.load(
            "fno", "LegalEntities", [{"LegalEntityId": "gbsi", "Name": "GB"}]
        ),
    ),
    "the user named in the settings is not there": State("user_missing", settings={"fno_user": "nobody"}),
    "our user may not read an entity of F&O": State("entity_denied", {"fno_denied": ["CustomersV3"]}),
    "our user may not read a table of Dataverse": State("privilege_missing", {"denied": ["prvReadAccount"]}),
    "our user may not write to a table of Dataverse": State(
        "privilege_missing", {"denied": ["prvWriteAccount"]}
    ),
    "our user may read only some rows of a table": State(
        "privilege_narrow", {"privilege_depths": {"prvReadAccount": "Local"}}
    ),
    # what Dataverse has to have
    "a solution is missing": State("solution_missing", {"solutions": {"Dynamics365FinanceCommon": None}}),
    "a solution is older than the others": State(
        "solution_old", {"solutions": {"Dynamics365Company": "0.9.0.1"}}
    ),
    "a table is missing": State(
        "table_missing", edits=lambda services: services.alter("dataverse", "msdyn_customergroups", gone=True)
    ),
    "a table tells of no changes": State(
        "table_untracked", edits=lambda services: services.alter("dataverse", "accounts", tracked=False)
    ),
    "the indexes of alternate keys could not be built": State("key_inactive", {"alternate_keys": False}),
    "a table has no alternate key": State(
        "key_missing", edits=lambda services: services.alter("dataverse", "accounts", keys=[])
    ),
    "a table's alternate key leaves the company out": State(
        "key_missing",
        edits=lambda services: services.alter("dataverse", "accounts", keys=[["accountnumber"]]),
    ),
    "the plug-ins are disabled": State("step_disabled", {"plugins": False}),
    # other programs on the same tables
    "Prospect to cash is installed": State(
        "prospect_solution prospect_key prospect_template", {"prospect_to_cash": True}
    ),
    "a solution of Prospect to cash is left": State(
        "prospect_solution", {"solutions": {"P2CFieldService": "15.0.0.1"}}
    ),
    "the key of Prospect to cash is left": State("prospect_key", edits=_prospect_key),
    "a template of Prospect to cash is left": State(
        "prospect_template",
        edits=lambda services: services.load(
            "dataverse", "msdyn_dualwriteentitymaps", [{"msdyn_name": "CustomerV3-Account"}]
        ),
    ),
    "dual-write runs a map on a table": State("engines_two", {"dual_write": ["accounts"]}),
    "dual-write's plug-ins listen to a table": State("engines_two", edits=_dual_write_step),
    "dual-write's configuration is of another environment": State(
        "engines_stale",
        edits=lambda services: services.load(
            "dataverse",
            "msdyn_dualwriteruntimeconfigs",
            [
                {
                    "msdyn_name": "DWM-1",
                    "msdyn_entityname": "account",
                    "msdyn_configuration": '{"url": "https://old.operations.dynamics.com"}',
                }
            ],
        ),
    ),
    "a rule of duplicate detection is published": State("duplicates_rule", edits=_duplicate_rule),
    "the organization works totals of orders out anew": State(
        "orders_organization",
        edits=lambda services: services.change(
            "dataverse", "organizations", {"issopintegrationenabled": False}
        ),
    ),
    "our user is no integration": State(
        "orders_user",
        edits=lambda services: services.change("dataverse", "systemusers", {"isintegrationuser": False}),
    ),
    # F&O
    "an entity is missing": State(
        "entity_missing", edits=lambda services: services.alter("fno", "CustomerGroups", gone=True)
    ),
    # companies
    "no company is in scope": State("company_unset", settings={"companies": ""}),
    "F&O does not have a company": State(
        "company_fno_missing company_dataverse_missing", settings={"companies": "usmf,nope"}
    ),
    "Dataverse has a company twice": State("company_twice key_missing", edits=_twice),
    "a company has no name": State(
        "company_name",
        edits=lambda services: services.change(
            "dataverse", "cdm_companies", {"cdm_name": None}, "cdm_companycode eq 'demf'"
        ),
    ),
    "a company has no owner": State(
        "company_owner",
        edits=lambda services: services.change(
            "dataverse",
            "cdm_companies",
            {"cdm_DefaultOwningTeam@odata.bind": None},
            "cdm_companycode eq 'demf'",
        ),
    ),
    "the teams of companies have no role": State("team_roles", {"team_roles": []}),
    "a company of Dataverse is not in F&O": State(
        "company_unmatched",
        edits=lambda services: services.load(
            "dataverse", "cdm_companies", [{"cdm_companycode": "old", "cdm_name": "Left behind"}]
        ),
    ),
    # time, state, feeds
    "F&O's clock is two minutes ahead": State("clock_skew", {"fno_clock_offset": 120}),
    "Dataverse's clock is two minutes behind": State("clock_skew", {"dataverse_clock_offset": -120}),
    "the state is of a newer version": State("state_newer", state=_newer),
    "the state is no database": State("state_file", state=lambda file: file.write_text("no database" * 200)),
    "a feed that the settings name is not offered": State(
        "feed_setting", settings={"feeds": {CUSTOMER_GROUPS: "row_version"}}
    ),
}
"""By what is wrong, for people."""


@pytest.fixture
def environment(services: Services) -> Services:
    """A healthy one: two companies that both sides have."""
    services.load(
        "fno", "LegalEntities", [{"LegalEntityId": code, "Name": code} for code in ("usmf", "demf")]
    )
    companies = [{"cdm_companycode": code, "cdm_name": code} for code in ("usmf", "demf")]
    services.load("dataverse", "cdm_companies", companies)
    return services


def look(
    services: Services,
    catalogue: Catalogue,
    state: Path,
    settings: Mapping[str, Any] | None = None,
    *,
    write_probe: bool = False,
) -> Examination:
    """A check of a few maps."""
    found = {name.removeprefix("DUALFLOW_").lower(): value for name, value in services.environment.items()}
    given = {"companies": COMPANIES, "state_url": f"sqlite:///{state}", **found, **(settings or {})}
    maps = [catalogue.get(name) for name in MAPS]
    return examine(load_settings(**given), maps, catalogue=catalogue, write_probe=write_probe)


def codes(found: Examination) -> set[str]:
    return {each.code for each in found.findings}


@pytest.fixture(scope="session")
def healthy() -> dict[str, set[str]]:
    """What is told of a healthy environment; found once."""
    return {}


def test_a_healthy_environment_has_notes_at_most(
    environment: Services, whole: Catalogue, tmp_path: Path
) -> None:
    found = look(environment, whole, tmp_path / "state.db")
    assert [each for each in found.findings if each.severity != "note"] == []
    assert codes(found) == {"feed_scan"}
    assert not any(each.passed_over for each in found.looked)
    assert not found.blocked


@pytest.mark.parametrize("name", STATES)
def test_a_bad_state_is_found_and_nothing_else(
    name: str, environment: Services, whole: Catalogue, tmp_path: Path, healthy: dict[str, set[str]]
) -> None:
    if not healthy:
        healthy["codes"] = codes(look(environment, whole, tmp_path / "healthy.db"))
    bad = STATES[name]
    if bad.switches:
        environment.switch(**bad.switches)
    if bad.fault:
        environment.fault(**bad.fault)
    if bad.edits:
        bad.edits(environment)
    file = tmp_path / "state.db"
    if bad.state:
        bad.state(file)
    settings = {
        name: environment.login_url if value == "{login}" else value for name, value in bad.settings.items()
    }
    found = look(environment, whole, file, settings)
    assert codes(found) - healthy["codes"] == bad.codes, [each.to_json() for each in found.findings]
    for each in found.findings:
        assert each.expected and each.found and each.remedy and each.subject, each


def test_the_table_of_states_is_long() -> None:
    assert len(STATES) >= 25


def test_maps_that_prospect_to_cash_touches_do_not_start_until_it_is_gone(
    environment: Services, install: Install
) -> None:
    environment.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "10"}])
    environment.switch(prospect_to_cash=True)
    installation = install(maps=(LEGAL_ENTITIES, CUSTOMER_GROUPS, ACCOUNTS))
    by_map = {each.map: each for each in installation.initial()}
    assert by_map[CUSTOMER_GROUPS].verdict == "ok"
    assert (by_map[ACCOUNTS].verdict, by_map[ACCOUNTS].code) == ("failed", "prospect_solution")
    assert "CRMP2C 15.0.0.1" in by_map[ACCOUNTS].message and "uninstall CRMP2C" in by_map[ACCOUNTS].message
    assert installation.lane(ACCOUNTS, "usmf").state == "not_running"
    planned = plan(installation.session, installation.session.selected([ACCOUNTS]), None, what="initial")
    assert "CRMP2C" in " ".join(lane.message for lane in planned.lanes)
    environment.switch(prospect_to_cash=False)
    assert [each.verdict for each in installation.initial(ACCOUNTS)] == ["ok", "ok"]


def test_a_write_probe_leaves_nothing_behind(environment: Services, whole: Catalogue, tmp_path: Path) -> None:
    environment.new_write_log()
    found = look(environment, whole, tmp_path / "state.db", write_probe=True)
    assert codes(found) == {"feed_scan"}
    written = [(each["side"], each["kind"]) for each in environment.writes(caller="application")]
    assert written == [
        (side, kind) for side in ("fno", "dataverse") for kind in ("create", "update", "delete")
    ]
    assert not environment.dump("fno", "NameAffixes") and not environment.dump(
        "dataverse", "msdyn_nameaffixes"
    )


@pytest.mark.parametrize(
    ("found", "switches"),
    [
        ("probe_read", {"fno_denied": ["NameAffixes"]}),
        ("probe_create", {"denied": ["prvCreatemsdyn_nameaffix"]}),
        ("probe_change", {"denied": ["prvWritemsdyn_nameaffix"]}),
        ("probe_delete", {"denied": ["prvDeletemsdyn_nameaffix"]}),
    ],
)
def test_a_write_probe_says_what_can_not_be_done(
    found: str, switches: dict[str, Any], environment: Services, whole: Catalogue, tmp_path: Path
) -> None:
    environment.switch(**switches)
    told = look(environment, whole, tmp_path / "state.db", write_probe=True)
    assert codes(told) == {"feed_scan", found}
    # the next one takes away what this one had to leave
    environment.switch(**{name: [] for name in switches})
    assert codes(look(environment, whole, tmp_path / "state.db", write_probe=True)) == {"feed_scan"}
    assert not environment.dump("dataverse", "msdyn_nameaffixes")


def test_a_check_writes_nothing(environment: Services, whole: Catalogue, tmp_path: Path) -> None:
    environment.new_write_log()
    look(environment, whole, tmp_path / "state.db")
    assert environment.writes(caller="application") == []


def test_another_dataverse_in_the_place_of_the_one_before_is_found(
    environment: Services, whole: Catalogue, tmp_path: Path
) -> None:
    file = tmp_path / "state.db"
    with closing(Store.open(f"sqlite:///{file}")) as store:
        before = store.pair(environment.fno_url.removeprefix("https://").partition(":")[0], OTHER_TENANT)
        with store.unfenced() as tx:
            tx.save_lane(LaneRecord(before, CUSTOMER_GROUPS, "usmf", state="running", initial="done"))
    assert codes(look(environment, whole, file)) == {"feed_scan", "state_replaced"}


def test_a_map_in_error_is_found(environment: Services, whole: Catalogue, tmp_path: Path) -> None:
    file = tmp_path / "state.db"
    look(environment, whole, file)
    with closing(Store.open(f"sqlite:///{file}")) as store:
        (pair,) = store.pairs()
        with store.unfenced() as tx:
            tx.save_lane(
                LaneRecord(pair, CUSTOMER_GROUPS, "usmf", state="error", initial="done", reason="why")
            )
    found = look(environment, whole, file)
    assert codes(found) == {"feed_scan", "lane_error"}
