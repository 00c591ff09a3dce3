"""Examining an environment: reach what can be reached, run all checks side by side, gather what they find."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from mappings.catalogue import Catalogue
from mappings.errors import DualflowError
from mappings.model import Map
from tasks.sync.health.check import Check
from tasks.sync.health.checks import CHECKS
from tasks.sync.health.finding import Finding, Where
from tasks.sync.health.reach import surroundings
from tasks.sync.health.surroundings import Surroundings
from tasks.sync.settings import Settings

_NEEDED = {"fno": "F&O is", "dataverse": "Dataverse is", "state": "the state is"}
AT_ONCE = 8
"""Checks that run at the same time; most of their time is waiting for an answer."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One check and what became of it.

    Attributes:
        passed_over: why it was not run; "" if it was.
    """

    check: Check
    findings: tuple[Finding, ...] = ()
    passed_over: str = ""


@dataclass
class Examination:
    """What a look at the whole environment found.

    Attributes:
        environments: F&O's and Dataverse's name; "" where it is out of reach.
        maps: how many were chosen.
        told: what was learned that is nothing wrong: versions, users, solutions.
        looked: each check with its findings, in the order of the checks.
    """

    environments: tuple[str, str]
    maps: int = 0
    told: dict[str, str] = field(default_factory=dict)
    looked: list[Looked] = field(default_factory=list)

    @property
    def findings(self) -> list[Finding]:
        """All of them, worst first."""
        return sorted((found for each in self.looked for found in each.findings), key=lambda each: each.order)

    @property
    def blocked(self) -> dict[str, list[Finding]]:
        """Maps that must not start, with what stands in their way."""
        out: dict[str, list[Finding]] = {}
        for found in self.findings:
            for name in found.blocks:
                out.setdefault(name, []).append(found)
        return out

    def count(self, severity: str) -> int:
        """Findings of this severity."""
        return sum(each.severity == severity for each in self.findings)

    @property
    def summary(self) -> str:
        """The result in one line."""
        counts = [
            f"{number} {severity}{'s' if number != 1 else ''}"
            for severity in ("error", "warning", "note")
            if (number := self.count(severity))
        ]
        passed = sum(bool(each.passed_over) for each in self.looked)
        told = ", ".join(counts) or "nothing to complain about"
        tail = f"; {passed} checks could not be made" if passed else ""
        maps = f"{self.maps} map{'s' if self.maps != 1 else ''}"
        return f"{len(self.looked) - passed} checks for {maps}: {told}{tail}"

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return {
            "environments": {"fno": self.environments[0], "dataverse": self.environments[1]},
            "maps": self.maps,
            "told": self.told,
            "errors": self.count("error"),
            "warnings": self.count("warning"),
            "notes": self.count("note"),
            "blocked": {name: [each.code for each in found] for name, found in self.blocked.items()},
            "findings": [each.to_json() for each in self.findings],
            "checks": [
                {
                    "prefix": each.check.prefix,
                    "title": each.check.title,
                    "findings": len(each.findings),
                    "passed_over": each.passed_over,
                }
                for each in self.looked
            ],
        }


def examine(
    settings: Settings,
    maps: Sequence[Map],
    *,
    catalogue: Catalogue | None = None,
    write_probe: bool = False,
    checks: Sequence[Check] = CHECKS,
) -> Examination:
    """Look at both systems and the state.

    Args:
        maps: what is meant to run; tables, privileges and keys are looked at for these.
        write_probe: also run the checks that write a row to each side and take it away again.

    A system that can't be reached, and a check that fails, are findings, not errors.

    Raises:
        MapError: the maps are wrong, if no catalogue is given.
    """
    with surroundings(settings, maps, catalogue or settings.catalogue()) as around:
        wanted = [each for each in checks if write_probe or not each.writes]
        reading = [each for each in wanted if not each.writes]
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="check") as threads:
            looked = dict(zip(reading, threads.map(lambda each: look(each, around), reading), strict=True))
        # what writes comes last and alone: nothing else looks at the rows it makes
        looked |= {each: look(each, around) for each in wanted if each.writes}
        fno = around.fno.environment if around.fno else ""
        dataverse = around.dataverse.environment if around.dataverse else ""
        told = dict(sorted(around.told.items()))
        return Examination((fno, dataverse), len(maps), told, [looked[each] for each in wanted])


def look(check: Check, around: Surroundings) -> Looked:
    """Run one check; whatever goes wrong in it is a finding."""
    missing = [need for need in check.needs if getattr(around, "store" if need == "state" else need) is None]
    if missing:
        return Looked(check, passed_over=f"{' and '.join(_NEEDED[need] for need in missing)} out of reach")
    found: list[Finding] = []
    try:
        found.extend(check.run(around))
    except Exception as error:  # a check must not keep the others from being read
        found.append(_failed(check, error, around))
    return Looked(check, tuple(found))


def _failed(check: Check, error: Exception, around: Surroundings) -> Finding:
    if isinstance(error, DualflowError):
        message, remedy = error.message, error.remedy
    else:
        message, remedy = f"{type(error).__name__}: {error}", ""
    side: Where = "dataverse" if "dataverse" in check.needs else "fno" if "fno" in check.needs else "here"
    return Finding(
        code=f"{check.prefix}_not_checked",
        severity="error" if check.blocking else "warning",
        side=side,
        subject=check.title,
        expected="an answer to the questions of this check",
        found=message,
        remedy=check.blocking
        or remedy
        or "see what the service says: may our user read this, and is the environment whole?",
        # nobody knows that they may start, so they don't
        blocks=tuple(sync.name for sync in around.maps) if check.blocking else (),
    )
