"""An exported map without our extension: what it leaves open, filled from what is known, each guess told."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mappings import filters
from mappings.exchange import exporting, yaml_text
from mappings.exchange.document import FieldMapping, Leg
from mappings.exchange.draft import UNTRANSLATED, Draft
from mappings.exchange.known import Known, Spelling
from mappings.exchange.names import split_several
from mappings.model import Map
from mappings.validation import COMPANY_PROPERTY

COMPANY_LOOKUP = "msdyn_company"
POLICIES = (
    "after",
    "shares",
    "sensitive",
    "initial",
    "conflict",
    "delete",
    "on_leave",
    "number",
    "adopt",
    "owner",
)
"""What a map takes over from the shipped map of the same pair, beside its ends and lookups."""


class Guess:
    """One leg without our extension.

    Args:
        leg: what is known for sure.
        name: the name that the row or document has.
        version: the version that the row has, or "".
        known: shipped maps and published entities.
        draft: what to fill.
    """

    def __init__(self, leg: Leg, name: str, version: str, known: Known, draft: Draft) -> None:
        self.leg, self.name, self.version, self.known, self.draft = leg, name, version, known, draft
        self.table = known.table(leg.destination) or leg.destination
        self.twin = self._twin()
        self.entity = known.entity(leg.source) or known.entity_like(leg.source)
        self.others = known.of_table(self.table)
        self.base = yaml_text.plain(self.twin) if self.twin else {}

    def fill(self) -> None:
        """Everything, in the order in which parts need each other."""
        content = self.draft.content
        content |= self._head()
        content["fno"], content["dataverse"] = self._fno(), {**self._end("dataverse"), "table": self.table}
        pairs = content["fields"] = self._pairs()
        company = self._company()
        if company:
            content["dataverse"]["company"] = company
        content["dataverse"]["key"] = self._key(pairs)
        if self.leg.source_filter:
            self.draft.fno_filter(self.leg.source_filter, self.leg.at)
        if self.leg.reversed_filter:
            self.draft.dataverse_filter(self.leg.reversed_filter, self.leg.at, exact=False)
        self._filter_fields(pairs)
        lookups = self._lookups(pairs)
        if lookups:
            content["lookups"] = lookups
        self._policies(pairs)

    def assume(self, place: str, text: str) -> None:
        self.draft.remark("assumed", place, text, self.leg.at)

    def _twin(self) -> Map | None:
        """The shipped map of the same entity and table; by its filters where there are several."""
        same = [each for each in self.known.of_source(self.leg.source) if each.dataverse.table == self.table]
        spoken = {each.name: each for each in same}
        if self.name in spoken:
            return spoken[self.name]
        names = {field.destination.lower() for field in self.leg.fields}

        def likeness(each: Map) -> tuple[bool, bool, int]:
            ours = exporting.xpp_filter(each.fno.filter) or ""
            return (
                " ".join((each.dataverse.filter or "").split()) == " ".join(self.leg.reversed_filter.split()),
                ours.lower() == self.leg.source_filter.lower(),
                len(names & {exporting.destination(each, pair).lower() for pair in each.fields}),
            )

        return max(same, key=likeness, default=None)

    def _head(self) -> dict[str, Any]:
        near = self.twin or next(iter(self.others), None)
        name, version = self.name or f"{self.leg.source} to {self.table}", self.version or "current"
        if self.twin:
            name, version = self.twin.name, self.twin.version
            self.assume(
                "map",
                f"it takes the place of the shipped map “{name}”, version {version}, and takes over its policies; "
                "give it another name to run both",
            )
        if near is None:
            self.assume("area", "no shipped map knows the table: area and solution are yours to name")
        return {
            "map": name,
            "template": self.leg.source,
            "version": version,
            "area": near.area if near else "Custom",
            "solution": near.solution if near else "Custom",
            "verified": False,
            "about": self.twin.about
            if self.twin
            else f"Imported from dual-write, {self.name or self.leg.source}.",
        }

    def _fno(self) -> dict[str, Any]:
        if self.twin:
            return self._end("fno")
        near = next(iter(self.known.of_source(self.leg.source)), None)
        if self.entity:
            if self.known.entity(self.leg.source) is None:
                self.assume("fno.set", f"{self.entity.name}: its name is like “{self.leg.source}”")
            if not self.entity.key and near is None:
                self.assume("fno.key", f"the key of {self.entity.name} is not published")
            found: dict[str, Any] = {"set": self.entity.name, "entity": self.entity.entity}
            if self.entity.key or near:
                found["key"] = list(self.entity.key or near.fno.key)  # type: ignore[union-attr]
            if near:
                found["feeds"] = list(near.fno.feeds)
            return found
        name = "".join(part[0].upper() + part[1:] for part in self.leg.source.split())
        entity = name if name.endswith("Entity") else f"{name}Entity"
        plural = name.removesuffix("Entity")
        plural = plural if plural.endswith("s") else f"{plural}s"
        self.assume(
            "fno.set", f"“{self.leg.source}” is not published: the entity set may be {plural}, see $metadata"
        )
        return {"set": plural, "entity": entity}

    def _end(self, end: str) -> dict[str, Any]:
        """What the shipped map says of one side, but for what the leg says itself."""
        said = ("filter", "filter_fields")
        return {name: value for name, value in self.base.get(end, {}).items() if name not in said}

    def _pairs(self) -> list[dict[str, Any]]:
        pairs: list[dict[str, Any]] = []
        unknown: list[str] = []
        for each in self.leg.fields:
            why = each.odd or self._no_pair(each)
            if why:
                self.draft.leave_out(len(pairs), each, why)
                continue
            pair = self.draft.pair(each, len(pairs), exact=False)
            if each.source and self.draft.spelling.of(each.source) is None:
                unknown.append(pair["fno"])
            pairs.append(pair | self._same_pair(pair))
        if unknown:
            place = "fno.unlisted" if self.entity else "fields"
            self.assume(
                place, f"spelling as in the export, see $metadata: {', '.join(dict.fromkeys(unknown))}"
            )
            if self.entity:
                fno = self.draft.content["fno"]
                fno["unlisted"] = [*dict.fromkeys([*fno.get("unlisted", ()), *unknown])]
        return pairs

    def _no_pair(self, each: FieldMapping) -> str:
        if each.source.casefold() == COMPANY_PROPERTY.casefold() and not self._company_is_mapped():
            return "the company is part of the key of a company-specific map, never a field pair"
        return ""

    def _company_is_mapped(self) -> bool:
        return self.twin is not None and any(pair.fno == COMPANY_PROPERTY for pair in self.twin.fields)

    def _same_pair(self, pair: dict[str, Any]) -> dict[str, Any]:
        """What the shipped map says about the same pair and dual-write can't: else, always, sensitive, spelling."""
        for ours, written in zip(
            self.twin.fields if self.twin else (), self.base.get("fields", ()), strict=True
        ):
            if (ours.fno, ours.dataverse) == (pair.get("fno"), pair.get("dataverse")):
                more = exporting.more_than_carried(written)
                if "values" not in pair:
                    more.pop("else", None)
                elif _folded(pair["values"]) == _folded(written.get("values", {})):
                    more["values"] = written["values"]
                return more
        return {}

    def _company(self) -> str | None:
        """The company column; the F&O key has the company or not."""
        fno = self.draft.content["fno"]
        if self.twin:
            return self.twin.dataverse.company
        column = next((each.dataverse.company for each in self.others if each.dataverse.company), None)
        if COMPANY_PROPERTY in fno.get("key", ()):
            if column is None:
                self.assume(
                    "dataverse.company", f"the entity has a company; its lookup may be {COMPANY_LOOKUP}"
                )
            return column or COMPANY_LOOKUP
        if "key" not in fno and column is not None:
            return column
        if "key" not in fno:
            self.assume("dataverse.company", "the map is taken for a global one, without company")
        return None

    def _key(self, pairs: Sequence[dict[str, Any]]) -> list[str]:
        """The integration key, and the F&O key if nothing else names it."""
        fno = self.draft.content["fno"]
        mapped = {pair["dataverse"]: pair["fno"] for pair in pairs if {"fno", "dataverse"} <= pair.keys()}
        key = self._known_key(mapped, fno)
        if "key" not in fno:
            company = [COMPANY_PROPERTY] if "company" in self.draft.content["dataverse"] else []
            fno["key"] = [*company, *dict.fromkeys(mapped[column] for column in key)] or [COMPANY_PROPERTY]
            self.assume("fno.key", f"{', '.join(fno['key'])}: the properties of the integration key")
        return key

    def _known_key(self, mapped: dict[str, str], fno: dict[str, Any]) -> list[str]:
        for each in (*((self.twin,) if self.twin else ()), *self.others):
            if set(each.dataverse.key) <= mapped.keys():
                return list(each.dataverse.key)
        of_entity = {name: column for column, name in reversed(mapped.items())}
        parts = [part for part in fno.get("key", ()) if part != COMPANY_PROPERTY]
        made = [
            field.destination for field in self.leg.fields if field.generated and field.destination in mapped
        ]
        if parts and all(part in of_entity for part in parts):
            key, why = [of_entity[part] for part in parts], "the columns of the entity's key"
        elif made:
            key, why = made, "the fields that dual-write mapped by itself"
        else:
            key, why = [*mapped][:1], "the first field pair; name what identifies a row"
        self.assume("dataverse.key", f"{', '.join(key) or 'none'}: {why}")
        return key

    def _filter_fields(self, pairs: Sequence[dict[str, Any]]) -> None:
        """Columns that only the filters name."""
        for end in ("fno", "dataverse"):
            part = self.draft.content[end]
            text = part.get("filter")
            if not text or text == UNTRANSLATED:
                continue
            mapped = {pair.get(end) for pair in pairs} | set(part["key"])
            more = sorted(filters.fields_of(filters.parse(text)) - mapped)
            if more:
                part["filter_fields"] = more

    def _lookups(self, pairs: Sequence[dict[str, Any]]) -> dict[str, dict[str, Any]]:
        behind: dict[str, list[str]] = {}
        related: dict[str, str] = {}
        for pair in pairs:
            column, _, rest = str(pair.get("dataverse") or "").partition(".")
            if rest:
                behind.setdefault(column, []).append(rest)
        several: dict[str, dict[str, str]] = {}
        for each in self.leg.fields:
            column = each.destination.partition(".")[0]
            if each.related:
                related.setdefault(column, each.related)
            if (named := split_several(each.destination)) is not None:
                several[column] = named[1]
        known = self.base.get("lookups", {})
        return {
            column: known[column]
            if column in known
            else self._lookup(column, frozenset(rest), related.get(column, ""), several.get(column))
            for column, rest in behind.items()
        }

    def _lookup(
        self, column: str, rest: frozenset[str], related: str, several: dict[str, str] | None
    ) -> dict[str, Any]:
        place = f"lookups.{column}"
        if several:
            return {"tables": {self.known.table(name) or f"{name}s": of for name, of in several.items()}}
        table = self.known.table(related) if related else None
        if table is None and related:
            table = related
            self.assume(place, f"the entity set is {related}, which no shipped map knows")
        if table is None:
            found = self.known.lookup_table(self.table, column, rest)
            if found is None:
                self.assume(place, "the table is not named and not known: write it")
                return {"table": "unknown"}
            table, why = found
            self.assume(place, f"{table}: {why}")
        if table == self.table:
            return {"table": table, "cycle": True}
        return {"table": table}

    def _policies(self, pairs: Sequence[dict[str, Any]]) -> None:
        content = self.draft.content
        for name in POLICIES:
            if name in self.base:
                content[name] = self.base[name]
        if self.twin is None:
            flows = [pair.get("direction") for pair in pairs if "constant" not in pair]
            content["delete"] = {
                way: "propagate" if any(flow in (None, way) for flow in flows) else "ignore"
                for way in ("to-dataverse", "to-fno")
            }
            deletes = ", ".join(f"{way} {policy}" for way, policy in content["delete"].items())
            self.assume("conflict", f"F&O wins conflicts; deletes: {deletes}")
            return
        mapped = {pair.get("dataverse") for pair in pairs} | {pair.get("fno") for pair in pairs}
        groups = {
            name: [member for member in members if member in mapped]
            for name, members in self.base.get("groups", {}).items()
        }
        content["groups"] = {name: members for name, members in groups.items() if members}
        content["match"] = [rule for rule in self.base.get("match", ()) if set(rule) <= mapped]


def spelling_of(known: Known, source: str) -> Spelling:
    """How the properties of an entity are spelled, as far as maps and published metadata tell."""
    maps: Iterable[Map] = known.of_source(source)
    properties = {
        name for each in maps for name in (*each.fno.key, *(pair.fno for pair in each.fields)) if name
    }
    entity = known.entity(source) or known.entity_like(source)
    return Spelling(entity, sorted(properties), known.entities.enums)


def _folded(values: Mapping[str, str]) -> dict[str, str]:
    return {name.casefold(): value.casefold() for name, value in values.items()}
