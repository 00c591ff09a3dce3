"""A check: one question to the surroundings, answered with findings."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from tasks.sync.health.finding import Finding
from tasks.sync.health.surroundings import Surroundings

Need = Literal["fno", "dataverse", "state"]


@dataclass(frozen=True, slots=True)
class Check:
    """One question.

    Attributes:
        prefix: all codes of its findings begin with it.
        title: what is looked at, in a few words; heads its findings.
        run: finds; may raise, which is told as a finding of its own.
        needs: what has to be within reach, else it is passed over and said to be.
        writes: it writes to the systems, so it runs only when that was asked for.
        blocking: it decides whether maps may start, so none does while a question of it is refused; this is what to do then.
    """

    prefix: str
    title: str
    run: Callable[[Surroundings], Iterable[Finding]]
    needs: tuple[Need, ...] = ()
    writes: bool = False
    blocking: str = ""
