"""Dataverse where it is awkward: refused bulk messages, lost batches, half answers, expired tokens."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from mappings.errors import FatalError, RetriableError
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.side import Operation, TokenExpired
from tests.connectors.awkward_server import LOST, AwkwardServer, Reply, Seen, multipart, refusal, throttled
from tests.connectors.conftest import Time

COLUMNS = ["accountnumber", "name"]


def guid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def create(number: int, **body: Any) -> Operation:
    return Operation("create", {"accountnumber": f"A{number}", **body})


def update(number: int, **body: Any) -> Operation:
    return Operation("update", body or {"name": "new"}, guid(number), 'W/"1"')


def delete(number: int) -> Operation:
    return Operation("delete", address=guid(number), version='W/"1"')


def created(number: int) -> Reply:
    row = {"@odata.etag": 'W/"5"', "accountid": guid(number), "accountnumber": f"A{number}"}
    return Reply(201, row, {"OData-EntityId": f"https://x/accounts({guid(number)})"})


def gone(number: int) -> Reply:
    return refusal(404, "0x80040217", f"account With Id = {guid(number)} Does Not Exist")


# metadata


def test_metadata_comes_from_the_service(dataverse: DataverseSide) -> None:
    table = dataverse.table("accounts")
    assert (table.logical, table.id_column, table.tracked, table.user_owned) == (
        "account",
        "accountid",
        True,
        True,
    )
    assert table.bulk == {"CreateMultiple"}
    assert table.alternate_keys == (("msdyn_company", "accountnumber"),)
    columns = table.columns
    assert columns["accountnumber"].max_length == 20
    assert columns["name"].required and not columns["accountnumber"].required
    assert (columns["creditlimit"].kind, columns["creditlimit"].scale) == ("decimal", 2)
    assert columns["creditlimit"].maximum == Decimal(100000000000)
    assert columns["msdyn_onhold"].members == ("192350000", "192350001")
    assert (columns["msdyn_areas"].kind, columns["msdyn_areas"].members) == ("options", ("7",))
    assert columns["openedon"].kind == "date"
    assert columns["modifiedon"].kind == "datetime" and not columns["modifiedon"].updatable
    assert columns["msdyn_company"].targets == ("cdm_company",)
    assert columns["msdyn_company"].navigation == {"cdm_company": "msdyn_Company"}
    assert "msdyn_areasname" not in columns


def test_metadata_is_read_once(dataverse: DataverseSide, server: AwkwardServer) -> None:
    assert dataverse.table("accounts") is dataverse.table("accounts")
    assert server.metadata_requests == 2
    assert len(dataverse.table("accounts").fingerprint) == 32


def test_an_absent_table_names_near_ones(dataverse: DataverseSide) -> None:
    with pytest.raises(FatalError, match="did you mean accounts") as absent:
        dataverse.table("acounts")
    assert absent.value.code == "absent_name"


# reading


def test_pages_ask_for_the_same_size_each_time(dataverse: DataverseSide, server: AwkwardServer) -> None:
    link = f"{server.url}/api/data/v9.2/accounts?$skiptoken=2"
    server.play(
        Reply(
            body=f'{{"value":[{{"accountid":"1","creditlimit":5000000.0000}}],"@odata.nextLink":"{link}"}}'
        ),
        Reply(body='{"value":[{"accountid":"2","creditlimit":9007199254740993}]}'),
    )
    found = list(
        dataverse.pages("accounts", columns=["creditlimit", "msdyn_company"], order=["name"], size=50)
    )
    assert found == [
        [{"accountid": "1", "creditlimit": "5000000.0000"}],
        [{"accountid": "2", "creditlimit": 9007199254740993}],
    ]
    assert [seen.headers["prefer"] for seen in server.seen] == ["odata.maxpagesize=50"] * 2
    assert "$select=accountid,creditlimit,_msdyn_company_value&" in server.seen[0].path
    assert server.seen[0].path.endswith("$orderby=name,accountid")


def test_the_next_page_is_fetched_while_this_one_is_worked_on(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    link = f"{server.url}/api/data/v9.2/accounts?$skiptoken=2"
    server.play(
        Reply(body={"value": [{"accountid": "1"}], "@odata.nextLink": link}), Reply(body={"value": []})
    )
    pages = dataverse.pages("accounts", columns=[])
    next(pages)
    list(pages)
    assert len(server.seen) == 2


def test_a_query_that_is_refused_ends_the_run(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(refusal(400, "0x80060888", "Could not find a property named 'nope'."))
    with pytest.raises(FatalError, match="Could not find a property named 'nope'"):
        list(dataverse.pages("accounts", columns=["nope"]))


def test_rows_are_read_in_order_and_absence_is_none(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(multipart(Reply(body={"accountid": guid(1)}), gone(2), Reply(body={"accountid": guid(3)})))
    found = dataverse.read("accounts", [guid(1), guid(2), guid(3)], ["name"])
    assert [row and row["accountid"] for row in found] == [guid(1), None, guid(3)]
    assert server.seen[0].headers["prefer"] == "odata.continue-on-error"
    paths = [part.path for part in server.seen[0].parts]
    assert paths[0] == f"/api/data/v9.2/accounts({guid(1)})?$select=accountid,name"


@pytest.mark.parametrize(
    "reply", [Reply(404, "<html>Not here</html>"), Reply(404), refusal(404, "0x8006088a", "No segment.")]
)
def test_only_the_services_own_word_makes_a_row_absent(
    dataverse: DataverseSide, server: AwkwardServer, reply: Reply
) -> None:
    server.play(multipart(reply))
    with pytest.raises(FatalError):
        dataverse.read("accounts", [guid(1)], [])


def test_throttled_parts_of_a_read_are_asked_again_alone(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    row = Reply(body={"accountid": guid(1)})
    server.play(multipart(row, throttled("11"), row), multipart(Reply(body={"accountid": guid(2)})))
    found = dataverse.read("accounts", [guid(1), guid(2), guid(3)], [])
    assert [row and row["accountid"] for row in found] == [guid(1), guid(2), guid(1)]
    assert len(server.seen[1].parts) == 1
    assert time.sleeps == [11.0]


def test_a_batch_of_reads_that_stopped_half_way_goes_on(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(multipart(gone(1), status=404), multipart(gone(2), gone(3)))
    assert dataverse.read("accounts", [guid(1), guid(2), guid(3)], []) == [None, None, None]


def test_many_rows_are_read_in_batches_of_a_hundred(dataverse: DataverseSide, server: AwkwardServer) -> None:
    def answer(seen: Seen) -> Reply:
        return multipart(*(Reply(body={"accountid": part.path[24:60]}) for part in seen.parts))

    server.play(*[answer] * 3)
    found = dataverse.read("accounts", [guid(n) for n in range(250)], [])
    assert [row and row["accountid"] for row in found] == [guid(n) for n in range(250)]
    assert sorted(len(seen.parts) for seen in server.seen) == [50, 100, 100]
    assert dataverse.requests["operations"] >= 250


def test_finding_keeps_exact_rows_and_follows_pages(dataverse: DataverseSide, server: AwkwardServer) -> None:
    link = f"{server.url}/api/data/v9.2/accounts?$skiptoken=2"
    first = {"value": [{"accountid": "1", "accountnumber": "A1"}], "@odata.nextLink": link}
    second = {
        "value": [{"accountid": "2", "accountnumber": "a% "}, {"accountid": "3", "accountnumber": "AB"}]
    }
    server.play(multipart(Reply(body=first)), Reply(body=second))
    found = dataverse.find("accounts", [{"accountnumber": "A%"}, {"accountnumber": "x"}], ["name"])
    assert [[row["accountid"] for row in rows] for rows in found] == [["2"], []]


def test_finding_nothing_asks_nothing(dataverse: DataverseSide, server: AwkwardServer) -> None:
    assert dataverse.find("accounts", [], ["name"]) == []
    assert dataverse.read("accounts", [], ["name"]) == []
    assert dataverse.write("accounts", [], columns=[]) == []
    assert server.seen == []


# writing


def test_each_write_has_its_outcome(dataverse: DataverseSide, server: AwkwardServer) -> None:
    changed = Reply(200, {"@odata.etag": 'W/"9"', "accountid": guid(2), "name": "new"})
    server.play(
        multipart(
            created(1),
            changed,
            Reply(204, headers={"ETag": 'W/"8"'}),
            Reply(204),
            refusal(412, "0x80060882", "The version of the existing record doesn't match."),
            gone(6),
            refusal(400, "0x80044331", "The length of the 'name' attribute exceeded 160."),
            refusal(412, "0x80060892", "Entity Key violated."),
            refusal(412, "0x80060892", "Entity Key violated."),
        )
    )
    operations = [
        create(1, creditlimit=Decimal("1234567890123456.7800")),
        update(2),
        update(3),
        delete(4),
        update(5),
        delete(6),
        update(7),
        create(8),
        update(9),
    ]
    outcomes = dataverse.write("accounts", operations, columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == [
        *("done", "done", "done", "done", "stale", "absent"),
        *("refused", "refused", "refused"),
    ]
    assert outcomes[0].id == guid(1) and outcomes[0].version == 'W/"5"'
    assert outcomes[1].row is not None and outcomes[1].version == 'W/"9"'
    assert outcomes[2].row is None and outcomes[2].version == 'W/"8"'
    error = outcomes[6].error
    assert error is not None and (error.status, error.code) == (400, "0x80044331")
    parts = server.seen[0].parts
    assert parts[0].body == b'{"accountnumber":"A1","creditlimit":1234567890123456.7800}'
    assert parts[0].path == "/api/data/v9.2/accounts?$select=accountid,accountnumber,name"
    assert parts[0].headers["prefer"] == "return=representation"
    assert [part.headers.get("if-match") for part in parts[1:4]] == ['W/"1"'] * 3
    assert server.seen[0].headers["prefer"] == "odata.continue-on-error"


@pytest.mark.parametrize("kind", ["update", "delete"])
@pytest.mark.parametrize("version", [None, "", "*"])
def test_nothing_is_changed_without_the_version_that_was_read(
    dataverse: DataverseSide, server: AwkwardServer, kind: Any, version: str | None
) -> None:
    with pytest.raises(ValueError, match="without the version"):
        dataverse.write("accounts", [Operation(kind, {}, guid(1), version)], columns=[])
    assert server.seen == []


def test_a_lost_batch_leaves_creates_unknown_and_sends_the_rest_again(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(LOST, multipart(refusal(412, "0x80060882"), gone(3)))
    outcomes = dataverse.write("accounts", [create(1), update(2), delete(3)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["unknown", "stale", "absent"]
    assert [part.method for part in server.seen[1].parts] == ["PATCH", "DELETE"]


def test_a_half_answer_leaves_only_unanswered_creates_unknown(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(multipart(created(1), closed=False), multipart(Reply(204)))
    outcomes = dataverse.write("accounts", [create(1), create(2), update(3)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["done", "unknown", "done"]


@pytest.mark.parametrize(
    "reply", [Reply(500, "<html>"), Reply(200, "{}"), Reply(504), refusal(500, "0x80040216")]
)
def test_a_batch_answered_by_something_else_leaves_creates_unknown(
    dataverse: DataverseSide, server: AwkwardServer, reply: Reply
) -> None:
    server.play(reply)
    outcomes = dataverse.write("accounts", [create(1), create(2)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["unknown", "unknown"]
    assert len(server.seen) == 1


def test_what_a_stopped_batch_did_not_run_goes_out_again(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    """A service that ignores continue-on-error ends at the first refusal; the rest was not run."""
    server.play(multipart(created(1), refusal(400), status=400), multipart(created(3), created(4)))
    outcomes = dataverse.write("accounts", [create(n) for n in (1, 2, 3, 4)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["done", "refused", "done", "done"]
    assert [outcome.id for outcome in outcomes] == [guid(1), None, guid(3), guid(4)]
    assert time.sleeps == []


def test_throttled_parts_of_a_write_go_out_again_alone(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.play(multipart(created(1), throttled("13"), created(3)), multipart(created(2)))
    outcomes = dataverse.write("accounts", [create(n) for n in (1, 2, 3)], columns=COLUMNS)
    assert [outcome.id for outcome in outcomes] == [guid(1), guid(2), guid(3)]
    assert time.sleeps == [13.0]


def test_a_write_that_is_throttled_for_good_is_unsent(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.play(*[throttled("1")] * 6)
    outcomes = dataverse.write("accounts", [create(1), update(2)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["unsent", "unsent"]
    assert outcomes[0].error is not None and outcomes[0].error.status == 429
    server.play(*[multipart(throttled("1"))] * 6)
    assert [o.status for o in dataverse.write("accounts", [create(1)], columns=COLUMNS)] == ["unsent"]


def test_one_operation_that_spoils_its_batch_is_isolated(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    def answer(seen: Seen) -> Reply:
        if b"poison" in seen.body:
            return refusal(400, "0x80048d19", "Stream was not readable.")
        return multipart(*(created(int(part.json["accountnumber"][1:])) for part in seen.parts))

    server.play(*[answer] * 20)
    operations = [create(n, **({"name": "poison"} if n == 5 else {})) for n in range(8)]
    outcomes = dataverse.write("accounts", operations, columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["done"] * 5 + ["refused"] + ["done"] * 2
    assert [outcome.id for outcome in outcomes][6] == guid(6)


def test_an_update_is_not_absent_because_a_row_it_points_to_is(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    bound = {"msdyn_Company@odata.bind": f"/cdm_companies({guid(77)})"}
    server.play(
        multipart(
            refusal(404, "0x80040217", f"cdm_company With Id = {guid(77)} Does Not Exist"),
            refusal(404, "0x80040217", "Does Not Exist"),
            refusal(404, "0x80040217", "Does Not Exist"),
            refusal(404, "0x80060891", "A record with the specified key values does not exist"),
        ),
        multipart(Reply(body={"accountid": guid(2)}), gone(3)),
    )
    outcomes = dataverse.write("accounts", [update(n, **bound) for n in (1, 2, 3, 4)], columns=COLUMNS)
    assert [outcome.status for outcome in outcomes] == ["refused", "refused", "absent", "refused"]


# bulk


def bulk_answer(bad: set[str], supported: bool = True) -> Callable[[Seen], Reply]:
    """Plays CreateMultiple and single creates; rows in `bad` are refused."""

    def answer(seen: Seen) -> Reply:
        if seen.path.endswith("CreateMultiple"):
            if not supported:
                return Reply(404, {"Message": "No HTTP resource was found."})
            numbers = [target["accountnumber"] for target in seen.json["Targets"]]
            if bad & set(numbers):
                return refusal(400, "0x80044331", "too long")
            return Reply(body={"Ids": [guid(int(number[1:])) for number in numbers]})
        replies = []
        for part in seen.parts:
            number = part.json["accountnumber"]
            replies.append(refusal(400, "0x80044331") if number in bad else created(int(number[1:])))
        return multipart(*replies)

    return answer


def test_bulk_creates_return_ids_in_order(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(bulk_answer(set()))
    outcomes = dataverse.write("accounts", [create(n) for n in range(300)], columns=COLUMNS, bulk=True)
    assert [outcome.id for outcome in outcomes] == [guid(n) for n in range(300)]
    assert server.seen[0].path == "/api/data/v9.2/accounts/Microsoft.Dynamics.CRM.CreateMultiple"
    assert server.seen[0].json["Targets"][0] == {
        "@odata.type": "Microsoft.Dynamics.CRM.account",
        "accountnumber": "A0",
    }
    assert dataverse.requests["bulk"] == 1


@pytest.mark.parametrize("bad", [{"A0"}, {"A499", "A500"}, {f"A{n}" for n in range(1000)}])
def test_a_refused_bulk_shrinks_until_the_bad_rows_stand_alone(
    dataverse: DataverseSide, server: AwkwardServer, bad: set[str]
) -> None:
    server.play(*[bulk_answer(bad)] * 40)
    operations = [create(n) for n in range(1000)]
    outcomes = dataverse.write("accounts", operations, columns=COLUMNS, bulk=True)
    refused = {f"A{n}" for n, outcome in enumerate(outcomes) if outcome.status == "refused"}
    assert refused == bad
    assert all(o.id == guid(n) for n, o in enumerate(outcomes) if o.status == "done")
    assert len(server.seen) <= 1 + 2 + 4 + 8 + 8


def test_a_table_that_takes_no_bulk_after_all_is_remembered(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(*[bulk_answer(set(), supported=False)] * 3)
    for _ in range(2):
        outcomes = dataverse.write("accounts", [create(1), create(2)], columns=COLUMNS, bulk=True)
        assert [outcome.status for outcome in outcomes] == ["done", "done"]
    assert [seen.path.rpartition("/")[2][-14:] for seen in server.seen] == [
        "CreateMultiple",
        "$batch",
        "$batch",
    ]


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (LOST, "unknown"),
        (Reply(500, "<html>"), "unknown"),
        (Reply(504), "unknown"),
        (Reply(200, {"Ids": ["only-one"]}), "unknown"),
        (Reply(200, "{"), "unknown"),
    ],
)
def test_a_lost_bulk_is_unknown_and_not_repeated(
    dataverse: DataverseSide, server: AwkwardServer, reply: Reply, status: str
) -> None:
    server.play(reply)
    outcomes = dataverse.write("accounts", [create(1), create(2)], columns=COLUMNS, bulk=True)
    assert [outcome.status for outcome in outcomes] == [status, status]
    assert len(server.seen) == 1


def test_updates_never_go_by_bulk(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(multipart(created(1), Reply(204)))
    dataverse.write("accounts", [create(1), update(2)], columns=COLUMNS, bulk=True)
    assert server.seen[0].path.endswith("$batch")


# change tracking


def test_a_token_is_the_delta_link_behind_the_last_page(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    root = f"{server.url}/api/data/v9.2/accounts"
    server.play(
        Reply(body={"value": [{"accountid": "1"}], "@odata.nextLink": f"{root}?$skiptoken=2"}),
        Reply(body={"value": [], "@odata.deltaLink": f"{root}?$select=accountid,name&$deltatoken=7%21x"}),
    )
    token = dataverse.track("accounts", ["name"])
    assert token == f"{root}?$select=accountid,name&$deltatoken=7%21x"
    assert {seen.headers["prefer"] for seen in server.seen} == {"odata.track-changes,odata.maxpagesize=5000"}
    assert "$orderby" not in server.seen[0].path


def test_changes_name_rows_and_deletes_and_end_with_a_token(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    root = f"{server.url}/api/data/v9.2/accounts"
    token = f"{root}?$select=accountid,name,_msdyn_company_value&$deltatoken=7%21x"
    deleted = {
        "@odata.context": f"{root}#accounts/$deletedEntity",
        "id": guid(2).upper(),
        "reason": "deleted",
    }
    server.play(
        Reply(
            body={"value": [{"accountid": guid(1), "name": "x"}], "@odata.nextLink": f"{root}?$skiptoken=2"}
        ),
        Reply(body={"value": [deleted], "@odata.deltaLink": f"{root}?$select=name&$deltatoken=8"}),
    )
    pages = list(dataverse.changes("accounts", token, ["name", "msdyn_company"]))
    assert [page.token for page in pages] == [None, f"{root}?$select=name&$deltatoken=8"]
    assert pages[0].changes[0].row == {"accountid": guid(1), "name": "x"}
    assert (pages[1].changes[0].id, pages[1].changes[0].row) == (guid(2), None)
    assert f"{server.url}{server.seen[0].path}" == token


@pytest.mark.parametrize(
    "reply",
    [refusal(400, "0x80044352", "Version stamp has expired."), refusal(404), refusal(410), refusal(400)],
)
def test_an_unknown_token_has_expired(dataverse: DataverseSide, server: AwkwardServer, reply: Reply) -> None:
    server.play(reply)
    token = f"{server.url}/api/data/v9.2/accounts?$select=accountid,name&$deltatoken=7"
    with pytest.raises(TokenExpired):
        list(dataverse.changes("accounts", token, ["name"]))


def test_a_token_made_for_other_columns_is_as_good_as_none(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    token = f"{server.url}/api/data/v9.2/accounts?$select=accountid&$deltatoken=7"
    with pytest.raises(TokenExpired, match="other columns"):
        list(dataverse.changes("accounts", token, ["name"]))
    assert server.seen == []


def test_a_token_of_another_environment_is_refused(dataverse: DataverseSide) -> None:
    with pytest.raises(FatalError) as refused:
        list(dataverse.changes("accounts", "https://other.crm.dynamics.com/accounts?$deltatoken=7", []))
    assert refused.value.code == "foreign_address"


def test_tracking_must_be_on(dataverse: DataverseSide, server: AwkwardServer) -> None:
    with pytest.raises(FatalError, match="Track changes"):
        dataverse.track("cdm_companies", [])
    server.play(refusal(400, "0x80072491", "Entity account isn't enabled for change tracking."))
    with pytest.raises(FatalError, match="Track changes"):
        dataverse.track("accounts", [])


def test_a_lost_page_of_changes_is_read_again(dataverse: DataverseSide, server: AwkwardServer) -> None:
    link = f"{server.url}/api/data/v9.2/accounts?$deltatoken=8"
    server.play(LOST, Reply(body={"value": [], "@odata.deltaLink": link}))
    token = f"{server.url}/api/data/v9.2/accounts?$deltatoken=7"
    assert [page.token for page in dataverse.changes("accounts", token, ["name"])] == [link]


def test_a_read_in_trouble_for_good_is_retriable(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(*[multipart(Reply(503, "busy"))] * 6)
    with pytest.raises(RetriableError):
        dataverse.read("accounts", [guid(1)], [])


def test_who_and_where(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(Reply(body={"UserId": "U-1", "OrganizationId": "O-1"}))
    assert (dataverse.who(), dataverse.environment, dataverse.name) == ("u-1", "o-1", "dataverse")
    assert dataverse.timeout == 130.0
