"""How requests are sent: throttling, lost answers, tokens, redirects, what is told and what never is."""

from __future__ import annotations

import logging
import socket
import threading
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from mappings.errors import FatalError, RetriableError
from tasks.connectors.credentials import client_secret
from tasks.connectors.dataverse import DataverseSide
from tasks.connectors.fno import FnoSide
from tasks.connectors.http import LostAnswer, Unsent
from tests.connectors.awkward_server import LOST, AwkwardServer, Reply, Seen, refusal, throttled
from tests.connectors.conftest import Time, credential_of

ME = Reply(body={"UserId": "U-1", "OrganizationId": "O-1"})


def rows(*names: str, next_link: str | None = None, **more: Any) -> Reply:
    body: dict[str, Any] = {"value": [{"accountid": name} for name in names], **more}
    if next_link:
        body["@odata.nextLink"] = next_link
    return Reply(body=body)


# throttling


def test_a_throttled_request_waits_as_long_as_it_is_told(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.play(throttled("17"), throttled("3", status=503), ME)
    assert dataverse.who() == "u-1"
    assert time.sleeps == [17.0, 3.0]
    assert dataverse.requests["throttled"] == 2
    assert dataverse.requests["metadata"] == 3


def test_retry_after_may_be_a_date(dataverse: DataverseSide, server: AwkwardServer, time: Time) -> None:
    server.play(throttled(formatdate(time.now + 42, usegmt=True)), ME)
    assert dataverse.who() == "u-1"
    assert time.sleeps == [42.0]


def test_without_retry_after_waits_grow(dataverse: DataverseSide, server: AwkwardServer, time: Time) -> None:
    server.play(throttled(), Reply(502, "<html>Bad Gateway</html>"), throttled(), ME)
    assert dataverse.who() == "u-1"
    assert time.sleeps == [0.25, 0.5, 1.0]


def test_patience_ends(dataverse: DataverseSide, server: AwkwardServer, time: Time) -> None:
    server.play(*[throttled("5")] * 6)
    with pytest.raises(Unsent) as gone:
        dataverse.who()
    assert gone.value.retry_after == 5.0
    assert gone.value.code == "throttled"
    assert len(time.sleeps) == 5


def test_a_wait_beyond_reason_is_the_callers(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.play(throttled("3600"))
    with pytest.raises(RetriableError) as gone:
        dataverse.who()
    assert gone.value.retry_after == 3600.0
    assert time.sleeps == []


def test_a_throttled_side_keeps_quiet_as_a_whole(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    """Another request of the same side waits too; pressing on would lengthen the wait for all."""
    client = dataverse.client
    client.wait(1, 9.0)
    server.play(ME)
    dataverse.who()
    assert time.sleeps == [9.0]


def test_concurrency_follows_the_hint(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(Reply(body=ME.body, headers={"x-ms-dop-hint": "2"}))
    dataverse.who()
    assert dataverse.client.gate.allowed == 2
    running, most, lock, full = [0], [0], threading.Lock(), threading.Event()

    def busy(seen: Seen) -> Reply:
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
            if running[0] == 2:
                full.set()
        full.wait(10)
        with lock:
            running[0] -= 1
        return Reply(body={"value": []})

    server.play(*[busy] * 6)
    threads = [
        threading.Thread(target=dataverse.client.send, args=("read", "GET", f"accounts?n={n}"))
        for n in range(6)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most[0] == 2


# lost answers


@pytest.mark.parametrize(
    "broken",
    [
        LOST,
        Reply(body='{"UserId": "U-1"', cut=5),
        Reply(body='{"UserId": '),
        Reply(body=b""),
        Reply(500, "<html>"),
        Reply(504),
    ],
    ids=["closed", "cut", "half", "empty", "500", "504"],
)
def test_a_read_without_an_answer_is_sent_again(
    dataverse: DataverseSide, server: AwkwardServer, time: Time, broken: Reply
) -> None:
    server.play(broken, ME)
    assert dataverse.who() == "u-1"
    assert len(server.seen) == 2
    assert len(time.sleeps) == 1


def test_a_create_without_an_answer_is_never_sent_again(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(LOST)
    with pytest.raises(LostAnswer):
        dataverse.client.send("bulk", "POST", "accounts", body=b"{}", resend="unread")
    assert len(server.seen) == 1


def test_a_create_that_was_turned_away_unread_is_sent_again(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(throttled("1"), throttled("1", 503), Reply(401), Reply(204))
    answer = dataverse.client.send("bulk", "POST", "accounts", body=b"{}", resend="unread")
    assert answer.status == 204
    assert len(server.seen) == 4


def test_a_create_that_found_no_server_is_sent_again_and_surely_not_done(
    server: AwkwardServer, time: Time
) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"https://localhost:{reserved.getsockname()[1]}"
        side = DataverseSide(
            url, credential_of(server), verify=str(server.ca_file), clock=time.clock, sleep=time.sleep
        )
        with pytest.raises(Unsent) as gone:
            side.client.send("bulk", "POST", "accounts", body=b"{}", resend="unread")
    assert "DUALFLOW_DATAVERSE_URL" in gone.value.remedy
    assert len(time.sleeps) == 5
    side.close()


# who we are


def test_a_token_is_fetched_once_and_shared(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(ME, rows())
    dataverse.who()
    assert list(dataverse.pages("accounts", columns=["name"])) == [[]]
    assert server.token_requests == 1
    assert {seen.headers["authorization"] for seen in server.seen} == {"Bearer token-1"}


def test_a_token_is_renewed_before_it_ends(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.play(ME, rows(), rows())
    dataverse.who()
    time.now += 3200
    list(dataverse.pages("accounts", columns=[]))
    assert server.token_requests == 1
    time.now += 200
    list(dataverse.pages("accounts", columns=[]))
    assert server.token_requests == 2


def test_a_refused_token_is_replaced_once(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(Reply(401), ME)
    assert dataverse.who() == "u-1"
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(("status", "count"), [(401, 2), (403, 1)])
def test_no_access_ends_the_run_with_a_remedy(
    dataverse: DataverseSide, server: AwkwardServer, status: int, count: int
) -> None:
    server.play(*[refusal(status, "0x80072560", "The user is not a member of the organization.")] * 2)
    with pytest.raises(FatalError) as denied:
        dataverse.who()
    assert "application user" in denied.value.remedy
    assert denied.value.facts["service_code"] == "0x80072560"
    assert len(server.seen) == count


def test_fno_says_where_to_register(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(Reply(401), Reply(401))
    with pytest.raises(FatalError, match="Microsoft Entra ID applications"):
        list(fno.pages("CustomersV3", columns=[]))


def test_a_wrong_secret_is_named_but_not_shown(dataverse: DataverseSide, server: AwkwardServer) -> None:
    text = "AADSTS7000215: Invalid client secret provided, not s3cret-value."
    server.token_acts.append(Reply(401, {"error": "invalid_client", "error_description": text}))
    with pytest.raises(FatalError) as refused:
        dataverse.who()
    assert refused.value.code == "AADSTS7000215"
    assert "DUALFLOW_CLIENT_SECRET" in refused.value.remedy
    assert "s3cret-value" not in str(refused.value)
    assert server.seen == []


def test_a_token_endpoint_in_trouble_is_asked_again(
    dataverse: DataverseSide, server: AwkwardServer, time: Time
) -> None:
    server.token_acts += [Reply(503, "busy"), LOST]
    server.play(ME)
    assert dataverse.who() == "u-1"
    assert len(time.sleeps) == 2
    assert dataverse.requests["token"] == 3


def test_an_authority_must_be_https() -> None:
    with pytest.raises(FatalError, match="https"):
        client_secret("t", "c", "s", "http://localhost:1")
    with pytest.raises(FatalError, match="DUALFLOW_CLIENT_SECRET"):
        client_secret("t", "c", "", "https://localhost:1")


def test_an_unknown_certificate_ends_the_run(server: AwkwardServer, time: Time, tmp_path: Path) -> None:
    import trustme

    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    side = FnoSide(server.url, credential_of(server), verify=str(other), clock=time.clock, sleep=time.sleep)
    with pytest.raises(FatalError, match="DUALFLOW_CA_BUNDLE"):
        side.table("CustomersV3")
    side.close()
    blind = client_secret("tenant", "client-1", "s3cret-value", server.url, str(other))
    side = FnoSide(server.url, blind, verify=str(server.ca_file), clock=time.clock, sleep=time.sleep)
    with pytest.raises(FatalError, match="DUALFLOW_CA_BUNDLE"):
        side.table("CustomersV3")
    side.close()
    assert time.sleeps == []


def test_an_entry_of_netrc_does_not_replace_our_token(
    dataverse: DataverseSide, server: AwkwardServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "netrc").write_text("machine localhost login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    server.play(ME)
    dataverse.who()
    assert server.seen[0].headers["authorization"] == "Bearer token-1"


def test_cookies_are_not_kept(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(Reply(body=ME.body, headers={"Set-Cookie": "ARRAffinity=abc; path=/"}), rows())
    dataverse.who()
    list(dataverse.pages("accounts", columns=[]))
    assert "cookie" not in server.seen[1].headers


# elsewhere


@pytest.mark.parametrize("link", ["https://evil.example/next", "http://localhost/next", "//evil.example/x"])
def test_a_next_link_that_leads_elsewhere_is_refused(
    dataverse: DataverseSide, server: AwkwardServer, link: str
) -> None:
    server.play(rows("1", next_link=link))
    with pytest.raises(FatalError) as refused:
        list(dataverse.pages("accounts", columns=[]))
    assert refused.value.code == "foreign_address"
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_elsewhere_is_refused(
    dataverse: DataverseSide, server: AwkwardServer, status: int
) -> None:
    server.play(Reply(status, headers={"Location": "https://evil.example/WhoAmI"}))
    with pytest.raises(FatalError) as refused:
        dataverse.who()
    assert refused.value.code == "foreign_address"


def test_a_redirect_within_the_service_is_followed_for_reads_only(
    dataverse: DataverseSide, server: AwkwardServer
) -> None:
    server.play(Reply(302, headers={"Location": "/api/data/v9.2/WhoAmI()"}), ME)
    assert dataverse.who() == "u-1"
    assert server.seen[1].path == "/api/data/v9.2/WhoAmI()"
    server.play(Reply(307, headers={"Location": "/elsewhere"}))
    with pytest.raises(FatalError, match="redirects POST"):
        dataverse.client.send("bulk", "POST", "accounts", body=b"{}", resend="unread")


def test_redirects_in_a_circle_end(dataverse: DataverseSide, server: AwkwardServer) -> None:
    server.play(*[Reply(302, headers={"Location": f"/r{n}"}) for n in range(9)])
    with pytest.raises(FatalError, match="redirects"):
        dataverse.who()


def test_a_next_link_is_passed_on_untouched(dataverse: DataverseSide, server: AwkwardServer) -> None:
    path = (
        "/api/data/v9.2/accounts?$select=name&$skiptoken=%3Ccookie%20pagenumber=%222%22%20x=%22%257b%22/%3E"
    )
    server.play(rows("1", next_link=server.url + path), rows("2"))
    assert [len(page) for page in dataverse.pages("accounts", columns=["name"])] == [1, 1]
    assert server.seen[1].path == path


def test_the_same_page_for_ever_is_noticed(dataverse: DataverseSide, server: AwkwardServer) -> None:
    link = f"{server.url}/api/data/v9.2/accounts?$skiptoken=1"
    server.play(*[rows("1", next_link=link)] * 4)
    with pytest.raises(FatalError, match="again and again"):
        list(dataverse.pages("accounts", columns=[]))


# what is told


def test_a_hook_sees_each_request_before_it_leaves(server: AwkwardServer, time: Time) -> None:
    class LeaseOver(BaseException):
        pass

    told: list[tuple[str, str, str]] = []

    def hook(kind: str, method: str, path: str) -> None:
        told.append((kind, method, path))
        if len(told) > 1:
            raise LeaseOver

    side = DataverseSide(
        server.url,
        credential_of(server),
        verify=str(server.ca_file),
        clock=time.clock,
        sleep=time.sleep,
        on_request=hook,
    )
    server.play(throttled("1"), ME)
    with pytest.raises(LeaseOver):
        side.who()
    assert told == [("metadata", "GET", "/api/data/v9.2/WhoAmI")] * 2
    assert len(server.seen) == 1
    side.close()


def test_logs_and_errors_hold_neither_secrets_nor_values(
    fno: FnoSide, server: AwkwardServer, caplog: pytest.LogCaptureFixture
) -> None:
    server.play(
        throttled("1"),
        Reply(body={"@odata.count": 1, "value": [{"OrganizationName": "Confidential Ltd"}]}),
        refusal(400, message="no such thing"),
    )
    with caplog.at_level(logging.DEBUG):
        list(fno.pages("CustomersV3", columns=["OrganizationName"], filter="CustomerAccount eq 'KEY-77'"))
        with pytest.raises(FatalError) as refused:
            fno.client.send("page", "GET", "CustomersV3(dataAreaId='usmf',CustomerAccount='KEY-77')?x=KEY-77")
            fno.read("CustomersV3", [{"dataAreaId": "usmf", "CustomerAccount": "KEY-77"}], [])
    told = caplog.text + "".join(str(vars(record)) for record in caplog.records) + str(refused.value)
    for hidden in ("s3cret-value", "token-1", "Confidential", "KEY-77"):
        assert hidden not in told
    ours = [record for record in caplog.records if record.name == "tasks.connectors.http"]
    assert {vars(record)["path"] for record in ours} >= {"/data/$metadata", "/data/CustomersV3"}
    assert any(vars(record).get("status") == 429 for record in ours)


def test_requests_are_counted_by_kind(fno: FnoSide, server: AwkwardServer) -> None:
    server.play(Reply(body={"@odata.count": 0, "value": []}))
    list(fno.pages("CustomersV3", columns=[]))
    counts = fno.requests
    # the document, and what it leaves out about one entity
    assert (counts["page"], counts["metadata"], counts["token"]) == (1, 2, 1)
    assert counts["received"] > 1000
    assert counts["seconds"] > 0
