"""A first draft of a map from live metadata: columns that have the same name on both sides and can hold the same
values.

Names count as the same without publisher prefix, underscores and case, and without the words that the entity or
the table repeats (``CustomerGroupId`` of customer groups and ``msdyn_groupid``). What has no partner is listed in
the file, so that nothing is overlooked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from mappings.catalogue import Catalogue
from mappings.errors import FatalError
from mappings.exchange.names import bare, singular, table_of
from mappings.graph import COMPANIES
from mappings.metadata import Column, Kind, Table
from mappings.model import Map
from mappings.validation import COMPANY_PROPERTY

TRUTH = {"No": "false", "Yes": "true"}
_TEXT: frozenset[Kind] = frozenset({"text", "memo"})
_NUMBER: frozenset[Kind] = frozenset({"integer", "bigint", "decimal", "double"})
_TIME: frozenset[Kind] = frozenset({"date", "datetime"})
_SYSTEM = re.compile(
    r"(?:created|modified|owning|overridden).*|ownerid|organizationid|statecode|statuscode|versionnumber|"
    r"importsequencenumber|timezoneruleversionnumber|utcconversiontimezonecode|.*_base|exchangerate"
)
"""Dataverse columns that every table has for itself."""

Labels = Mapping[str, Mapping[str, str]]
"""Option column → option number → label."""


@dataclass
class Scaffold:
    """A draft.

    Attributes:
        content: as a map file has it.
        comments: place → lines above it.
        unmatched_fno: properties without a partner.
        unmatched_dataverse: columns without a partner.
        doubts: what a person must decide.
    """

    content: dict[str, Any]
    comments: dict[str, list[str]] = field(default_factory=dict)
    unmatched_fno: list[str] = field(default_factory=list)
    unmatched_dataverse: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def scaffold(fno: Table, dataverse: Table, labels: Labels, catalogue: Catalogue, name: str = "") -> Scaffold:
    """A draft of a map.

    Args:
        fno: the live entity set.
        dataverse: the live table.
        labels: labels of the table's options.
        catalogue: the active maps: they say how rows behind lookups are named.
        name: name of the map; made of both ends if empty.

    Raises:
        FatalError: nothing on both sides has the same name.
    """
    return _Draft(fno, dataverse, labels, catalogue).fill(name)


class _Draft:
    def __init__(self, fno: Table, dataverse: Table, labels: Labels, catalogue: Catalogue) -> None:
        self.fno, self.dataverse, self.labels, self.catalogue = fno, dataverse, labels, catalogue
        self.words = {_squeezed(fno.logical.removesuffix("Entity")), _squeezed(singular(fno.name))}
        self.words |= {_squeezed(bare(dataverse.logical)), _squeezed(bare(singular(dataverse.name)))}
        self.company = self._company()
        self.lookups: dict[str, dict[str, Any]] = {}
        self.doubts: list[str] = []

    def fill(self, name: str) -> Scaffold:
        pairs, comments = self._pairs()
        if not pairs:
            raise FatalError(
                f"no property of {self.fno.name} has the name and type of a column of {self.dataverse.name}",
                code="nothing_in_common",
                remedy="check both names, or write the map by hand",
            )
        both_ways = any("direction" not in pair for pair in pairs)
        content: dict[str, Any] = {
            "map": name or f"{self.fno.name} to {self.dataverse.name}",
            "template": name or self.fno.name,
            "version": "current",
            "area": "Custom",
            "solution": "Custom",
            "verified": False,
            "about": f"Drafted from live metadata of {self.fno.name} and {self.dataverse.name} by matching names.",
            "fno": {
                "set": self.fno.name,
                "entity": self._entity(),
                "key": list(self.fno.key),
                "feeds": ["row_version", "data_events", "scan"],
            },
            "dataverse": {"table": self.dataverse.name, "key": self._key(pairs)},
            "lookups": self.lookups,
            "fields": pairs,
            "conflict": "fno",
            "delete": {
                "to-dataverse": "propagate"
                if any(_flows(pair, "to-dataverse") for pair in pairs)
                else "ignore",
                "to-fno": "propagate"
                if both_ways or any(_flows(pair, "to-fno") for pair in pairs)
                else "ignore",
            },
        }
        if not self.lookups:
            del content["lookups"]
        if self.company:
            content["dataverse"]["company"] = self.company
        content["dataverse"]["feeds"] = ["change_tracking"] if self.dataverse.tracked else ["scan"]
        if not self.dataverse.tracked:
            self.doubts.append(f"change tracking is off for {self.dataverse.name}; switch it on")
        done = Scaffold(content, comments, doubts=self.doubts)
        self._left(done, pairs)
        return done

    def _entity(self) -> str:
        return next((each.fno.entity for each in self.catalogue.of_set(self.fno.name)), self.fno.logical)

    def _company(self) -> str:
        """The company column, where both sides have companies."""
        if COMPANY_PROPERTY not in self.fno.key:
            return ""
        company = singular(COMPANIES)
        found = [name for name, column in self.dataverse.columns.items() if column.targets == (company,)]
        usual = ("msdyn_company", "msdyn_companyid")
        return next((name for name in usual if name in found), found[0] if found else "")

    def _pairs(self) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
        by_name: dict[str, Column] = {}
        for column in self.dataverse.columns.values():
            if column.name in (self.company, self.dataverse.id_column) or _SYSTEM.fullmatch(column.name):
                continue
            for name in self._names(bare(column.name)):
                by_name.setdefault(name, column)
        pairs: list[dict[str, Any]] = []
        comments: dict[str, list[str]] = {}
        taken: set[str] = set()
        for source in self._sources():
            for name in self._names(source.name):
                match = by_name.get(name)
                if match is None or match.name in taken:
                    continue
                pair, why = self._pair(source, match)
                if pair is None:
                    comments.setdefault(f"fields.{len(pairs)}", []).append(
                        f"{source.name} ({source.kind}) and {match.name} ({match.kind}): {why}"
                    )
                else:
                    pairs.append(pair)
                taken.add(match.name)
                break
        return pairs, comments

    def _sources(self) -> Iterable[Column]:
        """Properties, the key first."""
        key = [self.fno.columns[name] for name in self.fno.key if name in self.fno.columns]
        rest = [column for column in self.fno.columns.values() if column.name not in self.fno.key]
        return (column for column in (*key, *rest) if column.name != COMPANY_PROPERTY)

    def _names(self, name: str) -> list[str]:
        """The forms in which a name is compared, the closest first."""
        plain = _squeezed(name)
        found = [plain]
        for word in sorted(self.words, key=len, reverse=True):
            # any tail of the entity's words can be repeated: CustomerGroupId of CustCustomerGroupEntity
            for start in range(len(word)):
                if plain.startswith(word[start:]) and len(plain) > len(word) - start > 2:
                    found.append(plain[len(word) - start :])
            for end in range(len(word), 2, -1):
                if plain.startswith(word[:end]) and len(plain) > end:
                    found.append(plain[end:])
        return [form for form in dict.fromkeys(found) if len(form) > 1]

    def _pair(self, source: Column, column: Column) -> tuple[dict[str, Any] | None, str]:
        """A field pair, or None and why there is none."""
        pair: dict[str, Any] = {"fno": source.name, "dataverse": column.name}
        to_dataverse = column.creatable or column.updatable
        to_fno = source.creatable or source.updatable
        if not (to_dataverse or to_fno):
            return None, "neither can be written"
        if not (to_dataverse and to_fno):
            pair["direction"] = "to-dataverse" if to_dataverse else "to-fno"
        if column.kind == "lookup":
            path, why = self._path(source, column)
            return (pair | {"dataverse": path}, "") if path else (None, why)
        if column.kind == "option" and source.kind == "enum":
            values, without = self._values(source, column)
            if not values:
                return None, "no option has the name of a member"
            if without:
                self.doubts.append(
                    f"{source.name}: no option for {', '.join(without)} (such rows are parked)"
                )
            return pair | {"values": values}, ""
        if column.kind == "boolean" and source.kind == "enum":
            if set(source.members) == set(TRUTH):
                return pair | {"values": dict(TRUTH)}, ""
            return None, "the enum has other members than No and Yes"
        if column.kind == "options":
            return None, "a column with several choices has no F&O form"
        for kinds in (_TEXT, _NUMBER, _TIME):
            if source.kind in kinds and column.kind in kinds:
                return pair, ""
        if source.kind == "enum" and column.kind in _TEXT:
            return pair, ""
        return (pair, "") if source.kind == column.kind else (None, "the types don't fit")

    def _values(self, source: Column, column: Column) -> tuple[dict[str, str], list[str]]:
        """Members with the option of the same label, and members without."""
        by_label = {_squeezed(label): number for number, label in self.labels.get(column.name, {}).items()}
        values = {
            member: by_label[_squeezed(member)] for member in source.members if _squeezed(member) in by_label
        }
        return values, [member for member in source.members if member not in values]

    def _path(self, source: Column, column: Column) -> tuple[str, str]:
        """The column behind a lookup that names the row; "" and why there is none."""
        if source.kind not in _TEXT:
            return "", "a lookup is named by text"
        if len(column.targets) != 1:
            return "", f"the lookup points at several tables: {', '.join(column.targets)}"
        tables = {each.dataverse.table for each in self.catalogue.maps.values()} | {self.dataverse.name}
        table = table_of(column.targets[0], tables)
        if table is None:
            return "", f"no map writes {column.targets[0]}"
        targets: tuple[Map, ...] = self.catalogue.of_table(table)
        keys = {each.dataverse.key for each in targets}
        if len(keys) != 1 or len(next(iter(keys))) != 1:
            return "", f"rows of {table} are named by several columns"
        self.lookups[column.name] = {"table": table} | (
            {"cycle": True} if table == self.dataverse.name else {}
        )
        return f"{column.name}.{next(iter(keys))[0]}", ""

    def _key(self, pairs: list[dict[str, Any]]) -> list[str]:
        """The alternate key whose columns are mapped, best the one that maps the entity's key."""
        by_column = {pair["dataverse"].partition(".")[0]: pair for pair in pairs}
        wanted = {part for part in self.fno.key if part != COMPANY_PROPERTY}
        found = []
        for key in self.dataverse.alternate_keys:
            parts = [part for part in key if part != self.company]
            if parts and all(part in by_column for part in parts):
                found.append((({by_column[part]["fno"] for part in parts} != wanted), len(parts), parts))
        if found:
            return [by_column[part]["dataverse"] for part in min(found)[2]]
        by_property = {pair["fno"]: pair["dataverse"] for pair in pairs}
        if wanted <= by_property.keys():
            columns = [by_property[part] for part in self.fno.key if part in by_property]
            self.doubts.append(
                f"{', '.join(columns)}: no alternate key of {self.dataverse.name}; make it one"
            )
            return columns
        columns = [part for key in self.dataverse.alternate_keys[:1] for part in key if part != self.company]
        self.doubts.append(
            f"the key ({', '.join(columns) or 'none in Dataverse'}; {', '.join(sorted(wanted))}) has no pairs: map it"
        )
        return columns or [pairs[0]["dataverse"]]

    def _left(self, done: Scaffold, pairs: list[dict[str, Any]]) -> None:
        """What has no partner, told below the pairs."""
        properties = {pair["fno"] for pair in pairs} | {COMPANY_PROPERTY}
        columns = {pair["dataverse"].partition(".")[0] for pair in pairs}
        columns |= {self.company, self.dataverse.id_column}
        done.unmatched_fno = [name for name in self.fno.columns if name not in properties]
        done.unmatched_dataverse = [
            name for name in self.dataverse.columns if name not in columns and not _SYSTEM.fullmatch(name)
        ]
        place = f"fields.{len(pairs)}"
        for what, names in (
            ("F&O properties", done.unmatched_fno),
            ("Dataverse columns", done.unmatched_dataverse),
        ):
            if names:
                done.comments.setdefault(place, []).append(f"{what} without a partner: {', '.join(names)}")
        for doubt in self.doubts:
            done.comments.setdefault("", []).append(doubt)


def _flows(pair: Mapping[str, Any], way: str) -> bool:
    return "direction" not in pair or pair["direction"] == way


def _squeezed(name: str) -> str:
    return re.sub(r"[\W_]+", "", name).casefold()
