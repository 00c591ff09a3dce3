"""Can both systems be reached, and do they let us in? Each cause of a no has a code and a remedy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mappings.errors import DualflowError
from tasks.connectors.challenge import tenant_of
from tasks.connectors.side import SideName
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding, Where, advice
from tasks.sync.health.surroundings import Surroundings

NAMES: dict[SideName, str] = {"fno": "F&O", "dataverse": "Dataverse"}


class Cause(NamedTuple):
    """One reason for which a system doesn't let us in.

    Attributes:
        code: of the finding.
        expected: what has to be.
        remedy: "" where the error brings its own.
    """

    code: str
    expected: str
    remedy: str = ""


_LOGIN = {
    "AADSTS7000215": Cause("reach_secret", "the secret of the application"),
    "AADSTS7000222": Cause("reach_secret_expired", "a secret that is still good"),
    "AADSTS700016": Cause("reach_application", "an application that the tenant knows"),
    "AADSTS90002": Cause("reach_tenant", "a tenant that exists"),
    "AADSTS500011": Cause("reach_resource", "an environment of this tenant at the address"),
    "token_unavailable": Cause(
        "reach_login", "an answer of the login service", "check DUALFLOW_AUTHORITY and the network"
    ),
    "token_refused": Cause("reach_login", "a token"),
    "credentials": Cause("reach_credentials", "complete credentials"),
}
"""What keeps us from a token, by code."""
_SERVICE = {
    "unreachable": Cause("reach_host", "an answer at the address"),
    "lost_answer": Cause(
        "reach_host", "an answer at the address", "check the network, and whether the environment is up"
    ),
    "unavailable": Cause(
        "reach_busy", "a service that is up", "wait until the environment is up, and check again"
    ),
    "throttled": Cause(
        "reach_busy",
        "a service that takes requests",
        "it is restarting, or takes no more from us for now: wait, and check again",
    ),
    "request_refused": Cause(
        "reach_service", "the service's own answer", "the address belongs to something else: set {setting}"
    ),
    "redirected": Cause("reach_service", "the service's own answer"),
    "invalid_url": Cause("reach_service", "an https address"),
    "certificate": Cause("reach_certificate", "a certificate that is trusted"),
}
"""What stands in the way on the way to a system, by code."""
_MEMBER = Cause(
    "reach_member",
    "an application user for the client id",
    "add the client id as an application user of the environment (Power Platform admin center > Environments > Settings >"
    " Users > Application users)",
)
_REGISTERED = Cause(
    "reach_registered",
    "the client id among the registered applications",
    "register the client id in F&O (System administration > Setup > Microsoft Entra ID applications) and map it to a user",
)
_DENIED = {
    "0x80072560": _MEMBER,
    "0x80040225": Cause(
        "reach_disabled",
        "an application user that is enabled",
        "enable the application user of the environment",
    ),
    "0x80042f09": Cause(
        "reach_roles",
        "an application user with a security role",
        "give the application user a security role that reads and writes the tables of the maps at organization level",
    ),
}
"""Refusals of Dataverse, by its own code in lower case."""


def reaching(around: Surroundings) -> Iterator[Finding]:
    """What stands between us and the two systems."""
    said: dict[tuple[str, str], set[SideName]] = {}
    found: dict[str, Finding] = {}
    for name in NAMES:
        trouble = around.trouble.get(name)
        other = _other_tenant(around, name) if name in around.clients else None
        if trouble is None and other is None:
            continue
        finding = other if other is not None and _is_refusal(trouble) else _why(around, name, trouble)
        # one login serves both systems: what is wrong with it is said once
        said.setdefault((finding.code, finding.found), set()).add(name)
        found[name] = finding
    told: set[tuple[str, str]] = set()
    for finding in found.values():
        mark = finding.code, finding.found
        if mark not in told:
            told.add(mark)
            yield finding


def _is_refusal(trouble: Exception | None) -> bool:
    """Is it explained by a service of another tenant?"""
    return trouble is None or getattr(trouble, "code", "") in ("access_denied", "AADSTS500011")


def _other_tenant(around: Surroundings, side: SideName) -> Finding | None:
    ours = around.settings.tenant_id.lower()
    theirs = around.once(("tenant", side), lambda: tenant_of(around.clients[side]))
    # a tenant may be named by its domain, which says nothing about its id
    if theirs is None or theirs == ours or "." in ours:
        return None
    return Finding(
        "reach_other_tenant",
        "error",
        side,
        NAMES[side],
        f"an environment of tenant {ours}",
        f"it belongs to tenant {theirs}",
        "both systems and the application have to be of one tenant: name another environment, or set DUALFLOW_TENANT_ID",
    )


def _why(around: Surroundings, side: SideName, trouble: Exception | None) -> Finding:
    assert trouble is not None
    message = (
        trouble.message if isinstance(trouble, DualflowError) else f"{type(trouble).__name__}: {trouble}"
    )
    remedy = trouble.remedy or advice(trouble) if isinstance(trouble, DualflowError) else ""
    code = trouble.code if isinstance(trouble, DualflowError) else ""
    facts = trouble.facts if isinstance(trouble, DualflowError) else {}
    where: Where = side
    subject = NAMES[side]
    setting = around.clients[side].origin.setting if side in around.clients else "the addresses"
    if code in _LOGIN:
        cause, where, subject = _LOGIN[code], "here", "login"
        if code == "AADSTS500011":
            where, subject = side, NAMES[side]
    elif code == "certificate" and "side" not in facts:
        cause, where, subject = Cause("reach_certificate", "a certificate that is trusted"), "here", "login"
    elif code in _SERVICE:
        cause = _SERVICE[code]
    elif code == "access_denied":
        cause = _denied(side, str(facts.get("service_code") or ""), facts.get("status"))
    elif code.startswith("AADSTS"):
        cause, where, subject = Cause("reach_login", "a token"), "here", "login"
    else:
        cause = Cause("reach_trouble", "an answer")
    return Finding(
        cause.code,
        "error",
        where,
        subject,
        cause.expected,
        message,
        (cause.remedy or remedy).format(setting=setting),
    )


def _denied(side: SideName, service_code: str, status: object) -> Cause:
    if side == "fno":
        return _REGISTERED
    known = _DENIED.get(service_code.lower())
    if known is not None:
        return known
    return _MEMBER if status == 401 else Cause("reach_denied", "access")


CHECK = Check("reach", "Reaching both systems", reaching)
