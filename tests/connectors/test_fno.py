"""F&O where it is awkward: pages that don't add up, routing misses, change sets, texts without codes."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote

import pytest

from mappings.errors import FatalError
from tasks.connectors.fno import FnoSide
from tasks.connectors.fno_metadata import parse_schema
from tasks.connectors.side import IncompleteRead, Operation
from tests.connectors.awkward_server import LOST, AwkwardServer, Reply, Seen, multipart, refusal

MISS = Reply(404, {"Message": "No HTTP resource was found that matches the request URI."})
ABSENT = refusal(404, message="No row.")


def key(account: str) -> dict[str, str]:
    return {"dataAreaId": "usmf", "CustomerAccount": account}


def row(account: str) -> Reply:
    return Reply(body={"@odata.etag": 'W/"1"', **key(account)})


def failed(text: str, status: int = 400) -> Reply:
    inner = {"message": f"Write failed for table row of type 'X'. Infolog: Error: {text}.", "type": "T"}
    return Reply(status, {"error": {"code": "", "message": "An error has occurred.", "innererror": inner}})


def test_metadata_comes_from_the_document(fno: FnoSide, server: AwkwardServer) -> None:
    table = fno.table("CustomersV3")
    assert (table.logical, table.key) == ("CustomerV3", ("dataAreaId", "CustomerAccount"))
    columns = table.columns
    assert columns["dataAreaId"].max_length == 4
    assert columns["OnHold"].kind == "enum"
    assert (columns["OnHold"].enum, columns["OnHold"].members) == ("NoYes", ("No", "Yes"))
    assert (columns["CreditLimit"].kind, columns["CreditLimit"].scale) == ("decimal", None)
    assert columns["CreatedOn"].kind == "datetime" and not columns["CreatedOn"].creatable
    assert columns["CustomerAccount"].creatable and not columns["CustomerAccount"].updatable
    assert columns["OpenedOn"].kind == "date" and not columns["OpenedOn"].required
    assert columns["OrganizationName"].required and not columns["OrganizationName"].updatable
    assert fno.table("CustomerGroups").columns["CustomerGroupId"].required
    assert server.metadata_requests == 1


def test_an_absent_set_names_near_ones(fno: FnoSide) -> None:
    with pytest.raises(FatalError, match="did you mean CustomersV3"):
        fno.table("CustomersV2")


def test_a_large_document_is_read_as_a_stream() -> None:
    types = "".join(
        f'<EntityType Name="T{n}"><Key><PropertyRef Name="A"/></Key>'
        '<Property Name="A" Type="Edm.Int64"/></EntityType>'
        for n in range(500)
    )
    sets = "".join(f'<EntitySet Name="S{n}" EntityType="N.T{n}"/>' for n in range(500))
    schema = parse_schema(f"<Schema>{types}<EntityContainer>{sets}</EntityContainer></Schema>".encode())
    assert schema.table("S499").columns["A"].kind == "bigint"


def test_pages_are_ordered_by_key_and_cross_company(fno: FnoSide, server: AwkwardServer) -> None:
    link = f"{server.url}/data/CustomersV3?$skiptoken=2"
    server.play(
        Reply(body={"@odata.count": 3, "value": [key("1"), key("2")], "@odata.nextLink": link}),
        Reply(body={"value": [key("3"), key("4")]}),
    )
    pages = list(
        fno.pages(
            "CustomersV3", columns=["OrganizationName"], filter="OnHold eq 'No'", order=["dataAreaId"], size=2
        )
    )
    assert [len(page) for page in pages] == [2, 2]
    asked = unquote(server.seen[0].path)
    assert asked.startswith(
        "/data/CustomersV3?cross-company=true&$count=true&$select=dataAreaId,CustomerAccount,Org"
    )
    assert asked.endswith("$orderby=dataAreaId,CustomerAccount")
    assert server.seen[1].headers["prefer"] == "odata.maxpagesize=2"


def test_fewer_rows_than_counted_is_an_incomplete_read(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(Reply(body={"@odata.count": 3, "value": [key("1"), key("2")]}))
    with pytest.raises(IncompleteRead, match="counted 3 rows but sent 2"):
        list(fno.pages("CustomersV3", columns=[]))


@pytest.mark.parametrize("body", [{}, {"value": None}, {"error": "odd"}])
def test_an_answer_without_rows_is_no_empty_table(fno: FnoSide, server: AwkwardServer, body: Any) -> None:
    server.play(Reply(body=body), Reply(body={"@odata.count": 1, "value": [key("1")]}))
    assert list(fno.pages("CustomersV3", columns=[])) == [[key("1")]]


def test_an_uncounted_read_proves_nothing(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(Reply(body={"value": []}))
    with pytest.raises(IncompleteRead, match="did not count"):
        list(fno.pages("CustomersV3", columns=[]))


def test_a_routing_miss_is_no_proof_of_absence(fno: FnoSide, server: AwkwardServer) -> None:
    hit = Reply(body={"value": [key("a/b")]})
    server.play(multipart(row("1"), MISS, ABSENT, Reply(404), Reply(400)), multipart(hit))
    found = fno.read("CustomersV3", [key(n) for n in ("1", "a/b", "3", "4", "5*")], [])
    assert [each and each["CustomerAccount"] for each in found] == ["1", "a/b", None, None, None]
    assert "cross-company=true" in server.seen[0].parts[0].path
    asked = unquote(server.seen[1].parts[0].path)
    assert "dataAreaId eq 'usmf' and (CustomerAccount eq 'a/b' or CustomerAccount eq '5*')" in asked


def test_a_star_is_read_by_its_address_and_never_as_a_pattern(fno: FnoSide, server: AwkwardServer) -> None:
    def answer(seen: Seen) -> Reply:
        starred = "(" in seen.parts[0].path.partition("?")[0]
        return multipart(row("US*") if starred else Reply(body={"value": [key("US-1"), key("us*")]}))

    server.play(answer, answer)
    found = fno.find("CustomersV3", [key("US-1"), key("us*")], ["OrganizationName"])
    assert [[each["CustomerAccount"] for each in rows] for rows in found] == [["US-1"], ["US*"]]
    server.play(answer)
    found = fno.find("CustomersV3", [{"CustomerAccount": "US*"}], [])
    assert [[each["CustomerAccount"] for each in rows] for rows in found] == [["us*"]]


def operations() -> list[Operation]:
    return [
        Operation("create", {**key("1"), "OrganizationName": "A"}),
        Operation("update", {"OrganizationName": "B"}, key("O'2/ä"), 'W/"JzEn"'),
        Operation("delete", {}, key("3"), 'W/"JzEn"'),
    ]


def test_each_row_is_a_change_set_of_its_own(fno: FnoSide, server: AwkwardServer) -> None:
    created = Reply(201, {"@odata.etag": 'W/"7"', **key("1"), "CreditLimit": 0}, {"Location": "x"})
    server.play(multipart(created, Reply(204), Reply(204), ids=True))
    outcomes = fno.write("CustomersV3", operations(), columns=["OrganizationName"], bulk=True)
    assert [outcome.status for outcome in outcomes] == ["done"] * 3
    assert outcomes[0].version == 'W/"7"' and outcomes[0].row is not None
    assert outcomes[1].row is None and outcomes[1].version is None
    sent = server.seen[0]
    assert sent.body.count(b"boundary=changeset_") == 3
    parts = sent.parts
    assert [part.method for part in parts] == ["POST", "PATCH", "DELETE"]
    assert [part.headers["content-id"] for part in parts] == ["1", "2", "3"]
    assert [part.headers.get("if-match") for part in parts] == [None, 'W/"JzEn"', 'W/"JzEn"']
    assert all(part.path.endswith("?cross-company=true") for part in parts)
    assert unquote(parts[1].path).startswith("/data/CustomersV3(dataAreaId='usmf',CustomerAccount='O''2/ä')")


def test_refusals_carry_the_infolog(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(multipart(failed("The record already exists", 500), Reply(412), ABSENT))
    outcomes = fno.write("CustomersV3", operations(), columns=[])
    assert [outcome.status for outcome in outcomes] == ["refused", "stale", "absent"]
    error = outcomes[0].error
    assert error is not None and "The record already exists" in error.message
    assert (error.side, error.path, error.code) == (
        "fno",
        "/data/CustomersV3",
        "",
    ) or error.path == "CustomersV3"


def test_a_routing_miss_on_a_write_is_a_refusal_not_an_absence(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(multipart(Reply(201, key("1")), MISS, MISS))
    outcomes = fno.write("CustomersV3", operations(), columns=[])
    assert [outcome.status for outcome in outcomes] == ["done", "refused", "refused"]


def test_answers_find_their_rows_by_content_id(fno: FnoSide, server: AwkwardServer) -> None:
    """A failed change set answers with one nameless part; the others may come in any order."""

    def answer(seen: Seen) -> Reply:
        reply = multipart(Reply(204), Reply(204), ids=True)
        body = reply.content.replace(b"Content-ID: 1", b"Content-ID: 3").replace(
            b"Content-ID: 2", b"Content-ID: 1"
        )
        nameless = multipart(failed("no")).content.removesuffix(b"--batchresponse_7--\r\n")
        return Reply(200, nameless + body, reply.headers)

    server.play(answer)
    outcomes = fno.write("CustomersV3", operations(), columns=[])
    assert [outcome.status for outcome in outcomes] == ["done", "refused", "done"]


def test_a_lost_batch_leaves_the_create_unknown(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(LOST, multipart(Reply(412), ABSENT))
    outcomes = fno.write("CustomersV3", operations(), columns=[])
    assert [outcome.status for outcome in outcomes] == ["unknown", "stale", "absent"]


def test_there_is_no_feed(fno: FnoSide) -> None:
    with pytest.raises(FatalError, match="other feeds"):
        fno.track("CustomersV3", [])
    with pytest.raises(FatalError, match="other feeds"):
        fno.changes("CustomersV3", "x", [])


def test_who_and_where(fno: FnoSide) -> None:
    assert (fno.who(), fno.environment, fno.name) == ("client-1", "localhost", "fno")
