"""Both sides against the sandbox over TLS, while answers get lost, tokens end and users edit in between."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from mappings.catalogue import Catalogue
from mappings.errors import FatalError, RetriableError
from tasks.connectors.side import Column, IncompleteRead, Operation, Table, TokenExpired
from tasks.transform.layout import table_of
from tests.connectors.conftest import dataverse_side, fno_side
from tests.connectors.side_contract import Subject
from tests.local_services import Refused, Services

Make = Callable[..., Subject]


@pytest.fixture(params=["fno", "dataverse"])
def subject(request: pytest.FixtureRequest, services: Services) -> Iterator[Subject]:
    if request.param == "fno":
        fno = fno_side(services)
        yield Subject(fno, "ExchangeRateTypes", "Name", "Description")
        fno.close()
    else:
        dataverse = dataverse_side(services)
        yield Subject(dataverse, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
        dataverse.close()


@pytest.fixture
def dataverse(services: Services) -> Iterator[Any]:
    side = dataverse_side(services)
    yield side
    side.close()


@pytest.fixture
def fno(services: Services) -> Iterator[Any]:
    side = fno_side(services)
    yield side
    side.close()


def ours(services: Services) -> list[dict[str, Any]]:
    return services.writes(caller="application")


# long lists


def test_a_list_longer_than_the_service_counts_is_read_whole_or_not_at_all(
    dataverse: Any, services: Services
) -> None:
    services.load("dataverse", "msdyn_exchangeratetypes", [{"msdyn_name": f"T{n}"} for n in range(5001)])

    def read() -> int:
        pages = dataverse.pages("msdyn_exchangeratetypes", columns=["msdyn_name"], size=2500)
        return sum(len(page) for page in pages)

    assert read() == 5001
    # the second page of three is taken for the last one: as many rows as were counted
    services.fault(side="dataverse", match="GET .*skiptoken", action="cut_pages")
    with pytest.raises(IncompleteRead, match="5000 rows and more"):
        read()


# lost answers


@pytest.mark.parametrize(("action", "written"), [("lose_after", 3), ("lose_before", 0)])
@pytest.mark.parametrize("bulk", [False, True])
def test_a_create_is_never_doubled(
    subject: Subject, services: Services, action: str, written: int, bulk: bool
) -> None:
    operations = [subject.create(name) for name in ("a", "b", "c")]
    subject.find("a")
    services.fault(side=subject.side.name, action=action, match="POST .*(batch|CreateMultiple)")
    assert [outcome.status for outcome in subject.write(*operations, bulk=bulk)] == ["unknown"] * 3
    assert len(ours(services)) == written
    assert [len(rows) for rows in subject.find("a", "b", "c")] == [written // 3] * 3


def test_a_bulk_create_whose_answer_breaks_off_is_unknown(dataverse: Any, services: Services) -> None:
    subject = Subject(dataverse, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
    dataverse.table(subject.table)
    services.fault(side="dataverse", action="truncate", match="CreateMultiple")
    outcomes = subject.write(*[subject.create(name) for name in "abc"], bulk=True)
    assert [outcome.status for outcome in outcomes] == ["unknown"] * 3
    assert len(ours(services)) == 3


def test_updates_and_deletes_whose_answer_is_lost_are_sent_again_and_counted_once(
    subject: Subject, services: Services
) -> None:
    kept, doomed = subject.made("kept"), subject.made("doomed")
    before = len(ours(services))
    services.fault(side=subject.side.name, action="lose_after", match="batch")
    outcomes = subject.write(subject.update(kept, {subject.text: "second"}), subject.delete(doomed))
    # the engine looks, and finds its own write
    assert [outcome.status for outcome in outcomes] == ["stale", "absent"]
    assert len(ours(services)) == before + 2
    assert subject.row("kept")[subject.text] == "second"


def test_updates_that_never_arrived_are_simply_done(subject: Subject, services: Services) -> None:
    row = subject.made("kept")
    services.fault(side=subject.side.name, action="lose_before", match="batch", times=2)
    assert [o.status for o in subject.write(subject.update(row, {subject.text: "second"}))] == ["done"]
    assert subject.row("kept")[subject.text] == "second"


def test_a_truncated_page_is_read_again(subject: Subject, services: Services) -> None:
    subject.write(*[subject.create(name) for name in "abc"])
    services.fault(side=subject.side.name, action="truncate", match="GET ", times=2)
    pages = subject.side.pages(subject.table, columns=subject.columns)
    assert sorted(row[subject.key] for page in pages for row in page) == ["a", "b", "c"]


@pytest.mark.parametrize("action", ["cut_pages", "empty"])
def test_fno_pages_that_do_not_add_up_are_noticed(fno: Any, services: Services, action: str) -> None:
    services.load("fno", "ExchangeRateTypes", [{"Name": f"n{n}", "Description": "x"} for n in range(10)])
    fno.table("ExchangeRateTypes")
    services.fault(side="fno", action=action, match="GET ")
    with pytest.raises((IncompleteRead, RetriableError)):
        list(fno.pages("ExchangeRateTypes", columns=["Name"], size=4))


# throttling and tokens


def test_throttled_requests_wait_and_go_on(subject: Subject, services: Services) -> None:
    slept: list[float] = []
    side = fno_side if subject.side.name == "fno" else dataverse_side
    patient = Subject(side(services, sleep=slept.append), subject.table, subject.key, subject.text)
    services.fault(side=subject.side.name, status=429, retry_after=7, match="batch", nth=2)
    services.fault(side=subject.side.name, status=503, match="batch", nth=4)
    outcomes = patient.write(*[patient.create(name) for name in "abc"])
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert [len(rows) for rows in patient.find("a", "b", "c")] == [1, 1, 1]
    assert slept and 6.0 < max(slept) <= 7.0
    patient.side.close()  # type: ignore[attr-defined]


def test_only_throttled_parts_of_a_batch_go_out_again(subject: Subject, services: Services) -> None:
    subject.find("x")
    services.fault(side=subject.side.name, status=429, match="POST .*b2", parts=True)
    outcomes = subject.write(*[subject.create(name) for name in ("a1", "b2", "c3")])
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert len(ours(services)) == 3


def test_tokens_that_end_early_are_replaced(subject: Subject, services: Services) -> None:
    subject.made("a")
    services.fault(side=subject.side.name, action="expire_token", match="batch")
    assert subject.row("a")[subject.key] == "a"
    assert [outcome.status for outcome in subject.write(subject.create("b"))] == ["done"]
    assert len(ours(services)) == 2


def test_an_application_without_rights_is_told_what_it_lacks(dataverse: Any, services: Services) -> None:
    services.switch(denied=["prvReadmsdyn_exchangeratetype"])
    with pytest.raises(FatalError, match="prvRead") as denied:
        list(dataverse.pages("msdyn_exchangeratetypes", columns=["msdyn_name"]))
    assert "security role" in denied.value.remedy


def test_a_right_that_one_table_lacks_refuses_its_rows_only(dataverse: Any, services: Services) -> None:
    services.switch(denied=["prvCreatemsdyn_exchangeratetype"])
    subject = Subject(dataverse, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
    (outcome,) = subject.write(subject.create("a"))
    assert outcome.status == "refused"
    assert outcome.error is not None and outcome.error.status == 403


# users who edit meanwhile


@pytest.mark.parametrize("kind", ["update", "delete"])
def test_what_a_user_does_between_read_and_write_stands(
    subject: Subject, services: Services, kind: str
) -> None:
    row = subject.made("a")
    path = (
        f"{subject.table}({subject.address(row)})"
        if subject.side.name == "dataverse"
        else f"{subject.table}(Name='a')?cross-company=true"
    )
    edit = {"side": subject.side.name, "method": "PATCH", "path": path, "body": {subject.text: "theirs"}}
    services.gate([edit], side=subject.side.name, match="batch", when="before")
    operation = subject.delete(row) if kind == "delete" else subject.update(row, {subject.text: "ours"})
    assert [outcome.status for outcome in subject.write(operation)] == ["stale"]
    assert [answer["status"] for gate in services.gates() for answer in gate["answers"]] < [400]
    assert subject.row("a")[subject.text] == "theirs"


def test_each_change_and_delete_carries_a_version(subject: Subject, services: Services) -> None:
    row = subject.made("a")
    subject.write(subject.update(row, {subject.text: "second"}))
    subject.write(subject.delete(subject.row("a")))
    sent = [operation for request in services.trace() for operation in request["operations"]]
    changes = [each for each in sent if each["method"] in ("PATCH", "DELETE")]
    assert len(changes) == 2
    assert all(each["if_match"].startswith('W/"') for each in changes)


def test_hidden_rows_read_as_absent(subject: Subject, services: Services) -> None:
    row = subject.made("a")
    hidden = {"side": subject.side.name, "set": subject.table, "filter": f"{subject.key} eq 'a'"}
    services.switch(hide_rows=[hidden])
    assert subject.side.read(subject.table, [subject.address(row)], subject.columns) == [None]
    assert subject.find("a") == [[]]


def test_one_side_serves_many_threads(subject: Subject, services: Services) -> None:
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            names = [f"t{number} {n}" for n in range(20)]
            outcomes = subject.write(*[subject.create(name) for name in names], bulk=number % 2 == 0)
            assert {outcome.status for outcome in outcomes} == {"done"}
            assert [len(rows) for rows in subject.find(*names)] == [1] * 20
        except BaseException as failure:
            failures.append(failure)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    pages = subject.side.pages(subject.table, columns=[subject.key], size=50)
    names = [row[subject.key] for page in pages for row in page]
    assert len(set(names)) == 240


# what is particular to one side


def test_pages_hold_all_companies(fno: Any, services: Services) -> None:
    companies = [{"LegalEntityId": code, "Name": code} for code in ("usmf", "demf")]
    services.load("fno", "LegalEntities", companies)
    groups = [
        {"dataAreaId": code, "CustomerGroupId": f"{n}", "Description": "x"}
        for code in ("usmf", "demf")
        for n in range(7)
    ]
    services.load("fno", "CustomerGroups", groups)
    rows = [row for page in fno.pages("CustomerGroups", columns=[], size=4) for row in page]
    assert [(row["dataAreaId"], row["CustomerGroupId"]) for row in rows] == sorted(
        (group["dataAreaId"], group["CustomerGroupId"]) for group in groups
    )
    one = [
        row for page in fno.pages("CustomerGroups", columns=[], filter="dataAreaId eq 'USMF'") for row in page
    ]
    assert len(one) == 7
    key = {"dataAreaId": "DEMF", "CustomerGroupId": "3"}
    assert fno.read("CustomerGroups", [key], ["Description"])[0]["Description"] == "x"
    assert len(fno.find("CustomerGroups", [{"CustomerGroupId": "3"}], ["dataAreaId"])[0]) == 2


@pytest.mark.parametrize("sent", [True, False])
def test_an_fno_update_may_come_back_without_its_row(fno: Any, services: Services, sent: bool) -> None:
    services.switch(fno_representation=sent)
    subject = Subject(fno, "ExchangeRateTypes", "Name", "Description")
    row = subject.made("a")
    (outcome,) = subject.write(subject.update(row, {"Description": "second"}))
    assert outcome.status == "done"
    assert (outcome.row is not None) is sent


def test_fractions_keep_their_digits(dataverse: Any, services: Services) -> None:
    from decimal import Decimal

    body = {"isocurrencycode": "XTS", "currencyname": "Test", "exchangerate": Decimal("1.2345678901")}
    (made,) = dataverse.write("transactioncurrencies", [Operation("create", body)], columns=["exchangerate"])
    assert made.status == "done", made.error
    (row,) = dataverse.read("transactioncurrencies", [made.id], ["exchangerate"])
    assert Decimal(row["exchangerate"]) == Decimal("1.2345678901")
    assert isinstance(row["exchangerate"], str)


def test_lookups_are_bound_read_and_found(dataverse: Any, services: Services) -> None:
    table: Table = dataverse.table("msdyn_customergroups")
    company: Column = table.columns["msdyn_company"]
    (made,) = dataverse.write(
        "cdm_companies", [Operation("create", {"cdm_companycode": "USMF", "cdm_name": "US"})], columns=[]
    )
    assert made.status == "done", made.error
    bind = {f"{company.navigation['cdm_company']}@odata.bind": f"/cdm_companies({made.id})"}
    groups = [Operation("create", {"msdyn_groupid": code, **bind}) for code in ("10", "20")]
    outcomes = dataverse.write(table.name, groups, columns=["msdyn_groupid", "msdyn_company"])
    assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert outcomes[0].row["_msdyn_company_value"] == made.id
    for name in ("_msdyn_company_value", "msdyn_company"):
        key = {"msdyn_groupid": "10", name: str(made.id).upper()}
        assert [len(rows) for rows in dataverse.find(table.name, [key], ["msdyn_groupid"])] == [1]
    nobody = {f"{company.navigation['cdm_company']}@odata.bind": f"/cdm_companies({outcomes[1].id})"}
    row = outcomes[0].row
    update = Operation("update", nobody, outcomes[0].id, row["@odata.etag"])
    assert [o.status for o in dataverse.write(table.name, [update], columns=[])] == ["refused"]


def test_each_way_to_read_names_the_table_of_a_lookup_where_it_is_asked_for(
    dataverse: Any, services: Services
) -> None:
    """`parentcustomerid` points at accounts or contacts; an annotation costs bytes on every lookup of a row."""
    asked = table_of("parentcustomerid")
    navigation = dataverse.table("contacts").columns["parentcustomerid"].navigation
    (account,) = dataverse.write("accounts", [Operation("create", {"name": "A"})], columns=[])
    (chief,) = dataverse.write("contacts", [Operation("create", {"lastname": "B"})], columns=[])
    columns = ["lastname", "parentcustomerid"]
    token = dataverse.track("contacts", [*columns, asked])
    tables: dict[str, str] = {}
    for name, logical, place in (("C", "account", "accounts"), ("D", "contact", "contacts")):
        of = account.id if place == "accounts" else chief.id
        body = {"lastname": name, f"{navigation[logical]}@odata.bind": f"/{place}({of})"}
        (made,) = dataverse.write("contacts", [Operation("create", body)], columns=[*columns, asked])
        tables[made.id] = logical
        assert made.row[asked] == logical
    ids = list(tables)
    read = dataverse.read("contacts", ids, [*columns, asked])
    keys = [{"lastname": name} for name in "CD"]
    found = [row for rows in dataverse.find("contacts", keys, [*columns, asked]) for row in rows]
    paged = [row for page in dataverse.pages("contacts", columns=[*columns, asked]) for row in page]
    changed = [
        change.row
        for page in dataverse.changes("contacts", token, [*columns, asked])
        for change in page.changes
    ]
    for rows in (read, found, paged, changed):
        assert {row["contactid"]: row[asked] for row in rows if row.get(asked)} == tables
    (plain, _) = dataverse.read("contacts", ids, columns)
    assert not [name for name in plain if "@" in name and not name.startswith("@odata.")]


def test_a_table_without_bulk_messages_is_written_by_batch(dataverse: Any, services: Services) -> None:
    assert dataverse.table("uoms").bulk == frozenset()
    services.switch(bulk_messages=False)
    subject = Subject(dataverse, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
    for names in ("abc", "def"):
        outcomes = subject.write(*[subject.create(name) for name in names], bulk=True)
        assert {outcome.status for outcome in outcomes} == {"done"}
    assert dataverse.requests["bulk"] == 1


def test_a_thousand_bulk_rows_with_one_bad_take_few_requests(dataverse: Any, services: Services) -> None:
    subject = Subject(dataverse, "msdyn_exchangeratetypes", "msdyn_name", "msdyn_description")
    operations: Sequence[Operation] = [
        subject.create(f"n{n}", "x" * 5000 if n == 777 else "fine") for n in range(1000)
    ]
    outcomes = subject.write(*operations, bulk=True)
    assert [n for n, outcome in enumerate(outcomes) if outcome.status != "done"] == [777]
    error = outcomes[777].error
    assert error is not None and error.code == "0x80044331"
    assert dataverse.requests["bulk"] + dataverse.requests["batch"] <= 8


def test_a_void_token_has_expired(dataverse: Any, services: Services) -> None:
    token = dataverse.track("msdyn_exchangeratetypes", ["msdyn_name"])
    services.void_tokens("msdyn_exchangeratetypes")
    with pytest.raises(TokenExpired):
        list(dataverse.changes("msdyn_exchangeratetypes", token, ["msdyn_name"]))


def test_changes_of_many_rows_come_in_pages_with_one_token(dataverse: Any, services: Services) -> None:
    token = dataverse.track("msdyn_exchangeratetypes", ["msdyn_name"])
    rows = [{"msdyn_name": f"n{n}", "msdyn_description": "x"} for n in range(6001)]
    services.load("dataverse", "msdyn_exchangeratetypes", rows)
    pages = list(dataverse.changes("msdyn_exchangeratetypes", token, ["msdyn_name"]))
    assert sum(len(page.changes) for page in pages) == 6001
    assert [page.token is not None for page in pages] == [False, True]
    assert dataverse.track("msdyn_exchangeratetypes", ["msdyn_name"]) != token


def test_live_metadata_has_all_that_the_maps_name(fno: Any, dataverse: Any) -> None:
    absent = []
    maps = Catalogue.load().maps.values()
    for each in maps:
        source: Table = fno.table(each.fno.set)
        target: Table = dataverse.table(each.dataverse.table)
        assert set(source.key) == set(each.fno.key), each.name
        for pair in each.fields:
            if pair.fno and pair.fno not in source.columns:
                absent.append((each.name, pair.fno))
            if pair.dataverse and pair.dataverse.partition(".")[0] not in target.columns:
                absent.append((each.name, pair.dataverse))
        for lookup in each.lookups:
            assert target.columns[lookup].navigation, (each.name, lookup)
    assert absent == []
    assert fno.requests["metadata"] <= 1 + len({each.fno.set for each in maps})


def test_the_sandbox_agrees_that_nobody_else_wrote(subject: Subject, services: Services) -> None:
    subject.made("a")
    with pytest.raises(Refused):
        services.edit(subject.side.name, "GET", "NoSuchSet")
    assert {write["caller"] for write in services.writes()} == {"application"}
