"""Pairing: which row of the other side a row belongs to, where nothing says so yet but keys and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tasks.connectors.side import Row
from tasks.state.records import Link, Sighting
from tasks.sync.cases import fno_name, fno_row_id
from tasks.sync.engine import Engine
from tasks.transform.matching import match_texts


@dataclass(frozen=True, slots=True)
class Match:
    """What a match rule says of a row.

    Attributes:
        columns: of the rule.
        hit: the counterpart; None where several rows of one of the sides have these values.
    """

    columns: tuple[str, ...]
    hit: Sighting | None = None


class Pairing:
    """Looks for the counterparts of a page of F&O rows among the Dataverse rows that were sighted."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lane = engine.lane

    def rivals(self, keys: Sequence[str], rows: Sequence[Row], links: Mapping[str, Link]) -> dict[int, str]:
        """Rows whose integration key is that of another F&O row, which is linked and still there; by object id."""
        lane = self._lane
        doubtful = [
            (row, link.fno_key)
            for key, row in zip(keys, rows, strict=True)
            if (link := links.get(key)) is not None
            and link.fno_key is not None
            and link.fno_key != lane.fno_address(row)
            and (link.fno_row is None or link.fno_row != fno_row_id(row))
        ]
        if not doubtful:
            return {}
        there = lane.fno.read(lane.map.fno.set, [address for _, address in doubtful], lane.map.fno.key)
        return {
            id(row): fno_name(lane.map.fno.key, address)
            for (row, address), found in zip(doubtful, there, strict=True)
            if found is not None and lane.fno_address(found) != lane.fno_address(row)
        }

    def by_match(self, rows: Sequence[Row]) -> dict[int, Match]:
        """What the map's match rules say of rows: by object id; a counterpart only where one row of each side has these values."""
        lane = self._lane
        out: dict[int, Match] = {}
        if not rows:
            return out
        texts = self._engine.comparer.fno(rows).texts
        properties_of = {plan.pair.dataverse: plan.pair.fno for plan in reversed(lane.layout.pairs)}
        for rule, columns in enumerate(lane.map.match):
            values = match_texts(lane.layout, texts, columns)
            asked = [value for value in values if value is not None]
            with lane.store.read() as state:
                hits = state.sightings_by_match(
                    lane.pair, lane.map.name, lane.company, "dataverse", rule, asked
                )
            found: list[tuple[Row, Sighting]] = []
            for row, value in zip(rows, values, strict=True):
                if value is None or ((known := out.get(id(row))) and known.hit):
                    continue
                free = [hit for hit in hits.get(value, []) if hit.key is None and not hit.matched]
                if len(free) == 1:
                    found.append((row, free[0]))
                elif free:
                    out.setdefault(id(row), Match(columns))
            properties = [name for column in columns if (name := properties_of.get(column)) is not None]
            companies = self._engine.counterparts.companies_with([row for row, _ in found], properties)
            for (row, hit), among in zip(found, companies, strict=True):
                rivals = (
                    among
                    if hit.verdict == "blank"
                    else [c for c in among if c == self._lane.company.casefold()]
                )
                if len(rivals) == 1:
                    out[id(row)] = Match(columns, hit)
                else:
                    out.setdefault(id(row), Match(columns))
        return out

    def anyones(
        self,
        keys: Sequence[str],
        rows: Sequence[Row],
        links: Mapping[str, Link],
        sightings: Mapping[str, Sequence[Sighting]],
    ) -> set[str]:
        """Keys under which Dataverse has a row without a company that could as well be another company's."""
        asked = [
            (key, row)
            for key, row in zip(keys, rows, strict=True)
            if key not in links and any(hit.verdict == "blank" for hit in sightings.get(key, ()))
        ]
        found = self._engine.counterparts.companies_with(
            [row for _, row in asked], self._engine.counterparts.key_properties
        )
        return {key for (key, _), among in zip(asked, found, strict=True) if len(among) > 1}


def one_of(hits: Sequence[Sighting]) -> Sighting | None:
    """The row that a key pairs with: the only one inside the company, else the only one without a company."""
    inside = [hit for hit in hits if hit.verdict != "blank"]
    if len(inside) == 1:
        return inside[0]
    if not inside and len(hits) == 1:
        return hits[0]
    return None
