"""Delta links of several tables in one `$batch`, where threads ask for them at the same moment.

Whether a service takes delta links in a batch is written nowhere, so nothing rests on it: what a part refuses is asked for by a
request of its own, and where that one is answered, links go alone from then on.
"""

from __future__ import annotations

from concurrent.futures import Executor

import msgspec

from tasks.connectors.batchread import get_parts
from tasks.connectors.http import Answer, Client
from tasks.connectors.paging import PAGE, fetch

_SIZE = 100


class LinksTogether:
    """First pages behind delta links."""

    def __init__(self, client: Client, executor: Executor) -> None:
        self._client, self._executor = client, executor
        self._refused = False

    def fetch(self, link: str, prefer: str) -> Answer:
        """The page behind an absolute link; any refusal but those that `Client.send` deals with comes back as it is."""
        client = self._client
        if client.together is not None and not self._refused:
            found = self._in_batch(link, prefer)
            if found is not None:
                return found
            alone = fetch(client, "feed", link, prefer)
            self._refused = alone.data is not None
            return alone
        return fetch(client, "feed", link, prefer)

    def _in_batch(self, link: str, prefer: str) -> Answer | None:
        client = self._client
        url = client.origin.absolute(link)
        _, found, target = url.partition(client.origin.path)
        if not found:
            return None
        (part,) = get_parts(client, self._executor, "feed", [target], size=_SIZE, prefer=prefer)
        if part.status != 200:
            return None
        try:
            data = PAGE.decode(part.body)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return None
        return Answer(part.status, part.headers, part.body, target.partition("?")[0], data)
