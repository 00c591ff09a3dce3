"""What can be set while the sandbox runs: the open points of both protocols, normalization, latency, visibility.

The defaults are the documented behaviour, or the assumption of the protocol sheets where nothing is
documented. Every switch is set by name through `POST /_sandbox/switches`; a reset sets all of them back.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from deployments.sandbox.folding import fold
from mappings.errors import FatalError


@dataclass(slots=True)
class Switches:
    """All switches with their defaults."""

    # Dataverse, open points
    upsert_multiple_status: Literal[200, 204] = 204
    tracking_retention_days: float = 7
    row_version_tracking: bool = True
    """False: F&O's configuration key for it is off, so no virtual table can be tracked from now on."""
    virtual_retention_days: float = 10
    """How long tokens of virtual tables of F&O live."""
    virtual_record_id: Literal["little", "big"] = "little"
    """Byte order of the record id in the id of a virtual row."""
    duplicate_status: Literal[412, 500] = 412
    unknown_property_code: str = "0x0"
    entity_id_with_201: bool = True
    unresolved_bind_status: Literal[400, 404] = 404
    long_not_found_text: bool = True
    expired_token_status: Literal[400, 410] = 400
    content_id_required: bool = True
    tracking_in_batch: bool = True
    dataverse_if_match: bool = True
    dop_hint: int = 8
    bulk_messages: bool = True
    """False: no table takes CreateMultiple and its like."""
    alternate_keys: bool = True
    """False: the indexes of alternate keys failed to build, so nothing stops two rows with one key."""
    key_states: dict[str, str] = field(default_factory=dict)
    """The same for the keys of single tables, by entity set: Pending, InProgress or Failed."""
    plugins: bool = True
    """False: the solutions' plug-ins do nothing, so required columns that they fill are missed."""

    # F&O, open points
    fno_business_error_status: Literal[400, 500] = 400
    fno_duplicate_status: Literal[400, 500] = 400
    fno_absent_patch_status: Literal[400, 404] = 404
    fno_if_match: bool = True
    """False: a stale If-Match is ignored."""
    fno_string_functions: bool = False
    fno_cross_company_default: bool = False
    fno_page_size_preference: bool = True
    fno_representation: bool = True
    """False: PATCH ignores `Prefer: return=representation`."""
    fno_null: Literal["empty", "refuse"] = "empty"
    fno_long_text: Literal["refuse", "cut"] = "refuse"
    fno_default_company: str = "dat"

    # Data Management
    dmf_polls: int = 1
    """How often an export is still executing when it is asked for."""
    dmf_seconds: float = 0
    """How long it executes at least."""
    dmf_failures: int = 0
    """How many exports to come fail."""
    dmf_nested: bool = False
    """Answers nest their value once more, as the documents print it."""
    dmf_unknown_group: Literal["fail", "accept"] = "fail"
    """accept: an export of a project that isn't there gets an execution that nobody finds."""
    dmf_columns: Literal["staging", "properties"] = "staging"
    dmf_enums: Literal["label", "value", "name"] = "label"

    # notifications: data events of F&O, webhooks of Dataverse
    data_events: bool = True
    """False: F&O has none, because Power Platform integration is off: none is sent, none can be activated."""
    event_names: Literal["virtual", "properties"] = "virtual"
    """Whether data events name the virtual table and its columns, or the entity and its properties."""
    event_retry_seconds: float = 1
    event_delay: float = 0
    """Seconds until a notification leaves."""
    event_drop_every: int = 0
    """Every n-th notification is lost."""
    event_duplicate_every: int = 0
    """Every n-th notification is sent twice."""
    event_reorder: int = 0
    """Notifications leave shuffled, in groups of so many."""
    event_limit_5_minutes: int = 5_000
    event_limit_hour: int = 50_000
    event_overload: Literal["sent", "late", "lost"] = "sent"
    """What becomes of data events beyond what is supported."""
    event_late_seconds: float = 60
    webhook_ports: Literal["any", "standard"] = "any"
    """standard: only 80 and 443, as the service has it."""

    # values: what the services make of what they get
    normalize_trim: bool = True
    normalize_round: bool = True
    """False: a number with too many digits is refused instead of rounded."""
    normalize_case: bool = True
    normalize_upper: list[str] = field(default_factory=list)
    """Properties, besides those of the facts, that F&O keeps in upper case in every entity."""
    normalize_defaults: bool = True
    """F&O initValue and number sequences; False: what is left out stays empty."""
    shuffle: bool = True
    """F&O pages that were asked without an order come in another order each time."""

    # who sees what: for the application, not for users
    hide_companies: list[str] = field(default_factory=list)
    """F&O companies that the application's user has no right to."""
    hide_rows: list[dict[str, str]] = field(default_factory=list)
    """``{side, set, filter}``: rows that the application does not see."""
    valid_only: list[dict[str, str]] = field(default_factory=list)
    """``{set, from, to}``: F&O shows everybody only the rows of the set that are valid by its clock, as date-effective
    entities do; `from` and `to` name properties."""
    denied: list[str] = field(default_factory=list)
    """Dataverse privileges that the application lacks, such as ``prvWriteAccount``."""
    privilege_depths: dict[str, str] = field(default_factory=dict)
    """Privileges that reach less than all rows of user-owned tables: {"prvReadAccount": "Basic"}, or Local, Deep."""
    fno_denied: list[str] = field(default_factory=list)
    """F&O sets that the application's user has no right to."""

    # who we are: the application's user on both sides
    fno_tenant: str = ""
    """Id of the tenant that F&O belongs to; "" is the sandbox's own, whose tokens it takes."""
    dataverse_tenant: str = ""
    dataverse_organization: str = ""
    """Id of the organization that Dataverse says it is, as a copy has one of its own; "" is that of its row."""
    fno_registered: bool = True
    """False: the application is not among F&O's registered ones, so it answers 401."""
    fno_user_enabled: bool = True
    fno_user_roles: list[str] = field(default_factory=lambda: ["System administrator"])
    """[]: the user may neither read nor write any data."""
    fno_user_companies: list[str] = field(default_factory=list)
    """Companies that the user's roles are limited to; [] = all. `hide_companies` names those that are left out."""
    fno_user_language: str = "en-US"
    """de: F&O refuses in German."""
    dataverse_member: bool = True
    """False: the environment has no application user for the application."""
    dataverse_user_enabled: bool = True
    dataverse_roles: list[str] = field(default_factory=lambda: ["Dualflow"])
    """[]: the application user may do nothing."""
    team_roles: list[str] = field(default_factory=lambda: ["Dualflow"])
    """[]: no team has a role, so none can be given a row."""

    # what is installed
    fno_application_version: str = "10.0.40"
    fno_platform_version: str = "7.0.7279.58"
    dataverse_version: str = "9.2.25093.00168"
    prospect_to_cash: bool = False
    """The solution of that name is there, with its key of accounts over all companies and its templates."""
    dual_write: list[str] = field(default_factory=list)
    """Dataverse tables on which dual-write itself runs a map: its plug-in steps and its runtime configuration are there."""
    solutions: dict[str, str | None] = field(default_factory=dict)
    """Solutions by unique name with another version than they have from the start; null = not installed."""

    # time
    token_seconds: int = 3599
    fno_clock_offset: float = 0
    """Seconds that F&O's clock is ahead of this machine's."""
    dataverse_clock_offset: float = 0
    limits: bool = False
    """Dataverse's service protection: 429 beyond `limit_requests` in `limit_seconds` per caller."""
    limit_requests: int = 6000
    limit_seconds: float = 300
    limit_concurrency: int = 52

    # artificial latency in milliseconds
    latency_page: float = 0
    latency_bulk: float = 0
    latency_bulk_row: float = 0
    latency_batch: float = 0
    latency_batch_operation: float = 0
    latency_request: float = 0

    def clock_offset(self, side: str) -> float:
        """Seconds that a side's clock is ahead of this machine's."""
        return self.fno_clock_offset if side == "fno" else self.dataverse_clock_offset

    def key_status(self, name: str) -> str:
        """What is told of the alternate keys of a Dataverse table; only active ones keep twins out."""
        if not self.alternate_keys:
            return "Failed"
        return self.key_states.get(name, "Active") if self.key_states else "Active"

    def reaches(self, company: str) -> bool:
        """Do the roles of the application's user in F&O reach a company?"""
        if not self.hide_companies and not self.fno_user_companies:
            return True
        code = fold(company)
        if code in map(fold, self.hide_companies):
            return False
        return not self.fno_user_companies or code in map(fold, self.fno_user_companies)

    def set(self, changes: dict[str, Any]) -> None:
        """Set switches by name.

        Raises:
            FatalError: an unknown name; lists the known ones.
        """
        known = {each.name for each in dataclasses.fields(self)}
        preset = changes.get("latency_preset")
        if preset is not None:
            if preset not in LATENCIES:
                raise FatalError(
                    f"unknown latency_preset '{preset}'", remedy=f"known are {', '.join(LATENCIES)}"
                )
            changes = {**LATENCIES[preset], **changes}
            del changes["latency_preset"]
        unknown = changes.keys() - known
        if unknown:
            raise FatalError(
                f"unknown switch: {', '.join(sorted(unknown))}",
                code="unknown_switch",
                remedy=f"known are {', '.join(sorted(known))}",
            )
        for name, value in changes.items():
            setattr(self, name, float(value) if isinstance(value, Decimal) else value)

    def as_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


BENCHMARK = {
    "latency_page": 150,
    "latency_bulk": 100,
    "latency_bulk_row": 0.3,
    "latency_batch": 100,
    "latency_batch_operation": 2,
}
"""The latencies of benchmark mode, in milliseconds: what a real service roughly takes."""

_NONE: dict[str, float] = {
    "latency_page": 0,
    "latency_bulk": 0,
    "latency_bulk_row": 0,
    "latency_batch": 0,
    "latency_batch_operation": 0,
    "latency_request": 0,
}
LATENCIES: dict[str, dict[str, float]] = {
    "none": _NONE,
    "realistic": {**_NONE, "latency_request": 100, "latency_batch": 100, "latency_batch_operation": 2},
    "benchmark": {**_NONE, **BENCHMARK},
}
"""Values of ``latency_preset``, which sets all latencies at once; ``realistic`` takes 100 ms a request."""
