"""Writing to Dataverse where it is awkward: lost batches, half answers, refused bulk messages."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.side import Operation
from tests.connectors.awkward_server import LOST, AwkwardServer, Reply, Seen, multipart, refusal, throttled
from tests.connectors.conftest import Time
from tests.connectors.dataverse_rows import COLUMNS, create, created, delete, gone, guid, update

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
