"""Following pages: the next one is fetched while the caller works on this one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor, Future
from typing import Any

import msgspec

from mappings.errors import FatalError
from tasks.connectors.http import Answer, Client
from tasks.connectors.refusals import refused
from tasks.connectors.requestlog import Kind


class Page(msgspec.Struct):
    """One page as both services send it. `value` has no default: a body without it is no page, not an empty
    one."""

    value: list[Any]
    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta_link: str | None = msgspec.field(name="@odata.deltaLink", default=None)
    count: int | None = msgspec.field(name="@odata.count", default=None)


class Link(msgspec.Struct):
    """A page whose rows nobody wants: they are skipped, not parsed."""

    next_link: str | None = msgspec.field(name="@odata.nextLink", default=None)
    delta_link: str | None = msgspec.field(name="@odata.deltaLink", default=None)


def _exact(number: str) -> str:
    """A fraction keeps the digits that the service sent."""
    return number


PAGE: msgspec.json.Decoder[Page] = msgspec.json.Decoder(Page, float_hook=_exact)
LINK: msgspec.json.Decoder[Link] = msgspec.json.Decoder(Link)
ROW: msgspec.json.Decoder[dict[str, Any]] = msgspec.json.Decoder(dict[str, Any], float_hook=_exact)


def row_of(content: bytes) -> dict[str, Any]:
    """A single row, without the address of its metadata.

    Raises:
        msgspec.MsgspecError: the body is no row.
    """
    row = ROW.decode(content)
    row.pop("@odata.context", None)
    return row


ENCODER = msgspec.json.Encoder(decimal_format="number")


def fetch(
    client: Client,
    kind: Kind,
    url: str,
    prefer: str = "",
    decoder: msgspec.json.Decoder[Any] = PAGE,
) -> Answer:
    """One page; any refusal but those that `Client.send` deals with comes back as it is."""
    headers: Mapping[str, str] = {"Prefer": prefer} if prefer else {}
    return client.send(kind, "GET", url, headers=headers, decoder=decoder)


def follow(
    client: Client,
    executor: Executor,
    kind: Kind,
    url: str,
    *,
    prefer: str = "",
    doing: str,
    decoder: msgspec.json.Decoder[Any] = PAGE,
    check: Any = None,
    start: Callable[[], Answer] | None = None,
) -> Iterator[Any]:
    """Pages from `url` on, along their next links.

    Args:
        start: fetches the first page in another way than by a request of its own.
        prefer: the `Prefer` header; both services want it repeated on every page.
        doing: what this read is, for the message when it is refused.
        check: called with each answer that is no page; may raise what it means, before it becomes a
            FatalError.
    """
    pending: Future[Answer] | None
    if start is None:
        pending = executor.submit(fetch, client, kind, url, prefer, decoder)
    else:
        pending = Future()
        pending.set_result(start())
    seen = {url}
    try:
        while pending is not None:
            answer = pending.result()
            pending = None
            page = answer.data
            if page is None:
                error = client.error_of(answer)
                if check is not None:
                    check(error)
                raise refused(error, doing)
            link = page.next_link
            if link is not None:
                if link in seen:
                    raise FatalError(
                        f"{client.side} sends the same page of {doing} again and again",
                        code="paging_loop",
                        side=client.side,
                        path=answer.path,
                    )
                seen.add(link)
                pending = executor.submit(fetch, client, kind, link, prefer, decoder)
            yield page
    finally:
        if pending is not None:
            pending.cancel()
