"""Reconcile at scale: differences of ten kinds planted in many rows, all and only they found, and repaired.

    python -m tests.benchmarks.reconcile --rows 200000 --planted 1000 --json

Customers stand equal on both sides; then users change, delete and make rows while nobody syncs. The comparison must name exactly
the planted rows, the repair must settle them, and a second comparison must find nothing. Printed: seconds and CPU a row, and the
peak memory, step by step, of a process that compares and does nothing else. Nothing is asserted about time.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tasks.sync.reconcile import Reconciliation, reconcile
from tasks.sync.session import Session
from tasks.sync.settings import load_settings
from tests.benchmarks.initial import CONNECTIONS, MAP, PARENTS, customers, fill, open_session
from tests.integration.trading import account, company_ids, customer_binds
from tests.local_services import Services

KINDS = {
    "K0": ("different", "OrganizationName=name"),
    "K1": ("different", "OrganizationName=name"),
    "K2": ("different", "CreditLimit=creditlimit"),
    "K3": ("different", "OnHoldStatus><msdyn_onholdstatus"),
    "K4": ("different", "PaymentTerms=msdyn_paymentterm.msdyn_name"),
    "K5": ("different", "InvoiceAddressLatitude>address2_latitude"),
    "K6": ("missing_in_fno", ""),
    "K7": ("missing_in_dataverse", ""),
    "K8": ("missing_in_dataverse", ""),
    "K9": ("missing_in_fno", ""),
}
"""Begin of a planted row's key → what has to be found: text changed here, text changed there, number, choice, reference, one-way
field, deleted here, deleted there, made here, made there."""
MADE_LATER = ("K8", "K9")


def rows_of(rows: int, each: int) -> Iterator[dict[str, Any]]:
    """Customers of F&O; so many of each kind carry its name in their keys."""
    kinds = [kind for kind in KINDS if kind not in MADE_LATER]
    for place, row in enumerate(customers(rows)):
        kind, number = divmod(place, each)
        if kind < len(kinds):
            row["CustomerAccount"] = f"{kinds[kind]}-{number:06d}"
        yield row


def build(services: Services, rows: int, each: int) -> None:
    """Both systems before their first connection: all rows in F&O."""
    fill(services, 0)
    services.load("fno", "PaymentTerms", [{"dataAreaId": "usmf", "Name": "Net60", "NumberOfDays": 60}])
    chunk: list[dict[str, Any]] = []
    for row in rows_of(rows, each):
        chunk.append(row)
        if len(chunk) == 10_000:
            services.load("fno", "CustomersV3", chunk)
            chunk = []
    services.load("fno", "CustomersV3", chunk)


def plant(services: Services, each: int) -> None:
    """What users do while nobody syncs."""
    fno, accounts = "CustomersV3", "accounts"
    services.change("fno", fno, {"OrganizationName": "changed here"}, "CustomerAccount eq 'K0-*'")
    services.change("dataverse", accounts, {"name": "changed there"}, "startswith(accountnumber,'K1-')")
    services.change("dataverse", accounts, {"creditlimit": 1}, "startswith(accountnumber,'K2-')")
    services.change("fno", fno, {"OnHoldStatus": "All"}, "CustomerAccount eq 'K3-*'")
    services.change("fno", fno, {"PaymentTerms": "Net60"}, "CustomerAccount eq 'K4-*'")
    services.change("dataverse", accounts, {"address2_latitude": 1}, "startswith(accountnumber,'K5-')")
    services.change("fno", fno, None, "CustomerAccount eq 'K6-*'")
    services.change("dataverse", accounts, None, "startswith(accountnumber,'K7-')")
    new = list(customers(each))
    for number, row in enumerate(new):
        row["CustomerAccount"] = f"K8-{number:06d}"
    services.load("fno", fno, new)
    binds = customer_binds(company_ids(services)["usmf"])
    made = [account("usmf", f"K9-{number:06d}", **binds) for number in range(each)]
    services.load("dataverse", accounts, made)


def expected(each: int) -> set[tuple[str, str, str]]:
    """(key, kind, field) of every planted difference."""
    return {
        (f"{kind}-{number:06d}".casefold(), *what) for kind, what in KINDS.items() for number in range(each)
    }


def named(found: Reconciliation) -> Counter[tuple[str, str, str]]:
    return Counter((each.key, each.kind, ", ".join(each.fields)) for each, _ in found.details)


def prepare(services: Services, folder: Path, rows: int, each: int) -> Session:
    """Both systems connected and equal, then planted."""
    from tasks.sync.work import delta_sync, initial_sync, poll

    build(services, rows, each)
    session = open_session(services, folder, "reconcile")
    (summary,) = initial_sync(session, MAP)
    assert summary.verdict == "ok", summary.message
    for name in (*PARENTS, MAP):
        # what a bulk message wrote comes back once
        poll(session, [session.catalogue.get(name)])
        delta_sync(session, name)
    plant(services, each)
    return session


def peak_mb() -> float:
    """The most memory that this process ever had."""
    # getrusage would count the process that started this one as well
    found = re.search(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else float("nan")


def compare(state_url: str, rows: int, each: int) -> dict[str, Any]:
    """Find, repair and find again, in a process that has done nothing else."""
    session = Session.open(load_settings(companies="usmf", connections=CONNECTIONS, state_url=state_url))
    session.lane(MAP, "usmf")
    steps: dict[str, Any] = {"peak_mb_before": round(peak_mb())}
    planted = expected(each)
    for step, repair, there in (
        ("find", False, planted),
        ("repair", True, planted),
        ("find again", False, set[tuple[str, str, str]]()),
    ):
        cpu, start = time.process_time(), time.perf_counter()
        found = reconcile(session, [MAP], repair=repair, limit=100 * each)
        steps[step] = {
            "differences": found.differences,
            "open": found.open,
            "exactly_what_is_there": set(named(found)) == there and found.differences == len(there),
            "rows_compared": sum(lane.rows for lane in found.lanes),
            "wall_seconds": round(time.perf_counter() - start, 2),
            "cpu_us_per_row": round((time.process_time() - cpu) / rows * 1e6, 1),
            "peak_mb": round(peak_mb()),
        }
    session.close()
    return steps


def measure(rows: int, planted: int) -> dict[str, Any]:
    """Find and repair what was planted."""
    # to fill both systems takes more than a day's share of their limits, and is not what is measured
    os.environ.setdefault("DUALFLOW_LIMIT_DAY", str(100 * rows + 1_000_000))
    each = planted // len(KINDS)
    with tempfile.TemporaryDirectory() as name:
        services = Services(Path(name))
        services.start()
        try:
            session = prepare(services, Path(name), rows, each)
            state_url = session.settings.state_url
            session.close()
            with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
                steps = alone.submit(compare, state_url, rows, each).result()
        finally:
            services.stop()
    return {"rows": rows, "planted": each * len(KINDS), "kinds": len(KINDS), **steps}


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--planted", type=int, default=1_000)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = measure(given.rows, given.planted)
    if given.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['rows']:,} rows, {result['planted']:,} planted; {result['peak_mb_before']} MB before")
    for step in ("find", "repair", "find again"):
        print(f"{step}: {result[step]}")


if __name__ == "__main__":
    main()
