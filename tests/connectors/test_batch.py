from __future__ import annotations

import time

from tasks.connectors.batch import Part, batch_body, by_position, change_set, part_request, read_parts
from tests.connectors.awkward_server import Reply, multipart, split_batch

TYPE = "multipart/mixed; boundary=b1"


def test_requests_are_written_as_the_services_read_them() -> None:
    content_type, body = batch_body(
        [
            part_request("GET", "/data/A(B='1')", {"Accept": "application/json"}),
            change_set(part_request("PATCH", "/data/A", {"If-Match": 'W/"1"'}, b'{"x":1}', content_id="2")),
        ]
    )
    assert body.count(b"\n") == body.count(b"\r\n")
    assert body.endswith(b"--\r\n")
    read, write = split_batch(content_type, body)
    assert (read.method, read.path, read.headers["accept"]) == ("GET", "/data/A(B='1')", "application/json")
    assert (write.method, write.body) == ("PATCH", b'{"x":1}')
    assert write.headers["if-match"] == 'W/"1"'
    assert write.headers["content-id"] == "2"


def test_a_get_part_has_two_line_ends_after_its_request_line() -> None:
    assert part_request("GET", "/x").endswith(b"GET /x HTTP/1.1\r\n\r\n")


def test_answers_are_read_with_headers_bodies_and_nested_change_sets() -> None:
    body = (
        b"--b1\r\nContent-Type: application/http\r\n\r\n"
        b'HTTP/1.1 200 OK\r\nETag: W/"7"\r\nContent-Type: application/json\r\n\r\n{"a":1}\r\n'
        b'--b1\r\nContent-Type: multipart/mixed; boundary="c2"\r\n\r\n'
        b"--c2\r\nContent-Type: application/http\r\nContent-ID: 5\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n\r\n"
        b"--c2--\r\n"
        b"--b1\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 404 Not Found\r\n\r\n"
        b"--b1--\r\n"
    )
    read = read_parts(TYPE, body)
    assert read is not None and read.complete
    assert [part.status for part in read.parts] == [200, 204, 404]
    assert read.parts[0].headers["etag"] == 'W/"7"'
    assert read.parts[0].body == b'{"a":1}'
    assert read.parts[1].content_id == "5"


def test_boundary_text_inside_a_value_divides_nothing() -> None:
    reply = multipart(Reply(body={"name": "x --batchresponse_7-- y"}), Reply(204))
    read = read_parts(reply.headers["Content-Type"], reply.content)
    assert read is not None
    assert [part.status for part in read.parts] == [200, 204]
    assert b"x --batchresponse_7-- y" in read.parts[0].body


def test_a_body_without_its_end_is_incomplete() -> None:
    reply = multipart(Reply(204), closed=False)
    read = read_parts(reply.headers["Content-Type"], reply.content)
    assert read is not None and not read.complete
    assert [part.status for part in read.parts] == [204]


def test_other_bodies_are_no_batch() -> None:
    assert read_parts("application/json", b"{}") is None
    assert read_parts("multipart/mixed", b"--b1--") is None


def _part(status: int, content_id: str = "") -> Part:
    return Part(status, {}, b"", content_id)


def test_answers_belong_to_their_content_ids_and_the_nameless_to_the_gaps() -> None:
    failed, third = _part(400), _part(204, "3")
    assert by_position([failed, third, _part(201, "1")], ["1", "2", "3"])[1:] == [failed, third]


def test_answers_without_content_ids_come_in_order() -> None:
    parts = [_part(201), _part(400)]
    assert by_position(parts, ["1", "2", "3"]) == [*parts, None]


def test_reading_is_linear() -> None:
    small = multipart(*[Reply(body={"name": "x" * 500})] * 1000)
    large = multipart(*[Reply(body={"name": "x" * 500})] * 8000)

    def seconds(reply: Reply) -> float:
        content = reply.content
        best = 9.9
        for _ in range(3):
            started = time.process_time()
            read_parts(reply.headers["Content-Type"], content)
            best = min(best, time.process_time() - started)
        return best

    # eight times the work; a quadratic reader would need sixty-four times
    assert seconds(large) < 30 * seconds(small) + 0.02
