"""Newest: each service's own times decide, brought to one clock, and only where both sides have them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from mappings.errors import FatalError
from mappings.metadata import Column
from tests.engine.memory import Stored
from tests.engine.world import DATAVERSE_THINGS, FNO_THINGS, World, thing_map

EARLY, LATE = "2026-01-01T10:00:00Z", "2026-01-01T10:00:10Z"


def world(*, modified: str | None = "Changed", stamped: bool = True) -> World:
    """Things of which both sides say when they were changed."""
    base = thing_map()
    fno = {**base["fno"], "modified": modified, "unlisted": [*base["fno"]["unlisted"], "Changed"]}
    more = {"modifiedon": Column("modifiedon", "datetime")} if stamped else {}
    return World(
        [thing_map(conflict="newest", fno=fno)],
        fno=[replace(FNO_THINGS, columns={**FNO_THINGS.columns, "Changed": Column("Changed", "datetime")})],
        dataverse=[replace(DATAVERSE_THINGS, columns={**DATAVERSE_THINGS.columns, **more})],
    )


def conflict(w: World, fno: str, dataverse: str, *, by: str = "user") -> dict[str, Any]:
    """Both sides change one row at these times; what F&O holds afterwards."""
    w.add_fno("A1", A="one", B="one")
    w.initial()
    w.settle()
    w.set_fno("A1", A="F&O", Changed=fno)
    stored: Stored | None = w.dataverse_memory.by_key("new_things", {"new_code": "A1"})
    assert stored is not None
    w.dataverse_memory.update("new_things", stored.id, {"new_a": "Dataverse", "modifiedon": dataverse}, by=by)
    w.settle()
    row = w.fno_row("A1")
    assert row is not None and w.equal()
    return row


@pytest.mark.parametrize(
    ("fno", "dataverse", "stands"), [(LATE, EARLY, "F&O"), (EARLY, LATE, "Dataverse"), (LATE, LATE, "F&O")]
)
def test_the_later_change_stands(fno: str, dataverse: str, stands: str) -> None:
    w = world()
    assert conflict(w, fno, dataverse)["A"] == stands
    with w.store.read() as state:
        (record,) = state.conflicts(w.session.pair, kind="conflict")
    assert record.winner == {"F&O": "fno", "Dataverse": "dataverse"}[stands]


@pytest.mark.parametrize(("side", "stands"), [("fno", "Dataverse"), ("dataverse", "F&O")])
def test_a_clock_that_is_ahead_decides_nothing(
    side: str, stands: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    w = world()
    ahead = w.fno if side == "fno" else w.dataverse
    monkeypatch.setattr(ahead, "skew", 60.0, raising=False)
    fno, dataverse = (LATE, EARLY) if side == "fno" else (EARLY, LATE)
    assert conflict(w, fno, dataverse)["A"] == stands


def test_our_own_stamp_is_nobodys_change() -> None:
    w = world()
    w.clock.now = w.clock.now.replace(hour=9)
    assert conflict(w, EARLY, LATE, by=w.dataverse.who())["A"] == "F&O"


@pytest.mark.parametrize("missing", [{"modified": None}, {"modified": "Changing"}, {"stamped": False}])
def test_a_side_without_times_refuses_it(missing: dict[str, Any]) -> None:
    w = world(**missing)
    with pytest.raises(FatalError, match="newest needs a modified time on both sides") as refused:
        w.session.lane("Things")
    assert refused.value.code == "no_modified_time"


def test_who_wins_after_all_is_on_record() -> None:
    """Between the decision and its write the other row is written too, in another field: then that one is the newest."""
    w = world()
    w.add_fno("A1", A="one", B="one")
    w.initial()
    w.settle()
    w.set_fno("A1", A="F&O", Changed=EARLY)
    stored = w.dataverse_memory.by_key("new_things", {"new_code": "A1"})
    assert stored is not None
    w.dataverse_memory.update("new_things", stored.id, {"new_a": "Dataverse", "modifiedon": LATE})

    def before(asked: str) -> None:
        if asked == "batch":
            w.fno.before = lambda _: None
            w.set_fno("A1", B="two", Changed="2026-01-01T10:00:20Z")

    w.fno.before = before
    w.settle()
    row = w.fno_row("A1")
    assert row is not None and row["A"] == "F&O" and w.equal()
    with w.store.read() as state:
        assert state.conflicts(w.session.pair, kind="conflict")[0].winner == "fno"
