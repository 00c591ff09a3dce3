"""What must hold when everything has come to rest, by the values that both systems store and by what the users did.

Nothing here asks the engine what it thinks: presence, values and identities are read from the two systems; only what is *on
record* (conflicts, parked rows, links) is read from the state, because recording is part of what is promised.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tasks.state.records import ConflictRecord
from tests.engine import parents
from tests.engine.interleave import (
    CANARY,
    FIELDS,
    KEY,
    NAMES,
    OTHER,
    SETS,
    SIDES,
    Event,
    Ghost,
    Played,
    Side,
    same,
)


def broken(one: Played) -> list[str]:
    """Every invariant that does not hold after an interleaving; a word for each."""
    return list(_broken(one))


def _broken(one: Played) -> Iterator[str]:
    player = one.player
    for failed in one.trouble:
        yield f"a run failed: {failed}"
    if not one.rested:
        yield "I7 it never comes to rest"
        return
    rows = {side: player.row(side) for side in SIDES}
    with player.store.read() as state:
        pair = player.world.session.pair
        conflicts = [record for record in state.conflicts(pair) if record.id not in player.recorded]
        parked, waiting = state.parked(pair), state.waiting(pair)
        links = [link for link in state.iterate_links(pair, "Rows", "", 0, 100) if link.key == KEY.casefold()]
        links += [
            link
            for link in state.iterate_links(pair, "Rows", "", 0, 100)
            if KEY.casefold() in (link.key or "")
        ]
    links = list({link.id: link for link in links}.values())
    yield from _presence(one, rows, conflicts)
    if rows["fno"] is not None and rows["dataverse"] is not None:
        for name in FIELDS:
            yield from _field(one, name, rows["fno"][name], rows["dataverse"][name], conflicts)
    yield from _records(one, conflicts)
    for row in parked:
        yield f"I5 parked: {row.code} {row.message}"
    if one.scenario.parent:
        yield from parents.broken(one)
    else:
        for row in waiting:
            yield f"I5 waiting for {row.parent_key}"
    yield from _identity(one, rows, links)
    yield from _writes(one)
    yield from _untouched(one)


# I6: presence


def _presence(
    one: Played, rows: dict[Side, dict[str, str] | None], conflicts: list[ConflictRecord]
) -> Iterator[str]:
    there = {side: rows[side] is not None for side in SIDES}
    if there["fno"] != there["dataverse"]:
        yield f"I1 only {'F&O' if there['fno'] else 'Dataverse'} has the row"
        return
    ghost = one.ghost
    wanted = {side: _last_word(one, side) for side in SIDES}
    present = there["fno"]
    if not any(wanted.values()):
        if present:
            yield "I6 nobody wants the row, and it is there"
    elif all(wanted.values()):
        if not present:
            yield "I6 the row vanished, though nobody deleted it for good"
    else:
        deleter: Side = "fno" if not wanted["fno"] else "dataverse"
        news = list(_unseen(one, deleter))
        # what had lost, on record, before the delete need not come back
        must_stay = [event for event in news if not _lost(event, conflicts)]
        if deleter not in {event.side for event in ghost.events if event.kind == "delete"}:
            # it never was there: the other side's row has to come over
            if not present:
                yield "I6 the row vanished, though nobody deleted it"
        elif must_stay and not present:
            yield f"I6 the row is gone on both sides with {must_stay[0].side}'s {must_stay[0].values} that the deleter never saw"
        elif not news and present and not ghost.unsure:
            yield "I6 deleted on one side and untouched on the other, and it is there"
        elif (
            one.scenario.connected
            and present
            and all(event.at < _deleted_at(ghost, deleter) and event.kind == "set" for event in news)
            and not any(c.kind in ("delete", "conflict", "no_base") for c in conflicts)
            and not ghost.unsure
        ):
            yield "I4 a delete lost against an edit, and no conflict is recorded"


def _last_word(one: Played, side: Side) -> bool:
    """Does this side's user want the row? Who never deleted it, wants it once it is there."""
    wanted = one.ghost.start[side] is not None or bool(one.ghost.visible.get((side, FIELDS[0])))
    for event in one.ghost.events:
        if event.side == side and event.kind != "set":
            wanted = event.kind == "create"
    return wanted


def _deleted_at(ghost: Ghost, side: Side) -> int:
    return max(
        (event.at for event in ghost.events if event.side == side and event.kind == "delete"), default=-1
    )


def _lost(event: Event, conflicts: list[ConflictRecord]) -> bool:
    return any(
        c.loser == event.side and c.kind != "delete" and _names(c, name)
        for c in conflicts
        for name in event.values
    )


def _unseen(one: Played, deleter: Side) -> Iterator[Event]:
    """The other side's edits that were not visible to the deleter."""
    at = _deleted_at(one.ghost, deleter)
    seen = next((event.seen for event in one.ghost.events if event.at == at), {})
    side = OTHER[deleter]
    for name in FIELDS:
        event = _last_value(one, side, name)
        if event is not None and (event.at > at or not image(event.values[name]) & set(seen.get(name, ()))):
            yield event


def _standing(one: Played, side: Side) -> list[Event]:
    """A side's edits since its user last deleted the row: a delete withdraws what came before it.

    Before a first connection nobody has seen the other side: there the row as it was at the start is an edit like any other.
    """
    ghost = one.ghost
    at = _deleted_at(ghost, side)
    events = [
        event for event in ghost.events if event.side == side and event.at > at and event.kind != "delete"
    ]
    start = ghost.start[side]
    if not one.scenario.connected and start is not None and at < 0:
        own = {name: start[name] for name in FIELDS}
        events.insert(0, Event(-1, "create", side, own, {name: frozenset() for name in FIELDS}))
    return events


# I1 to I4: values


def image(value: str) -> set[str]:
    """What the services of these tests may make of a value."""
    return {value, value.upper(), value.lower()}


def _field(
    one: Played, name: str, fno: str, dataverse: str, conflicts: list[ConflictRecord]
) -> Iterator[str]:
    ghost = one.ghost
    kept_open = any(c.status == "open" and _names(c, name) for c in conflicts)
    normalize = one.scenario.normalize
    to_fno = normalize["fno"](NAMES["fno"][name], dataverse)
    to_dataverse = normalize["dataverse"](NAMES["dataverse"][name], fno)
    if kept_open and fno == dataverse:
        yield f"I5 {name}: a conflict is still open, though both sides say {fno!r}"
    if dataverse != to_dataverse and fno != to_fno and not kept_open:
        yield f"I1 {name}: F&O {fno!r}, Dataverse {dataverse!r}"
        return
    ever = {value[name] for value in ghost.start.values() if value is not None}
    ever |= {event.values[name] for event in ghost.events if name in event.values}
    images = {each for value in ever for each in image(value)}
    last = {side: _last_value(one, side, name) for side in SIDES}
    for side, value in (("fno", fno), ("dataverse", dataverse)):
        if value not in images:
            yield f"I2 {name} on {side}: {value!r} was never set by anybody"
    if not kept_open:
        # a value that its own side's delete withdrew may have travelled before
        words = [event.values[name] for event in last.values() if event is not None]
        back = {side: _withdrawn(one, side, name) for side in SIDES if last[side] is None}
        if any(event is not None for event in back.values()):
            words += [event.values[name] for event in back.values() if event is not None]
            words += [row[name] for row in ghost.start.values() if row is not None]
        starts = [row[name] for row in ghost.start.values() if row is not None]
        # what a delete withdrew may already have won, on record, before a crash
        withdrawn = ghost.unsure and any(_names(c, name) for c in conflicts)
        if words and not any(fno in image(word) for word in words) and not withdrawn:
            yield f"I3 {name}: {fno!r} is not the last word of any side ({', '.join(words)})"
        if not words and not any(fno in image(word) for word in starts):
            yield f"I3 {name}: {fno!r} though nobody edited it"
    for side in SIDES:
        event = last[side]
        if event is None or (image(event.values[name]) & {fno, dataverse} and not kept_open):
            continue
        winner = last[OTHER[side]]
        if winner is not None and (
            image(event.values[name]) & set(winner.seen[name])
            and image(winner.values[name]) & {fno, dataverse}
        ):
            continue  # the winner saw what it replaced
        if any(_names(c, name) for c in conflicts):
            continue
        yield f"I4 {name}: {side}'s {event.values[name]!r} lost against {fno!r}, and no conflict is recorded"


def _last_value(one: Played, side: Side, name: str) -> Event | None:
    found = [event for event in _standing(one, side) if name in event.values]
    return found[-1] if found else None


def _withdrawn(one: Played, side: Side, name: str) -> Event | None:
    found = [event for event in one.ghost.events if event.side == side and name in event.values]
    return found[-1] if found else None


def _names(record: ConflictRecord, name: str) -> bool:
    pair = f"{NAMES['fno'][name]}={NAMES['dataverse'][name]}"
    return record.kind in ("conflict", "no_base", "delete") and pair in record.fields and record.key == KEY


# I5: records


def _records(one: Played, conflicts: list[ConflictRecord]) -> Iterator[str]:
    ghost = one.ghost
    normal = all(one.scenario.normalize[side] is same for side in SIDES)
    for record in conflicts:
        if record.key != KEY:
            yield f"I5 a record about {record.key!r}"
        elif record.kind == "normalized":
            if normal:
                yield "I5 normalized, where nothing is"
        elif record.kind == "delete":
            if not any(event.kind == "delete" for event in ghost.events):
                yield "I5 a delete conflict, and nobody deleted anything"
        elif record.kind == "conflict":
            for name in FIELDS:
                if not _names(record, name):
                    continue
                if ghost.unsure and not normal:
                    continue  # after a crash, nothing may tell a service's form of our value from a user's edit
                if not all(
                    any(event.side == side and name in event.values for event in ghost.events)
                    for side in SIDES
                ):
                    yield f"I5 {name}: a conflict that was none"
        elif record.kind == "no_base":
            fresh = not one.scenario.connected or any(event.kind == "create" for event in ghost.events)
            if not fresh:
                yield "I5 no base, where there was one"
        else:
            yield f"I5 {record.kind}, and nothing of that kind can be"


# I8: identity


def _identity(one: Played, rows: dict[Side, dict[str, str] | None], links: list[Any]) -> Iterator[str]:
    player = one.player
    stored = {}
    for side in SIDES:
        memory = player.memory(side)
        found = [
            row
            for row in memory.of(SETS[side]).values()
            if str(row.values.get(NAMES[side]["key"])).casefold() == KEY.casefold()
        ]
        if len(found) > 1:
            yield f"I8 {len(found)} rows of one key on {side}"
        stored[side] = found[0] if found else None
    if rows["fno"] is None and rows["dataverse"] is None:
        if links:
            yield f"I8 {len(links)} link(s) of a row that is gone"
        return
    if len(links) != 1:
        yield f"I8 {len(links)} links of one row"
        return
    link = links[0]
    if link.state != "paired":
        yield f"I8 the link is {link.state}"
    if link.intent_fno is not None or link.intent_dataverse is not None:
        yield "I8 an intent is still open"
    dataverse = stored["dataverse"]
    if dataverse is not None and link.dataverse_id != dataverse.id:
        yield "I8 the link names another Dataverse row"
    if dict(link.fno_key or {}) != {"Code": KEY}:
        yield f"I8 the link names the F&O row {link.fno_key}"


# I9: number of writes


def _writes(one: Played) -> Iterator[str]:
    ghost = one.ghost
    # a first connection may have to bring the row over or settle its values
    first = 0 if one.scenario.connected else 2
    # nor did anybody edit the row that its parent is brought over for
    first += 2 if one.scenario.parent else 0
    allowed = 2 * len(ghost.events) + ghost.unsure + first
    written = sum(len(writes) for writes in one.writes.values())
    if written > allowed:
        yield f"I9 {written} writes for {len(ghost.events)} edits"
    for writes in one.writes.values():
        for write in writes:
            if write.kind != "create" and not write.had_version:
                yield f"I9 a {write.kind} without a version"


# I10: what nobody asked for


def _untouched(one: Played) -> Iterator[str]:
    player = one.player
    for side in SIDES:
        memory, names = player.memory(side), NAMES[side]
        canary = memory.by_key(SETS[side], {names["key"]: CANARY})
        if canary is None or canary.version != player.start_of(side, CANARY).version:
            yield f"I10 the neighbour on {side} was touched"
        row = memory.by_key(SETS[side], {names["key"]: KEY})
        before = player.start_of(side, KEY)
        if row is None:
            continue
        if (
            any(event.side == side and event.kind in ("delete", "create") for event in one.ghost.events)
            or before is None
        ):
            continue
        if row.id == before.id:
            if row.values.get(names["note"]) != before.values.get(names["note"]):
                yield f"I10 an unmapped column on {side} changed"
        elif not any(event.kind == "delete" for event in one.ghost.events):
            yield f"I10 the row on {side} was replaced by another"
