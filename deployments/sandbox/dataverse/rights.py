"""Privileges: their names, who holds them at which depth, and what the service refuses without them.

Names, depths and the refusal's wording are those of the service. Users of the sandbox may do everything; what the
application may do say the switches `denied` and `privilege_depths`. Some tables share the privileges of another one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from deployments.sandbox.dataverse import errors
from deployments.sandbox.dataverse.fixed import fixed_id
from deployments.sandbox.messages import Caller
from deployments.sandbox.odata.predicates import Predicate
from deployments.sandbox.schema.model import DataverseTable, Schema
from deployments.sandbox.store.index import Row
from deployments.sandbox.store.store import Store
from deployments.sandbox.switches import Switches

_VERBS = ("Create", "Read", "Write", "Delete", "Append", "AppendTo")
_OF_OWNED = ("Assign", "Share")
_NAMED = {
    "annotation": "Note",
    "businessunit": "BusinessUnit",
    "invoicedetail": "Invoice",
    "quotedetail": "Quote",
    "salesorder": "SalesOrder",
    "salesorderdetail": "SalesOrder",
    "systemuser": "User",
    "transactioncurrency": "TransactionCurrency",
}
"""Platform tables whose privileges aren't named after them."""
GLOBAL = "Global"


def privilege(verb: str, table: DataverseTable) -> str:
    """Name of a privilege: ``prvReadAccount``, ``prvReadmsdyn_vendor``."""
    plain = table.logical if "_" in table.logical else table.logical.capitalize()
    return f"prv{verb}{_NAMED.get(table.logical, plain)}"


def privilege_id(name: str) -> str:
    """Guid of a privilege."""
    return fixed_id(f"privilege {name}")


def verbs(table: DataverseTable) -> tuple[str, ...]:
    """Kinds of privileges that a table has."""
    return (*_VERBS, *_OF_OWNED) if table.user_owned else _VERBS


class Rights:
    """What callers may do."""

    def __init__(self, schema: Schema, store: Store, switches: Switches) -> None:
        self._schema = schema
        self._store = store
        self._switches = switches

    def check(self, verb: str, table: DataverseTable, caller: Caller) -> None:
        """Refuse what the caller has no privilege for.

        Raises:
            ServiceFault: a privilege is missing.
        """
        if self._switches.denied and caller.name == "application" and self._denied(privilege(verb, table)):
            raise self._refusal(verb, table, caller)

    def check_lookups(self, table: DataverseTable, body: Mapping[str, Any], caller: Caller) -> None:
        """Filling a lookup takes Append on its table, and AppendTo on the one that it points at.

        Raises:
            ServiceFault: a privilege is missing.
        """
        if not self._switches.denied or caller.name != "application":
            return
        for column in table.columns.values():
            for target, navigation in column.navigation.items():
                if not body.get(f"{navigation}@odata.bind"):
                    continue
                if column.name == "ownerid":
                    self.check("Assign", table, caller)
                    continue
                self.check("Append", table, caller)
                if str(body[f"{navigation}@odata.bind"]).lstrip("/").startswith(f"{target}("):
                    self.check("AppendTo", self._schema.dataverse[target], caller)

    def check_all(self, verb: str, table: DataverseTable, caller: Caller) -> None:
        """Refuse what takes the privilege for all rows, as change tracking does.

        Raises:
            ServiceFault: it reaches fewer.
        """
        if self._depth(verb, table, caller) != GLOBAL:
            raise self._refusal(verb, table, caller)

    def check_row(self, verb: str, table: DataverseTable, row: Row, caller: Caller) -> None:
        """Refuse a row that the privilege doesn't reach.

        Raises:
            ServiceFault: it doesn't.
        """
        reached = self._reached(verb, table, caller)
        if reached is not None and not reached(row):
            raise errors.no_access(verb, table, row[table.id], row["_ownerid_value"], caller.user_id)

    def out_of_reach(self, table: DataverseTable, caller: Caller) -> list[Predicate]:
        """What reading many rows leaves out without a word."""
        reached = self._reached("Read", table, caller)
        if reached is None:
            return []
        return [Predicate(lambda row: not reached(row), lambda _: None)]

    def held(self, virtual: Iterable[DataverseTable], *, limited: bool) -> list[dict[str, Any]]:
        """All privileges of a user, as `RetrieveUserPrivileges` lists them.

        Args:
            limited: the user is the application's.
        """
        root = next(iter(self._store.dataverse("businessunits").rows), None)
        found = {}
        for table in (*self._schema.dataverse.values(), *virtual):
            for verb in verbs(table):
                name = privilege(verb, table)
                if limited and self._denied(name):
                    continue
                found[name] = {
                    "Depth": self._stated(name) if limited and table.user_owned else GLOBAL,
                    "PrivilegeId": privilege_id(name),
                    "BusinessUnitId": root,
                    "PrivilegeName": name,
                }
        return list(found.values())

    # depth

    def _denied(self, name: str) -> bool:
        return name.lower() in {each.lower() for each in self._switches.denied}

    def _refusal(self, verb: str, table: DataverseTable, caller: Caller) -> Exception:
        name = privilege(verb, table)
        return errors.no_privilege(name, privilege_id(name), table, caller.user_id)

    def _stated(self, name: str) -> str:
        stated = {each.lower(): depth for each, depth in self._switches.privilege_depths.items()}
        return stated.get(name.lower(), GLOBAL)

    def _depth(self, verb: str, table: DataverseTable, caller: Caller) -> str:
        """How far a privilege of the caller reaches; rows of organization-owned tables are everybody's."""
        if not self._switches.privilege_depths or caller.name != "application" or not table.user_owned:
            return GLOBAL
        return self._stated(privilege(verb, table))

    def _reached(self, verb: str, table: DataverseTable, caller: Caller) -> Callable[[Row], bool] | None:
        """Does a privilege reach a row? None where it reaches all."""
        depth = self._depth(verb, table, caller)
        if depth == GLOBAL:
            return None
        if depth == "Basic":
            return lambda row: bool(row["_ownerid_value"] == caller.user_id)
        unit = self._store.dataverse("systemusers").rows[caller.user_id]["_businessunitid_value"]
        units = {unit}
        if depth == "Deep":
            units = self._below(unit)
        return lambda row: row["_owningbusinessunit_value"] in units

    def _below(self, unit: str) -> set[str]:
        """A business unit with all below it."""
        rows = self._store.dataverse("businessunits").rows
        found, new = set(), {unit}
        while new:
            found |= new
            new = {
                row_id for row_id, row in rows.items() if row["_parentbusinessunitid_value"] in new
            } - found
        return found
