"""A map with a pair of every kind between two made-up live tables."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from mappings.metadata import Column, Kind, Table
from mappings.model import Map
from tasks.transform.layout import Layout, compile_layout

KEY = "0123456789abcdef"

NO_YES = ("No", "Yes")
HOLDS = ("No", "Invoice", "All", "PurchOrder")
CLASSES = ("Quantity", "Length", "Mass")

FNO = (
    Column("dataAreaId", "text", max_length=4),
    Column("Account", "text", max_length=20),
    Column("Line", "integer"),
    Column("Name", "text", max_length=100),
    Column("Memo", "memo"),
    Column("Amount", "decimal", scale=6),
    Column("Rate", "decimal"),
    Column("Latitude", "decimal", scale=9),
    Column("Employees", "integer"),
    Column("RecordId", "bigint"),
    Column("Active", "boolean"),
    Column("Mandatory", "enum", members=NO_YES, enum="NoYes"),
    Column("OneTime", "enum", members=NO_YES, enum="NoYes"),
    Column("OnHold", "enum", members=HOLDS, enum="CustVendorBlocked"),
    Column("UnitClass", "enum", members=CLASSES, enum="UnitOfMeasureClass"),
    Column("PartyType", "text"),
    Column("Country", "text", max_length=10),
    Column("Month", "integer"),
    Column("BirthDate", "datetime"),
    Column("ChangedAt", "datetime"),
    Column("Reference", "guid"),
    Column("Choices", "text"),
    Column("Group", "text", max_length=10),
    Column("Terms", "text", max_length=10),
    Column("TermsLine", "integer"),
    Column("Kind", "text"),
)

DATAVERSE = (
    Column("number", "text", max_length=20),
    Column("line", "integer"),
    Column("name", "text", max_length=20),
    Column("description", "memo", max_length=2000),
    Column("amount", "decimal", scale=2, minimum=Decimal(-(10**11)), maximum=Decimal(10**11)),
    Column("rate", "decimal", scale=10),
    Column("latitude", "double", scale=5, minimum=Decimal(-90), maximum=Decimal(90)),
    Column("employees", "integer", minimum=Decimal(0), maximum=Decimal(10**9)),
    Column("recordid", "bigint"),
    Column("active", "boolean"),
    Column("mandatory", "boolean"),
    Column("onetime", "boolean"),
    Column("onhold", "option", members=("806380000", "806380001", "806380002")),
    Column("unitclass", "text", max_length=50),
    Column("isperson", "boolean"),
    Column("country", "text", max_length=80),
    Column("month", "option", members=("1", "2", "3")),
    Column("birthdate", "date"),
    Column("changedat", "datetime"),
    Column("reference", "guid"),
    Column("choices", "options"),
    Column("group", "lookup", targets=("msdyn_group",)),
    Column("terms", "lookup", targets=("msdyn_terms",)),
    Column("company", "lookup", targets=("cdm_company",)),
    Column("typecode", "option", members=("1", "3")),
    Column("sellable", "boolean"),
    Column("statecode", "option", members=("0", "1")),
)

FIELDS: tuple[dict[str, Any], ...] = (
    {"fno": "Account", "dataverse": "number"},
    {"fno": "Line", "dataverse": "line"},
    {"fno": "Name", "dataverse": "name"},
    {"fno": "Memo", "dataverse": "description"},
    {"fno": "Amount", "dataverse": "amount"},
    {"fno": "Rate", "dataverse": "rate"},
    {"fno": "Latitude", "dataverse": "latitude", "direction": "to-dataverse"},
    {"fno": "Employees", "dataverse": "employees", "default": 1},
    {"fno": "RecordId", "dataverse": "recordid"},
    {"fno": "Active", "dataverse": "active"},
    {"fno": "Mandatory", "dataverse": "mandatory", "values": {"No": "False", "Yes": "True"}},
    {"fno": "OneTime", "dataverse": "onetime"},
    {
        "fno": "OnHold",
        "dataverse": "onhold",
        "values": {"no": 806380000, "invoice": 806380001, "all": 806380002},
    },
    {"fno": "UnitClass", "dataverse": "unitclass"},
    {"fno": "PartyType", "dataverse": "isperson", "values": {"Person": True, "Organization": False}},
    {
        "fno": "Country",
        "dataverse": "country",
        "values": {"us": "united states", "de": "germany"},
        "else": "pass",
    },
    {"fno": "Month", "dataverse": "month"},
    {"fno": "BirthDate", "dataverse": "birthdate"},
    {"fno": "ChangedAt", "dataverse": "changedat"},
    {"fno": "Reference", "dataverse": "reference"},
    {"fno": "Choices", "dataverse": "choices"},
    {"fno": "Group", "dataverse": "group.msdyn_groupid"},
    {"fno": "Terms", "dataverse": "terms.msdyn_name"},
    {"fno": "TermsLine", "dataverse": "terms.msdyn_line"},
    {"dataverse": "typecode", "constant": 3},
    {"dataverse": "sellable", "constant": True, "always": True},
    {"fno": "Kind", "constant": "Organization"},
)


def fno_table(*columns: Column) -> Table:
    """An F&O entity set with these columns."""
    return Table(
        "fno", "Customers", "CustEntity", key=("dataAreaId", "Account"), columns={c.name: c for c in columns}
    )


def dataverse_table(*columns: Column) -> Table:
    """A Dataverse entity set with these columns."""
    return Table(
        "dataverse", "accounts", "account", id_column="accountid", columns={c.name: c for c in columns}
    )


def sample_map(fields: tuple[dict[str, Any], ...] = FIELDS, **changes: Any) -> Map:
    """The map of all kinds, or one with other fields."""
    lookups = {
        pair["dataverse"].split(".")[0]: {"table": "msdyn_things"}
        for pair in fields
        if "." in pair.get("dataverse", "")
    }
    content: dict[str, Any] = {
        "map": "Sample",
        "template": "Sample",
        "area": "Customers",
        "solution": "FinanceCommon",
        "fno": {"set": "Customers", "entity": "CustEntity", "key": ["dataAreaId", "Account"]},
        "dataverse": {"table": "accounts", "key": ["number", "line"], "company": "company"},
        "lookups": lookups,
        "fields": list(fields),
    }
    return Map.model_validate(content | changes)


def sample_layout(**changes: Any) -> Layout:
    """The layout of the map of all kinds."""
    return compile_layout(sample_map(**changes), fno_table(*FNO), dataverse_table(*DATAVERSE))


def pair_layout(fno: Kind | Column, dataverse: Kind | Column, *, key: bool = False, **pair: Any) -> Layout:
    """A layout with one interesting pair, at index 0: between columns ``F`` and ``d``."""
    left = fno if isinstance(fno, Column) else Column("F", fno)
    right = dataverse if isinstance(dataverse, Column) else Column("d", dataverse)
    fields = ({"fno": left.name, "dataverse": right.name} | pair, {"fno": "Account", "dataverse": "number"})
    key_columns = [right.name] if key else ["number"]
    return compile_layout(
        sample_map(fields, dataverse={"table": "accounts", "key": key_columns}),
        fno_table(left, Column("Account", "text"), Column("dataAreaId", "text")),
        dataverse_table(right, Column("number", "text")),
    )


def pair_index(layout: Layout, fno: str) -> int:
    """The index of the pair of an F&O property."""
    return next(plan.index for plan in layout.pairs if plan.fno.name == fno)
