"""A hash by which changed metadata is noticed."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import msgspec

from tasks.connectors.side import Table

_ENCODER = msgspec.json.Encoder(order="deterministic")


def fingerprinted(table: Table) -> Table:
    """The table with the hash of all that it says; columns in another order are the same table."""
    content = _ENCODER.encode(replace(table, fingerprint=""))
    return replace(table, fingerprint=hashlib.sha256(content).hexdigest()[:32])
