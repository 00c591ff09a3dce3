"""Rows of one table out of XML from elsewhere: a solution's customizations.xml, or a data.xml of rows.

Two forms are read: an element named as the table with a child (or attribute) for each column, and
``<entity name="table"><records><record><field name="column" value="…"/>``. Entities are never expanded: a
document type is refused before anything in it counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

from mappings.errors import MapError

MAX_DEPTH = 100


@dataclass(slots=True)
class _Open:
    """A row being read."""

    line: int
    depth: int
    columns: dict[str, str] = field(default_factory=dict)


def rows(content: bytes, table: str, place: str) -> Iterator[tuple[dict[str, str], int]]:
    """Columns of each row, with the line (from 1) where it begins.

    Raises:
        MapError: no XML, a document type, or nested deeper than any solution.
    """
    reader = _Reader(table, place)
    try:
        reader.parser.Parse(content, True)
    except expat.ExpatError as error:
        raise MapError(
            f"is no XML: {expat.errors.messages[error.code]}",
            file=place,
            line=error.lineno,
            code="damaged_file",
        ) from None
    yield from reader.found


class _Reader:
    def __init__(self, table: str, place: str) -> None:
        self.table, self.place = table, place
        self.found: list[tuple[dict[str, str], int]] = []
        self.row: _Open | None = None
        self.path: list[str] = []
        self.entity = ""
        self.text: list[str] = []
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.parser.StartDoctypeDeclHandler = self.doctype
        self.parser.EntityDeclHandler = self.doctype
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.characters

    def doctype(self, *_: object) -> None:
        raise MapError(
            "has a document type, which solutions don't: entities are not expanded",
            file=self.place,
            line=self.parser.CurrentLineNumber,
            code="unsafe_xml",
        )

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name.rpartition(":")[2].lower())
        if len(self.path) > MAX_DEPTH:
            raise MapError(
                "is nested too deep", file=self.place, line=self.parser.CurrentLineNumber, code="too_large"
            )
        here, self.text = self.path[-1], []
        if here == "entity":
            self.entity = attributes.get("name", "").lower()
        if self.row is None:
            if here == self.table or (here == "record" and self.entity == self.table):
                self.row = _Open(self.parser.CurrentLineNumber, len(self.path))
                self.row.columns |= {key.lower(): value for key, value in attributes.items()}
        elif here == "field" and "name" in attributes:
            self.row.columns[attributes["name"].lower()] = attributes.get("value", "")

    def characters(self, text: str) -> None:
        if self.row is not None:
            self.text.append(text)

    def end(self, _: str) -> None:
        row, here = self.row, self.path.pop()
        if row is None:
            return
        if len(self.path) + 1 == row.depth:
            if row.columns.keys() & {"msdyn_mapping", "msdyn_name"}:
                self.found.append((row.columns, row.line))
            self.row = None
        elif len(self.path) == row.depth and here != "field":
            row.columns[here] = "".join(self.text).strip()
        self.text = []
