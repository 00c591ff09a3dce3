"""Single F&O rows: companies, defaults, numbers, references, versions, refusals."""

from __future__ import annotations

import base64
import re
from typing import Any

import pytest

from tests.local_services import Services
from tests.sandbox.given import Fno, infolog

CUSTOMER = "CustomersV3(dataAreaId='usmf',CustomerAccount='US-1')?cross-company=true"


@pytest.fixture
def customers(fno: Fno) -> Fno:
    """Companies usmf and demf, customer US-1 in both."""
    fno.chain("usmf", "demf")
    for company in ("usmf", "demf"):
        fno.customers(company, "US-1", OrganizationName=f"One of {company}")
    return fno


# creating


def test_create_answers_201_with_the_whole_row_and_its_address(customers: Fno) -> None:
    body = {
        "dataAreaId": "USMF",
        "CustomerAccount": "A/1",
        "CustomerGroupId": "10",
        "SalesCurrencyCode": "usd",
    }
    response = customers("POST", "CustomersV3", body)
    assert response.status_code == 201
    row = response.json()
    assert (row["dataAreaId"], row["SalesCurrencyCode"], row["LanguageId"]) == ("usmf", "USD", "en-us")
    assert (row["SalesMemo"], row["CreditLimit"], row["OnHoldStatus"]) == ("", 0, "No")
    assert row["PartyNumber"].startswith("00")
    address = f"{response.headers['Location']}?cross-company=true"
    assert customers("GET", address).json()["CustomerAccount"] == "A/1"


def test_numbers_come_from_sequences_when_left_out(customers: Fno) -> None:
    body = {"dataAreaId": "usmf", "CustomerGroupId": "10"}
    first, second = (customers.create("CustomersV3", body)["CustomerAccount"] for _ in range(2))
    assert re.fullmatch(r"C-\d{6}", first) and int(second[2:]) == int(first[2:]) + 1


def test_a_number_that_is_taken_is_passed_over(customers: Fno) -> None:
    customers.customers("usmf", "c-000001")
    body = {"dataAreaId": "usmf", "CustomerGroupId": "10"}
    assert customers.create("CustomersV3", body)["CustomerAccount"] == "C-000002"


def test_without_defaults_the_number_is_mandatory(services: Services, customers: Fno) -> None:
    services.switch(normalize_defaults=False)
    response = customers("POST", "CustomersV3", {"dataAreaId": "usmf", "CustomerGroupId": "10"})
    assert response.status_code == 400
    assert "Field 'Customer account' must be filled in." in infolog(response)


def test_without_a_company_the_row_goes_to_the_default_company(services: Services, customers: Fno) -> None:
    services.switch(fno_default_company="demf")
    body = {"CustomerAccount": "X", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
    assert customers.create("CustomersV3", body)["dataAreaId"] == "demf"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"CustomerGroupId": ""}, "Field 'Customer group' must be filled in."),
        (
            {"CustomerGroupId": "none"},
            "The value 'none' in field 'Customer group' is not found in the related table 'Customer groups'.",
        ),
        (
            {"PaymentTerms": "Net"},
            "The value 'Net' in field 'Payment terms' is not found in the related table 'Terms of payment'.",
        ),
        (
            {"InvoiceAccount": "none"},
            "The value 'none' in field 'Invoice account' is not found in the related table 'Customers V3'.",
        ),
        ({"dataAreaId": "none"}, "is not found in the related table 'Legal entities'."),
        (
            {"CustomerAccount": "us-1 "},
            "Cannot create a record in Customers V3 (CustTable). Data area id: usmf, Customer account: us-1. "
            "The record already exists.",
        ),
        ({"CustomerAccount": "x" * 21}, "is too long. The maximum length is 20 characters."),
        ({"OnHoldStatus": "Sometimes"}, "Cannot convert the literal 'Sometimes'"),
        ({"OnHoldStatus": 1}, "Cannot convert the literal '1'"),
        ({"OrganizationNumberOfEmployees": "many"}, "Cannot convert the literal 'many'"),
        ({"SalesMemo": 5}, "to the expected type 'Edm.String'"),
        (
            {"Nonsense": 1},
            "The property 'Nonsense' does not exist on type 'Microsoft.Dynamics.DataEntities.CustomerV3'. Make "
            "sure to only use property names that are defined by the type.",
        ),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_refusals(customers: Fno, changes: dict[str, Any], text: str) -> None:
    body = {"dataAreaId": "usmf", "CustomerAccount": "N", "CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
    response = customers("POST", "CustomersV3", {**body, **changes})
    assert response.status_code == 400
    error = response.json()["error"]
    assert (error["code"], error["message"]) == ("", "An error has occurred.")
    assert text in infolog(response)
    assert len(customers.rows("CustomersV3?cross-company=true")) == 2


def test_an_infolog_has_the_documented_grammar_and_all_findings(customers: Fno) -> None:
    body = {"dataAreaId": "usmf", "CustomerAccount": "N", "CustomerGroupId": "x", "PaymentTerms": "y"}
    assert infolog(customers("POST", "CustomersV3", body)) == (
        "Write failed for table row of type 'CustCustomerV3Entity'. Infolog: Warning: The value 'x' in field "
        "'Customer group' is not found in the related table 'Customer groups'.; Warning: The value 'y' in field "
        "'Payment terms' is not found in the related table 'Terms of payment'.; Warning: validateWrite failed on "
        "data source 'CustTable (CustTable)'."
    )


def test_statuses_of_refusals_are_switches(services: Services, customers: Fno) -> None:
    services.switch(fno_business_error_status=500, fno_duplicate_status=500)
    body = {"dataAreaId": "usmf", "CustomerAccount": "US-1", "CustomerGroupId": "10"}
    assert customers("POST", "CustomersV3", body).status_code == 500
    assert customers("POST", "CustomersV3", {**body, "CustomerGroupId": "x"}).status_code == 500


def test_references_are_per_company_without_case_and_may_be_to_oneself(customers: Fno) -> None:
    services = customers.services
    services.load("fno", "CustomerGroups", [{"dataAreaId": "usmf", "CustomerGroupId": "Only US"}])
    body = {"CustomerAccount": "N", "SalesCurrencyCode": "USD", "InvoiceAccount": "n"}
    group = {"CustomerGroupId": "ONLY us"}
    assert customers("POST", "CustomersV3", {"dataAreaId": "demf", **body, **group}).status_code == 400
    assert customers("POST", "CustomersV3", {"dataAreaId": "usmf", **body, **group}).status_code == 201


def test_several_properties_can_refer_together(fno: Fno) -> None:
    load = fno.services.load
    load("fno", "Currencies", [{"CurrencyCode": code, "Name": code} for code in ("USD", "EUR")])
    load("fno", "ExchangeRateTypes", [{"Name": "Default"}])
    pair = {"FromCurrencyCode": "EUR", "ToCurrencyCode": "USD", "ExchangeRateTypeName": "Default"}
    rate = {**pair, "Rate": 1.1, "ValidFrom": "2024-01-01T12:00:00Z"}
    response = fno("POST", "ExchangeRatesCDSEntity", rate)
    assert response.status_code == 400 and "Exchange rate currency pair" in infolog(response)
    fno.create("ExchangeRateCurrencyPairs", pair)
    assert fno.create("ExchangeRatesCDSEntity", rate)["ValidTo"] == "2154-12-31T12:00:00Z"


# values


def test_values_as_f_and_o_keeps_them(customers: Fno) -> None:
    body = {
        "dataAreaId": "usmf",
        "ItemNumber": "I",
        "ProductNumber": "P",
        "SalesPriceDate": "2024-02-03T00:00:00Z",
        "SalesPrice": 1.23456789,
        "GrossDepth": 200.0,
    }
    customers.services.load("fno", "AllProducts", [{"ProductNumber": "P"}])
    row = customers.create("ReleasedProductsV2", body)
    assert row["SalesPriceDate"] == "2024-02-03T12:00:00Z"
    assert row["UnitCostDate"] == "1900-01-01T12:00:00Z"
    assert (row["SalesPrice"], row["GrossDepth"]) == (1.234568, 200)
    assert row["ProductType"] == "Item"  # the first member, although its number is 1


def test_null_becomes_the_empty_value_or_is_refused(services: Services, customers: Fno) -> None:
    changed = customers("PATCH", CUSTOMER, {"SalesMemo": None}, Prefer="return=representation")
    assert changed.json()["SalesMemo"] == ""
    services.switch(fno_null="refuse")
    assert customers("PATCH", CUSTOMER, {"SalesMemo": None}).status_code == 400


def test_long_texts_can_be_cut_instead(services: Services, customers: Fno) -> None:
    services.switch(fno_long_text="cut")
    changed = customers("PATCH", CUSTOMER, {"CreditRating": "x" * 200}, Prefer="return=representation")
    assert changed.json()["CreditRating"] == "x" * 100


def test_trimming_and_rounding_can_be_switched_off(services: Services, customers: Fno) -> None:
    services.switch(normalize_trim=False, normalize_round=False)
    changed = customers("PATCH", CUSTOMER, {"SalesMemo": "x  "}, Prefer="return=representation")
    assert changed.json()["SalesMemo"] == "x  "
    assert customers("PATCH", CUSTOMER, {"CreditLimit": 1.234}).status_code == 400


# changing and deleting


def test_patch_answers_204_or_the_row(services: Services, customers: Fno) -> None:
    assert customers("PATCH", CUSTOMER, {"SalesMemo": "x"}).status_code == 204
    response = customers("PATCH", CUSTOMER, {"SalesMemo": "y"}, Prefer="return=representation")
    assert (response.status_code, response.json()["SalesMemo"]) == (200, "y")
    services.switch(fno_representation=False)
    response = customers("PATCH", CUSTOMER, {"SalesMemo": "z"}, Prefer="return=representation")
    assert response.status_code == 204


def test_tags_hold_version_and_record_and_move_with_each_write(customers: Fno) -> None:
    def parts() -> tuple[str, str]:
        tag = customers("GET", CUSTOMER).json()["@odata.etag"]
        inner = base64.b64decode(tag[3:-1]).decode()
        version, record = re.fullmatch(r"'(\d+),(\d+)'", inner).groups()  # type: ignore[union-attr]
        return version, record

    before = parts()
    customers("PATCH", CUSTOMER, {"SalesMemo": "x"})
    after = parts()
    assert before[0] == "0" != after[0] and before[1] == after[1]


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
def test_a_stale_tag_is_refused_unless_switched_off(services: Services, customers: Fno, method: str) -> None:
    old = customers("GET", CUSTOMER).json()["@odata.etag"]
    customers("PATCH", CUSTOMER, {"SalesMemo": "x"})
    response = customers(method, CUSTOMER, {"SalesMemo": "y"}, If_Match=old)
    assert response.status_code == 412 and "An update conflict occurred" in infolog(response)
    services.switch(fno_if_match=False)
    assert customers(method, CUSTOMER, {"SalesMemo": "y"}, If_Match=old).status_code == 204


def test_there_is_no_upsert(services: Services, customers: Fno) -> None:
    absent = CUSTOMER.replace("US-1", "none")
    assert customers("PATCH", absent, {"SalesMemo": "x"}).status_code == 404
    assert customers("DELETE", absent).status_code == 404
    services.switch(fno_absent_patch_status=400)
    assert customers("PATCH", absent, {"SalesMemo": "x"}).status_code == 400


def test_keys_cant_be_edited_but_renamed(services: Services, customers: Fno) -> None:
    customers.customers("usmf", "Child", InvoiceAccount="us-1")
    response = customers("PATCH", CUSTOMER, {"CustomerAccount": "US-2"})
    assert response.status_code == 400 and "does not allow editing" in infolog(response)
    assert customers("PATCH", CUSTOMER, {"CustomerAccount": "US-1"}).status_code == 204
    tag = customers("GET", CUSTOMER).json()["@odata.etag"]
    services.edit("fno", "RENAME", CUSTOMER, {"CustomerAccount": "US-2"})
    renamed = customers("GET", CUSTOMER.replace("US-1", "US-2")).json()
    assert (
        base64.b64decode(renamed["@odata.etag"][3:-1]).split(b",")[1]
        == base64.b64decode(tag[3:-1]).split(b",")[1]
    )
    child = customers("GET", CUSTOMER.replace("US-1", "Child")).json()
    assert child["InvoiceAccount"] == "US-2"


def test_put_empties_what_it_leaves_out(customers: Fno) -> None:
    customers("PATCH", CUSTOMER, {"SalesMemo": "x"})
    body = {"CustomerGroupId": "10", "SalesCurrencyCode": "USD", "CreditLimit": 5}
    assert customers("PUT", CUSTOMER, body).status_code == 204
    row = customers("GET", CUSTOMER).json()
    assert (row["SalesMemo"], row["CreditLimit"]) == ("", 5)


def test_a_row_that_others_refer_to_cant_be_deleted(customers: Fno) -> None:
    group = "CustomerGroups(dataAreaId='usmf',CustomerGroupId='10')?cross-company=true"
    response = customers("DELETE", group)
    assert response.status_code == 400
    assert "Customer groups cannot be deleted while dependent Customers V3 exist." in infolog(response)
    assert customers("DELETE", CUSTOMER).status_code == 204
    assert customers("DELETE", group).status_code == 204
    assert customers("DELETE", "LegalEntities('usmf')").status_code == 400
    assert customers("DELETE", "Currencies(CurrencyCode='usd')").status_code == 400


def test_a_value_that_another_table_has_too_restricts_nothing(customers: Fno) -> None:
    load = customers.services.load
    load("fno", "VendorsV2", [{"dataAreaId": "usmf", "VendorAccountNumber": "US-1", "VendorGroupId": "10"}])
    contact = {
        "dataAreaId": "usmf",
        "ContactPersonPartyNumber": "P",
        "AssociatedContactType": "Vendor",
        "AssociatedContactNumber": "us-1",
    }
    load("fno", "CDSContactPersonsV2", [contact])
    assert customers("DELETE", CUSTOMER).status_code == 204
    vendor = "VendorsV2(dataAreaId='usmf',VendorAccountNumber='US-1')?cross-company=true"
    assert customers("DELETE", vendor).status_code == 400


# addresses


@pytest.mark.parametrize(
    "path",
    [
        "CustomersV3(CustomerAccount='US-1')",
        "CustomersV3(dataAreaId='usmf')",
        "CustomersV3(dataAreaId='usmf',Nonsense='US-1')",
        "CustomersV3(dataAreaId='usmf',CustomerAccount=5)",
        "Nonsense",
    ],
)
def test_a_wrong_key_or_set_is_an_unknown_address(customers: Fno, path: str) -> None:
    response = customers("GET", f"{path}?cross-company=true")
    assert response.status_code == 404
    assert response.json()["Message"].startswith("No HTTP resource was found that matches the request URI")


def test_an_absent_row_is_404_in_the_other_envelope(customers: Fno) -> None:
    response = customers("GET", CUSTOMER.replace("US-1", "none"))
    assert response.status_code == 404 and "error" in response.json()


@pytest.mark.parametrize("key", ["a/b", "a&b", "50%", "C+D", "O'Neil", "#7", "Größe", "日本", "US*", "x[1]"])
def test_any_key_can_be_addressed(customers: Fno, key: str) -> None:
    row = {"dataAreaId": "usmf", "CustomerAccount": key, "CustomerGroupId": "10", "SalesCurrencyCode": "USD"}
    location = customers("POST", "CustomersV3", row).headers["Location"]
    assert customers("GET", f"{location}?cross-company=true").json()["CustomerAccount"] == key
    assert customers("DELETE", f"{location}?cross-company=true").status_code == 204


def test_keys_of_dates_numbers_and_enums(fno: Fno) -> None:
    fno.services.load("fno", "NameAffixes", [{"Type": "PersonalSuffix", "Affix": "Jr."}])
    enum = "Microsoft.Dynamics.DataEntities.DirNameAffixType'PersonalSuffix'"
    assert fno("GET", f"NameAffixes(Type={enum},Affix='jr.')").status_code == 200
    fno.chain("usmf")
    fno.services.load("fno", "PaymentDaysCds", [{"dataAreaId": "usmf", "Name": "D"}])
    fno.services.load("fno", "PaymentDayLinesCdsV2", [{"dataAreaId": "usmf", "Name": "D", "LineNumber": 1.5}])
    line = "PaymentDayLinesCdsV2(dataAreaId='usmf',Name='D',LineNumber=1.50)?cross-company=true"
    assert fno("GET", line).status_code == 200


def test_single_rows_of_another_company_need_cross_company(customers: Fno) -> None:
    path = CUSTOMER.partition("?")[0]
    assert customers("GET", path).status_code == 404
    assert customers("PATCH", path, {"SalesMemo": "x"}).status_code == 404
    customers.services.switch(fno_default_company="usmf")
    assert customers("GET", path).status_code == 200
