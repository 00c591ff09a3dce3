"""What is special about orders, their lines and notes, with the shipped maps, over TLS."""

from __future__ import annotations

from tests.integration.special import OWN, Connect, codes, equal, one, rows
from tests.integration.trading import customer, person, vendor
from tests.local_services import Services


def test_orders_of_organizations_and_persons_and_the_closed_ones(trade: Services, connect: Connect) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "C1"), person("usmf", "P1")])
    orders = [
        {
            **OWN,
            "SalesOrderNumber": f"SO-{number}",
            "OrderingCustomerAccountNumber": number,
            "CurrencyCode": "USD",
        }
        for number in ("C1", "P1")
    ]
    trade.load("fno", "CDSSalesOrderHeaders", orders)
    installation = connect("CDS sales order headers")
    found = {row["msdyn_salesordernumber"]: row for row in rows(trade, "salesorders")}
    assert found["SO-C1"]["_customerid_value"] == one(trade, "accounts", accountnumber="C1")["accountid"]
    assert found["SO-P1"]["_customerid_value"] == one(trade, "contacts")["contactid"]
    assert codes(installation) == set() and equal(installation)
    path = f"salesorders({found['SO-C1']['salesorderid']})"
    trade.edit("dataverse", "PATCH", path, {"statecode": 4, "statuscode": 100003})
    installation.settle()
    trade.edit(
        "fno",
        "PATCH",
        "CDSSalesOrderHeaders(dataAreaId='usmf',SalesOrderNumber='SO-C1')?cross-company=true",
        {"Email": "a@b.c"},
    )
    installation.settle()
    assert codes(installation) == {("CDS sales order headers", "SO-C1", "closed")}
    (parked,) = installation.parked()
    assert "salesorder" in parked.message or "state 4" in parked.message
    trade.edit("dataverse", "PATCH", path, {"statecode": 0, "statuscode": 1})
    installation.settle()
    assert one(trade, "salesorders", msdyn_salesordernumber="SO-C1")["emailaddress"] == "a@b.c"
    assert codes(installation) == set() and equal(installation)


def test_a_purchase_line_that_is_deleted_softly_stays_and_is_marked(
    trade: Services, connect: Connect
) -> None:
    trade.load("fno", "VendorsV2", [vendor("usmf", "V1")])
    order = {**OWN, "PurchaseOrderNumber": "PO-1", "OrderVendorAccountNumber": "V1", "CurrencyCode": "USD"}
    trade.load("fno", "PurchaseOrderHeadersV2", [order])
    lines = [
        {**OWN, "PurchaseOrderNumber": "PO-1", "LineNumber": n, "LineDescription": f"line {n}"}
        for n in (1, 2, 3)
    ]
    trade.load("fno", "CDSPurchaseOrderLines", lines)
    installation = connect("CDS purchase order line entity", "CDS purchase order line soft deleted entity")
    assert len(rows(trade, "msdyn_purchaseorderproducts")) == 3
    key = "(dataAreaId='usmf',PurchaseOrderNumber='PO-1',LineNumber=2)?cross-company=true"
    trade.edit("fno", "DELETE", f"CDSPurchaseOrderLines{key}")
    moved = {**OWN, "PurchaseOrderNumber": "PO-1", "LineNumber": 2, "IsDeleted": "Yes"}
    trade.load("fno", "CDSPurchaseOrderSoftDeletedLines", [moved])
    installation.settle()
    marks = {
        row["msdyn_description"]: bool(row["msdyn_issoftdeletedinscm"])
        for row in rows(trade, "msdyn_purchaseorderproducts")
    }
    assert marks == {"line 1": False, "line 2": True, "line 3": False}
    assert len(trade.dump("fno", "CDSPurchaseOrderLines")) == 2
    assert codes(installation) == set() and equal(installation)


def test_notes_of_customers_and_vendors_share_a_table(trade: Services, connect: Connect) -> None:
    trade.load("fno", "CustomersV3", [customer("usmf", "C1"), person("usmf", "P1")])
    trade.load("fno", "VendorsV2", [vendor("usmf", "V1")])

    def document(number: int) -> str:
        return f"00000000-0000-4000-8000-00000000000{number}"

    notes = [
        {
            "DocumentId": document(1),
            "CustomerAccountNumber": "C1",
            "TypeId": "Note",
            "Notes": "an organization",
        },
        {"DocumentId": document(2), "CustomerAccountNumber": "P1", "TypeId": "URL", "Notes": "a person"},
        {"DocumentId": document(3), "CustomerAccountNumber": "P1", "TypeId": "File", "Notes": "a file"},
    ]
    trade.load("fno", "CustomerAttachments", [{**OWN, **each} for each in notes])
    vendors_note = {
        "DocumentId": document(4),
        "VendorAccountNumber": "V1",
        "DocumentAttachmentTypeCode": "Note",
    }
    trade.load("fno", "VendorDocumentAttachments", [{**OWN, **vendors_note, "Notes": "a vendor"}])
    installation = connect("Customer Attachments", "Vendor document attachments")
    bound = {
        row["notetext"]: (row["objecttypecode"], row["_objectid_value"]) for row in rows(trade, "annotations")
    }
    assert bound == {
        "an organization": ("account", one(trade, "accounts", accountnumber="C1")["accountid"]),
        "a person": ("contact", one(trade, "contacts")["contactid"]),
        "a vendor": ("msdyn_vendor", one(trade, "msdyn_vendors")["msdyn_vendorid"]),
    }
    for text in list(bound):
        note = one(trade, "annotations", notetext=text)
        trade.edit("dataverse", "PATCH", f"annotations({note['annotationid']})", {"notetext": f"{text}!"})
    installation.settle()
    assert {row["Notes"] for row in trade.dump("fno", "CustomerAttachments")} == {
        "an organization!",
        "a person!",
        "a file",
    }
    assert codes(installation) == set() and equal(installation)
