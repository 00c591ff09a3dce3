"""Request and answer: maps that are never scanned and no part of a first sync."""

from __future__ import annotations

import pytest

from tasks.sync.verify import verify
from tests.engine.shop import Shop, a_map, dataverse_table, fno_table, points_at

COMPANY = points_at("new_company", "cdm_company")


@pytest.fixture
def stock() -> Shop:
    """A question about a product, and F&O's answers to it by site."""
    requests = a_map(
        "Requests",
        "Requests",
        ("dataAreaId", "Request"),
        "requests",
        ["request_id"],
        fields=[("Request", "request_id"), ("Product", "product", "to-fno")],
        fno_end={"feeds": ["data_events"]},
        initial=False,
        conflict="dataverse",
    )
    entries = a_map(
        "Entries",
        "Entries",
        ("dataAreaId", "Request", "Site"),
        "entries",
        ["request.request_id", "site"],
        fields=[
            ("Request", "request.request_id", "to-dataverse"),
            ("Site", "site", "to-dataverse"),
            ("Quantity", "quantity", "to-dataverse"),
        ],
        lookups={"request": {"table": "requests"}},
        fno_end={"feeds": ["data_events"]},
        initial=False,
        delete={"to-fno": "ignore", "to-dataverse": "ignore"},
    )
    return Shop(
        [requests, entries],
        [
            fno_table("Requests", ("dataAreaId", "Request"), "Product"),
            fno_table("Entries", ("dataAreaId", "Request", "Site"), "Quantity"),
        ],
        [
            dataverse_table("requests", ("request_id", "new_company"), "product", COMPANY),
            dataverse_table(
                "entries",
                ("request", "site", "new_company"),
                "quantity",
                points_at("request", "request"),
                COMPANY,
            ),
        ],
    )


def test_what_stands_there_before_is_not_read(stock: Shop) -> None:
    stock.in_dataverse("requests", request_id="OLD", product="P")
    stock.in_fno("Requests", Request="OLDER")
    stock.in_fno("Entries", Request="OLDER", Site="1", Quantity="5")
    stock.connect()
    assert stock.writes() == [] and "page" not in stock.fno.requests
    stock.sync()
    assert stock.writes() == [] and "page" not in stock.fno.requests
    # and so it is no difference either
    assert verify(stock.session).differences == 0


def test_a_question_from_dataverse_gets_its_answers_and_no_others(stock: Shop) -> None:
    stock.connect()
    request = stock.in_dataverse("requests", request_id="R1", product="P")
    stock.sync("Requests")
    assert stock.one("Requests").values["Product"] == "P"
    stock.in_fno("Entries", Request="R1", Site="1", Quantity="5")
    stock.in_fno("Entries", Request="R0", Site="1", Quantity="7")
    stock.sync("Entries")
    answer = stock.one("entries")
    assert (answer.values["request"], answer.values["site"], answer.values["quantity"]) == (
        request.id,
        "1",
        "5",
    )
    # a second part, and a figure that changes
    stock.in_fno("Entries", Request="R1", Site="2", Quantity="6")
    stock.change(stock.one("Entries", Request="R1", Site="1"), Quantity="4")
    stock.writes()
    stock.sync("Entries")
    assert {row["site"]: row["quantity"] for row in stock.rows("entries")} == {"1": "4", "2": "6"}
    assert len(stock.writes()) == 2
    stock.sync()
    assert stock.writes() == []


def test_old_questions_are_not_asked_about(stock: Shop) -> None:
    stock.connect()
    stock.in_dataverse("requests", request_id="R1", product="P")
    stock.sync("Requests", "Entries")
    stock.clock.forward(minutes=16)
    stock.in_fno("Entries", Request="R1", Site="1", Quantity="5")
    asked = stock.fno.requests.get("find", 0)
    stock.sync("Entries")
    assert stock.rows("entries") == [] and stock.fno.requests.get("find", 0) == asked
    stock.in_dataverse("requests", request_id="R2", product="P")
    stock.sync("Requests")
    stock.in_fno("Entries", Request="R2", Site="1", Quantity="6")
    stock.sync("Entries")
    assert stock.one("entries").values["quantity"] == "6"
