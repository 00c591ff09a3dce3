"""The codes of findings: dual-write's own where one fits, words of ours elsewhere. Read from `codes.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal, get_args

from mappings.errors import MapError
from mappings.reader import read_yaml

FILE = Path(__file__).parent / "codes.yaml"

Severity = Literal["error", "warning", "note"]
Place = Literal["reading", "catalogue", "live"]

_FIELDS = frozenset({"title", "severity", "remedy"})


@dataclass(frozen=True, slots=True)
class Code:
    """One thing that can be found.

    Attributes:
        code: ``DIPV1022``, ``5100``, ``tracking_off``.
        title: what it means.
        severity: error: a sync would fail or write wrong data; warning: it works, but not for every row.
        remedy: what to do about it.
        checked: where it is looked for; empty = nowhere.
        not_checked: why it is looked for nowhere; "" where it is.
    """

    code: str
    title: str
    severity: Severity
    remedy: str
    checked: tuple[Place, ...]
    not_checked: str


@cache
def load(file: Path = FILE) -> Mapping[str, Code]:
    """All codes, in the file's order.

    Raises:
        MapError: an entry lacks a field, has an unknown one, or says neither where it is checked nor why not.
    """
    entries, lines = read_yaml(file)
    found = {}
    for name, entry in entries.items():
        named = entry.keys() - _FIELDS
        places = tuple(entry.get("checked", ()))
        if (
            not entry.keys() >= _FIELDS
            or len(named) != 1
            or not named <= {"checked", "not_checked"}
            or entry["severity"] not in get_args(Severity)
            or not set(places) <= set(get_args(Place))
        ):
            raise MapError(
                f"{name} is no complete code",
                file=file,
                line=lines[name],
                remedy="title, severity, remedy, and either checked or not_checked",
            )
        found[name] = Code(
            name,
            entry["title"],
            entry["severity"],
            entry["remedy"],
            places,
            str(entry.get("not_checked", "")),
        )
    return found


_WORDS = {
    "duplicate_pair": "DIPV1026",
    "ambiguous_value": "DIPV1029",
    "unknown_property": "DIPV1022",
    "key_not_mapped": "DIPV1014",
    "key_one_way": "DIPV1004",
    "company_mismatch": "DIPV1002",
    "lookup_key": "DIPV1027",
    "no_key": "DIPV1003",
    "no_source": "DIPV1021",
    "no_target": "DIPV1024",
}
_FILTERS = {"bad_filter", "unknown_filter_field"}


def code_of(word: str, field: str = "") -> str:
    """The code of an error that the checks of maps alone name by a word.

    Args:
        word: `MapError.code`.
        field: place in the map, which tells the two filters apart.
    """
    if word in _FILTERS or (word == "invalid_map" and field.endswith(".filter")):
        return "900" if field.startswith("fno") else "DIPV1012"
    if word == "company_mismatch" and field.startswith("lookups"):
        return "DIPV1017"
    code = _WORDS.get(word, word)
    return code if code in load() else "invalid_map"
