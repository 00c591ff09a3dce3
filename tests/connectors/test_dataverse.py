"""Reading Dataverse where it is awkward: metadata, pages, half answers, expired tokens."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from urllib.parse import unquote

import pytest

from mappings.errors import FatalError, RetriableError
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.side import IncompleteRead, TokenExpired
from tests.connectors.awkward_server import LOST, AwkwardServer, Reply, Seen, multipart, refusal, throttled
from tests.connectors.conftest import Time
from tests.connectors.dataverse_rows import gone, guid

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
    assert server.seen[0].path.endswith("$orderby=name,accountid&$count=true")


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


def long_list(
    server: AwkwardServer, sent: int, *, there: bool = True, filtered: bool = False
) -> Callable[[Seen], Reply]:
    """A table of three rows, each for thousands, of which so many come; `there` says whether the last one still is."""
    link = f"{server.url}/api/data/v9.2/accounts?$skiptoken=2"

    def answer(seen: Seen) -> Reply:
        path = unquote(seen.path)
        if "$orderby=accountid desc" in path:
            assert path.endswith("$top=1") and ("$filter=name eq 'x'&" in path) == filtered
            return Reply(body={"value": [{"accountid": guid(3)}]})
        if "$top=1" in path:
            assert f"accountid eq {guid(3)}" in path and ("(name eq 'x') and " in path) == filtered
            return Reply(body={"value": [{"accountid": guid(3)}] if there else []})
        if "skiptoken" in path:
            return Reply(body={"value": [{"accountid": guid(3)}]})
        first: dict[str, Any] = {"value": [{"accountid": guid(1)}] * 5000, "@odata.count": 5000}
        return Reply(body=first | ({"@odata.nextLink": link} if sent == 3 else {}))

    server.play(*[answer] * 4)
    return answer


@pytest.mark.parametrize("filter_", [None, "name eq 'x'"])
def test_a_long_list_that_breaks_off_is_noticed_by_its_last_row(
    dataverse: DataverseSide, server: AwkwardServer, filter_: str | None
) -> None:
    """The service counts to 5,000 and no further."""
    long_list(server, 2, filtered=filter_ is not None)
    with pytest.raises(IncompleteRead, match="5000 rows and more but sent 5000"):
        list(dataverse.pages("accounts", columns=[], filter=filter_))


def test_a_long_list_that_is_whole_costs_one_small_request(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    long_list(server, 3)
    assert sum(len(page) for page in dataverse.pages("accounts", columns=[])) == 5001
    assert len(server.seen) == 3


def test_a_last_row_that_went_meanwhile_is_no_sign_of_anything(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    long_list(server, 2, there=False)
    assert sum(len(page) for page in dataverse.pages("accounts", columns=[])) == 5000


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
