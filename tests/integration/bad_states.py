"""States in which no sync can work, or works badly, and the codes by which a check finds each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.installation import CUSTOMER_GROUPS
from tests.local_services import Services

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
    "our user may not read plug-in steps": State(
        "prospect_not_checked engines_not_checked step_not_checked",
        {"denied": ["prvReadSdkMessageProcessingStep"]},
    ),
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
