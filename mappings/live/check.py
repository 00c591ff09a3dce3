"""All checks of maps against the metadata of both systems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mappings.findings import Finding, in_order
from mappings.live import ends, filters, lookups, pairs, values
from mappings.live.metadata import Live
from mappings.model import Map


def check(maps: Iterable[Map], live: Live) -> tuple[Finding, ...]:
    """Everything that doesn't fit, worst first.

    Args:
        live: metadata of all tables that `metadata.wanted` names for these maps.
    """
    return in_order(finding for each in maps for finding in _check(each, live))


def _check(each: Map, live: Live) -> Iterator[Finding]:
    bound = pairs.bound(each, live)
    yield from ends.check(each, live)
    yield from pairs.check(each, bound, live)
    yield from values.check(each, bound)
    yield from lookups.check(each, live)
    yield from filters.check(each, live)
