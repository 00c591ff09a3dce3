"""A shop in memory: what a map's lookups can look like. Customers that are accounts or contacts, orders of either; categories
named by two parts and nested in each other; models of makers, and assets that name both; rates behind a pair with three parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mappings.metadata import Column, Table
from tasks.sync.companies import CODE
from tests.engine.memory import Memory, Stored, text
from tests.engine.trade import COMPANIES, COMPANY, COMPANY_TABLE
from tests.engine.world import World

COMPANY_OF = {"company": "new_company"}


def points_at(name: str, *tables: str) -> Column:
    """A lookup to one or more tables, by logical name; with several the navigation property says which."""
    if len(tables) == 1:
        return Column(name, "lookup", targets=tables, navigation={tables[0]: name})
    return Column(name, "lookup", targets=tables, navigation={each: f"{name}_{each}" for each in tables})


def fno_table(name: str, key: Sequence[str], *more: Column | str) -> Table:
    """An F&O entity set of texts."""
    columns = [text(each) if isinstance(each, str) else each for each in (*key, *more)]
    return Table(
        "fno", name, name, key=tuple(key), columns={each.name: each for each in columns}, fingerprint="1"
    )


def dataverse_table(name: str, key: Sequence[str], *more: Column | str) -> Table:
    """A Dataverse table; `key` is its alternate key."""
    logical = name.removesuffix("s")
    columns = [text(each) if isinstance(each, str) else each for each in more]
    named = {each.name: each for each in (*columns, Column(f"{logical}id", "guid"))}
    return Table(
        "dataverse",
        name,
        logical,
        id_column=f"{logical}id",
        alternate_keys=(tuple(key),) if key else (),
        columns={**{part: text(part) for part in key if part not in named}, **named},
        bulk=frozenset({"CreateMultiple"}),
        tracked=True,
        fingerprint="1",
    )


def a_map(
    name: str, fno: str, key: Sequence[str], table: str, own: Sequence[str], **parts: Any
) -> dict[str, Any]:
    """A map; `fields` are (F&O, Dataverse) or (F&O, Dataverse, direction)."""
    fields = []
    for each in parts.pop("fields"):
        if isinstance(each, Mapping):
            fields.append(dict(each))
        else:
            fno_name, dataverse_name, *direction = each
            pair = {"fno": fno_name, "dataverse": dataverse_name}
            fields.append(pair | ({"direction": direction[0]} if direction else {}))
    company = "dataAreaId" in key
    return {
        "map": name,
        "template": name,
        "area": "Products",
        "solution": "Shop",
        "fno": {"set": fno, "entity": fno, "key": list(key)} | parts.pop("fno_end", {}),
        "dataverse": {"table": table, "key": list(own)}
        | (COMPANY_OF if company else {})
        | parts.pop("dataverse_end", {}),
        "fields": fields,
        **parts,
    }


class Shop(World):
    """Two systems with some of the tables below, and the companies."""

    def __init__(
        self, maps: Sequence[dict[str, Any]], fno: Sequence[Table], dataverse: Sequence[Table], **more: Any
    ) -> None:
        super().__init__(
            maps, fno=fno, dataverse=[COMPANY_TABLE, *dataverse], companies=",".join(COMPANIES), **more
        )
        self.company = {
            code: self.dataverse_memory.create("cdm_companies", {CODE: code.upper()}).id for code in COMPANIES
        }

    def connect(self, *names: str) -> None:
        """Initial sync of maps, all by default in the order of their lookups, and a delta."""
        for name in names or [name for wave in self.catalogue.order() for name in wave]:
            for summary in self.initial(name):
                assert summary.verdict == "ok", summary.message
        self.sync(*names)

    def sync(self, *names: str) -> list[str]:
        """One delta of maps."""
        chosen = names or [name for wave in self.catalogue.order() for name in wave]
        return [summary.verdict for name in chosen for summary in self.delta(name)]

    def in_fno(self, table: str, **values: Any) -> Stored:
        """A user makes a row in F&O, in the first company where the table has companies."""
        shape = self.fno.table(table)
        company = {"dataAreaId": COMPANIES[0]} if "dataAreaId" in shape.columns else {}
        return self.fno_memory.create(table, {**self.fno.new(table), **company, **values})

    def in_dataverse(self, table: str, **values: Any) -> Stored:
        """A user makes a row in Dataverse, in the first company where the table has companies."""
        shape = self.dataverse.table(table)
        company = {"new_company": self.company[COMPANIES[0]]} if "new_company" in shape.columns else {}
        return self.dataverse_memory.create(table, {**company, **values})

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Values of the rows of a table, on whichever side it is."""
        memory = self.fno_memory if table in self.fno_memory.tables else self.dataverse_memory
        return [stored.values for stored in memory.of(table).values()]

    def one(self, table: str, **wanted: Any) -> Stored:
        """The only row of a table with these values."""
        memory = self.fno_memory if table in self.fno_memory.tables else self.dataverse_memory
        found = [
            stored
            for stored in memory.of(table).values()
            if all(stored.values.get(name) == value for name, value in wanted.items())
        ]
        assert len(found) == 1, f"{len(found)} rows of {table} with {wanted}"
        return found[0]

    def change(self, stored: Stored, **values: Any) -> None:
        """A user changes a row."""
        memory, table = self._place(stored)
        memory.update(table, stored.id, values)

    def remove(self, stored: Stored) -> None:
        """A user deletes a row."""
        memory, table = self._place(stored)
        memory.delete(table, stored.id)

    def _place(self, stored: Stored) -> tuple[Memory, str]:
        for memory in (self.fno_memory, self.dataverse_memory):
            for table, rows in memory.rows.items():
                if rows.get(stored.id) is stored:
                    return memory, table
        raise AssertionError("nobody has this row")

    def parked(self) -> list[tuple[str, str, str]]:
        """(map, key, code) of the rows that need somebody."""
        with self.store.read() as state:
            return [(row.map, row.key, row.code) for row in state.parked(self.session.pair)]

    def parked_text(self) -> str:
        """What those rows say."""
        with self.store.read() as state:
            return "\n".join(f"{row.message} → {row.remedy}" for row in state.parked(self.session.pair))

    def waiting(self) -> list[Any]:
        """Rows that wait for others."""
        with self.store.read() as state:
            return list(state.waiting(self.session.pair))

    def writes(self) -> list[tuple[str, str, dict[str, Any]]]:
        """What the engine wrote since this was last asked: (table, kind, values)."""
        out = []
        for memory in (self.fno_memory, self.dataverse_memory):
            out += [(write.table, write.kind, write.values) for write in memory.writes()]
            memory.log.clear()
        return out


# customers and their orders

EITHER = {"tables": {"accounts": "accountnumber", "contacts": "personid"}}

ORDER_TABLES = (
    [
        fno_table("Customers", ("dataAreaId", "Account"), "Name", "Kind"),
        fno_table("Orders", ("dataAreaId", "Number"), "Customer", "Note"),
    ],
    [
        dataverse_table("accounts", ("accountnumber", "new_company"), "accountnumber", "name", COMPANY),
        dataverse_table("contacts", ("personid", "new_company"), "personid", "name", COMPANY),
        dataverse_table(
            "orders",
            ("number", "new_company"),
            "number",
            "note",
            "customertype",
            points_at("customerid", "account", "contact"),
            COMPANY,
        ),
    ],
)


def customer_maps() -> list[dict[str, Any]]:
    """Organizations are accounts, persons are contacts."""
    maps = []
    for name, kind, table, key in (
        ("Organizations", "Organization", "accounts", "accountnumber"),
        ("Persons", "Person", "contacts", "personid"),
    ):
        fields: list[Any] = [("Account", key), ("Name", "name"), {"fno": "Kind", "constant": kind}]
        end = {"filter": f"Kind eq '{kind}'"}
        maps.append(
            a_map(name, "Customers", ("dataAreaId", "Account"), table, [key], fields=fields, fno_end=end)
        )
    return maps


def order_map(**lookup: Any) -> dict[str, Any]:
    """Orders of either."""
    return a_map(
        "Orders",
        "Orders",
        ("dataAreaId", "Number"),
        "orders",
        ["number"],
        fields=[("Number", "number"), ("Customer", "customerid.accountnumber"), ("Note", "note")],
        lookups={"customerid": {**EITHER, **lookup}},
    )


def order_shop(*maps: dict[str, Any], **lookup: Any) -> Shop:
    """Customers and orders."""
    return Shop([*customer_maps(), *(maps or [order_map(**lookup)])], *ORDER_TABLES)
