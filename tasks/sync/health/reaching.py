"""Can both systems be reached, and do they let us in? Each cause of a no has a code and a remedy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from mappings.errors import DualflowError, FatalError
from mappings.metadata import SIDE_NAMES, SIDES, SideName
from tasks.connectors.challenge import Challenge, challenge
from tasks.sync.health.check import Check
from tasks.sync.health.finding import Finding, Where, advice
from tasks.sync.health.surroundings import Surroundings


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
    "AADSTS500011": Cause(
        "reach_resource",
        "an environment of this tenant at the address",
        "check {setting}: the login service knows no environment of this address in this tenant",
    ),
    "token_unavailable": Cause(
        "reach_login", "an answer of the login service", "check DUALFLOW_AUTHORITY and the network"
    ),
    "token_refused": Cause("reach_login", "a token"),
    "credentials": Cause("reach_credentials", "complete credentials"),
}
"""What keeps us from a token, by code."""
_OTHER_LOGIN = Cause("reach_login", "a token")
_SERVICE = {
    "unreachable": Cause("reach_host", "an answer at the address", "check {setting} and the network"),
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
    "the client id among the registered applications, and a user for it that is enabled",
    "register the client id in F&O (System administration > Setup > Microsoft Entra ID applications) and map it to a user;"
    " enable that user (System administration > Users)",
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
    told: set[str] = set()
    for name in SIDES:
        trouble = around.trouble.get(name)
        said = challenge(around.clients[name]) if name in around.clients else Challenge(answered=True)
        other = _other_tenant(around, name, said.tenant)
        if trouble is None and other is None:
            continue
        refused = getattr(trouble, "code", "") in ("access_denied", "AADSTS500011")
        if other is not None and (trouble is None or refused):
            yield other
            continue
        assert trouble is not None
        finding = _why(around, name, trouble, said)
        # one login serves both systems: what is wrong with it is said once
        if finding.side != "here" or finding.code not in told:
            told.add(finding.code)
            yield finding


def _other_tenant(around: Surroundings, side: SideName, theirs: str) -> Finding | None:
    ours = around.settings.tenant_id.lower()
    # a tenant may be named by its domain, which says nothing about its id
    if not theirs or theirs == ours or "." in ours:
        return None
    return Finding(
        "reach_other_tenant",
        "error",
        side,
        SIDE_NAMES[side],
        f"an environment of tenant {ours}",
        f"it belongs to tenant {theirs}",
        "both systems and the application have to be of one tenant: name another environment, or set DUALFLOW_TENANT_ID",
    )


def _why(around: Surroundings, side: SideName, trouble: Exception, said: Challenge) -> Finding:
    if not isinstance(trouble, DualflowError):
        trouble = FatalError(f"{type(trouble).__name__}: {trouble}", code="unknown")
    where: Where = side
    code = trouble.code
    if code in _LOGIN or code.startswith("AADSTS"):
        # one that nobody answers for is unknown to Entra for that reason
        known = code != "AADSTS500011" or said.answered
        cause = _LOGIN.get(code, _OTHER_LOGIN) if known else _SERVICE["unreachable"]
        where = side if code == "AADSTS500011" else "here"
    elif code == "certificate" and "side" not in trouble.facts:  # the login service's
        cause, where = _SERVICE[code], "here"
    elif code == "access_denied":
        cause = _denied(side, str(trouble.facts.get("service_code") or ""), trouble.facts.get("status"))
    else:
        cause = _SERVICE.get(code, Cause("reach_trouble", "an answer"))
    client = around.clients.get(side)
    setting = client.origin.setting if client else "DUALFLOW_FNO_URL and DUALFLOW_DATAVERSE_URL"
    return Finding(
        cause.code,
        "error",
        where,
        SIDE_NAMES[side] if where == side else "login",
        cause.expected,
        # ids of single requests to the login service tell nobody anything, and are never the same twice
        trouble.message.split(" Trace ID:")[0],
        (cause.remedy or trouble.remedy or advice(trouble)).replace("{setting}", setting),
    )


def _denied(side: SideName, service_code: str, status: object) -> Cause:
    if side == "fno":
        return _REGISTERED
    known = _DENIED.get(service_code.lower())
    if known is not None:
        return known
    return _MEMBER if status == 401 else Cause("reach_denied", "access")


CHECK = Check("reach", "Reaching both systems", reaching)
