"""The rows that users edit in the benchmark of the lag: thirty in each of twenty maps, beside the seed with rows of all maps."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tasks.connectors.odata import fno_address
from tasks.sync.session import Session
from tasks.sync.settings import load_settings
from tasks.sync.work import delta_sync, initial_sync, maps_with_work, poll
from tests.local_services import Services

COMPANIES = ("usmf", "demf")
ROWS = 30
IN_FNO = {
    # map → F&O property of the pair that users change
    "Customers V3 to accounts": "CreditRating",
    "Vendors V2": "VendorOrganizationName",
    "Customer groups": "Description",
    "Terms of payment": "Description",
    "Customer payment method": "Description",
    "Sales tax groups": "Description",
    "Worker": "FirstName",
}
IN_DATAVERSE = {
    "CDS Parties": "NameAlias",
    "Jobs": "Description",
    "Positions V2": "Description",
    "Prospects": "ProspectName",
    "Payment schedule": "Description",
    "Vendor groups": "Description",
    "Terms of delivery": "IntrastatCode",
    "Tracking dimension groups": "GroupDescription",
    "Contacts V2": "EmploymentProfession",
    "Vendor payment method": "Description",
    "Warehouse zones": "ZoneName",
    "Loyalty levels": "LevelDescription",
    "Asset management asset types": "Name",
}
READ_ONLY = ("ModifiedDateTime1", "System_ModifiedDateTime")


@dataclass(frozen=True)
class Planned:
    """The rows of one map.

    Attributes:
        field: F&O property and Dataverse column that users change.
        rows: F&O key, path of the row in F&O, id in Dataverse.
    """

    name: str
    entity_set: str
    table: str
    field: tuple[str, str]
    rows: list[tuple[dict[str, Any], str, str]]

    def edits(self, side: str) -> dict[str, Any]:
        """What the process that edits needs to know."""
        if side == "fno":
            return {"field": self.field[0], "paths": [path for _, path, _ in self.rows]}
        return {"field": self.field[1], "paths": [f"{self.table}({id_})" for _, _, id_ in self.rows]}


def planned(file: Path | None = None) -> list[Planned]:
    """What `plant` left; without a file only names and tables."""
    if file is None:
        catalogue = load_catalogue()
        return [
            Planned(name, catalogue[name].fno.set, catalogue[name].dataverse.table, ("", ""), [])
            for name in (*IN_FNO, *IN_DATAVERSE)
        ]
    document = json.loads(file.read_text(encoding="utf-8"))
    return [
        Planned(**{**each, "field": tuple(each["field"]), "rows": [tuple(row) for row in each["rows"]]})
        for each in document
    ]


def load_catalogue() -> dict[str, Any]:
    """The shipped maps by name."""
    from mappings.catalogue import Catalogue

    return dict(Catalogue.load().maps)


def plant(folder: Path) -> None:
    """Fill a sandbox, sync it, and leave both in a folder, with the list of the rows to edit."""
    (folder / "sandbox").mkdir(parents=True)
    services = Services(folder / "sandbox", ["--seed", "everything"])
    services.start()
    try:
        os.environ.update(services.environment)
        session = Session.open(
            load_settings(companies=",".join(COMPANIES), state_url=f"sqlite:///{folder / 'state.db'}")
        )
        for name in (*IN_FNO, *IN_DATAVERSE):
            _more_rows(services, session, name)
        _sync(session)
        plan = [_plan(session, name) for name in (*IN_FNO, *IN_DATAVERSE)]
        (folder / "plan.json").write_text(json.dumps([asdict(each) for each in plan]), encoding="utf-8")
        with session.store.unfenced() as tx:
            for side in ("fno", "dataverse"):
                # what was asked for so far is not what is measured
                tx.forget_used(session.pair, side, 10**12, 10**12)
        session.close()
    finally:
        services.stop()


def _more_rows(services: Services, session: Session, name: str) -> None:
    """Copies of a row of the seed under keys of their own."""
    sync = session.catalogue.get(name)
    found = [row for row in services.dump("fno", sync.fno.set) if row.get("dataAreaId", "usmf") == "usmf"]
    like = {
        key: value
        for key, value in found[0].items()
        if not key.startswith(("#", "@")) and value is not None and key not in READ_ONLY
    }
    if name == "Customers V3 to accounts":
        like = next(row for row in found if row["PartyType"] == "Organization")
        needed = ("dataAreaId", "CustomerGroupId", "PartyType", "OrganizationName", "SalesCurrencyCode")
        like = {key: like[key] for key in needed}
    (key,) = (each for each in sync.fno.key if each != "dataAreaId")
    services.load(
        "fno", sync.fno.set, [{**like, key: f"{_mark(name)}{number:02d}"} for number in range(ROWS)]
    )


def _mark(name: str) -> str:
    """Begin of the keys of a map's rows: customers and vendors meet in one table of Dataverse."""
    return "V" if name == "Vendors V2" else "L"


def _sync(session: Session) -> None:
    for wave in session.catalogue.order():
        for name in wave:
            initial_sync(session, name)
    for _ in range(2):
        poll(session, list(session.catalogue.maps.values()))
        for name in maps_with_work(session):
            delta_sync(session, name)


def _plan(session: Session, name: str) -> Planned:
    sync = session.catalogue.get(name)
    field = (IN_FNO | IN_DATAVERSE)[name]
    (pair,) = (each for each in sync.compared if each.fno == field)
    (key,) = (each for each in sync.fno.key if each != "dataAreaId")
    with session.store.read() as state:
        company = "usmf" if sync.company_specific else ""
        links = state.iterate_links(session.pair, name, company, 0, 1000)
    fno = session.fno.table(sync.fno.set)
    rows = [
        (dict(link.fno_key), f"{fno_address(fno, link.fno_key)}?cross-company=true", str(link.dataverse_id))
        for link in links
        if link.state == "paired" and link.fno_key and str(link.fno_key[key]).startswith(_mark(name))
    ][:ROWS]
    assert len(rows) == ROWS, f"{name}: {len(rows)} rows are in sync"
    return Planned(name, sync.fno.set, sync.dataverse.table, (field, str(pair.dataverse)), rows)
