"""Initial sync against its floor: the requests that the row count implies, sent bare over the same number of connections.

    python -m tests.benchmarks.initial --rows 20000 --json

The floor is ⌈rows / 10,000⌉ F&O pages, ⌈target rows / 5,000⌉ Dataverse pages (the target is empty: one) and ⌈rows / 1,000⌉ bulk
messages, with bodies made beforehand and answers thrown away; everything beyond that is the engine's. The sandbox answers from
prepared bytes and counts writes; it sleeps 150 ms a page, 100 ms + 0.3 ms a row for a bulk message, 100 ms + 2 ms an operation for
`$batch`. Above half a core of its own the verdict is void: then the counterpart was measured. Figures are ratios; wall times are
printed, never asserted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import requests

from tasks.connectors.credentials import client_secret
from tasks.sync.session import Session
from tasks.sync.settings import load_settings
from tasks.sync.work import initial_sync
from tests.local_services import Services

CONNECTIONS = 8
FNO_PAGE = 10_000
DATAVERSE_PAGE = 5_000
BULK = 1_000
MAP = "Customers V3 to accounts"
PARENTS = (
    "Legal entities to cdm_companies",
    "Currencies",
    "Payment days CDS",
    "Terms of payment",
    "Customer groups",
)


@dataclass(frozen=True)
class Measured:
    """One way to do the job."""

    wall: float
    cpu: float
    sandbox_cpu: float
    requests: Mapping[str, int]


def customers(rows: int) -> Iterator[dict[str, Any]]:
    """F&O customers as a trading company has them: about half of the mapped properties filled."""
    for i in range(rows):
        yield {
            "dataAreaId": "usmf",
            "CustomerAccount": f"US-{i:07d}",
            "PartyType": "Organization",
            "OrganizationName": f"Trading company {i}",
            "CustomerGroupId": f"{10 + i % 5}",
            "SalesCurrencyCode": "USD" if i % 3 else "EUR",
            "PaymentTerms": "Net30",
            "InvoiceAddressCity": "Seattle",
            "InvoiceAddressStreet": f"{i % 900} Pine Street",
            "InvoiceAddressZipCode": f"98{i % 1000:03d}",
            "InvoiceAddressState": "WA",
            "DeliveryAddressCity": "Tacoma",
            "DeliveryAddressStreet": f"{i % 700} Harbor Road",
            "DeliveryAddressZipCode": f"97{i % 1000:03d}",
            "InvoiceAddressLatitude": 47.6 + i % 10 / 10,
            "InvoiceAddressLongitude": -122.3,
            "CreditLimit": 1000 + i % 500 + 0.25,
            "OrganizationNumberOfEmployees": i % 300,
            "PrimaryContactEmail": f"office{i}@example.com",
            "PrimaryContactPhone": f"+1 555 {i % 10000:04d}",
            "PrimaryContactURL": f"https://company{i}.example.com",
            "SalesMemo": "Delivered before noon",
            "CreditRating": "A",
            "IdentificationNumber": f"ID{i}",
            "TaxExemptNumber": f"TX{i}",
        }


def fill(services: Services, rows: int) -> None:
    """The customers and what they refer to."""
    services.load("fno", "LegalEntities", [{"LegalEntityId": "usmf", "Name": "Contoso USA"}])
    # writes are only counted in benchmark mode, and the company is looked up live
    services.load("dataverse", "cdm_companies", [{"cdm_companycode": "usmf", "cdm_name": "Contoso USA"}])
    services.load(
        "fno", "Currencies", [{"CurrencyCode": code, "Name": code, "Symbol": code} for code in ("USD", "EUR")]
    )
    services.load("fno", "PaymentDaysCds", [{"dataAreaId": "usmf", "Name": "15"}])
    services.load(
        "fno",
        "PaymentTerms",
        [{"dataAreaId": "usmf", "Name": "Net30", "NumberOfDays": 30, "PaymentDayName": "15"}],
    )
    services.load(
        "fno",
        "CustomerGroups",
        [{"dataAreaId": "usmf", "CustomerGroupId": f"{10 + i}", "PaymentTermId": "Net30"} for i in range(5)],
    )
    chunk: list[dict[str, Any]] = []
    for customer in customers(rows):
        chunk.append(customer)
        if len(chunk) == FNO_PAGE:
            services.load("fno", "CustomersV3", chunk)
            chunk = []
    if chunk:
        services.load("fno", "CustomersV3", chunk)


def open_session(services: Services, folder: Path, name: str) -> Session:
    """A session with an empty state, its metadata read and its parents synced."""
    os.environ.update(services.environment)
    settings = load_settings(
        companies="usmf",
        connections=CONNECTIONS,
        state_url=os.environ.get("DUALFLOW_BENCHMARK_STATE_URL") or f"sqlite:///{folder / name}.db",
    )
    session = Session.open(settings)
    for parent in PARENTS:
        for summary in initial_sync(session, parent):
            assert summary.verdict == "ok", summary.message
    session.lane(MAP, "usmf")
    return session


@contextlib.contextmanager
def latencies(services: Services, on: bool) -> Iterator[None]:
    """With the latencies of real services, or without any."""
    values = {"page": 150, "bulk": 100, "bulk_row": 0.3, "batch": 100, "batch_operation": 2}
    services.switch(**{f"latency_{name}": value if on else 0 for name, value in values.items()})
    try:
        yield
    finally:
        services.switch(**{f"latency_{name}": 0 for name in values})


def counted(session: Session) -> dict[str, int]:
    """Requests of both sides so far, by side and kind."""
    return {
        f"{side}.{kind}": int(number)
        for side, kinds in session.requests().items()
        for kind, number in kinds.items()
        if kind in ("page", "read", "find", "feed", "batch", "bulk", "metadata")
    }


def engine(services: Services, session: Session, rows: int) -> Measured:
    """The engine's initial sync of the map."""
    before, sandbox_before = counted(session), services.admin("GET", "stats")["cpu_seconds"]
    with latencies(services, True):
        cpu, start = time.process_time(), time.perf_counter()
        (summary,) = initial_sync(session, MAP)
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    assert summary.verdict == "ok", summary.message
    assert summary.counts["created_dataverse"] == rows, summary.counts
    used = {name: number - before.get(name, 0) for name, number in counted(session).items()}
    return Measured(
        wall,
        cpu,
        services.admin("GET", "stats")["cpu_seconds"] - sandbox_before,
        {name: number for name, number in used.items() if number},
    )


def floor(services: Services, session: Session, rows: int) -> Measured:
    """The bare requests: pages one after the other, each page's writes under way while the next page is read."""
    lane = session.lane(MAP, "usmf")
    credential = client_secret(
        services.environment["DUALFLOW_TENANT_ID"],
        services.environment["DUALFLOW_CLIENT_ID"],
        services.environment["DUALFLOW_CLIENT_SECRET"],
        services.environment["DUALFLOW_AUTHORITY"],
        services.ca_bundle,
    )
    bodies = _bodies(rows)
    http = requests.Session()
    http.trust_env = False
    http.verify = services.ca_bundle
    http.mount("https://", requests.adapters.HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS))
    fno = {"Authorization": f"Bearer {credential.token(f'{services.fno_url}/.default').text}"}
    dataverse = {
        "Authorization": f"Bearer {credential.token(f'{services.dataverse_url}/.default').text}",
        "Content-Type": "application/json",
    }
    columns = ",".join(lane.layout.fno_columns)
    url: str | None = (
        f"{services.fno_url}/data/CustomersV3?cross-company=true&$select={columns}&$orderby=dataAreaId,CustomerAccount"
    )
    target = f"{services.dataverse_url}/api/data/v9.2/accounts"
    used = {"fno.page": 0, "dataverse.page": 0, "dataverse.bulk": 0}
    sandbox_before = services.admin("GET", "stats")["cpu_seconds"]
    with latencies(services, True), ThreadPoolExecutor(CONNECTIONS) as pool:
        cpu, start = time.process_time(), time.perf_counter()
        sent: list[Future[requests.Response]] = []
        first = http.get(f"{target}?$select=accountid", headers=dataverse)
        assert first.ok, first.text
        used["dataverse.page"] += 1
        while url is not None:
            answer = http.get(url, headers=fno)
            assert answer.ok, answer.text
            used["fno.page"] += 1
            # only the link is looked for: a bare loop reads nothing else of the page
            head = answer.content.find(b'"@odata.nextLink":"')
            url = None
            if head >= 0:
                tail = answer.content.index(b'"', head + 19)
                url = msgspec.json.decode(answer.content[head + 18 : tail + 1])
            for _ in range(min(FNO_PAGE // BULK, len(bodies) - len(sent))):
                sent.append(
                    pool.submit(
                        http.post,
                        f"{target}/Microsoft.Dynamics.CRM.CreateMultiple",
                        data=bodies[len(sent)],
                        headers=dataverse,
                    )
                )
        for future in sent:
            assert future.result().ok
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    used["dataverse.bulk"] = len(sent)
    assert used["fno.page"] == math.ceil(rows / FNO_PAGE) and used["dataverse.bulk"] == math.ceil(rows / BULK)
    return Measured(wall, cpu, services.admin("GET", "stats")["cpu_seconds"] - sandbox_before, used)


def _bodies(rows: int) -> list[bytes]:
    """Bulk messages of the size that the job has."""
    listed = list(customers(rows))
    return [
        msgspec.json.encode(
            {
                "Targets": [
                    {"@odata.type": "Microsoft.Dynamics.CRM.account", **each}
                    for each in listed[at : at + BULK]
                ]
            }
        )
        for at in range(0, rows, BULK)
    ]


def measure(rows: int, repeats: int) -> dict[str, Any]:
    """Engine and floor in turns; the median run of each counts."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        services = Services(folder, ["--benchmark"])
        services.start()
        try:
            fill(services, rows)
            runs: list[tuple[Measured, Measured]] = []
            for turn in range(repeats + 1):
                session = open_session(services, folder, f"state{turn}")
                pair = (engine(services, session, rows), floor(services, session, rows))
                session.close()
                if turn:  # the first turn warms the prepared pages
                    runs.append(pair)
        finally:
            services.stop()
    ours = sorted((run[0] for run in runs), key=lambda each: each.wall)[len(runs) // 2]
    bare = sorted((run[1] for run in runs), key=lambda each: each.wall)[len(runs) // 2]
    share = ours.sandbox_cpu / ours.wall
    return {
        "rows": rows,
        "connections": CONNECTIONS,
        "ratio": round(ours.wall / bare.wall, 3),
        "ratio_of_medians_of": repeats,
        "engine": _shown(ours),
        "floor": _shown(bare),
        "engine_us_per_row": round(ours.cpu / rows * 1e6, 1),
        "sandbox_share_of_a_core": round(share, 2),
        "void": share > 0.5,
        "spread": round(statistics.pstdev([run[0].wall / run[1].wall for run in runs]), 3),
    }


def _shown(measured: Measured) -> dict[str, Any]:
    return {
        "wall_seconds": round(measured.wall, 3),
        "cpu_seconds": round(measured.cpu, 3),
        "sandbox_cpu_seconds": round(measured.sandbox_cpu, 3),
        "requests": dict(measured.requests),
    }


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    result = measure(given.rows, given.repeats)
    if given.json:
        print(json.dumps(result, indent=2))
        return
    print(f"{result['rows']} rows, {CONNECTIONS} connections: engine {result['engine']['wall_seconds']} s,")
    print(f"bare requests {result['floor']['wall_seconds']} s, ratio {result['ratio']}")
    print(
        f"engine {result['engine_us_per_row']} µs CPU a row; sandbox {result['sandbox_share_of_a_core']} of a core"
    )


if __name__ == "__main__":
    main()
