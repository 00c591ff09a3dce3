"""What a check has to say about an environment."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from mappings.errors import DualflowError
from mappings.troubleshooting.catalogue import advice as known_advice

Severity = Literal["error", "warning", "note"]
Where = Literal["fno", "dataverse", "both", "here"]
"""The system to look at; `here` is Dualflow's own installation: settings, state, this machine."""

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it has to be, or worth knowing.

    Attributes:
        code: stable word; begins with the prefix of the check that found it.
        severity: error: a sync fails, or does harm; warning: it works for now, or not for everything; note: worth knowing.
        side: where to look.
        subject: what it is about: a table, a map, a user, a solution, a setting.
        expected, found: what has to be there and what is.
        remedy: what to do about it.
        blocks: names of maps that must not start as long as it is so.
        maps: names of the chosen maps that it touches; empty: all of them, or none in particular.
    """

    code: str
    severity: Severity
    side: Where
    subject: str
    expected: str
    found: str
    remedy: str
    blocks: tuple[str, ...] = ()
    maps: tuple[str, ...] = ()

    @property
    def order(self) -> tuple[int, str, str]:
        """Worst first, then by code and subject."""
        return _ORDER[self.severity], self.code, self.subject

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return asdict(self)


def advice(error: DualflowError) -> str:
    """What the troubleshooting catalogue says about a service's refusal; "" if it doesn't know it."""
    return known_advice(error.message, str(error.facts.get("service_code") or ""))
