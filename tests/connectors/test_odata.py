from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest

from mappings.errors import FatalError
from tasks.connectors.keyfilter import FilterLimits, key_filters
from tasks.connectors.odata import (
    absent,
    column_of,
    comparable,
    dataverse_address,
    fno_address,
    literal,
    matches,
    query,
    select,
)
from tasks.connectors.side import Column, Table

GUID = "0fb71a3c-0000-4000-8000-00000000000a"
ACCOUNTS = Table(
    side="dataverse",
    name="accounts",
    logical="account",
    id_column="accountid",
    columns={
        column.name: column
        for column in (
            Column("accountid", "guid"),
            Column("accountnumber", "text"),
            Column("name", "text"),
            Column("creditlimit", "decimal"),
            Column("msdyn_company", "lookup", targets=("cdm_company",)),
            Column("openedon", "datetime"),
            Column("msdyn_onhold", "option"),
        )
    },
)
CUSTOMERS = Table(
    side="fno",
    name="CustomersV3",
    logical="CustomerV3",
    key=("dataAreaId", "CustomerAccount"),
    columns={
        column.name: column
        for column in (
            Column("dataAreaId", "text"),
            Column("CustomerAccount", "text"),
            Column("OnHold", "enum", enum="NoYes", members=("No", "Yes")),
            Column("LineNumber", "decimal"),
            Column("StartDate", "datetime"),
        )
    },
)
WIDE = FilterLimits(characters=60_000, conditions=400)


def test_keys_in_addresses_are_quoted_and_encoded() -> None:
    address = {"dataAreaId": "usmf", "CustomerAccount": "O'x/ä #1+&%*"}
    encoded = fno_address(CUSTOMERS, address)
    assert encoded.isascii()
    assert not set(encoded) & set(" /#+&*")
    assert unquote(encoded) == "CustomersV3(dataAreaId='usmf',CustomerAccount='O''x/ä #1+&%*')"
    assert dataverse_address(ACCOUNTS, f"{{{GUID}}}") == f"accounts({GUID})"


def test_an_address_must_be_whole() -> None:
    with pytest.raises(FatalError, match="CustomerAccount"):
        fno_address(CUSTOMERS, {"dataAreaId": "usmf"})


@pytest.mark.parametrize(
    ("column", "value", "text"),
    [
        (Column("a", "text"), "O'Neil", "'O''Neil'"),
        (Column("a", "text"), 5, "'5'"),
        (Column("a", "integer"), 5, "5"),
        (Column("a", "decimal"), Decimal("1.50"), "1.50"),
        (Column("a", "boolean"), True, "true"),
        (Column("a", "guid"), f"{{{GUID}}}", GUID),
        (Column("a", "datetime"), "2024-01-31T12:00:00Z", "2024-01-31T12:00:00Z"),
        (Column("a", "enum", enum="NoYes"), "Yes", "Microsoft.Dynamics.DataEntities.NoYes'Yes'"),
    ],
)
def test_literals(column: Column, value: Any, text: str) -> None:
    assert literal("fno", column, value) == text


def test_nothing_is_null_in_dataverse_and_empty_text_in_fno() -> None:
    assert literal("dataverse", Column("a", "text"), None) == "null"
    assert literal("fno", Column("a", "text"), None) == "''"


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("text", "US-001", "us-001  "),
        ("text", "", None),
        ("text", "  ", None),
        ("lookup", GUID.upper(), f"{{{GUID}}}"),
        ("decimal", "1.50", Decimal("1.5")),
        ("option", "3", 3),
        ("datetime", "2024-01-01T00:00:00Z", "2024-01-01T01:00:00+01:00"),
        ("enum", "yes", "Yes"),
    ],
)
def test_values_compare_as_the_services_compare_them(kind: Any, one: Any, other: Any) -> None:
    column = Column("a", kind)
    assert comparable(column, one) == comparable(column, other)


def test_lookups_are_selected_under_the_name_they_are_read_by() -> None:
    assert select(ACCOUNTS, ["accountid", "msdyn_company", "name", "accountid"]) == (
        "accountid,_msdyn_company_value,name"
    )
    assert column_of(ACCOUNTS, "_msdyn_company_value").name == "msdyn_company"


def test_an_unknown_column_names_near_ones() -> None:
    with pytest.raises(FatalError, match="accountnumber"):
        column_of(ACCOUNTS, "acountnumber")
    assert "check that its solution is installed" in str(absent("fno", "entity set", "zzz", ["a"]))


def test_query_values_are_encoded() -> None:
    assert query({"$filter": "a eq 'x+y&z#%'", "$orderby": ""}) == "$filter=a%20eq%20'x%2By%26z%23%25'"


def test_keys_share_what_they_have_in_common() -> None:
    keys = [{"dataAreaId": "usmf", "CustomerAccount": name} for name in ("a", "b", "A ")]
    assert list(key_filters(CUSTOMERS, keys, WIDE)) == [
        "dataAreaId eq 'usmf' and (CustomerAccount eq 'a' or CustomerAccount eq 'b')"
    ]


def test_keys_that_differ_throughout_are_told_apart() -> None:
    keys = [
        {"dataAreaId": "usmf", "CustomerAccount": "a"},
        {"dataAreaId": "dat", "CustomerAccount": "b"},
        {"CustomerAccount": "c"},
    ]
    assert list(key_filters(CUSTOMERS, keys, WIDE)) == [
        "(dataAreaId eq 'usmf' and CustomerAccount eq 'a')"
        " or (dataAreaId eq 'dat' and CustomerAccount eq 'b')",
        "CustomerAccount eq 'c'",
    ]


def test_nothing_matches_null() -> None:
    keys: list[dict[str, Any]] = [
        {"accountnumber": "a", "_msdyn_company_value": None},
        {"accountnumber": "", "_msdyn_company_value": None},
    ]
    assert list(key_filters(ACCOUNTS, keys, WIDE)) == [
        "_msdyn_company_value eq null and (accountnumber eq 'a' or accountnumber eq null)"
    ]


def test_a_bracket_is_asked_for_in_both_readings() -> None:
    assert list(key_filters(ACCOUNTS, [{"name": "a[b]"}], WIDE)) == ["(name eq 'a[b]' or name eq 'a[[]b]')"]


def test_filters_stay_within_the_limits() -> None:
    keys = [{"name": f"häuser {number}", "accountnumber": f"{number}"} for number in range(1000)]
    texts = list(key_filters(ACCOUNTS, keys, FilterLimits(characters=5_000, conditions=80)))
    assert sum(text.count("name eq ") for text in texts) == 1000
    assert all(text.count(" eq ") <= 80 for text in texts)
    assert all(len(query({"f": text})) <= 5_002 for text in texts)


def test_only_exact_folded_rows_match() -> None:
    rows: list[dict[str, Any]] = [
        {"dataAreaId": "USMF", "CustomerAccount": "us*"},
        {"dataAreaId": "usmf", "CustomerAccount": "US-001"},
        {"dataAreaId": "usmf", "CustomerAccount": "US* "},
    ]
    keys = [
        {"dataAreaId": "usmf", "CustomerAccount": "US*"},
        {"dataAreaId": "usmf", "CustomerAccount": "U%"},
        {"CustomerAccount": "us-001"},
    ]
    assert matches(keys, rows, CUSTOMERS) == [[rows[0], rows[2]], [], [rows[1]]]
