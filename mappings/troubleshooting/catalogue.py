"""Known problems: what is behind an error, and what to do about it.

    found = recognize("The user is not a member of the organization.")
    print(found.cause, found.remedy)

Read from the YAML files in `known/` and from `codes.yaml`: problems documented for dual-write, the codes of its map validation
(DIPV), of its health check of running maps and of its configuration, and what both services and the sign-in answer when they
refuse something.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, Literal

from mappings import codes
from mappings.errors import MapError
from mappings.reader import read_yaml
from mappings.troubleshooting.recognizing import code_pattern, fits, number_pattern, plain, weight

Kind = Literal["documented", "configuration", "services", "validation", "health"]

ARROW = " → "
"""Stands between what is wrong and what to do, in everything that Dualflow says."""

KNOWN = Path(__file__).parent / "known"
_FILES: tuple[Kind, ...] = ("documented", "configuration", "services")
_FIELDS = frozenset({"texts", "symptom", "code", "status", "cause", "remedy", "here", "general"})


@dataclass(frozen=True, slots=True)
class Problem:
    """One known problem.

    Attributes:
        name: short stable word, or the code that documentation knows it by.
        kind: where it is documented.
        texts: what the error says; ``…`` stands for anything.
        symptom: what people see where there is no error.
        code: the service's code; "" where it has none.
        status: HTTP status that it comes with; None where that varies.
        cause: why it happens.
        remedy: what to do about it.
        here: what it is in Dualflow, where that differs from dual-write; "" where it is the same.
        general: says little; meant only where nothing else fits.
    """

    name: str
    kind: Kind
    texts: tuple[str, ...]
    symptom: str
    code: str
    status: int | None
    cause: str
    remedy: str
    here: str = ""
    general: bool = False

    @property
    def advice(self) -> str:
        """What a user of Dualflow should know or do."""
        return self.here or self.remedy


@cache
def problems() -> tuple[Problem, ...]:
    """All known problems, those documented first.

    Raises:
        MapError: a file has an entry without cause, remedy or anything to recognize it by.
    """
    found = [problem for kind in _FILES for problem in _read(kind)]
    for code in codes.load().values():
        if code.code.startswith("DIPV") or code.code.isdigit():
            kind: Kind = "validation" if code.code.startswith("DIPV") else "health"
            found.append(Problem(code.code, kind, (), "", code.code, None, code.title, code.remedy))
    return tuple(found)


def recognize(message: str, code: str = "", status: int | None = None) -> Problem | None:
    """The known problem behind an error; None if there is none.

    What the message says goes before its code, since services use one code for many things; of several texts that fit, the
    one that says most is meant.

    Args:
        message: the error's text, of whichever service.
        code: the service's code, if it stands apart from the message.
        status: of the HTTP answer; tells apart what has the same text.
    """
    said = plain(message)
    by_text = [(problem, text) for problem in problems() for text in _spoken(problem) if fits(text, said)]
    if by_text:
        problem, _ = max(
            by_text, key=lambda found: (not found[0].general, weight(found[1]), found[0].status == status)
        )
        return problem
    return _by_code(plain(code)) or _by_code(said)


@lru_cache(10_000)
def advice(said: str, code: str = "") -> str:
    """What to do about an error that came without advice; "" where it is not a known one.

    Args:
        code: the service's code, if it stands apart from what was said.
    """
    found = recognize(said, code)
    return found.advice if found else ""


def advised(said: str, code: str = "") -> str:
    """An error with what to do about it: as it is where it says so itself, or where nobody knows."""
    more = "" if ARROW in said else advice(said, code)
    return f"{said}{ARROW}{more}" if more else said


def search(words: str) -> Sequence[Problem]:
    """Known problems that speak of these words, those that speak of most of them first."""
    wanted = set(plain(words).split())
    scored = [(len(wanted & set(plain(_everything(problem)).split())), problem) for problem in problems()]
    best = [each for each in scored if each[0] >= max(1, (len(wanted) + 1) // 2)]
    return [problem for _, problem in sorted(best, key=lambda each: -each[0])]


def _by_code(text: str) -> Problem | None:
    if not text:
        return None
    for problem in problems():
        pattern = number_pattern if problem.code.isdigit() or problem.code == "0x0" else code_pattern
        if problem.code and pattern(problem.code).search(text):
            return problem
    return None


def _spoken(problem: Problem) -> Iterable[str]:
    yield from problem.texts
    if problem.symptom:
        yield problem.symptom


def _everything(problem: Problem) -> str:
    return " ".join(
        (problem.name.replace("_", " "), *_spoken(problem), problem.code, problem.cause, problem.remedy)
    )


def _read(kind: Kind) -> list[Problem]:
    file = KNOWN / f"{kind}.yaml"
    entries, lines = read_yaml(file)
    found = []
    for name, entry in entries.items():
        if wrong := _wrong(entry):
            raise MapError(wrong, file=file, line=lines.get(name), field=name, code="invalid_problem")
        found.append(
            Problem(
                name=name,
                kind=kind,
                texts=tuple(entry.get("texts", ())),
                symptom=entry.get("symptom", ""),
                code=entry.get("code", ""),
                status=entry.get("status"),
                cause=entry["cause"],
                remedy=entry["remedy"],
                here=entry.get("here", ""),
                general=bool(entry.get("general")),
            )
        )
    return found


def _wrong(entry: dict[str, Any]) -> str:
    if unknown := entry.keys() - _FIELDS:
        return f"has fields that mean nothing here: {', '.join(sorted(unknown))}"
    if missing := {"cause", "remedy"} - entry.keys():
        return f"lacks {', '.join(sorted(missing))}"
    if not entry.keys() & {"texts", "symptom", "code"}:
        return "has nothing to be recognized by: texts, a symptom or a code"
    return ""
