"""`dualflow status`: how every map stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from flows.commands.opened import opened
from flows.commands.output import FINDINGS, AsJson, console, emit, leave, table
from mappings.metadata import SIDE_NAMES, SIDES

COLUMNS = {
    "map": "map",
    "company": "company",
    "state": "state_name",
    "links": "links",
    "half": "half",
    "detached": "detached",
    "inbox": "inbox",
    "waiting": "waiting",
    "parked": "parked",
    "held": "held",
    "set aside": "skipped",
    "open": "open",
    "conflicts": "conflicts",
    "no base": "no_base",
    "normalized": "normalized",
    "drift": "drift",
    "not kept": "not_kept",
}

FEEDS = ("maps", "side", "feed", "lag", "heard", "scanned", "why")


def status(
    every: Annotated[bool, typer.Option("--all", help="Also the lanes where nothing is left to do.")] = False,
    feeds: Annotated[
        bool, typer.Option("--feeds", help="What tells of changes in each map's tables, why, how soon.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the maps' states, what waits, is parked or in conflict, each feed's age, the last runs.

    Reads the state only: it answers also when a system is down. Exit code 1 if a person should look at something.
    Example: dualflow status --json
    """
    with opened() as here:
        from tasks.sync import status as standing
        from tasks.sync.budget import Limits
        from tasks.sync.budget import standing as used

        now, limits = datetime.now(UTC), Limits.of(here.settings)
        budgets = [used(here.store, here.pair, side, limits, now.timestamp()).as_json() for side in SIDES]
        found = standing.status(here.store, here.pair, here.catalogue, now)

    def show() -> None:
        busy = [lane for lane in found.lanes if every or _to_do(lane)]
        count = sum(lane.links for lane in found.lanes)
        table(
            f"{len(found.lanes)} lanes, {count:,} paired rows"
            + ("" if every else "; those with something to tell:"),
            tuple(COLUMNS),
            [[getattr(lane, name) for name in COLUMNS.values()] for lane in busy],
        )
        if feeds:
            table("Feeds", tuple(FEEDS), [_feed(feed) for feed in found.feeds])
        else:
            _summary(found.feeds)
        table(
            "Last runs",
            ("run", "kind", "started", "seconds", "verdict"),
            [
                (run["run"], run["kind"], f"{run['started']:%F %T}", run["seconds"], run["verdict"])
                for run in found.runs
            ],
        )
        for each in budgets:
            console().print(
                f"{SIDE_NAMES[each['side']]} was asked {each['requests']:,} of {each['requests_limit']:,}"
                f" times in five minutes, {each['today']:,} of {each['today_limit']:,} rows today"
            )
        for finding in found.findings:
            console().print(f"! {finding}", style="red")

    emit({**found.to_json(), "budgets": budgets}, as_json, show)
    if found.findings:
        leave(FINDINGS)


def _feed(feed: Any) -> list[object]:
    return [
        ", ".join(feed.maps),
        SIDE_NAMES[feed.side],
        feed.feed,
        f"{feed.lag:,.0f} s",
        "" if feed.seconds is None else f"{feed.seconds:,.0f} s ago",
        "" if feed.scanned is None else f"{feed.scanned:,.0f} s ago",
        feed.why if feed.scan in ("", "ready") else f"{feed.why} ({feed.scan})",
    ]


def _summary(feeds: Sequence[Any]) -> None:
    """One line a kind of feed: how many tables it serves, how soon it tells of a change."""
    kinds = Counter((feed.side, feed.feed, feed.lag) for feed in feeds)
    for (side, kind, lag), number in sorted(kinds.items()):
        console().print(
            f"{SIDE_NAMES[side]}: {number} feed{'s'[: number != 1]} by {kind}, {lag:,.0f} s to expect"
        )


def _to_do(lane: Any) -> bool:
    told = (
        lane.half,
        lane.inbox,
        lane.waiting,
        lane.parked,
        lane.held,
        lane.open,
        lane.not_kept,
        lane.conflicts,
    )
    return lane.state != "running" or any(told)
