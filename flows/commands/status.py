"""`dualflow status`: how every map stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import typer

from flows.commands.output import FINDINGS, AsJson, console, emit, leave, note, table
from flows.installation import installation
from mappings.errors import FatalError

if TYPE_CHECKING:
    from tasks.state.store import Store


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
    with installation(note):
        found, budgets = _read()

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
                f"{'F&O' if each['side'] == 'fno' else 'Dataverse'} was asked {each['requests']:,} of {each['requests_limit']:,}"
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
        "F&O" if feed.side == "fno" else "Dataverse",
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
        name = "F&O" if side == "fno" else "Dataverse"
        console().print(f"{name}: {number} feed{'s'[: number != 1]} by {kind}, {lag:,.0f} s to expect")


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


def _read() -> tuple[Any, list[dict[str, Any]]]:
    from tasks.state.store import Store
    from tasks.sync import status as standing
    from tasks.sync.budget import Limits
    from tasks.sync.budget import standing as used
    from tasks.sync.settings import load_settings

    settings = load_settings()
    catalogue = settings.catalogue()
    with Store.open(settings.state_url) as store:
        pair, now = pair_of(store, settings.fno_url), datetime.now(UTC)
        limits = Limits.of(settings)
        budgets = [
            used(store, pair, side, limits, now.timestamp()).as_json() for side in ("fno", "dataverse")
        ]
        return standing.status(store, pair, catalogue, now), budgets


def pair_of(store: Store, fno_url: str) -> int:
    """The pair of environments that the settings mean, found without asking either.

    Where an F&O environment was connected to one Dataverse after another, it is the pair that ran last.

    Raises:
        FatalError: nothing ran with this F&O environment.
    """
    address = urlsplit(fno_url)
    environment = f"{address.hostname}{address.path.rstrip('/')}"
    known = [pair for pair, (fno, _) in store.pairs().items() if fno == environment]
    if not known:
        raise FatalError(
            f"nothing ran with {environment} yet",
            code="no_state",
            remedy="begin with `dualflow sync initial`, or correct DUALFLOW_STATE_URL",
        )

    def last_run(pair: int) -> int:
        with store.read() as state:
            return max((run.id for run in state.runs(pair, limit=1)), default=0)

    return max(known, key=last_run)
