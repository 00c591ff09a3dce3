"""A moment as text: everything on which the further course depends, and nothing else."""

from __future__ import annotations

import re
from typing import Any

from tests.engine.memory import Memory, fold
from tests.engine.player import Player
from tests.engine.rest import SIDES
from tests.engine.scenario import Ghost

GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def mark(player: Player, *, ghost: bool = True) -> str:
    """Everything on which the further course depends, as text: two moments with the same mark are the same.

    Versions count by whether they are the ones that the state knows, ids by whose they are, numbers by their order.
    """
    names: dict[str, str] = {}
    rows: list[Any] = []
    stamps = _ranks(player)
    for side in SIDES:
        memory = player.memory(side)
        for table in sorted(memory.tables):
            found = []
            for id_, stored in memory.of(table).items():
                born = player.ghost.born.get((side, table, id_), "?")
                found.append(
                    (born, str(fold(stored.values.get(memory.unique[table][0]))), stored.by, id_, stored)
                )
            found.sort(key=lambda each: each[:3])
            for born, _, by, id_, stored in found:
                if side == "dataverse":
                    names[id_] = f"<{table}:{born}>"
                rows.append(
                    (
                        side,
                        table,
                        born,
                        by,
                        id_ in (player.first_ids if side == "dataverse" else player.first_records),
                        sorted(stored.values.items()),
                        stamps.get(stored.at),
                    )
                )
    tables = player.store.tables if hasattr(player.store, "tables") else None
    assert tables is not None, "only the plain store can be told as text"
    state: list[Any] = [player.process]
    state += [each for _, each in sorted(tables.lanes.items())]
    for link in sorted(tables.links.values(), key=lambda each: each.id):
        state.append(_link(player, link))
    for at, cursor in sorted(tables.cursors.items()):
        state.append(
            (at, cursor.state, _since(player.memory(cursor.side), cursor.table, cursor.token, names))
        )
    for entry in sorted(tables.inbox.values(), key=lambda each: each.seq):
        state.append((entry.map, entry.side, entry.row, entry.kind))
    for parked in tables.parked.values():
        state.append((parked.map, parked.side, parked.row, parked.kind, parked.code, parked.attempts))
    state += sorted(repr(each) for each in tables.waiting.values())
    for record in sorted(tables.conflicts.values(), key=lambda each: each.id):
        if record.id not in player.recorded:
            state.append(
                (
                    record.map,
                    record.key,
                    record.kind,
                    tuple(record.fields),
                    record.winner,
                    record.status,
                    record.choice,
                )
            )
    state += sorted(repr(each) for each in tables.sightings.values())
    state.append(sorted(repr(each) for each in tables.deleted.values()))
    if ghost:
        state.append(_ghost(player.ghost))
    gone: dict[str, str] = {}

    def named(found: re.Match[str]) -> str:
        id_ = found.group()
        return names.get(id_) or gone.setdefault(id_, f"<gone {len(gone)}>")

    return GUID.sub(named, repr((rows, state)))


def _ranks(player: Player) -> dict[int, int]:
    """Of when rows were last written only the order counts, and that only where a map looks at it."""
    if not any(each.sync.get("conflict") == "newest" for each in player.shapes.values()):
        return {}
    memories = [player.memory(side) for side in SIDES]
    times = {row.at for memory in memories for table in memory.tables for row in memory.of(table).values()}
    return {time: rank for rank, time in enumerate(sorted(times))}


def _link(player: Player, link: Any) -> Any:
    """A link; of versions and record ids only whether they are those of the row."""
    versions: list[Any] = []
    own = player.shapes[link.map]
    for side, id_, version, known in (
        ("fno", link.fno_row, link.fno_version, None),
        ("dataverse", None, link.dataverse_version, link.dataverse_id),
    ):
        rows = player.memory(side).of(own.table(side))  # type: ignore[arg-type]
        service = player.world.fno if side == "fno" else player.world.dataverse
        current = next((row for row in rows.values() if row.id == known or _record(row.id) == id_), None)
        versions.append(current is not None and _born(player, side, own, current.id))
        versions.append(version and current is not None and service._version(current) == version)
    return (
        *(
            link.map,
            link.table,
            link.key,
            link.fno_key,
            link.dataverse_id,
            link.base_fno,
            link.base_dataverse,
        ),
        *(link.intent_fno, link.intent_dataverse, link.raw_fno, link.raw_dataverse, link.state),
        *(link.layout_id, _repairs(link.kept), link.key_text, versions),
    )


def _repairs(kept: Any) -> Any:
    """What counts of the counts: nobody has as many edits as a field needs to go back and forth too often."""
    return {name: count for name, count in (kept or {}).items() if name.rstrip("@").isdigit()}


def _born(player: Player, side: Any, own: Any, id_: str) -> str:
    return player.ghost.born.get((side, own.table(side), id_), "?")


def _record(id_: str) -> str:
    return str(int(id_.replace("-", ""), 16))


def _since(memory: Memory, table: str, token: str | None, names: dict[str, str]) -> Any:
    """What a feed would name, from a token on."""
    if token is None or not token.isdigit():
        return token
    named = {id_: None for version, own, id_, _ in memory.changes if own == table and version > int(token)}
    return list(named)


def _ghost(ghost: Ghost) -> Any:
    """What users did and saw. In which order two sides were edited matters only where a row was made or deleted."""
    edits = []
    for edit in ghost.edits:
        across = [
            other.at < edit.at
            for other in ghost.edits
            if (other.side != edit.side and other.row == edit.row and "set" not in (edit.kind, other.kind))
            or (other.side != edit.side and other.row == edit.row and "delete" in (edit.kind, other.kind))
        ]
        seen = sorted((name, sorted(values)) for name, values in edit.seen.items())
        edits.append((edit.side, edit.row, edit.kind, sorted(edit.values.items()), seen, across))
    edits.sort(key=lambda each: each[0])  # stable: each side's own order stays
    visible = sorted(
        (at, sorted((name, sorted(seen)) for name, seen in fields.items()))
        for at, fields in ghost.visible.items()
    )
    first = sorted((side, table, born) for (side, table, id_), born in ghost.born.items())
    return (
        edits,
        visible,
        ghost.faults,
        sorted(ghost.made_up.items()),
        sorted(ghost.written),
        ghost.trouble,
        len(first),
    )
