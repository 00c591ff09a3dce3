"""Is a list whole? What Dataverse says about a table, against the rows that came.

It counts, but to 5,000 only, so its number tells nothing about a longer list that breaks off later. What it can say is which row
stands last in the order of the primary id, in which a list comes that asks for no other. That is asked while the pages come: a list
without that row is not whole, unless the row went meanwhile.
"""

from __future__ import annotations

from concurrent.futures import Executor, Future

from tasks.connectors.http import Answer, Client
from tasks.connectors.odata import query
from tasks.connectors.paging import Page, fetch
from tasks.connectors.refusals import refused
from tasks.connectors.side import IncompleteRead, Row, Table

COUNTED = 5000
"""Where the service stops counting."""


class Whole:
    """Watches the pages of one read.

    Args:
        ordered: the read has an order of its own, so that nobody knows its last row.
    """

    def __init__(
        self, client: Client, executor: Executor, table: Table, filter: str | None, *, ordered: bool
    ) -> None:
        self._client = client
        self._executor = executor
        self._table = table
        self._filter = filter
        self._ordered = ordered
        self._counted: int | None = None
        self._rows = 0
        self._asked: Future[Answer] | None = None
        self._came: set[str] = set()
        self._last_came = False

    def note(self, page: Page) -> None:
        """A page came."""
        self._rows += len(page.value)
        if self._counted is None:
            self._counted = page.count or 0
            if self._counted >= COUNTED and not self._ordered:
                url = self._url(self._filter, order=f"{self._table.id_column} desc")
                self._asked = self._executor.submit(fetch, self._client, "page", url)
        if self._asked is not None and not self._last_came:
            self._came.update(str(row[self._table.id_column]) for row in page.value)
            if self._asked.done():
                self._last_came = self._last() in self._came
                self._came.clear()

    def check(self) -> None:
        """The pages are over.

        Raises:
            IncompleteRead: rows are missing.
        """
        counted = self._counted or 0
        if self._rows >= counted and not self._breaks_off():
            return
        more = " and more" if self._asked is not None else ""
        raise IncompleteRead(
            f"the read of {self._table.name} is incomplete: dataverse counted {counted} rows{more}"
            f" but sent {self._rows}",
            code="incomplete_read",
            remedy="it is read again at the next run",
            side="dataverse",
            table=self._table.name,
        )

    def _breaks_off(self) -> bool:
        """Did the list end before the last row, although that is still there?"""
        if self._asked is None or self._last_came:
            return False
        last = self._last()
        if last is None or last in self._came:
            return False
        own = f"{self._table.id_column} eq {last}"
        url = self._url(f"({self._filter}) and {own}" if self._filter else own)
        return self._only(fetch(self._client, "page", url)) is not None

    def _last(self) -> str | None:
        """Id of the last row; None where there was none that the filter takes."""
        return None if self._asked is None else self._only(self._asked.result())

    def _url(self, filter: str | None, *, order: str = "") -> str:
        options = {
            "$select": self._table.id_column,
            "$filter": filter or "",
            "$orderby": order,
            "$top": "1",
        }
        return f"{self._table.name}?{query(options)}"

    def _only(self, answer: Answer) -> str | None:
        if answer.data is None:
            raise refused(self._client.error_of(answer), f"the last row of {self._table.name}")
        rows: list[Row] = answer.data.value
        return str(rows[0][self._table.id_column]) if rows else None
