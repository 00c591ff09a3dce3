"""The maps of the soak: as shipped, and with their field pairs in another order."""

from __future__ import annotations

from mappings.catalogue import Catalogue
from tests.integration.installation import core_catalogue


def catalogues() -> dict[bool, Catalogue]:
    """By whether their field pairs are in another order."""
    whole = core_catalogue()
    found = {}
    for reordered in (False, True):
        maps = []
        for sync in whole.maps.values():
            changed = sync.model_copy(update={"fields": tuple(reversed(sync.fields))} if reordered else {})
            # a copy brings along what the first one worked out about its fields
            for name in changed.__dict__.keys() - type(changed).model_fields.keys():
                del changed.__dict__[name]
            maps.append(changed)
        found[reordered] = Catalogue(maps)
    return found
