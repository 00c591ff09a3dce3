"""Many GETs in few requests: `$batch` of GET parts, several batches at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from typing import NamedTuple

import msgspec

from mappings.errors import RetriableError
from tasks.connectors.batch import Part, batch_body, part_request, read_parts
from tasks.connectors.http import Answer, Client, LostAnswer, Unsent
from tasks.connectors.paging import PAGE, fetch, row_of
from tasks.connectors.refusals import denied, refused, service_error, shown_path
from tasks.connectors.requestlog import Kind
from tasks.connectors.retry import THROTTLED, TRANSIENT, retry_after
from tasks.connectors.side import Row, ServiceError, SideName

_GET = {"Accept": "application/json", "OData-MaxVersion": "4.0", "OData-Version": "4.0"}


def get_parts(
    client: Client,
    executor: Executor,
    kind: Kind,
    targets: Sequence[str],
    *,
    size: int,
    longest: int = 1_000_000,
    prefer: str = "",
) -> list[Part]:
    """The answers to GETs of `targets` (relative to the service's root), in order; any status but throttled
    ones and 5xx.

    Args:
        size: parts a batch.
        longest: characters of all targets of a batch.
    """
    headers = {**_GET, "Prefer": prefer} if prefer else _GET
    groups: list[list[str]] = [[]]
    length = 0
    for target in targets:
        if groups[-1] and (len(groups[-1]) >= size or length + len(target) > longest):
            groups.append([])
            length = 0
        groups[-1].append(target)
        length += len(target)
    if len(groups) == 1:
        asked = [Get(target, headers) for target in groups[0]]
        if client.together is not None and 0 < len(asked) <= client.together.most:
            return client.together.ask(
                (client.side, kind), len(asked), asked, lambda every: _shared(client, kind, every)
            )
        return _batch(client, kind, asked) if asked else []
    answers = executor.map(
        lambda group: _batch(client, kind, [Get(target, headers) for target in group]), groups
    )
    return [part for parts in answers for part in parts]


class Get(NamedTuple):
    """One GET of a batch, relative to the service's root."""

    target: str
    headers: Mapping[str, str]


def _shared(client: Client, kind: Kind, every: Sequence[Sequence[Get]]) -> list[list[Part] | Exception]:
    """One batch for all that asked; where it fails as a whole, each of them gets an answer of its own."""
    try:
        parts = iter(_batch(client, kind, [get for asked in every for get in asked]))
        return [[next(parts) for _ in asked] for asked in every]
    except (LostAnswer, Unsent):
        raise  # the service is in trouble, and not one of these rows
    except RetriableError:
        if len(every) == 1:
            raise
    return [_alone(client, kind, asked) for asked in every]


def _alone(client: Client, kind: Kind, asked: Sequence[Get]) -> list[Part] | Exception:
    try:
        return _batch(client, kind, asked)
    except RetriableError as error:
        return error


def _batch(client: Client, kind: Kind, gets: Sequence[Get]) -> list[Part]:
    """One batch, until each of its parts has an answer."""
    targets = [get.target for get in gets]
    answers: list[Part | None] = [None] * len(targets)
    open_: list[int] = list(range(len(targets)))
    attempt = 0
    while True:
        attempt += 1
        content_type, body = batch_body(
            part_request("GET", client.origin.path + targets[index], gets[index].headers) for index in open_
        )
        answer = client.send(
            kind,
            "POST",
            "$batch",
            headers={"Content-Type": content_type, "Prefer": "odata.continue-on-error"},
            body=body,
            operations=len(open_),
        )
        read = read_parts(answer.headers.get("content-type", ""), answer.content)
        if read is None:
            raise refused(client.error_of(answer), f"a batch of {len(open_)} reads")
        client.log.count("operations", len(open_))
        for index, part in zip(open_, read.parts, strict=False):
            answers[index] = part
        left = [i for i in open_ if (p := answers[i]) is None or p.status in THROTTLED | TRANSIENT]
        if not left:
            return [part for part in answers if part is not None]
        # a service that stops at the first refused part is asked for the rest at once; no answer at all is
        # trouble
        asked = _asked([p for i in left if (p := answers[i]) is not None], client.clock())
        progressed = len(left) < len(open_)
        troubled = any(answers[i] is not None for i in left) or not progressed
        if (troubled and attempt >= client.retries.attempts) or (asked or 0.0) > client.retries.longest:
            raise _exhausted(client, answer, answers, left, targets, asked)
        if troubled:
            client.log.count("retried")
            client.wait(attempt, asked)
        else:
            attempt = 0
        for index in left:
            answers[index] = None
        open_ = left


def _asked(parts: Sequence[Part], now: float) -> float | None:
    """The longest wait that any part asks for."""
    waits = [retry_after(part.headers.get("retry-after"), now) for part in parts]
    return max((wait for wait in waits if wait is not None), default=None)


def _exhausted(
    client: Client,
    answer: Answer,
    answers: Sequence[Part | None],
    left: Sequence[int],
    targets: Sequence[str],
    asked: float | None,
) -> RetriableError:
    part = answers[left[0]]
    said = f": {part_error(client.side, part, targets[left[0]])}" if part is not None else ""
    return RetriableError(
        f"{client.side} left {len(left)} of a batch's reads without an answer{said}",
        code="unavailable",
        retry_after=asked,
        side=client.side,
        path=answer.path,
    )


def part_error(side: SideName, part: Part, target: str) -> ServiceError:
    """The refusal in one part."""
    return service_error(side, part.status, part.headers, part.body, shown_path(target))


def one_row(client: Client, part: Part, target: str) -> Row:
    """The row in a successful part; anything else is a fault of the request or the access."""
    if part.status == 200:
        try:
            return row_of(part.body)
        except (msgspec.MsgspecError, UnicodeDecodeError) as unreadable:
            raise _unreadable(client, unreadable) from None
    error = part_error(client.side, part, target)
    raise denied(error) if part.status in (401, 403) else refused(error, "a read")


def all_rows(client: Client, kind: Kind, part: Part, target: str, prefer: str = "") -> list[Row]:
    """The rows in a successful part and on the pages behind it."""
    if part.status != 200:
        error = part_error(client.side, part, target)
        raise denied(error) if part.status in (401, 403) else refused(error, "a read")
    try:
        page = PAGE.decode(part.body)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _unreadable(client, error) from None
    rows: list[Row] = page.value
    while page.next_link is not None:
        answer: Answer = fetch(client, kind, page.next_link, prefer)
        if answer.data is None:
            raise refused(client.error_of(answer), "a read")
        page = answer.data
        rows += page.value
    return rows


def _unreadable(client: Client, error: Exception) -> RetriableError:
    return RetriableError(
        f"{client.side} answered a read with a body that can't be read: {error}",
        code="unreadable_answer",
        side=client.side,
    )
