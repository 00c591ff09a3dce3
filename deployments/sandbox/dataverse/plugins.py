"""The solutions' plug-ins: what fills columns that no map fills.

Each runs before a row is checked and stored, or once a new row is stored; that of a solution only while its step is enabled.
They write through `Rows` under the
name ``plug-in``, so the write log tells their writes from the callers'.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial

from deployments.sandbox.dataverse.amounts import DOCUMENTS, price_line, total
from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.dataverse.rows import AFTER, BEFORE, Context, PlugIn, Rows
from deployments.sandbox.dataverse.virtual import CATALOGUE, check_catalogue
from deployments.sandbox.dataverse.webhooks import ENDPOINTS, STEPS, check_endpoint, check_step
from deployments.sandbox.schema.model import Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.store.table import Table

_NUMBERED = {
    "account": ("accounts", "accountnumber"),
    "contact": ("contacts", "msdyn_contactpersonid"),
    "msdyn_vendor": ("msdyn_vendors", "msdyn_vendoraccountnumber"),
    "salesorder": ("salesorders", "msdyn_salesordernumber"),
    "msdyn_purchaseorder": ("msdyn_purchaseorders", "msdyn_name"),
}
"""What notes are attached to: logical name → table and the column with the number."""


@dataclass(frozen=True, slots=True)
class Registered:
    """A plug-in and when it runs.

    Attributes:
        table: entity set.
        type: class of the plug-in, as far as a solution brings it.
        solution: unique name of that solution, or of the one that came after it; () for what the platform itself does.
        stage: 20 before a row is stored, 40 once it is.
    """

    run: PlugIn
    table: str
    type: str = ""
    solution: tuple[str, ...] = ()
    messages: tuple[str, ...] = ("Create", "Update")
    stage: int = BEFORE

    def step(self, message: str) -> str:
        """Id of the step that runs it."""
        return fixed_id(f"step {self.table} {message} {self.type}")


_COMPANY = ("Dynamics365Company",)
_COMMON = ("Dynamics365FinanceAndOperationsCommon",)
_FINANCE = ("Dynamics365FinanceCommon", "Dynamics365FinanceExtended")
_SUPPLY = ("Dynamics365SupplyChainCommon", "Dynamics365SupplyChainExtended")


def _registered() -> tuple[Registered, ...]:
    return (
        Registered(_owning_team, "cdm_companies", "CreateOwningTeam", _COMPANY, ("Create",), AFTER),
        Registered(_unit_group, "uoms", "FindUnitGroup", _SUPPLY),
        Registered(_product_number, "products", "MakeProductNumber", _SUPPLY),
        Registered(_unit_group_of_product, "products", "FindUnitGroup", _SUPPLY),
        Registered(_party_name, "accounts", "TakeNameOfParty", _FINANCE),
        Registered(_note_object, "annotations", "FindObject", _COMMON),
        Registered(_full_name, "contacts"),
        *(Registered(partial(total, name), name) for name in DOCUMENTS),
        *(Registered(price_line, lines) for lines, _ in DOCUMENTS.values()),
        Registered(check_catalogue, CATALOGUE),
        Registered(check_endpoint, ENDPOINTS),
        Registered(check_step, STEPS),
    )


class PlugIns:
    """Which plug-ins run: those of the platform, and those of solutions whose step is there and enabled."""

    def __init__(self, schema: Schema, store: Store) -> None:
        self._store = store
        self.all = tuple(each for each in _registered() if each.table in schema.dataverse)
        self._of: dict[tuple[str, str, int], list[Registered]] = {}
        for each in self.all:
            for message in each.messages:
                self._of.setdefault((each.table, message, each.stage), []).append(each)
        self._platform = {
            key: [each.run for each in found if not each.solution] for key, found in self._of.items()
        }
        self._running: dict[tuple[str, str, int], list[PlugIn]] = self._platform
        self._seen: tuple[Table, int] | None = None

    def running(self, table: str, message: str, stage: int, *, bypass: bool) -> Iterable[PlugIn]:
        """What runs at a message.

        Args:
            stage: `BEFORE` or `AFTER`.
            bypass: the caller asked to bypass the solutions' plug-ins.
        """
        key = (table, message, stage)
        if key not in self._of:
            return ()
        self._look()
        return (self._platform if bypass else self._running)[key]

    def _look(self) -> None:
        steps = self._store.tables.get(("dataverse", STEPS))
        if steps is None or self._seen == (steps, steps.changes):
            return
        self._seen = (steps, steps.changes)
        enabled = {row_id for row_id, row in steps.rows.items() if row["statecode"] == 0}
        self._running = {
            key: [each.run for each in found if not each.solution or each.step(key[1]) in enabled]
            for key, found in self._of.items()
        }


def _inside(context: Context) -> Context:
    return Context(context.caller, "plug-in")


def _unit_group(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A unit's class names its unit group, which is made when missing; its base unit is the group's."""
    if row.get("quantity") is None:
        row["quantity"] = 1
    unit_class = row.get("msdyn_externalunitclassname")
    if row["_uomscheduleid_value"] is None and unit_class:
        groups = rows.store.dataverse("uomschedules")
        found = groups.index_on(("name",)).many(unit_class.casefold())
        if found:
            row["_uomscheduleid_value"] = min(found)
        else:
            body = {
                "name": unit_class,
                "baseuomname": row["name"],
                "msdyn_externallymaintained": True,
            }
            row["_uomscheduleid_value"] = rows.create("uomschedules", body, _inside(context))
    if row["_baseuom_value"] is None and not row.get("msdyn_isbaseunit") and row["_uomscheduleid_value"]:
        units = rows.store.dataverse("uoms")
        siblings = units.index_on(("_uomscheduleid_value",)).many(row["_uomscheduleid_value"])
        base = sorted(unit for unit in siblings if units.rows[unit].get("msdyn_isbaseunit"))
        if base and base[0] != row["uomid"]:
            row["_baseuom_value"] = base[0]


def _product_number(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """`productnumber` is the company's code and the product's number together."""
    if row["productnumber"] is None and row["msdyn_productnumber"]:
        company = rows.store.dataverse("cdm_companies").rows.get(row["_msdyn_companyid_value"])
        code = company["cdm_companycode"] if company else ""
        row["productnumber"] = f"{code} {row['msdyn_productnumber']}".strip()


def _unit_group_of_product(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A product's unit group is that of its default unit."""
    unit = rows.store.dataverse("uoms").rows.get(row["_defaultuomid_value"])
    if unit is not None:
        row["_defaultuomscheduleid_value"] = unit["_uomscheduleid_value"]


def _full_name(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    names = (row["firstname"], row["lastname"])
    row["fullname"] = " ".join(name for name in names if name) or None


def _party_name(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """With the party model an account takes its name from its party."""
    party_id = row.get("_msdyn_partyid_value")
    if party_id and row["name"] is None:
        party = rows.store.dataverse("msdyn_parties").rows.get(party_id)
        row["name"] = party.get("msdyn_partyname") or party.get("msdyn_name") if party else None


def _note_object(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A note is bound to the row whose number stands in `msdyn_relatedentityid` (or 2), of the note's company.

    Which table is meant says `objecttypecode`; a customer who is no account is looked for among the contacts.
    """
    number = row.get("msdyn_relatedentityid") or row.get("msdyn_relatedentityid2")
    if row["_objectid_value"] is not None or not number:
        return
    kind = row.get("objecttypecode")
    for logical, (table, column) in _NUMBERED.items():
        if logical != kind and (logical, kind) != ("contact", "account"):
            continue
        spec = rows.schema.dataverse.get(table)
        if spec is None or column not in spec.columns:
            continue
        wanted = {column: number}
        if spec.company:
            wanted[f"_{spec.company}_value"] = row.get("_msdyn_company_value")
        index = rows.store.dataverse(table).index_on(tuple(wanted))
        found = index.many(index.folded(wanted.values()))
        if found:
            row["_objectid_value"] = min(found)
            return


def _owning_team(rows: Rows, context: Context, row: Row, old: Row | None) -> None:
    """A new company gets a business unit and an owner team, its default owning team."""
    inside = _inside(context)
    name = row["cdm_name"] or row["cdm_companycode"]
    units = rows.store.dataverse("businessunits")
    root = next(
        (unit_id for unit_id, unit in units.rows.items() if not unit["_parentbusinessunitid_value"]), None
    )
    unit_body = {"name": name}
    if root is not None:
        unit_body["parentbusinessunitid@odata.bind"] = f"/businessunits({root})"
    unit = rows.create("businessunits", unit_body, inside)
    team = rows.create(
        "teams",
        {
            "name": f"{name} Dual Write",
            "teamtype": 0,
            "isdefault": False,
            "businessunitid@odata.bind": f"/businessunits({unit})",
            "teamid": str(uuid.uuid4()),
        },
        inside,
    )
    if row["_cdm_defaultowningteam_value"] is None:
        stored = rows.store.dataverse("cdm_companies")
        company_id = row["cdm_companyid"]
        rows.store.put(stored, company_id, {**stored.rows[company_id], "_cdm_defaultowningteam_value": team})
