"""The state as commands open it that ask neither system: with the settings, and the pair of environments that they mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flows.commands.output import note
from flows.installation import installation
from mappings.errors import FatalError

if TYPE_CHECKING:
    from mappings.catalogue import Catalogue
    from tasks.state.store import Store
    from tasks.sync.settings import Settings


@dataclass(frozen=True)
class Opened:
    """An open state.

    Attributes:
        pair: number of the pair of environments in it.
    """

    settings: Settings
    store: Store
    pair: int

    @cached_property
    def catalogue(self) -> Catalogue:
        """The maps of this installation, read when first asked for."""
        return self.settings.catalogue()

    def map_name(self, written: str | None) -> str | None:
        """A map's name as the state has it; None stays None.

        Raises:
            FatalError: there is no such map, or it is off.
        """
        return self.catalogue.get(written).name if written else None


@contextmanager
def opened() -> Iterator[Opened]:
    """The state of the installation for the length of a block; neither system is asked, so it serves when one is down.

    Raises:
        FatalError: nothing is configured, or nothing ran with this F&O environment.
    """
    with installation(note):
        from tasks.state.store import Store
        from tasks.sync.settings import load_settings

        settings = load_settings()
        with Store.open(settings.state_url) as store:
            yield Opened(settings, store, pair_of(store, settings.fno_url))


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
