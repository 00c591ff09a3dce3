"""The maps of the soak: as shipped, but for some policies."""

from __future__ import annotations

from typing import Any

from mappings.catalogue import Catalogue
from tests.integration.installation import core_catalogue

POLICIES: dict[str, dict[str, Any]] = {}


def catalogues() -> dict[bool, Catalogue]:
    """The maps as shipped, but for their policies, and with their field pairs in another order."""
    whole = core_catalogue()
    found = {}
    for reordered in (False, True):
        maps = []
        for name, sync in whole.maps.items():
            update = dict(POLICIES.get(name, {}))
            if reordered:
                update["fields"] = tuple(reversed(sync.fields))
            changed = sync.model_copy(update=update)
            changed.__dict__.pop("hash", None)
            maps.append(changed)
        found[reordered] = Catalogue(maps)
    return found
