"""A second process on the same state, told by its standard input what to do.

python -m tests.state.worker count URL PAIR LEASE TIMES     adds TIMES to a number kept in the state
python -m tests.state.worker stale URL PAIR LEASE           takes the lease, waits for a line, then writes
python -m tests.state.worker open URL                       opens the state and says its pair
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from mappings.errors import LeaseLost
from tasks.state.leases import LeaseHeld
from tasks.state.store import Store

MAP = "Counter"


def count(store: Store, pair: int, name: str, times: int) -> None:
    """Add one, `times` times, each under a lease of its own; a lost update would show in the sum."""
    while times:
        try:
            lease = store.acquire(pair, name, f"process {os.getpid()}", 30)
        except LeaseHeld:
            continue
        with store.transaction(lease) as tx:
            lane = tx.lane(pair, MAP, "")
            tx.save_lane(replace(lane, reason=str(int(lane.reason or 0) + 1)))
        store.release(lease)
        times -= 1


def stale(store: Store, pair: int, name: str) -> None:
    """Work under a lease that is taken away meanwhile."""
    lease = store.acquire(pair, name, "stale worker", 30)
    print("holding", flush=True)
    sys.stdin.readline()
    try:
        with store.transaction(lease) as tx:
            tx.save_lane_state(pair, MAP, "", "error", "written by the stale worker")
        print("written", flush=True)
    except LeaseLost as error:
        print(error.code, flush=True)


def main(command: str, url: str, *rest: str) -> None:
    """Run one command."""
    with Store.open(url) as store:
        if command == "open":
            print(store.pair("fno", "dataverse"), store.secret(store.pair("fno", "dataverse")), flush=True)
        elif command == "count":
            count(store, int(rest[0]), rest[1], int(rest[2]))
        else:
            stale(store, int(rest[0]), rest[1])


if __name__ == "__main__":
    main(*sys.argv[1:])
