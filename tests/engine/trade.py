"""A small trading company in memory: groups and customers per company, in two legal entities."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mappings.metadata import Column, Table
from tasks.sync.companies import CODE, OWNER
from tests.engine.memory import Memory, MemorySide, Stored, lookup, text
from tests.engine.world import World

COMPANIES = ("usmf", "demf")
TEAMS = {"usmf": "team-of-usmf", "demf": "team-of-demf"}


def _fno(name: str, key: tuple[str, ...], *columns: Column) -> Table:
    named = {column.name: column for column in columns}
    return Table(
        "fno",
        name,
        name.removesuffix("s"),
        key=key,
        columns={k: text(k) for k in key} | named,
        fingerprint="1",
    )


def _dataverse(
    name: str, key: tuple[str, ...], *columns: Column, unique: bool = True, owned: bool = False
) -> Table:
    logical = name.removesuffix("s")
    named = {column.name: column for column in columns} | {f"{logical}id": Column(f"{logical}id", "guid")}
    return Table(
        "dataverse",
        name,
        logical,
        id_column=f"{logical}id",
        alternate_keys=(key,) if unique else (),
        columns=named,
        bulk=frozenset({"CreateMultiple"}),
        tracked=True,
        user_owned=owned,
        fingerprint="1",
    )


COMPANY = lookup("new_company", "cdm_company")
COMPANY_TABLE = Table(
    "dataverse",
    "cdm_companies",
    "cdm_company",
    id_column="cdm_companyid",
    alternate_keys=((CODE,),),
    columns={
        CODE: text(CODE),
        OWNER: lookup(OWNER, "team"),
        "cdm_companyid": Column("cdm_companyid", "guid"),
    },
    fingerprint="1",
)

STATUS = {"Open": "1", "Held": "2"}
"""Value map whose first member has a number of its own."""


def groups_map(**changes: Any) -> dict[str, Any]:
    """Groups of one company."""
    return {
        "map": "Groups",
        "template": "Groups",
        "area": "Customer groups",
        "solution": "FinanceCommon",
        "fno": {
            "set": "Groups",
            "entity": "GroupEntity",
            "key": ["dataAreaId", "GroupId"],
            "unlisted": ["GroupId", "Name"],
        },
        "dataverse": {"table": "new_groups", "key": ["new_groupid_"], "company": "new_company"},
        "fields": [
            {"fno": "GroupId", "dataverse": "new_groupid_"},
            {"fno": "Name", "dataverse": "new_name"},
        ],
        **changes,
    }


def customers_map(**changes: Any) -> dict[str, Any]:
    """Customers of one company, with a group, an invoice account among themselves, and every kind of value."""
    missing = changes.pop("missing", "defer")
    end = {
        "set": "Customers",
        "entity": "CustomerEntity",
        "key": ["dataAreaId", "Account"],
        "unlisted": [
            "Account",
            "Name",
            "GroupId",
            "InvoiceAccount",
            "Status",
            "Kind",
            "Amount",
            "Note",
            "Reference",
        ],
    } | changes.pop("fno", {})
    return {
        "map": "Customers",
        "template": "Customers",
        "area": "Customers",
        "solution": "FinanceCommon",
        "fno": end,
        "dataverse": {"table": "new_customers", "key": ["new_account"], "company": "new_company"}
        | changes.pop("dataverse", {}),
        "lookups": {
            "new_group": {"table": "new_groups", "missing": missing},
            "new_invoice": {"table": "new_customers", "missing": "defer", "cycle": True},
        },
        "fields": [
            {"fno": "Account", "dataverse": "new_account"},
            {"fno": "Name", "dataverse": "new_name"},
            {"fno": "GroupId", "dataverse": "new_group.new_groupid_"},
            {"fno": "InvoiceAccount", "dataverse": "new_invoice.new_account"},
            {"fno": "Status", "dataverse": "new_status", "values": STATUS},
            {"fno": "Amount", "dataverse": "new_amount"},
            {"fno": "Note", "dataverse": "new_note", "direction": "to-dataverse"},
            *changes.pop("more", []),
        ],
        **changes,
    }


def tables(*, unique: bool = True, more: Sequence[Column] = ()) -> dict[str, list[Table]]:
    """The tables of both sides; without `unique`, Dataverse has no alternate key on customers, with `more`, further columns."""
    return {
        "fno": [
            _fno("Groups", ("dataAreaId", "GroupId"), text("Name")),
            _fno(
                "Customers",
                ("dataAreaId", "Account"),
                text("Name"),
                text("GroupId"),
                text("InvoiceAccount"),
                Column("Status", "enum", enum="Status", members=tuple(STATUS)),
                Column("Kind", "enum", enum="Kind", members=("None", "Person", "Organization")),
                Column("Amount", "decimal", scale=6),
                text("Note"),
                text("Reference"),
            ),
        ],
        "dataverse": [
            COMPANY_TABLE,
            _dataverse(
                "new_groups", ("new_groupid_", "new_company"), text("new_groupid_"), text("new_name"), COMPANY
            ),
            _dataverse(
                "new_customers",
                ("new_account", "new_company"),
                text("new_account"),
                text("new_name", max_length=50),
                lookup("new_group", "new_group"),
                lookup("new_invoice", "new_customer"),
                Column("new_status", "option", members=("1", "2", "3")),
                Column("new_type", "option", members=("1", "3")),
                Column("new_amount", "decimal", scale=2),
                text("new_note"),
                text("new_plugin"),
                lookup("ownerid", "team"),
                *more,
                COMPANY,
                unique=unique,
                owned=True,
            ),
        ],
    }


class Trade(World):
    """The company, with shortcuts to act as its users in either system."""

    def __init__(
        self, customers: dict[str, Any] | None = None, *, unique: bool = True, **options: Any
    ) -> None:
        shapes = tables(unique=unique, more=options.pop("more", ()))
        maps = options.pop("maps", None) or [groups_map(), customers or customers_map()]
        companies = options.pop("companies", COMPANIES)
        super().__init__(
            maps, fno=shapes["fno"], dataverse=shapes["dataverse"], companies=",".join(companies), **options
        )
        for team in TEAMS.values():
            self.dataverse_memory.create("teams", {"name": team}, id_=team)
        self.company = {
            code: self.dataverse_memory.create(
                "cdm_companies", {CODE: code.upper(), OWNER: TEAMS.get(code)}
            ).id
            for code in COMPANIES
        }

    # the engine

    def connect(self, *names: str, **options: Any) -> None:
        """Initial sync of maps, all by default, and one delta for what waited."""
        for name in names or self.catalogue.maps:
            for summary in self.initial(name, **options):
                assert summary.verdict == "ok", summary.message
        self.sync(*names)

    def sync(self, *names: str) -> list[str]:
        """One delta of maps, all by default; returns their verdicts."""
        return [summary.verdict for name in names or self.catalogue.maps for summary in self.delta(name)]

    # the users

    def group(self, code: str, name: str = "", company: str = "usmf") -> Stored:
        """A group in F&O."""
        return self.fno_memory.create("Groups", {"dataAreaId": company, "GroupId": code, "Name": name})

    def dataverse_group(self, code: str, name: str = "", company: str | None = "usmf") -> Stored:
        """A group in Dataverse."""
        values = {
            "new_groupid_": code,
            "new_name": name,
            "new_company": self.company[company] if company else None,
        }
        return self.dataverse_memory.create("new_groups", values)

    def customer(self, account: str, company: str = "usmf", **values: Any) -> Stored:
        """A customer in F&O."""
        row = {**self.fno.new("Customers"), "dataAreaId": company, "Account": account, **values}
        return self.fno_memory.create("Customers", row)

    def contact(self, account: str | None, company: str | None = "usmf", **values: Any) -> Stored:
        """A customer in Dataverse."""
        row = {f"new_{name.lower()}": value for name, value in values.items()}
        row |= {"new_account": account, "new_company": self.company[company] if company else None}
        return self.dataverse_memory.create("new_customers", row)

    def change(self, stored: Stored, **values: Any) -> None:
        """A user changes a row, wherever it is."""
        memory, table = self._place(stored)
        memory.update(table, stored.id, values)

    def remove(self, stored: Stored) -> None:
        """A user deletes a row, wherever it is."""
        memory, table = self._place(stored)
        memory.delete(table, stored.id)

    def _place(self, stored: Stored) -> tuple[Memory, str]:
        for memory in (self.fno_memory, self.dataverse_memory):
            for table, rows in memory.rows.items():
                if rows.get(stored.id) is stored:
                    return memory, table
        raise AssertionError("nobody has this row")

    # what is there

    def in_fno(self, account: str, company: str = "usmf", table: str = "Customers") -> Stored | None:
        """A row of F&O by its key."""
        key = "Account" if table == "Customers" else "GroupId"
        return self.fno_memory.by_key(table, {"dataAreaId": company, key: account})

    def in_dataverse(
        self, account: str, company: str = "usmf", table: str = "new_customers"
    ) -> Stored | None:
        """A row of Dataverse by its key."""
        key = "new_account" if table == "new_customers" else "new_groupid_"
        found = [
            row
            for row in self.dataverse_memory.of(table).values()
            if str(row.values.get(key)).strip().casefold() == account.strip().casefold()
            and row.values.get("new_company") == self.company[company]
        ]
        assert len(found) <= 1, f"{len(found)} rows of {account}"
        return found[0] if found else None

    def conflicts(self, **wanted: Any) -> list[Any]:
        """What is on record."""
        with self.store.read() as state:
            return list(state.conflicts(self.session.pair, **wanted))

    def parked(self, *names: str) -> list[tuple[str, str]]:
        """(key, code) of the rows that need somebody."""
        with self.store.read() as state:
            return [(row.key, row.code) for row in state.parked(self.session.pair)]

    def waiting(self) -> list[Any]:
        """Rows that wait for others."""
        with self.store.read() as state:
            return list(state.waiting(self.session.pair))

    def lane_state(self, name: str, company: str = "usmf") -> str:
        """State of a lane."""
        with self.store.read() as state:
            return str(state.lane(self.session.pair, name, company).state)

    def writes(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What the engine wrote since this was last asked: (table, kind, values)."""
        out = []
        for memory in (self.fno_memory, self.dataverse_memory):
            out += [(write.table, write.kind, write.values) for write in memory.writes()]
            memory.log.clear()
        return out


def requests(side: MemorySide) -> dict[str, int]:
    """Requests so far, by kind."""
    return dict(side.requests)
