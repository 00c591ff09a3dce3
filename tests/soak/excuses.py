"""Reasons for which a row may be parked: both services insist on what rows refer to, and users may ask for what can't be."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from tests.engine.rest import OTHER, SIDES, Name, Parked, Rest, Side, Stored
from tests.soak.mirror import FILLED, MAP_OF, PAIRS, Mirror


@dataclass(frozen=True)
class Excuses:
    """What both systems hold at rest, asked for reasons."""

    now: Mapping[Side, Mapping[Name, Stored]]

    def __call__(self, parked: Parked) -> bool:
        """Is there a reason for this one?"""
        return any(self._reason(side, parked.row) for side in SIDES)

    def _reason(self, side: Side, row: Name) -> bool:
        other = OTHER[side]
        if row not in self.now[side]:
            return False
        # a row outside its filter has the key
        if not self.now[side][row].inside:
            return True
        # it was deleted on the other side, and rows that came meanwhile refer to it
        if row not in self.now[other] and row in self._referred[side]:
            return True
        # what it refers to is not on the other side, and can't be
        return any(target not in self.now[other] for target in self._targets(side, row))

    @cached_property
    def _referred(self) -> Mapping[Side, set[Name]]:
        return {
            side: {target for row in self.now[side] for target in self._targets(side, row) if target != row}
            for side in SIDES
        }

    def _targets(self, side: Side, row: Name) -> Iterator[Name]:
        values = self.now[side][row].values
        for pair in PAIRS[row[0]]:
            if pair.table in MAP_OF and values[pair.name]:
                yield MAP_OF[pair.table], values[pair.name]


def without_excused(rest: Rest, let_go: set[Name]) -> Rest:
    """The rest without the rows that are parked for a reason, or were given up: nothing can be said of them but that."""
    out = {parked.row for parked in rest.parked if rest.excused(parked)} | let_go
    if not out:
        return rest
    return replace(
        rest,
        now={side: {name: row for name, row in rest.now[side].items() if name not in out} for side in SIDES},
        start={
            side: {name: row for name, row in rest.start[side].items() if name not in out} for side in SIDES
        },
        conflicts=[each for each in rest.conflicts if each.row not in out],
        links=[each for each in rest.links if each.row not in out],
        waiting=[each for each in rest.waiting if each.row not in out],
        twins=[each for each in rest.twins if each[1] not in out],
        edits=[each for each in rest.edits if each.row not in out],
    )


def accepted(rest: Rest, mirror: Mirror, word: str, *, silent: bool = False) -> bool:
    """Findings that are none in a world in which rows are renamed, and users of both sides say the same.

    Args:
        silent: F&O answers updates without the row.
    """
    return (
        _made_again(rest, word)
        or _wanted_again(rest, word)
        or _renamed_parent(rest, mirror.renamed, word)
        or _left_empty(rest, word)
        or _back_and_gone(rest, mirror.left, word)
        or _met_again(rest, mirror.left, word)
        or _never_met(rest, mirror.brief, word)
        or (silent and _put_back(rest, word))
    )


def _put_back(rest: Rest, word: str) -> bool:
    """A user of F&O who puts back what stood there, between our write and the read that has to stand in for its answer.

    That is how a service looks that keeps its own value: it counts as normalized, and is shown as that.
    """
    found = re.match(r"I1 (\w+): F&O |I5 normalized, where nothing is", word)
    if found is None:
        return False
    own = [each for each in rest.edits if each.side == "fno" and word.endswith(f"({'/'.join(each.row)})")]
    stood: dict[str, set[str]] = {}
    for edit in own:
        start = rest.start["fno"].get(edit.row)
        for name, value in edit.values.items():
            values = stood.setdefault(name, {start.values[name]} if start is not None else set())
            if edit.kind == "set" and value in values and found[1] in (None, name):
                return any(each.kind == "normalized" and each.row == edit.row for each in rest.conflicts)
            values.add(value)
    return False


def _back_and_gone(rest: Rest, left: set[Name], word: str) -> bool:
    """A row that left its filter, and came back at about the time of a delete on one side: who had left then nobody can tell.

    The side that has it keeps it; whether it comes over again depends on when it came back.
    """
    return word.startswith(("I1 only", "I6 deleted on one side and untouched")) and any(
        edit.kind == "delete" and edit.row in left and word.endswith(f"({'/'.join(edit.row)})")
        for edit in rest.edits
    )


def _met_again(rest: Rest, left: set[Name], word: str) -> bool:
    """A row that was made again while its counterpart stood outside its filter: they meet as at a first connection.

    What is empty on one side then takes what the other has, and that is on record.
    """
    found = re.match(r"I3 (\w+): '.*' is not the last word of any side \(\)", word)
    return found is not None and any(
        each.kind == "no_base"
        and each.row in left
        and word.endswith(f"({'/'.join(each.row)})")
        and any(
            field.name == found[1] and field.records & set(each.fields)
            for field in rest.rules[each.row[0]].fields
        )
        for each in rest.conflicts
    )


def _never_met(rest: Rest, brief: set[Name], word: str) -> bool:
    """Both users made a row, one of them deleted the own one before anybody saw the other's: that one is wanted."""
    return word.startswith("I6 deleted on one side and untouched") and any(
        edit.kind == "create" and edit.row in brief and word.endswith(f"({'/'.join(edit.row)})")
        for edit in rest.edits
    )


def _left_empty(rest: Rest, word: str) -> bool:
    """Who makes a row without an option that F&O insists on, or without a number, gets one: that is no value lost."""
    found = re.match(
        r"I4 (\w+): \w+'s '' lost against|I[23] (\w+)[^:]*: '' (?:was never set|though nobody)|I[234] (PartyNumber)"
        r"|I5 (\w+): a conflict that was none|I5 normalized, where nothing is()",
        word,
    )
    if found is None:
        return False
    made = any(
        edit.kind == "create" and edit.side == "dataverse" and word.endswith(f"({'/'.join(edit.row)})")
        for edit in rest.edits
    )
    field = next((each for each in found.groups() if each is not None), "")
    return made and (not field or field in FILLED)


def _made_again(rest: Rest, word: str) -> bool:
    """A row that was deleted on one side, after both users had put the same into it: to make it again is no loss, if on record."""
    if not word.startswith("I6 deleted on one side and untouched"):
        return False
    return any(
        record.kind == "delete"
        and word.endswith(f"({'/'.join(record.row)})")
        and any(edit.row == record.row and edit.side == record.loser for edit in rest.edits)
        for record in rest.conflicts
    )


def _wanted_again(rest: Rest, word: str) -> bool:
    """A row that its own side deleted and made again while the other's users made and deleted one: both words are honoured."""
    if not word.startswith("I6 deleted on one side and untouched"):
        return False
    for side in SIDES:
        kinds = [
            edit.kind for edit in rest.edits if edit.side == side and word.endswith(f"({'/'.join(edit.row)})")
        ]
        if "delete" in kinds and "create" in kinds[kinds.index("delete") :]:
            return True
    return False


def _renamed_parent(rest: Rest, renamed: set[Name], word: str) -> bool:
    """Who refers to a renamed row says something else than before, though nobody touched it: a record is one too many."""
    conflict, normalized = ": a conflict that was none" in word, "I5 normalized, where nothing is" in word
    if not conflict and not normalized:
        return False
    field = word.removeprefix("I5 ").partition(":")[0]
    maps = {
        MAP_OF.get(pair.table)
        for map, pairs in PAIRS.items()
        for pair in pairs
        if pair.table and (pair.name == field if conflict else f"({map}/" in word)
    }
    return any(map in maps for map, _ in renamed)
