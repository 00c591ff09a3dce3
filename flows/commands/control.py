"""`dualflow pause | resume | stop`: which maps run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from flows.commands.choice import Areas, Solutions
from flows.commands.opened import Opened, opened
from flows.commands.output import FINDINGS, AsJson, Companies, emit, leave, table
from flows.commands.together import with_options
from mappings.errors import FatalError

if TYPE_CHECKING:
    from tasks.state.records import LaneRecord
    from tasks.sync.control import Moved


@dataclass(frozen=True)
class Which:
    """The maps that a command is about; none unless said."""

    maps: Annotated[list[str] | None, typer.Argument(metavar="[MAPS]...", help="Names of maps.")] = None
    area: Areas = None
    solution: Solutions = None
    every: Annotated[bool, typer.Option("--all", help="All maps.")] = False
    company: Companies = None


@with_options
def pause(which: Which, as_json: AsJson = False) -> None:
    """Stop working on maps for a while; nothing is lost meanwhile, however long it takes.

    What runs ends with the batch under way. Maps by name, area or solution, or --all. Exit code 1 if a map could not be paused.
    Example: dualflow pause --area Customers --company usmf
    """

    def work(here: Opened, lanes: Sequence[LaneRecord]) -> list[Moved]:
        from tasks.sync.control import pause

        return pause(here.store, lanes)

    _report(_control(work, which), "paused", as_json)


@with_options
def resume(
    which: Which,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="First what came meanwhile, then what comes now (default).")
    ] = False,
    live_first: Annotated[
        bool, typer.Option("--live-first", help="What comes now goes first, what came meanwhile behind it.")
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Forget what changed meanwhile.")] = False,
    as_json: AsJson = False,
) -> None:
    """Let paused maps go on; the next delta run works off what came meanwhile.

    Exit code 1 if a map could not be resumed. Example: dualflow resume "Customer groups" --live-first
    """
    if catch_up + live_first + discard > 1:
        raise typer.BadParameter("choose one of --catch-up, --live-first and --discard")
    backlog: Literal["catch-up", "live-first"] = "live-first" if live_first else "catch-up"

    def work(here: Opened, lanes: Sequence[LaneRecord]) -> list[Moved]:
        if discard:
            from tasks.sync import resuming
            from tasks.sync.session import Session

            session = Session.open(store=here.store)
            return resuming.discard(session, lanes)
        from tasks.sync.control import resume

        return resume(here.store, lanes, backlog)

    _report(_control(work, which), "running", as_json)


@with_options
def stop(which: Which, as_json: AsJson = False) -> None:
    """Take maps out of service: they hear of no change any more, and start again with an initial sync in a mode you name.

    What runs ends with the batch under way. Example: dualflow stop "Customer groups" --company usmf
    """

    def work(here: Opened, lanes: Sequence[LaneRecord]) -> list[Moved]:
        from tasks.sync.control import stop

        return stop(here.store, here.catalogue, lanes)

    _report(_control(work, which), "not_running", as_json)


def _control(work: Callable[[Opened, Sequence[LaneRecord]], list[Moved]], which: Which) -> list[Moved]:
    if which.every == bool(which.maps or which.area or which.solution):
        raise typer.BadParameter("name maps, an --area or a --solution, or say --all")
    with opened() as here:
        from tasks.sync.control import lanes_of

        lanes = lanes_of(
            here.store,
            here.pair,
            here.catalogue,
            which.maps or (),
            which.area or (),
            which.solution or (),
            which.company or (),
            within=here.settings.maps,
        )
        if not lanes:
            raise FatalError(
                "none of these maps was ever started",
                code="never_started",
                remedy="`dualflow sync initial` starts them; `dualflow status --all` shows those that are",
            )
        return work(here, lanes)


def _report(moved: Sequence[Moved], wanted: str, as_json: bool) -> None:
    from tasks.sync.control import NAMES

    def show() -> None:
        rows = [(each.map, each.company, NAMES[each.before], NAMES[each.after], each.note) for each in moved]
        table(f"{len(moved)} lanes", ("map", "company", "was", "is", ""), rows)

    emit({"lanes": [_json(each, NAMES) for each in moved]}, as_json, show)
    fine = {wanted, "resuming", "initializing"} if wanted == "running" else {wanted, "not_running"}
    if any(each.after not in fine for each in moved):
        leave(FINDINGS)


def _json(moved: Moved, names: Any) -> dict[str, str]:
    return {
        "map": moved.map,
        "company": moved.company,
        "before": moved.before,
        "state": moved.after,
        "state_name": names[moved.after],
        "note": moved.note,
    }
