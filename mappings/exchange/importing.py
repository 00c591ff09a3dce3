"""Dual-write maps as ours: one map file for each leg, with a remark for everything that was assumed or left out.

What a document leaves open (keys, company, policies) comes from our own extension where it was exported by us,
else from the shipped map of the same pair, else from what is published, and at last from rules that are told as
assumptions (`mappings.exchange.guessing`). A filter that can't be translated stays in the file as a comment, with a
filter in its place that no run accepts: without one, rows of other maps would be taken for this one's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mappings.errors import MapError
from mappings.exchange import document, exporting, yaml_text
from mappings.exchange.document import Document, Leg
from mappings.exchange.draft import Draft, Remark
from mappings.exchange.guessing import Guess, spelling_of
from mappings.exchange.known import Known, Spelling
from mappings.exchange.rows import Row, read_rows
from mappings.model import Map


@dataclass
class Imported:
    """One imported map.

    Attributes:
        map: the map; with a filter that couldn't be translated it is not fit to run.
        comments: place in the map → lines that its file should carry there.
        remarks: what a person should know.
        source: place in the file that was imported.
    """

    map: Map
    comments: dict[str, list[str]] = field(default_factory=dict)
    remarks: list[Remark] = field(default_factory=list)
    source: str = ""

    def text(self) -> str:
        """The map file."""
        return yaml_text.text(yaml_text.plain(self.map), self.comments)


def import_file(path: Path, known: Known) -> tuple[list[Imported], list[MapError]]:
    """All maps in a solution zip, in rows as JSON, or in the JSON of one row's mapping.

    Returns:
        The maps, and an error for each row that is no map; the others are imported all the same.

    Raises:
        FatalError: the file can't be read.
        MapError: it is damaged, or holds no map at all.
    """
    found: list[Imported] = []
    errors: list[MapError] = []
    documents: list[tuple[Row, list[str], Document]] = []
    for row, older in _newest(read_rows(path)):
        try:
            documents.append((row, older, document.read(row.mapping, row.place)))
        except MapError as error:
            errors.append(error)
    known = Known(known.maps, _columns(given for _, _, given in documents))
    for row, older, given in documents:
        try:
            of_row = [_imported(row, given, leg, known) for leg in given.legs]
        except MapError as error:
            errors.append(error)
            continue
        if older:
            text = f"the newest saved version is taken; others: {', '.join(older)}"
            of_row[-1].remarks.append(Remark("assumed", "version", text, row.place))
        found += of_row
    if not found:
        raise MapError.gathered(errors)
    return found, errors


def _columns(documents: Iterable[Document]) -> dict[str, frozenset[str]]:
    """The columns that the imported maps write, by table: lookups of one may point at another."""
    found: dict[str, set[str]] = {}
    for given in documents:
        for leg in given.legs:
            found.setdefault(leg.destination, set()).update(each.destination for each in leg.fields)
    return {table: frozenset(columns) for table, columns in found.items()}


def _newest(rows: Sequence[Row]) -> list[tuple[Row, list[str]]]:
    """Each saved version of a map is a row: the newest of each name, with the versions left out.

    Rows that we exported are forms of maps, not versions that somebody saved: all of them count.
    """
    by_name: dict[object, list[Row]] = {}
    for at, row in enumerate(rows):
        ours = isinstance(row.mapping, Mapping) and document.EXTENSION in row.mapping
        name = (row.name.lower(), row.display.lower())
        by_name.setdefault(name if row.name and not ours else at, []).append(row)
    found = []
    for versions in by_name.values():
        *older, newest = sorted(versions, key=lambda row: _number(row.version))
        found.append((newest, [row.version or row.place for row in older]))
    return found


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())


def _imported(row: Row, given: Document, leg: Leg, known: Known) -> Imported:
    if given.extension and len(given.legs) == 1:
        draft = _with_extension(leg, given.extension, known, row.place)
    else:
        draft = Draft(row.place, spelling_of(known, leg.source))
        Guess(leg, row.display or row.name or given.name, row.version, known, draft).fill()
    try:
        each = Map.model_validate(draft.content)
    except ValidationError as error:
        detail = error.errors(include_url=False)[0]
        raise MapError(
            f"makes no map: {detail['msg']}",
            file=row.place,
            field=".".join(str(part) for part in detail["loc"]),
            remedy="correct it in the file"
            + (f", or take the object `{document.EXTENSION}` out of it" if given.extension else ""),
        ) from None
    return Imported(each, draft.comments, draft.remarks, row.place)


def _with_extension(leg: Leg, extension: Mapping[str, Any], known: Known, place: str) -> Draft:
    """A map that we exported: the leg says what it can, our object the rest."""
    try:
        return _merged(leg, extension, known, place)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise MapError(
            "is not what an export writes",
            file=place,
            field=document.EXTENSION,
            remedy="take the object out of the file: the map is then imported as one of dual-write",
        ) from None


def _merged(leg: Leg, extension: Mapping[str, Any], known: Known, place: str) -> Draft:
    own = dict(extension)
    fno, lookups = dict(own["fno"]), {name: dict(value) for name, value in own.pop("lookups", {}).items()}
    entity = known.entities.sets.get(fno["set"])
    draft = Draft(place, Spelling(entity, own.pop("properties", ()), known.entities.enums))
    more = {
        (entry["sourceField"], entry["destinationField"]): {
            name: value for name, value in entry.items() if name not in ("sourceField", "destinationField")
        }
        for entry in own.pop("fields", ())
    }
    pairs: list[dict[str, Any]] = []
    for each in leg.fields:
        if each.odd:
            draft.leave_out(len(pairs), each, each.odd)
            continue
        pair = draft.pair(each, len(pairs), exact=True) | more.get((each.source, each.destination), {})
        lookup = lookups.get(str(pair.get("dataverse")).partition(".")[0])
        if lookup is not None and each.related and "tables" not in lookup:
            lookup["table"] = each.related
        pairs.append(pair)
    said = fno.pop("filter", None)
    draft.content = {
        **own,
        "template": leg.source,
        "fno": fno,
        "dataverse": {**own["dataverse"], "table": leg.destination},
        "lookups": lookups,
        "fields": pairs,
    }
    if said is not None and (exporting.xpp_filter(said) or "") == leg.source_filter:
        fno["filter"] = said
    elif leg.source_filter:
        draft.fno_filter(leg.source_filter, leg.at)
    if leg.reversed_filter:
        draft.dataverse_filter(leg.reversed_filter, leg.at, exact=True)
    return draft
