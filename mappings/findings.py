"""Findings: what validation has to say, in one form for people and for programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Literal

from mappings import codes, deviations
from mappings.catalogue import Catalogue
from mappings.codes import Severity
from mappings.errors import MapError
from mappings.model import Map

Side = Literal["fno", "dataverse", ""]

_ORDER: dict[Severity, int] = {"error": 0, "warning": 1, "note": 2}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a map, or worth knowing.

    Attributes:
        code: see `codes`.
        severity: of this finding; mostly that of its code.
        map: name of the map; "" where a file could not be read as one.
        message: what is wrong, in one sentence without the place.
        file, line: where; None for a map that came from no file.
        field: path in the map, such as ``fields.3.dataverse``.
        side: the system that it is about; "" for the map itself.
        expected, found: what the map says and what the system says; "" where there is no such pair.
        remedy: what to do about it.
    """

    code: str
    severity: Severity
    map: str
    message: str
    file: str | None = None
    line: int | None = None
    field: str = ""
    side: Side = ""
    expected: str = ""
    found: str = ""
    remedy: str = ""

    @property
    def place(self) -> str:
        """``file:line``, or as much of it as is known."""
        return ":".join(str(part) for part in (self.file, self.line) if part is not None)

    def to_json(self) -> dict[str, Any]:
        """All of it, by name."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Reporter:
    """Makes findings about one map."""

    map: Map

    def __call__(
        self,
        code: str,
        field: str,
        message: str,
        *,
        side: Side = "",
        expected: object = "",
        found: object = "",
        remedy: str = "",
        severity: Severity | None = None,
    ) -> Finding:
        known = codes.load()[code]
        return Finding(
            code=code,
            severity=severity or known.severity,
            map=self.map.name,
            message=message,
            file=str(self.map.file) if self.map.file else None,
            line=self.map.line_of(field),
            field=field,
            side=side,
            expected=str(expected),
            found=str(found),
            remedy=remedy or known.remedy,
        )


def from_error(error: MapError, each: Map | None = None) -> Finding:
    """An error of a map file, or of the maps alone, as a finding.

    Args:
        each: the map that it is about, if there is one.
    """
    field = error.field
    code = codes.code_of(error.code, field)
    if each is not None:
        code = _refined(code, field, each)
    known = codes.load()[code]
    return Finding(
        code=code,
        severity=known.severity,
        map=each.name if each is not None else "",
        message=error.problem,
        file=error.file,
        line=error.line,
        field=field,
        side="fno" if field.startswith("fno") else "dataverse" if field.startswith("dataverse") else "",
        remedy=error.remedy or known.remedy,
    )


def _refined(code: str, field: str, each: Map) -> str:
    """The code that the place in the map tells apart."""
    steps = field.split(".")
    if code == "DIPV1014" and steps[:2] == ["dataverse", "key"]:
        return "DIPV1015" if "." in each.dataverse.key[int(steps[2])] else code
    if code == "DIPV1022" and steps[0] == "fields" and not each.fields[int(steps[1])].to_dataverse:
        return "DIPV1025"
    return code


def of_errors(errors: Iterable[MapError]) -> Iterator[Finding]:
    """Errors, with those that came along in their `also`, as findings."""
    for error in errors:
        for each in (error, *error.also):
            yield from_error(each)


def of_catalogue(catalogue: Catalogue) -> tuple[Finding, ...]:
    """Everything that the maps alone show, worst first."""
    by_file = {str(each.file): each for each in catalogue.maps.values() if each.file}
    found = [from_error(error, by_file.get(error.file or "")) for error in catalogue.problems()]
    for each in catalogue.maps.values():
        found += _repeated(each)
        if not each.verified:
            message = "names in this map could not be checked against anything published"
            found.append(Reporter(each)("unverified", "verified", message))
    for entry in deviations.load():
        kept = catalogue.maps.get(entry.map)
        if entry.kept and kept is not None:
            field = next(
                (
                    f"fields.{index}"
                    for index, pair in enumerate(kept.fields)
                    if entry.field in (pair.fno, pair.dataverse)
                ),
                "",
            )
            report = Reporter(kept)
            found.append(report("kept", field, f"{entry.field}: {entry.ours}: {entry.reason}"))
    return in_order(found)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Worst first, then by map and line."""
    return tuple(
        sorted(
            dict.fromkeys(findings),
            key=lambda each: (_ORDER[each.severity], each.map, each.file or "", each.line or 0, each.code),
        )
    )


def _repeated(each: Map) -> Iterator[Finding]:
    """A pair that stands in the map a second time, whichever way it flows."""
    seen: dict[tuple[str | None, str | None], int] = {}
    for index, pair in enumerate(each.fields):
        first = seen.setdefault((pair.fno, pair.dataverse), index)
        if first != index and pair.constant is None:
            message = f"{pair.fno} and {pair.dataverse} are a pair in line {each.line_of(f'fields.{first}')} already"
            yield Reporter(each)("DIPV1023", f"fields.{index}", message)
