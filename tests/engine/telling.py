"""A world at rest, told as the invariants ask for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.engine.player import Player
from tests.engine.rest import SIDES, Conflict, Linked, Name, Parked, Rest, Rules, Side, Stored, Waits, Written
from tests.engine.scenario import is_neighbour
from tests.engine.stage import Shape


def told(player: Player, rests: bool) -> Rest:
    """What there is to say about the world as it stands."""
    scenario, ghost = player.scenario, player.ghost
    pair = player.world.session.pair
    now = {side: player.rows(side) for side in SIDES}
    with player.store.read() as state:
        conflicts = [
            Conflict(
                _named(player, c.map, _key(c.key)),
                c.kind,
                tuple(c.fields),
                c.winner,
                c.loser,
                c.status == "open",
            )
            for c in state.conflicts(pair)
            if c.id not in player.recorded
        ]
        parked = [
            Parked(_named(player, p.map, _key(p.key)), p.side, p.kind, p.code) for p in state.parked(pair)
        ]
        waiting = [
            Waits(_row(player, w.map, w.side, w.row), _parent(player, w.parent_table, w.parent_key))
            for w in state.waiting(pair)
        ]
        links = [
            _linked(player, now, link)
            for name in player.shapes
            for link in state.iterate_links(pair, name, "", 0, 100)
        ]
    return Rest(
        {name: _rules(player, own) for name, own in player.shapes.items()},
        player.begin,
        now,
        ghost.edits,
        conflicts,
        parked,
        waiting,
        [link for link in links if not is_neighbour(link.row[1])],
        [Written(*each) for each in ghost.written],
        ghost.faults,
        scenario.first,
        player.twins(),
        ghost.trouble,
        [] if rests else ["the last run still moved something"],
        player.canaries,
        player.bystanders(),
        lambda parked: parked.code in scenario.excused and _has_reason(player, now, parked),
    )


def _has_reason(player: Player, now: dict[Side, dict[Name, Stored]], parked: Parked) -> bool:
    """Does what this row is listed for still stand?"""
    if parked.code == "key_changed":
        edits = [edit for edit in player.ghost.edits if edit.row == parked.row]
        return any(edit.side == "dataverse" and "key" in edit.values for edit in edits)
    return any(
        stored.values[name] == parked.row[1]
        for side in SIDES
        for (map, _), stored in now[side].items()
        for name, target in player.shapes[map].lookups.items()
        if target == parked.row[0]
    )


def _rules(player: Player, own: Shape) -> Rules:
    scenario = player.scenario
    rules = own.rules(scenario.connected, scenario.normalize)
    kin = {
        other.name
        for other in scenario.shapes
        if other is not own and any(other.table(side) == own.table(side) for side in SIDES)
    }
    return replace(rules, kin=frozenset(kin))


def _key(key: str) -> str:
    return key.rpartition("\x1f")[2]


def _named(player: Player, map: str, key: str) -> Name:
    """The row that bears, or once bore, this key."""
    own = player.shapes[map]
    for side in SIDES:
        there = player.memory(side).by_key(own.table(side), {own.key[side]: key})
        if there is not None:
            return map, player.ghost.born[(side, own.table(side), there.id)]
    for side in SIDES:
        if (own.table(side), key.casefold()) in player.ghost.alias:
            return map, player.ghost.alias[(own.table(side), key.casefold())]
    return map, key


def _row(player: Player, map: str, side: Side, row: str) -> Name:
    """A row by its name in the state."""
    own = player.shapes[map]
    if side == "dataverse":
        return map, player.ghost.born.get((side, own.table(side), row), row)
    return _named(player, map, row.strip('[]"'))


def _parent(player: Player, table: str, key: str) -> Name:
    own = next(each for each in player.shapes.values() if each.table("dataverse") == table)
    return _named(player, own.name, _key(key))


def _linked(player: Player, now: dict[Side, dict[Name, Stored]], link: Any) -> Linked:
    own = player.shapes[link.map]
    fno = str((link.fno_key or {}).get(own.key["fno"], ""))
    born = player.ghost.born.get(("dataverse", own.table("dataverse"), str(link.dataverse_id)))
    name = (link.map, born) if born is not None else _named(player, link.map, fno or _key(str(link.key)))
    intent = link.intent_fno is not None or link.intent_dataverse is not None
    return Linked(name, link.state, fno, link.dataverse_id, intent)
