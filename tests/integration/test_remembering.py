"""Metadata from one run to the next, over the sandbox."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flows.watch import Watch
from tasks.sync.remembering import keep
from tests.integration.conftest import Install
from tests.integration.feeding import MAPS
from tests.integration.installation import (
    Installation,
    Sides,
)
from tests.integration.trading import reference_data
from tests.local_services import Services


class Run:
    """A run of its own process: clients that know nothing yet."""

    def __init__(self, services: Services, known: Installation, days: float = 0) -> None:
        self.sides = Sides(services)
        self.known = Installation(services, self.sides, known.catalogue, known.settings.state_url, maps=MAPS)
        session = self.session = self.known.session
        now = session.seams.now() + timedelta(days=days)
        object.__setattr__(session.seams, "now", lambda: now)
        self.watch = Watch(session, session.selected(), None)
        self.watch.warm_up(remembering=True)

    def read(self) -> int:
        """Requests for metadata."""
        return sum(int(each["metadata"]) for each in self.session.requests().values())

    def end(self, *, sound: bool = True) -> None:
        keep(self.session, sound=sound)
        self.known.close()
        self.sides.close()


def described(run: Run) -> dict[str, Any]:
    return {
        sync.name: (layout.fno, layout.dataverse, [plan.type_id for plan in layout.pairs])
        for sync in run.watch.maps
        for layout in (run.session.layout(sync),)
    }


def test_a_run_uses_what_another_one_read_until_it_is_old_or_something_goes_wrong(
    services: Services, install: Install
) -> None:
    reference_data(services)
    known = install(maps=MAPS)
    first = Run(services, known)
    needed, tables = first.read(), described(first)
    first.end()
    second = Run(services, known)
    assert second.read() < needed / 2 and described(second) == tables
    second.end(sound=False)
    third = Run(services, known)
    assert third.read() == needed
    third.end()
    late = Run(services, known, days=1)
    assert late.read() == needed
    late.end()
