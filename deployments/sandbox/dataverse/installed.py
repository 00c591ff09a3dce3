"""What is installed in the environment: solutions, and the steps and types of their plug-ins, as rows."""

from __future__ import annotations

import dataclasses
from collections.abc import Container, Iterable
from typing import Any

from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.dataverse.plugins import Registered
from deployments.sandbox.dataverse.rows import AFTER, BEFORE, Rows
from deployments.sandbox.dataverse.system import EVERYWHERE, change, put
from deployments.sandbox.dataverse.webhooks import STEPS
from deployments.sandbox.messages import encode
from deployments.sandbox.schema.model import Key, Schema
from deployments.sandbox.switches import Switches

SOLUTIONS = {
    "DualWriteCore": ("Dual Write Core", "1.0.37.0"),
    "Dynamics365Company": ("Dynamics 365 Company", "2.0.2.10"),
    "CurrencyExchangeRates": ("Currency Exchange Rates", "2.0.2.10"),
    "Dynamics365FinanceAndOperationsCommon": ("Dynamics 365 Finance and Operations Common", "2.0.2.10"),
    "Dynamics365FinanceCommon": ("Dynamics 365 Finance Common", "2.0.2.10"),
    "Dynamics365SupplyChainCommon": ("Dynamics 365 Supply Chain Common", "2.0.2.10"),
}
"""Unique name → display name and version, as far as the switch of the same name doesn't say otherwise."""
PROSPECT_TO_CASH = {
    "CRMP2C": ("Prospect to cash", "15.0.0.1"),
    "P2CFieldService": ("Prospect to cash for Field Service", "15.0.0.1"),
    "P2CProjectService": ("Prospect to cash for Project Service", "15.0.0.1"),
}
PROSPECT_KEY = Key("msdynce_AccountNumber", ("accountnumber",))
"""Its key of accounts, which knows no companies: one account number, one account."""
TEMPLATES = {"CustomerV3-Account": "accounts", "VendorV2-Vendor": "msdyn_vendors"}
"""Its dual-write maps, with the table of each."""
MAPS, RUNNING = "msdyn_dualwriteentitymaps", "msdyn_dualwriteruntimeconfigs"
RUNTIME = "Microsoft.Dynamics.DualWriteRuntime"
"""The assembly of dual-write's own plug-ins, with their types and stages."""
RUNTIME_TYPES = {"PreCommmitPlugin": BEFORE, "PostCommitPlugin": AFTER}
TYPES = "plugintypes"


def install(rows: Rows, registered: Iterable[Registered]) -> None:
    """Put in the solutions that are installed, and the steps of their plug-ins; take out the others."""
    wanted: dict[str, str | None] = {name: version for name, (_, version) in SOLUTIONS.items()}
    if rows.switches.prospect_to_cash:
        wanted |= {name: version for name, (_, version) in PROSPECT_TO_CASH.items()}
    wanted |= rows.switches.solutions
    there = {name: version for name, version in wanted.items() if version}
    ids = {fixed_id(f"solution {name}"): name for name in there}
    solutions = rows.store.dataverse("solutions")
    for row_id in [row_id for row_id in solutions.rows if row_id not in ids]:
        rows.store.delete(solutions, row_id)
    for row_id, name in ids.items():
        friendly, _ = {**SOLUTIONS, **PROSPECT_TO_CASH}.get(name, (name, ""))
        put(
            rows,
            "solutions",
            row_id,
            uniquename=name,
            friendlyname=friendly,
            version=there[name],
            installedon="2020-01-01T00:00:00Z",
        )
        change(rows, "solutions", row_id, version=there[name])
    _templates(rows)
    _dual_write(rows)
    steps = rows.store.dataverse(STEPS)
    for each in registered:
        solution = next((name for name in each.solution if name in there), None)
        if solution is not None:
            _register(rows, each, solution)
            continue
        for message in each.messages if each.solution else ():
            if each.step(message) in steps.rows:
                rows.store.delete(steps, each.step(message))


def follow(rows: Rows, registered: Iterable[Registered], changes: Container[str]) -> None:
    """Bring what is installed in line with switches that changed."""
    if any(name in changes for name in ("solutions", "prospect_to_cash", "dual_write")):
        install(rows, registered)
    if "plugins" in changes:
        state, reason = _state(rows)
        there = rows.store.dataverse(STEPS).rows
        for each in registered:
            for step in map(each.step, each.messages):
                if step in there:
                    change(rows, STEPS, step, statecode=state, statuscode=reason)


def adapted(schema: Schema, switches: Switches) -> Schema:
    """The schema with what is installed: accounts have the key of Prospect to cash, or not; the same one if nothing changes."""
    accounts = schema.dataverse.get("accounts")
    if accounts is None or (PROSPECT_KEY in accounts.keys) == switches.prospect_to_cash:
        return schema
    others = tuple(key for key in accounts.keys if key != PROSPECT_KEY)
    keys = (*others, PROSPECT_KEY) if switches.prospect_to_cash else others
    accounts = dataclasses.replace(accounts, keys=keys)
    return dataclasses.replace(schema, dataverse={**schema.dataverse, "accounts": accounts})


def _templates(rows: Rows) -> None:
    """The maps that Prospect to cash brings for dual-write."""
    table = rows.store.tables.get(("dataverse", MAPS))
    if table is None:
        return
    for name, target in TEMPLATES.items():
        row_id = fixed_id(f"template {name}")
        if rows.switches.prospect_to_cash:
            mapping = encode(
                {"leftEntity": {"name": name.partition("-")[0]}, "rightEntity": {"name": target}}
            )
            put(rows, MAPS, row_id, msdyn_name=name, msdyn_displayname=name, msdyn_mapping=mapping.decode())
        elif row_id in table.rows:
            rows.store.delete(table, row_id)


def _dual_write(rows: Rows) -> None:
    """The steps and the runtime configuration of the maps that dual-write runs, no others."""
    kinds = {name: fixed_id(f"plug-in type {RUNTIME} {name}") for name in RUNTIME_TYPES}
    wanted: dict[tuple[str, str], dict[str, Any]] = {}
    for name in rows.switches.dual_write:
        logical = rows.schema.dataverse[name].logical
        config = fixed_id(f"runtime configuration {logical}")
        wanted[RUNNING, config] = {
            "msdyn_name": f"DWM-{logical}",
            "msdyn_entityname": logical,
            "msdyn_configuration": encode({"entity": logical}).decode(),
        }
        for kind, stage in RUNTIME_TYPES.items():
            named = f"{RUNTIME}.Plugins.{kind}"
            wanted[TYPES, kinds[kind]] = {"name": named, "typename": named, "assemblyname": RUNTIME}
            for message in EVERYWHERE:
                wanted[STEPS, fixed_id(f"step {RUNTIME} {kind} {message} {logical}")] = {
                    "name": f"{named}: {message} of {logical}",
                    "stage": stage,
                    "mode": 0,
                    "_sdkmessageid_value": fixed_id(f"message {message}"),
                    "_sdkmessagefilterid_value": fixed_id(f"filter {message} {logical}"),
                    "_plugintypeid_value": kinds[kind],
                    "_eventhandler_value": kinds[kind],
                }
    for (name, row_id), values in wanted.items():
        put(rows, name, row_id, **values)
    steps = rows.store.dataverse(STEPS)
    ours = [(STEPS, step) for step, row in steps.rows.items() if row["_plugintypeid_value"] in kinds.values()]
    ours += [(RUNNING, fixed_id(f"runtime configuration {each}")) for each in rows.schema.logical]
    for name, row_id in ours:
        table = rows.store.tables.get(("dataverse", name))
        if table is not None and row_id in table.rows and (name, row_id) not in wanted:
            rows.store.delete(table, row_id)


def _state(rows: Rows) -> tuple[int, int]:
    """State and status of a step."""
    return (0, 1) if rows.switches.plugins else (1, 2)


def _register(rows: Rows, plugin: Registered, solution: str) -> None:
    """The type of a plug-in and its steps, where they are missing."""
    logical = rows.schema.dataverse[plugin.table].logical
    kind = fixed_id(f"plug-in type {plugin.table} {plugin.type}")
    assembly = f"{solution}.Plugins"
    named = f"{assembly}.{plugin.type}"
    put(rows, TYPES, kind, name=named, friendlyname=plugin.type, typename=named, assemblyname=assembly)
    state, reason = _state(rows)
    for message in plugin.messages:
        put(
            rows,
            STEPS,
            plugin.step(message),
            name=f"{named}: {message} of {logical}",
            stage=plugin.stage,
            mode=0,
            statecode=state,
            statuscode=reason,
            _sdkmessageid_value=fixed_id(f"message {message}"),
            _sdkmessagefilterid_value=fixed_id(f"filter {message} {logical}"),
            _plugintypeid_value=kind,
            _eventhandler_value=kind,
        )
