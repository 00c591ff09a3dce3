"""How long a real service would take: artificial latency by kind of request."""

from __future__ import annotations

from deployments.sandbox.messages import Request
from deployments.sandbox.switches import Switches


def seconds_of(request: Request, switches: Switches) -> float:
    """The latency of a request, from the `latency_*` switches (milliseconds)."""
    path = request.path
    if path.endswith("/$batch"):
        base, each = switches.latency_batch, switches.latency_batch_operation
        if not base and not each:
            return switches.latency_request / 1000
        return (base + each * request.body.count(b" HTTP/1.1\r\n")) / 1000
    if path.endswith("Multiple"):
        base, each = switches.latency_bulk, switches.latency_bulk_row
        if not base and not each:
            return switches.latency_request / 1000
        return (base + each * request.body.count(b'"@odata.type"')) / 1000
    if request.method == "GET" and "(" not in path and switches.latency_page:
        return switches.latency_page / 1000
    return switches.latency_request / 1000
