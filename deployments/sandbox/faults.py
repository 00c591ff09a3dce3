"""Scripted faults, and gates: an action before or after the n-th request of the application."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from deployments.sandbox.messages import Request
from mappings.errors import FatalError

ACTIONS = frozenset(
    {
        "status",
        "lose_before",
        "lose_after",
        "delay",
        "expire_token",
        "empty",
        "cut_pages",
        "truncate",
        "foreign_link",
        "redirect",
    }
)


def described(request: Request, *, with_body: bool) -> str:
    """A request as one text for regular expressions: ``METHOD path?query``, then the body on the next lines."""
    text = f"{request.method} {request.url}"
    return f"{text}\n{request.body.decode('latin-1')}" if with_body else text


@dataclass(slots=True)
class Fault:
    """What goes wrong with some requests.

    Attributes:
        side: ``fno``, ``dataverse``, ``login``, or "" for all.
        method: "" for all.
        match: regular expression, searched in ``METHOD path?query`` followed by the body.
        nth: the first matching request that is hit, counted from 1.
        times: how many are hit from then on; 0 = all.
        action: ``status`` (answer this status, nothing done), ``lose_before`` (connection cut, nothing done),
            ``lose_after`` (done, then cut), ``delay`` (done, answered late), ``expire_token`` (all tokens of
            today are void), ``empty`` (a page without rows), ``cut_pages`` (the link to the next page is
            missing), ``truncate`` (the body breaks off), ``foreign_link`` (the link to the next page leads to
            another host), ``redirect`` (302 to another host).
        status, retry_after, seconds: of the action.
        caller: only requests of this caller.
        parts: look at the operations inside batches instead of requests; only for ``status``.
    """

    side: str = ""
    method: str = ""
    match: str = ""
    nth: int = 1
    times: int = 1
    action: str = "status"
    status: int = 503
    retry_after: float | None = None
    seconds: float = 0
    caller: str = "application"
    parts: bool = False
    seen: int = 0
    hit: int = 0

    def applies(self, side: str, request: Request) -> bool:
        """Count a request, and say whether it is hit."""
        if (self.side and self.side != side) or (self.method and self.method != request.method):
            return False
        if request.caller is not None and self.caller and request.caller.name != self.caller:
            return False
        if self.match and not re.search(self.match, described(request, with_body=True)):
            return False
        self.seen += 1
        if self.seen < self.nth or (self.times and self.seen >= self.nth + self.times):
            return False
        self.hit += 1
        return True


@dataclass(slots=True)
class Gate:
    """Edits that happen just before or just after a request of the application.

    Attributes:
        side, match: as in `Fault`.
        nth: which matching request opens the gate, counted from 1; it opens once.
        when: ``before`` or ``after`` the request is worked through.
        requests: edits as a user: {side, method, path, body, headers}.
        answers: what the edits were answered, once open.
    """

    side: str = ""
    match: str = ""
    nth: int = 1
    when: str = "before"
    requests: list[dict[str, Any]] = field(default_factory=list)
    seen: int = 0
    opened: bool = False
    answers: list[dict[str, Any]] = field(default_factory=list)

    def opens(self, side: str, request: Request) -> bool:
        """Count a request, and say whether the gate opens for it."""
        if self.opened or (self.side and self.side != side):
            return False
        if self.match and not re.search(self.match, described(request, with_body=True)):
            return False
        self.seen += 1
        if self.seen == self.nth:
            self.opened = True
            return True
        return False


def fault_from(document: dict[str, Any]) -> Fault:
    """A fault as the admin API takes it; `path` and `delay_ms` are accepted for `match` and `seconds`.

    Raises:
        FatalError: unknown member or action; lists the known ones.
    """
    given: dict[str, Any] = {
        name: float(value) if isinstance(value, Decimal) else value for name, value in document.items()
    }
    if "path" in given:
        given["match"] = given.pop("path")
    if "delay_ms" in given:
        given["seconds"] = given.pop("delay_ms") / 1000
        given.setdefault("action", "delay")
    action = str(given.get("action", "status"))
    if action.removeprefix("status ").isdigit():
        given["action"], given["status"] = "status", int(action.removeprefix("status "))
    elif action == "delay_ms":
        given["action"] = "delay"
    if given.get("action", "status") not in ACTIONS:
        raise FatalError(
            f"unknown fault action '{action}'",
            code="unknown_fault",
            remedy=f"known are {', '.join(sorted(ACTIONS))}",
        )
    try:
        fault = Fault(**given)
        re.compile(fault.match)
    except (TypeError, re.error) as error:
        raise FatalError(f"not a fault: {error}", code="unknown_fault") from None
    return fault


def gate_from(document: dict[str, Any]) -> Gate:
    """A gate as the admin API takes it.

    Raises:
        FatalError: unknown member.
    """
    try:
        gate = Gate(**document)
        re.compile(gate.match)
    except (TypeError, re.error) as error:
        raise FatalError(f"not a gate: {error}", code="unknown_gate") from None
    return gate
