"""Customers, vendors and the people who answer there.

Customers refer to contact persons, contact persons to customers and vendors, customers and vendors to each other and to
themselves, so what closes a circle comes as a second set of rows, which changes the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal

from deployments.sandbox.seed.trading import finance
from deployments.sandbox.seed.trading.group import Company, Row, Scale, host_of, mail, phone

CUSTOMERS, VENDORS = 4_200, 1_200
PERSONS = 0.18
"""Share of customers that are persons."""


@dataclass
class Parties:
    """Rows by F&O set, in the order to create them; `links` change rows that are there."""

    vendors: list[Row] = field(default_factory=list)
    customers: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    customer_links: list[Row] = field(default_factory=list)
    vendor_links: list[Row] = field(default_factory=list)


def of_company(company: Company, scale: Scale) -> Parties:
    """All parties of a company."""
    parties = Parties()
    parties.vendors = [_vendor(company, n) for n in range(1, scale.of(VENDORS * company.share) + 1)]
    parties.customers = [_customer(company, n) for n in range(1, scale.of(CUSTOMERS * company.share) + 1)]
    _people(company, parties)
    _links(company, parties)
    return parties


def _customer(company: Company, number: int) -> Row:
    draw, pools = company.random, company.pools
    group = draw.choice(list(finance.CUSTOMER_GROUPS))
    row: Row = {
        "dataAreaId": company.code,
        "CustomerAccount": f"{company.prefix}-{number:06d}",
        "PartyNumber": f"{company.prefix}P{number:07d}",
        "CustomerGroupId": group,
        "SalesCurrencyCode": company.currency if draw.random() < 0.9 else draw.choice(("EUR", "USD", "CHF")),
        "LanguageId": company.language,
        "PrimaryContactPhone": phone(company),
    }
    street, (city, postcode) = draw.choice(pools.streets), draw.choice(pools.places)
    if draw.random() < PERSONS:
        first, last = draw.choice(pools.first_names), draw.choice(pools.last_names)
        return row | {
            "PartyType": "Person",
            "PersonFirstName": first,
            "PersonLastName": last,
            "PersonGender": draw.choice(("Unknown", "Male", "Female", "NonSpecific")),
            "PersonMaritalStatus": draw.choice(("None", "Single", "Married")),
            "AddressStreet": street,
            "AddressCity": city,
            "AddressZipCode": postcode,
            "AddressCountryRegionISOCode": company.iso,
            "PrimaryContactEmail": mail(f"{first} {last}", "people"),
        }
    name = draw.choice(pools.organizations)
    row |= {
        "PartyType": "Organization",
        "OrganizationName": name,
        "OrganizationNumberOfEmployees": draw.choice((0, 3, 12, 48, 250, 1800)),
        "CreditLimit": Decimal(draw.choice((0, 5_000, 25_000, 100_000))) + Decimal(draw.randint(0, 99)) / 100,
        "CreditRating": draw.choice(("", "A", "B+", "C")),
        "PaymentTerms": finance.CUSTOMER_GROUPS[group][1],
        "PaymentMethod": draw.choice(list(finance.METHODS)),
        "OnHoldStatus": draw.choices(("No", "Invoice", "All"), (94, 4, 2))[0],
        "TaxExemptNumber": f"{company.iso}{draw.randint(10**8, 10**9)}" if draw.random() < 0.4 else "",
        "PrimaryContactEmail": mail("office", host_of(name)),
        "PrimaryContactURL": f"https://{host_of(name)}.example.com/",
        "DeliveryAddressStreet": street,
        "DeliveryAddressCity": city,
        "DeliveryAddressZipCode": postcode,
        "DeliveryAddressCountryRegionISOCode": company.iso,
        # calculated by F&O, one way: sixth digit and more than Dataverse keeps
        "DeliveryAddressLatitude": Decimal(draw.randint(30_000_000, 59_000_000)) / 1_000_000,
        "DeliveryAddressLongitude": Decimal(draw.randint(-120_000_000, 13_000_000)) / 1_000_000,
    }
    if draw.random() < 0.3:
        street, (city, postcode) = draw.choice(pools.streets), draw.choice(pools.places)
        row |= {
            "InvoiceAddressStreet": street,
            "InvoiceAddressCity": city,
            "InvoiceAddressZipCode": postcode,
            "InvoiceAddressCountryRegionISOCode": company.iso,
        }
    if draw.random() < 0.2:
        row["SalesMemo"] = draw.choice(pools.notes)
    return row


def _vendor(company: Company, number: int) -> Row:
    draw, pools = company.random, company.pools
    group = draw.choice(list(finance.VENDOR_GROUPS))
    street, (city, postcode) = draw.choice(pools.streets), draw.choice(pools.places)
    row: Row = {
        "dataAreaId": company.code,
        "VendorAccountNumber": f"{company.prefix}-V{number:05d}",
        "VendorPartyNumber": f"{company.prefix}Q{number:07d}",
        "VendorGroupId": group,
        "CurrencyCode": company.currency,
        "LanguageId": company.language,
        "DefaultPaymentTermsName": finance.VENDOR_GROUPS[group][1],
        "DefaultVendorPaymentMethodName": draw.choice(("TRANSFER", "CHECK")),
        "SalesTaxGroupCode": draw.choice(list(finance.TAX_GROUPS)),
        "AddressStreet": street,
        "AddressCity": city,
        "AddressZipCode": postcode,
        "AddressCountryRegionId": company.country,
        "PrimaryPhoneNumber": phone(company),
        "CreditLimit": Decimal(draw.choice((0, 10_000, 50_000))),
        "IsForeignEntity": draw.choices(("No", "Yes"), (9, 1))[0],
        "OnHoldStatus": draw.choices(("No", "Payment"), (95, 5))[0],
    }
    if draw.random() < 0.08:
        first, last = draw.choice(pools.first_names), draw.choice(pools.last_names)
        return row | {
            "VendorPartyType": "Person",
            "PersonFirstName": first,
            "PersonLastName": last,
            "VendorOrganizationName": f"{first} {last}",
            "PersonBirthMonth": draw.choice(("None", "January", "May", "October")),
        }
    name = draw.choice(pools.organizations)
    return row | {
        "VendorPartyType": "Organization",
        "VendorOrganizationName": name,
        "OrganizationNumber": f"{draw.randint(10**7, 10**8)}",
        "DUNSNumber": f"{draw.randint(10**8, 10**9)}" if draw.random() < 0.3 else "",
        "PrimaryEmailAddress": mail("sales", host_of(name)),
        "PrimaryURL": f"https://{host_of(name)}.example.com/",
    }


def _people(company: Company, parties: Parties) -> None:
    """Contact persons: of every organization among the customers, of most vendors, some with two."""
    draw = company.random
    for row in parties.customers:
        if row["PartyType"] == "Organization":
            for _ in range(draw.choices((0, 1, 2), (20, 65, 15))[0]):
                parties.contacts.append(
                    _contact(company, len(parties.contacts) + 1, "Customer", row["CustomerAccount"])
                )
    for row in parties.vendors:
        if draw.random() < 0.8:
            parties.contacts.append(
                _contact(company, len(parties.contacts) + 1, "Vendor", row["VendorAccountNumber"])
            )


def _contact(company: Company, number: int, kind: str, of: str) -> Row:
    draw, pools = company.random, company.pools
    first, last = draw.choice(pools.first_names), draw.choice(pools.last_names)
    return {
        "dataAreaId": company.code,
        "ContactPersonPartyNumber": f"{company.prefix}R{number:07d}",
        "AssociatedContactType": kind,
        "AssociatedContactNumber": of,
        "ContactPersonId": f"{company.prefix}CP{number:06d}",
        "FirstName": first,
        "LastName": last,
        "Gender": draw.choice(("Unknown", "Male", "Female")),
        "MaritalStatus": "None",
        "EmploymentProfession": draw.choice(pools.jobs),
        "EmploymentDepartment": draw.choice(("", "Purchasing", "Sales", "Finance", "Logistics")),
        "PrimaryEmailAddress": mail(f"{first} {last}", "contacts"),
        "PrimaryPhoneNumber": phone(company),
        "IsReceivingDirectMail": draw.choice(("No", "Yes")),
    }


def _links(company: Company, parties: Parties) -> None:
    """References to rows that come later, or to the row's own table: one invoice account in seven is another customer."""
    draw, own = company.random, {"dataAreaId": company.code}
    organizations = [
        row["CustomerAccount"] for row in parties.customers if row["PartyType"] == "Organization"
    ]
    vendors = [row["VendorAccountNumber"] for row in parties.vendors]
    first_contact: dict[str, str] = {}
    for contact in parties.contacts:
        first_contact.setdefault(contact["AssociatedContactNumber"], contact["ContactPersonId"])
    for number in organizations:
        link: Row = {}
        if draw.random() < 0.15:
            link["InvoiceAccount"] = draw.choice(organizations)
        if draw.random() < 0.03:
            link["VendorAccount"] = draw.choice(vendors)
        if number in first_contact and draw.random() < 0.7:
            link["ContactPersonId"] = first_contact[number]
        if link:
            parties.customer_links.append({**own, "CustomerAccount": number, **link})
    for number in vendors:
        link = {}
        if draw.random() < 0.1:
            link["InvoiceVendorAccountNumber"] = draw.choice(vendors)
        if number in first_contact and draw.random() < 0.6:
            link["PrimaryContactPersonId"] = first_contact[number]
        if link:
            parties.vendor_links.append({**own, "VendorAccountNumber": number, **link})
