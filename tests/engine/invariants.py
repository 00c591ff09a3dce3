"""What must hold when everything has come to rest, said by the values that both systems store and by what their users did.

Nothing here knows the engine: presence, values and identities are those that the systems store; only what is *on record*
(conflicts, parked and waiting rows, links) comes from the state, because recording is part of what is promised.

I1 both sides are equal.
I2 every value was set by a user.
I3 it is the last word of one of the two sides.
I4 who lost had been seen by the winner, or is on record.
I5 the records are those that there is a reason for.
I6 rows nobody deleted are on both sides, and those that somebody deleted are gone.
I7 nothing moves any more.
I8 one row a key and side, one link a pair, no open intent.
I9 no more writes than edits call for.
I10 what no map names is as it was.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from tests.engine.invariants_records import listed, recorded
from tests.engine.invariants_row import One
from tests.engine.rest import Rest


def broken(rest: Rest) -> list[str]:
    """Every invariant that does not hold, a line for each."""
    return list(_broken(rest))


def _broken(rest: Rest) -> Iterator[str]:
    for failed in rest.failed:
        yield f"a run failed: {failed}"
    for word in rest.moved:
        yield f"I7 it never comes to rest: {word}"
    if rest.moved:
        return
    for row in sorted(
        {
            *rest.start["fno"],
            *rest.start["dataverse"],
            *rest.now["fno"],
            *rest.now["dataverse"],
            *(e.row for e in rest.edits),
        }
    ):
        yield from (f"{word} ({'/'.join(row)})" for word in One(rest, row).wrong())
    yield from recorded(rest)
    yield from listed(rest)
    yield from _whole(rest)


# I8 to I10: the whole


def _whole(rest: Rest) -> Iterator[str]:
    for (side, row), _ in Counter(rest.twins).items():
        yield f"I8 two rows of one key on {side} ({'/'.join(row)})"
    allowed = 2 * len(rest.edits) + rest.faults + rest.first
    if len(rest.writes) > allowed:
        yield f"I9 {len(rest.writes)} writes for {len(rest.edits)} edits"
    for written in rest.writes:
        if written.kind != "create" and not written.versioned:
            yield f"I9 a {written.kind} without a version"
    for name in {*rest.before, *rest.after}:
        if rest.before.get(name) != rest.after.get(name):
            yield f"I10 {name} was touched"
