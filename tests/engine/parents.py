"""A parent for the row of the small world: a group that comes late, brought over by a lane of its own.

The row names the group from the start, on the side where it is. In Dataverse the group is there then; in F&O a user may make it at
any moment. The groups' lane, which is another worker's, may take its turn at any moment of the row's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from mappings.metadata import Column, Table
from tests.engine.memory import lookup, text

if TYPE_CHECKING:
    from tests.engine.interleave import Played, Player

GROUP = "G1"
GROUPS = "Groups"

GROUPS_MAP: dict[str, Any] = {
    "map": GROUPS,
    "template": GROUPS,
    "area": "Products",
    "solution": "SupplyChainCommon",
    "fno": {"set": "Groups", "entity": "GroupEntity", "key": ["Code"], "unlisted": ["Code"]},
    "dataverse": {"table": "new_groups", "key": ["new_code"]},
    "fields": [{"fno": "Code", "dataverse": "new_code"}],
}
TABLES = {
    "fno": Table("fno", "Groups", "Group", key=("Code",), columns={"Code": text("Code")}, fingerprint="1"),
    "dataverse": Table(
        "dataverse",
        "new_groups",
        "new_group",
        id_column="new_groupid",
        alternate_keys=(("new_code",),),
        columns={"new_code": text("new_code"), "new_groupid": Column("new_groupid", "guid")},
        tracked=True,
        fingerprint="1",
    ),
}
REFERENCE = {"fno": text("Group"), "dataverse": lookup("new_group", "new_group")}
"""The row's own column on each side."""


def referring(sync: dict[str, Any], missing: str) -> dict[str, Any]:
    """A map whose rows name a group; `missing` says what becomes of a row whose group isn't there."""
    return {
        **sync,
        "fno": {**sync["fno"], "unlisted": [*sync["fno"]["unlisted"], "Group"]},
        "lookups": {"new_group": {"table": "new_groups", "missing": missing}},
        "fields": [*sync["fields"], {"fno": "Group", "dataverse": "new_group.new_code"}],
    }


def is_made(player: Player) -> bool:
    """Has a user made the group?"""
    return player.memory("fno").by_key("Groups", {"Code": GROUP}) is not None


def is_settled(player: Player) -> bool:
    """Has the groups' lane nothing to do about the group?"""
    group = player.memory("dataverse").by_key("new_groups", {"new_code": GROUP})
    with player.store.read() as state:
        linked = state.iterate_links(player.world.session.pair, GROUPS, "", 0, 1)
    return bool(linked) or (group is None and not is_made(player))


def make(player: Player) -> None:
    """A user makes the group in F&O."""
    player.memory("fno").create("Groups", {"Code": GROUP})


def reference(player: Player, side: str) -> dict[str, Any]:
    """How a row on this side names the group; in Dataverse that takes its being there."""
    if side == "fno":
        return {"Group": GROUP}
    groups = player.memory("dataverse")
    known = groups.by_key("new_groups", {"new_code": GROUP})
    return {"new_group": (known or groups.create("new_groups", {"new_code": GROUP})).id}


def take_turn(player: Player) -> str | None:
    """The groups' lane works, whoever else works at the moment; returns why it failed."""
    world = player.world
    with player.store.read() as state:
        done = state.lane(world.session.pair, GROUPS, "").initial == "done"
    summaries = world.delta(GROUPS) if done else world.initial(GROUPS)
    return next((each.message for each in summaries if each.verdict != "ok"), None)


def broken(one: Played) -> Iterator[str]:
    """What is wrong with the reference of the row, now that everything rests."""
    player = one.player
    with player.store.read() as state:
        waiting = state.waiting(player.world.session.pair)
    in_fno, in_dataverse = player.stored("fno"), player.stored("dataverse")
    group = player.memory("dataverse").by_key("new_groups", {"new_code": GROUP})
    if group is None and not is_made(player):
        if len(waiting) != 1:
            yield f"I5 {len(waiting)} rows wait for a parent that nobody has"
        return
    for each in waiting:
        yield f"I5 still waiting for {each.parent_key}"
    if group is None or not is_made(player):
        yield "I1 only one side has the parent"
        return
    if in_dataverse is None or in_dataverse.values.get("new_group") != group.id:
        yield "I1 the row doesn't name its parent in Dataverse"
    if in_fno is None or in_fno.values.get("Group") != GROUP:
        yield "I1 the row doesn't name its parent in F&O"
