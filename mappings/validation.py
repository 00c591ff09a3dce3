"""Checks of a map by itself, against the rules of maps.

Each check is a generator of errors, so that one run reports everything. The rules are those that a live
service would answer with a refusal or, worse, with wrong data: a two-way map needs two-way keys, a value map
must be reversible where it is reversed, a filter can only name what is known of a row.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterable, Iterator

from mappings import fno_entities
from mappings.errors import MapError
from mappings.filters import equalities, fields_of, parse
from mappings.model import Direction, Map

COMPANY_PROPERTY = "dataAreaId"
"""The company in F&O keys."""


def problems(each: Map) -> Iterator[MapError]:
    """Everything wrong with one map by itself."""
    yield from _pairs(each)
    yield from _values(each)
    yield from _properties(each)
    yield from _keys(each)
    yield from _filters(each)
    yield from _policies(each)
    yield from _groups(each)
    yield from _sensitive(each)


def problem(each: Map, field: str, message: str, remedy: str = "", code: str = "invalid_map") -> MapError:
    """An error that names the map's file and the line of the field."""
    return MapError(message, file=each.file, line=each.line_of(field), field=field, remedy=remedy, code=code)


def near(name: str, known: Iterable[str]) -> str:
    """A question that names the nearest known name; "" if none is near."""
    found = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean “{found[0]}”?" if found else ""


def _pairs(each: Map) -> Iterator[MapError]:
    """No column is written by two pairs; nothing is mapped twice."""
    columns: dict[str, int] = {}
    properties: dict[str, int] = {}
    for index, pair in enumerate(each.fields):
        if pair.dataverse and pair.to_dataverse:
            first = columns.setdefault(pair.dataverse, index)
            if first != index:
                yield problem(
                    each,
                    f"fields.{index}",
                    f"{pair.dataverse} is already filled in line {each.line_of(f'fields.{first}')}",
                    "remove one of the two pairs",
                    "duplicate_pair",
                )
        # one property may feed a lookup and a text column, but not two columns of the same kind
        if pair.fno and pair.to_fno:
            kind = f"{pair.fno} {'lookup' if pair.lookup else 'plain'}"
            first = properties.setdefault(kind, index)
            if first != index:
                yield problem(
                    each,
                    f"fields.{index}",
                    f"{pair.fno} is already filled in line {each.line_of(f'fields.{first}')}",
                    "make one of the two pairs `direction: to-dataverse`",
                    "duplicate_pair",
                )


def _values(each: Map) -> Iterator[MapError]:
    """A value map that is read backwards is one-to-one."""
    for index, pair in enumerate(each.fields):
        if pair.values is None:
            continue
        place = f"fields.{index}"
        if pair.to_dataverse:
            yield from _doubles(each, place, "F&O", pair.values.keys())
        if pair.to_fno:
            yield from _doubles(each, place, "Dataverse", pair.values.values())
        if pair.direction is Direction.BOTH and pair.else_ not in ("park", "pass"):
            yield problem(
                each,
                f"{place}.else",
                "a two-way pair can't send one value for all others: it couldn't be read back",
                "park, pass, or a one-way pair",
            )


def _doubles(each: Map, place: str, side: str, values: Iterable[str]) -> Iterator[MapError]:
    counts = Counter(value.casefold() for value in values)
    for value, count in counts.items():
        if count > 1:
            yield problem(
                each,
                f"{place}.values",
                f"the {side} value “{value}” stands in it {count} times, so it can't be translated",
                "a value map must be one-to-one in the direction it is read",
                "ambiguous_value",
            )


def _properties(each: Map) -> Iterator[MapError]:
    """F&O properties and enum members are spelled as published, where the entity set is a published one."""
    reference = fno_entities.load()
    known = reference.sets.get(each.fno.set)
    if known is None:
        return
    for index, pair in enumerate(each.fields):
        if pair.fno is None or pair.fno in each.fno.unlisted:
            continue
        if pair.fno not in known.properties:
            yield problem(
                each,
                f"fields.{index}.fno",
                f"{each.fno.set} has no published property “{pair.fno}”",
                f"{near(pair.fno, known.properties)} a property of your own goes into fno.unlisted".strip(),
                "unknown_property",
            )
            continue
        enum = known.properties[pair.fno].enum
        members = reference.enums[enum] if enum else {}
        for value in (*(pair.values or ()), *((pair.constant,) if pair.constant else ())):
            if enum and value not in members:
                yield problem(
                    each,
                    f"fields.{index}.values.{value}",
                    f"{enum} has no member “{value}”",
                    f"allowed: {', '.join(members)}",
                    "unknown_member",
                )
    for part in each.fno.key:
        if part not in known.properties:
            yield problem(
                each,
                "fno.key",
                f"{each.fno.set} has no published property “{part}”",
                f"its key is: {', '.join(known.key)}",
                "unknown_property",
            )


def _keys(each: Map) -> Iterator[MapError]:
    """Key parts are mapped, and flow wherever anything flows."""
    by_column = {pair.dataverse: pair for pair in reversed(each.compared)}
    for index, column in enumerate(each.dataverse.key):
        place = f"dataverse.key.{index}"
        pair = by_column.get(column)
        if pair is None:
            mapped = [name for name in by_column if name]
            yield problem(
                each,
                place,
                f"the key part {column} is not mapped",
                f"{near(column, mapped)} mapped are: {', '.join(mapped)}".strip(),
                "key_not_mapped",
            )
            continue
        numbered = each.number is not None
        if each.to_fno and not pair.to_fno and not numbered:
            yield problem(
                each,
                place,
                f"the key part {column} only flows to Dataverse, but other fields flow to F&O",
                "make its pair two-way (direction: both), or all pairs to-dataverse",
                "key_one_way",
            )
        if each.to_dataverse and not pair.to_dataverse:
            yield problem(
                each,
                place,
                f"the key part {column} only flows to F&O, but other fields flow to Dataverse",
                "make its pair two-way (direction: both), or all pairs to-fno",
                "key_one_way",
            )
    for index, column in enumerate(each.dataverse.optional):
        if column not in each.dataverse.key:
            yield problem(
                each,
                f"dataverse.optional.{index}",
                f"{column} is no part of the key",
                f"parts are: {', '.join(each.dataverse.key)}",
            )
    if set(each.dataverse.key) <= set(each.dataverse.optional):
        yield problem(
            each,
            "dataverse.optional",
            "a key whose parts may all be empty names nothing",
            "leave one part out",
        )
    if each.to_fno and each.number is None:
        sent = {pair.fno for pair in each.fields if pair.to_fno}
        for index, part in enumerate(each.fno.key):
            if part != COMPANY_PROPERTY and part not in sent:
                yield problem(
                    each,
                    f"fno.key.{index}",
                    f"rows flow to F&O, but nothing fills {part} of the entity's key",
                    "map it, give it a constant, or let F&O number the rows (number:)",
                    "key_not_mapped",
                )


def _filters(each: Map) -> Iterator[MapError]:
    """Filters parse and name known columns; the company is no filter."""
    properties = {pair.fno for pair in each.fields if pair.fno} | set(each.fno.key) - {COMPANY_PROPERTY}
    columns = {pair.dataverse for pair in each.fields if pair.dataverse and not pair.lookup}
    sides = (
        ("fno.filter", each.fno.filter, properties | set(each.fno.filter_fields)),
        ("dataverse.filter", each.dataverse.filter, columns | set(each.dataverse.filter_fields)),
    )
    for place, text, known in sides:
        if text is None:
            continue
        try:
            condition = parse(text)
        except MapError as error:
            yield problem(each, place, error.problem, error.remedy, error.code)
            continue
        named = fields_of(condition)
        wanted = equalities(condition)
        for index, pair in enumerate(each.fields):
            name = pair.fno if place == "fno.filter" else pair.dataverse
            if pair.constant is None or name not in wanted:
                continue
            if wanted[name].casefold() != pair.constant.casefold():
                yield problem(
                    each,
                    f"fields.{index}.constant",
                    f"gives {name} the value {pair.constant}, but the map's filter wants {wanted[name]}",
                    "the same value in both: else a new row is outside its own map",
                    "constant_outside_filter",
                )
        for name in sorted(named - known):
            if name == COMPANY_PROPERTY or name == f"_{each.dataverse.company}_value":
                yield problem(each, place, "a filter can't name the company", "choose the companies to sync")
                continue
            yield problem(
                each,
                place,
                f"names {name}, which the map doesn't map",
                f"{near(name, known)} map it or list it in `filter_fields`".strip(),
                "unknown_filter_field",
            )


def _policies(each: Map) -> Iterator[MapError]:
    """Policies that need something have it."""
    if each.conflict == "newest" and each.fno.modified is None:
        yield problem(
            each,
            "conflict",
            "newest needs a modified time on both sides, and fno.modified names none",
            "fno, dataverse or hold",
            "no_modified_time",
        )
    for place, flows, policy in (
        ("delete.to-fno", each.to_fno, each.delete.to_fno),
        ("delete.to-dataverse", each.to_dataverse, each.delete.to_dataverse),
    ):
        if not flows and policy != "ignore":
            yield problem(
                each,
                place,
                "nothing flows this way, so deletes can't either",
                f"{place.split('.')[1]}: ignore",
            )
    if each.number is not None:
        known = fno_entities.load().sets.get(each.fno.set)
        names = (
            {pair.fno for pair in each.fields}
            | set(each.fno.unlisted)
            | set(known.properties if known else ())
        )
        if each.number.reference not in names:
            yield problem(
                each,
                "number.reference",
                f"{each.fno.set} has no known property {each.number.reference}",
                "a property of your own goes into fno.unlisted",
                "unknown_property",
            )
    if "modified" in each.fno.feeds and each.fno.modified is None:
        yield problem(
            each,
            "fno.feeds",
            "the feed modified needs the property with the time of the last change",
            "name it in fno.modified, or leave the feed out",
            "no_modified_time",
        )
    for place, feeds in (("fno.feeds", each.fno.feeds), ("dataverse.feeds", each.dataverse.feeds)):
        if not each.initial and "scan" in feeds:
            yield problem(
                each,
                place,
                "a map with `initial: false` is never scanned",
                "name the feeds that bring its events, such as data_events or change_tracking",
            )
    mapped = {pair.dataverse for pair in each.compared}
    for index, rule in enumerate(each.match):
        for column in rule:
            if column not in mapped:
                yield problem(
                    each,
                    f"match.{index}",
                    f"{column} is not mapped, so rows can't be compared by it",
                    near(column, [name for name in mapped if name]),
                    "unknown_match_field",
                )


def _groups(each: Map) -> Iterator[MapError]:
    """Groups name mapped fields, each in one group."""
    known = {name for pair in each.compared for name in (pair.fno, pair.dataverse) if name}
    seen: dict[str, str] = {}
    for group, members in each.groups.items():
        for index, member in enumerate(members):
            place = f"groups.{group}.{index}"
            if member not in known:
                yield problem(
                    each, place, f"the map has no field {member}", near(member, known), "unknown_group_field"
                )
            elif seen.setdefault(member, group) != group:
                yield problem(each, place, f"{member} is already in “{seen[member]}”", "one group per field")


def _sensitive(each: Map) -> Iterator[MapError]:
    """What a row is found by can't be left out."""
    for index, pair in enumerate(each.fields):
        if pair.sensitive and (pair.dataverse in each.dataverse.key or pair.fno in each.fno.key):
            yield problem(
                each,
                f"fields.{index}.sensitive",
                "is part of the key, so the map can't do without it",
                "make the whole map `sensitive: true`",
            )
