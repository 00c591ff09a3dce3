"""The stage of the small-scope check: maps of a few fields over tables in memory, and how their rows are read.

A `Shape` is one map with its two tables. What it says about a row is read from what the sides store, in terms that are the same on
both: a lookup is the key of the row that it points at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mappings.metadata import Column, Table
from tests.engine.memory import STAMPS, Memory, lookup, text
from tests.engine.memory import Stored as Kept
from tests.engine.rest import SIDES, Field, Rules, Side

STATE = Column("statecode", "option", members=("0", "1"))
ARROWS = {"both": "=", "to-dataverse": ">", "to-fno": "<"}


@dataclass(frozen=True)
class Shape:
    """A map of the stage.

    Attributes:
        columns: Field → its column on each side.
        lookups: Field → Dataverse tables whose key it holds, by the shape that has them.
        filters: Side → column and value that the map's filter asks for.
    """

    name: str
    sync: Mapping[str, Any]
    tables: Mapping[Side, Table]
    key: Mapping[Side, str]
    columns: Mapping[str, Mapping[Side, str]]
    lookups: Mapping[str, str] = field(default_factory=dict)
    filters: Mapping[Side, tuple[str, str]] = field(default_factory=dict)

    def table(self, side: Side) -> str:
        return self.tables[side].name

    @property
    def plain(self) -> list[str]:
        """Fields that hold a text of their own."""
        return [name for name in self.columns if name not in self.lookups and name != "key"]

    def values(self, side: Side, row: Kept, memory: Memory, shapes: Mapping[str, Shape]) -> dict[str, str]:
        """A row in the words of its map; null is the empty text."""
        found = {}
        for name, column in self.columns.items():
            value = row.values.get(column[side]) or ""
            if value and side == "dataverse" and name in self.lookups:
                target = shapes[self.lookups[name]]
                pointed = memory.of(target.table(side)).get(value)
                value = str(pointed.values[target.key[side]]) if pointed is not None else f"nobody ({value})"
            found[name] = value
        return found

    def inside(self, side: Side, row: Kept) -> bool:
        """Does the map's filter on this side take the row?"""
        if side not in self.filters:
            return True
        column, wanted = self.filters[side]
        return bool(row.values.get(column) == wanted)

    def unnamed(self, side: Side, row: Kept) -> str:
        """All that the map doesn't name."""
        named = {self.key[side], "statecode", *(column[side] for column in self.columns.values())}
        named |= {column for column, _ in self.filters.values()} | {self.tables[side].id_column}
        return repr(sorted((name, value) for name, value in row.values.items() if name not in named))

    def rules(self, connected: bool, keeps: Mapping[Side, Any]) -> Rules:
        """What the map says, as the invariants ask it."""
        sync, delete = self.sync, self.sync.get("delete", {})
        directions = {pair.get("fno"): pair.get("direction", "both") for pair in sync["fields"]}
        fields = []
        for name, column in self.columns.items():
            pair = column["dataverse"]
            if name in self.lookups:
                target = column["dataverse"]
                pair = f"{target}.{next(p['dataverse'] for p in sync['fields'] if p.get('fno') == column['fno']).partition('.')[2]}"
            direction = directions[column["fno"]]
            fields.append(
                Field(
                    name,
                    direction,
                    lambda side, value, column=column: keeps[side](column[side], value),  # type: ignore[misc]
                    frozenset({f"{column['fno']}{arrow}{pair}" for arrow in ARROWS.values()}),
                )
            )
        return Rules(
            self.name,
            tuple(fields),
            sync.get("conflict", "fno"),
            delete.get("to-dataverse", "propagate"),
            delete.get("to-fno", "propagate"),
            sync.get("on_leave", "detach"),
            connected,
        )


def shape(
    name: str = "Rows",
    fields: Sequence[str] = ("A", "B"),
    *,
    fno_set: str = "",
    table: str = "",
    refers: Mapping[str, tuple[str, str]] | None = None,
    one_way: Mapping[str, str] | None = None,
    renamed: bool = False,
    fno_filter: str = "",
    dataverse_filter: str = "",
    states: bool = False,
    constants: Mapping[str, str] | None = None,
    stamped: bool = False,
    **sync: Any,
) -> Shape:
    """A map with its tables.

    Args:
        fields: Plain fields.
        fno_set, table: Where the rows stand; by default tables of the map's own.
        refers: Field → (shape that it points at, what becomes of a row whose parent isn't there).
        one_way: Field → its direction.
        renamed: Users rename rows: the key is a field like the others.
        fno_filter, dataverse_filter: The map takes only rows of this kind.
        states: Rows of Dataverse can be inactive.
        stamped: Both sides say when a row was last written.
        sync: More of the map.
    """
    fno_set, table = fno_set or name, table or f"new_{name.lower()}"
    logical, refers = table.removesuffix("s"), refers or {}
    columns: dict[str, dict[Side, str]] = {"key": {"fno": "Code", "dataverse": "new_code"}} if renamed else {}
    for each in (*fields, *refers):
        columns[each] = {"fno": each, "dataverse": f"new_{each.lower()}"}
    pairs: list[dict[str, Any]] = [{"fno": "Code", "dataverse": "new_code"}]
    for each in fields:
        pair = {"fno": each, "dataverse": f"new_{each.lower()}"}
        pairs.append(pair | ({"direction": one_way[each]} if one_way and each in one_way else {}))
    lookups = {}
    for each, (target, missing) in refers.items():
        own = target == name
        pairs.append({"fno": each, "dataverse": f"new_{each.lower()}.new_code"})
        pointed = table if own else f"new_{target.lower()}"
        lookups[f"new_{each.lower()}"] = {"table": pointed, "missing": missing} | (
            {"cycle": True} if own else {}
        )
    filters: dict[Side, tuple[str, str]] = {}
    ends: dict[Side, dict[str, Any]] = {
        "fno": {"set": fno_set, "entity": f"{fno_set}Entity", "key": ["Code"]},
        "dataverse": {"table": table, "key": ["new_code"]},
    }
    for side, column, wanted in (("fno", "Kind", fno_filter), ("dataverse", "new_kind", dataverse_filter)):
        if wanted:
            filters[side] = column, wanted  # type: ignore[index]
            ends[side]["filter"] = f"{column} eq '{wanted}'"  # type: ignore[index]
            pairs.append({("fno" if side == "fno" else "dataverse"): column, "constant": wanted})
    ends["fno"]["unlisted"] = ["Code", "Kind", *fields, *refers]
    more = [STATE] if states else []
    fno_columns = {each: text(each) for each in ("Code", "Kind", "Note", *fields, *refers)}
    if stamped:
        at_fno, at_dataverse = STAMPS
        fno_columns[at_fno] = Column(at_fno, "datetime")
        more.append(Column(at_dataverse, "datetime"))
        ends["fno"]["modified"] = at_fno
        ends["fno"]["unlisted"].append(at_fno)
    dataverse_columns = {
        **{
            each: text(each)
            for each in ("new_code", "new_kind", "new_note", *(f"new_{f.lower()}" for f in fields))
        },
        **{
            f"new_{each.lower()}": lookup(
                f"new_{each.lower()}",
                logical if target == name else f"new_{target.lower()}".removesuffix("s"),
            )
            for each, (target, _) in refers.items()
        },
        **{column.name: column for column in more},
        f"{logical}id": Column(f"{logical}id", "guid"),
    }
    return Shape(
        name,
        {
            "map": name,
            "template": name,
            "area": "Products",
            "solution": "SupplyChainCommon",
            "fno": ends["fno"],
            "dataverse": ends["dataverse"],
            "fields": pairs,
            **({"lookups": lookups} if lookups else {}),
            **sync,
        },
        {
            "fno": Table("fno", fno_set, fno_set, key=("Code",), columns=fno_columns, fingerprint="1"),
            "dataverse": Table(
                "dataverse",
                table,
                logical,
                id_column=f"{logical}id",
                alternate_keys=(("new_code",),),
                columns=dataverse_columns,
                tracked=True,
                fingerprint="1",
            ),
        },
        {"fno": "Code", "dataverse": "new_code"},
        columns,
        {each: target for each, (target, _) in refers.items()},
        filters,
    )


__all__ = ["SIDES", "Shape", "shape"]
