"""What must hold for the records: conflicts, parked and waiting rows are those that there is a reason for (I5)."""

from __future__ import annotations

from collections.abc import Iterator

from tests.engine.invariants_row import One
from tests.engine.rest import OTHER, SIDES, Conflict, Edit, Field, Rest, Rules


def recorded(rest: Rest) -> Iterator[str]:
    for record in rest.conflicts:
        if record.row[0] not in rest.rules:
            yield f"I5 a record about {record.row}"
            continue
        one = One(rest, record.row)
        if not one.edits and not any(one.start.values()):
            yield f"I5 a record about {record.row}"
        else:
            yield from (f"{word} ({'/'.join(record.row)})" for word in _groundless(one, record))


def _groundless(one: One, record: Conflict) -> Iterator[str]:
    rules, faults = one.rules, one.rest.faults
    about = [each for each in rules.fields if each.records & set(record.fields)]
    kinds = {edit.kind for edit in one.edits}
    changed = {
        each.name: any(each.keeps(s, v) != v for v in _said(one, each.name) for s in SIDES) for each in about
    }
    if record.kind == "normalized":
        if not any(changed.values()):
            yield "I5 normalized, where nothing is"
    elif record.kind == "delete":
        if "delete" not in kinds:
            yield "I5 a delete conflict, and nobody deleted anything"
    elif record.kind == "no_base":
        # after a crash, whose the row is that stands in the place of a deleted one nobody can say
        made_again = faults and "delete" in kinds
        if rules.connected and "create" not in kinds and not made_again:
            yield "I5 no base, where there was one"
    elif record.kind == "drift":
        for each in about:
            target = None if each.source is None else OTHER[each.source]
            if not any(edit.side == target and each.name in edit.values for edit in one.edits) and not faults:
                yield f"I5 {each.name}: drift, and nobody strayed"
    elif record.kind == "conflict":
        if record.open and rules.policy != "hold":
            yield f"I5 a conflict is open under the policy {rules.policy}"
        if not record.open and record.winner != rules.policy and rules.policy in SIDES:
            yield f"I5 {record.winner or 'nobody'} won under the policy {rules.policy}"
        if rules.policy == "newest" and not record.open:
            yield from _not_newest(one, record)
        for each in about:
            # after a crash, nothing may tell a service's form of our value from a user's edit
            if faults and changed[each.name]:
                continue
            if not all(
                any(e.side == side and _concerns(rules, each, e) for e in one.edits) for side in SIDES
            ):
                yield f"I5 {each.name}: a conflict that was none"
    else:
        yield f"I5 {record.kind}, and nothing of that kind can be"


def _not_newest(one: One, record: Conflict) -> Iterator[str]:
    """Whose row was written last wins; plain to see where nothing of ours but the decision stamped a row.

    What was decided before somebody moved a row stays on record beside what was decided then.
    """
    last = max(one.edits, key=lambda edit: edit.at, default=None)
    winners = {each.winner for each in one.conflicts if each.kind == "conflict"}
    alone = not one.rest.faults and len(one.rest.writes) == 1
    if alone and last is not None and last.side not in winners:
        yield f"I5 {record.winner} won, though {last.side} was changed last"


def _said(one: One, name: str) -> list[str]:
    said = [edit.values[name] for edit in one.edits if name in edit.values]
    return said + [stored.values[name] for stored in one.start.values() if stored is not None]


def _concerns(rules: Rules, each: Field, edit: Edit) -> bool:
    return any(
        other.name in edit.values
        for other in rules.fields
        if other is each or (each.group and other.group == each.group)
    )


def listed(rest: Rest) -> Iterator[str]:
    for parked in rest.parked:
        if not rest.excused(parked):
            yield f"I5 parked: {parked.code} ({'/'.join(parked.row)})"
    for waits in rest.waiting:
        if all(waits.parent in rest.now[side] and rest.now[side][waits.parent].inside for side in SIDES):
            yield f"I5 still waiting for {'/'.join(waits.parent)} ({'/'.join(waits.row)})"
