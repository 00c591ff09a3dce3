"""Change tracking of Dataverse: delta links, what they tell, and when they are void."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import parse_qsl, urlsplit

from mappings.errors import FatalError
from tasks.connectors.deltalinks import LinksTogether
from tasks.connectors.http import Client
from tasks.connectors.odata import annotated, preference, select
from tasks.connectors.paging import LINK, PAGE, follow
from tasks.connectors.side import Change, ChangePage, Row, ServiceError, Table, TokenExpired

PAGE_SIZE = 5000
_EXPIRED = "0x80044352"
_NOT_TRACKED = "0x80072491"


class Tracking:
    """The delta links of one environment."""

    def __init__(self, client: Client, executor: ThreadPoolExecutor) -> None:
        self._client = client
        self._executor = executor
        self._links = LinksTogether(client, executor)

    def begin(self, table: Table, columns: Sequence[str]) -> str:
        """A token (a whole delta link) from now on.

        The service hands one out only behind the last page of a full read, so all pages are fetched and
        dropped unread. The link carries its own `$select`: rows in `changes` have the columns given here.
        """
        _check_tracked(table)
        url = f"{table.name}?$select={select(table, [table.id_column, *columns])}"
        prefer = preference("odata.track-changes", f"odata.maxpagesize={PAGE_SIZE}", annotated(columns))
        doing = f"change tracking of {table.name}"
        token = None
        for page in follow(
            self._client,
            self._executor,
            "feed",
            url,
            prefer=prefer,
            doing=doing,
            decoder=LINK,
            check=lambda error: _not_tracked(table, error),
        ):
            token = page.delta_link
        return self._delta_link(table, token)

    def changes(self, table: Table, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        """What changed since `token`; rows are whole and current, a row named twice or late does no harm."""
        _check_tracked(table)
        if not _holds(token, select(table, columns)):
            raise TokenExpired(
                f"the token of {table.name} was taken for other columns",
                code="token_columns",
                side="dataverse",
                table=table.name,
            )
        prefer = preference("odata.track-changes", f"odata.maxpagesize={PAGE_SIZE}", annotated(columns))
        for page in follow(
            self._client,
            self._executor,
            "feed",
            token,
            prefer=prefer,
            doing=f"the changes of {table.name}",
            decoder=PAGE,
            check=lambda error: _expired(table, error),
            start=lambda: self._links.fetch(token, prefer),
        ):
            last = page.next_link is None
            yield ChangePage(
                [_change(table, row) for row in page.value],
                self._delta_link(table, page.delta_link) if last else None,
            )

    def _delta_link(self, table: Table, link: str | None) -> str:
        if link is None:
            raise FatalError(
                f"dataverse gave no delta link for {table.name}",
                code="no_delta_link",
                remedy="check that change tracking is enabled for the table and that our role reads it all",
                side="dataverse",
                table=table.name,
            )
        return self._client.origin.absolute(link)


def _check_tracked(table: Table) -> None:
    if not table.tracked:
        raise _untracked(table)


def _change(table: Table, row: Row) -> Change:
    if "reason" in row or str(row.get("@odata.context", "")).endswith("$deletedEntity"):
        return Change(str(row["id"]).lower(), None)
    return Change(str(row[table.id_column]).lower(), row)


def _holds(token: str, columns: str) -> bool:
    """True if a delta link selects all of `columns`; a link that does not show its columns is believed."""
    for name, value in parse_qsl(urlsplit(token).query):
        if name == "$select":
            return set(filter(None, columns.split(","))) <= set(value.split(","))
    return True


def _expired(table: Table, error: ServiceError) -> None:
    """Raise TokenExpired where a refused delta link means that: the status is not documented, the code is."""
    _not_tracked(table, error)
    if error.code.lower() == _EXPIRED or error.status in (400, 404, 410):
        raise TokenExpired(
            f"dataverse no longer knows the token of {table.name}: {error}",
            code="token_expired",
            side="dataverse",
            table=table.name,
            status=error.status,
            request_id=error.request_id,
        )


def _not_tracked(table: Table, error: ServiceError) -> None:
    if error.code.lower() == _NOT_TRACKED:
        raise _untracked(table)


def _untracked(table: Table) -> FatalError:
    return FatalError(
        f"change tracking is off for {table.name} in Dataverse",
        code="not_tracked",
        remedy=f"enable “Track changes” in the properties of {table.logical} (Power Apps > Tables)",
        side="dataverse",
        table=table.name,
    )
