"""What the engine sees of a side: one protocol, whichever of the two services stands behind it.

Everything that passes through here is a plain value (frozen dataclasses, dicts as parsed from JSON), so the
same engine runs against the real services, the sandbox and in-memory sides in tests. A connector answers
per row and never decides: what a stale or absent row means is the engine's business.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeAlias

from mappings.errors import RetriableError
from mappings.metadata import Column, Table

__all__ = [
    "Address",
    "Change",
    "ChangePage",
    "Column",
    "IncompleteRead",
    "Operation",
    "OperationKind",
    "Outcome",
    "OutcomeStatus",
    "Row",
    "ServiceError",
    "Side",
    "SideName",
    "Table",
    "TokenExpired",
]

SideName: TypeAlias = Literal["fno", "dataverse"]

Row: TypeAlias = dict[str, Any]
"""A row as parsed from JSON: fractions are text in the service's own digits, whole numbers are int,
`@odata.etag` is its version."""

Address: TypeAlias = str | Mapping[str, Any]
"""Where a row lives: a guid on Dataverse, key property → value (in the stored spelling) on F&O."""

OperationKind: TypeAlias = Literal["create", "update", "delete"]

OutcomeStatus: TypeAlias = Literal["done", "refused", "stale", "absent", "unknown", "unsent"]
"""What became of one operation.

done: acknowledged. refused: the service said no to this row, nothing was written. stale: the version moved
(412). absent: no row at this address (404). unknown: sent, no answer, it may or may not have happened.
unsent: it surely never happened (the service did not get to it, or refused it unread); it can be tried
again as it is.
"""


@dataclass(frozen=True, slots=True)
class ServiceError:
    """A refusal in the service's own words."""

    status: int
    code: str
    """Dataverse: hexadecimal text such as `0x80040237`. F&O: always empty, its texts are all there is."""
    message: str
    request_id: str = ""
    side: SideName | Literal[""] = ""
    path: str = ""
    """Where it happened, without query and key values."""
    enveloped: bool = True
    """The service itself has spoken (an OData error object), not a gateway or router before it."""

    def __str__(self) -> str:
        code = f" {self.code}" if self.code else ""
        return f"{self.status}{code}: {self.message}"


@dataclass(frozen=True, slots=True)
class Operation:
    """One write. Updates and deletes carry the version that was read, and are refused when it has moved."""

    kind: OperationKind
    body: Mapping[str, Any] = field(default_factory=dict)
    address: Address | None = None
    version: str | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one `Operation`; `row` is what the service now holds, in the columns that were asked
    for, `before` what it held when the write came, where that was looked at."""

    status: OutcomeStatus
    row: Row | None = None
    id: str | None = None
    version: str | None = None
    error: ServiceError | None = None
    before: Row | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A row that a feed names; `row` is None when it was deleted."""

    id: str
    row: Row | None


@dataclass(frozen=True, slots=True)
class ChangePage:
    """One page of a feed. Only the last page of a poll has the token to go on from."""

    changes: list[Change]
    token: str | None = None


class TokenExpired(RetriableError):
    """The feed no longer knows this token: take a new one, then compare the whole table."""


class IncompleteRead(RetriableError):
    """The pages of a read held fewer rows than the service had counted."""


class Side(Protocol):
    """One of the two systems. All methods block, and may be called from several threads at once."""

    @property
    def name(self) -> SideName:
        """Which of the two."""
        ...

    @property
    def environment(self) -> str:
        """Identity of the environment in the state: organization id (Dataverse), host (F&O)."""
        ...

    def table(self, name: str) -> Table:
        """Live metadata of an entity set, cached for the process; FatalError naming near names if there is
        none."""
        ...

    def pages(
        self,
        table: str,
        *,
        columns: Sequence[str],
        filter: str | None = None,
        order: Sequence[str] = (),
        size: int | None = None,
    ) -> Iterator[list[Row]]:
        """Every row that passes `filter`, page by page; the next page is fetched while the caller works on
        this one.

        Args:
            columns: What to select. Dataverse lookups by logical name (`msdyn_company`); they come back as
                `_msdyn_company_value`.
            filter: OData in the service's dialect.
            order: Columns to order by; the key (F&O) or the primary id (Dataverse) when empty.
            size: Rows a page; the service's maximum when None.

        Raises:
            IncompleteRead: F&O counted more rows than its pages held.
        """
        ...

    def read(self, table: str, addresses: Sequence[Address], columns: Sequence[str]) -> list[Row | None]:
        """These rows, in this order; None where there is none (or none that we may see)."""
        ...

    def find(self, table: str, keys: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> list[list[Row]]:
        """For each key, the rows whose columns equal its values.

        Text compares folded and without trailing blanks, and never as a pattern; None (and on F&O the empty
        text) matches null. Dataverse lookups are named `_x_value` (or by logical name) and compared by
        guid.
        """
        ...

    def write(
        self, table: str, operations: Sequence[Operation], *, columns: Sequence[str], bulk: bool = False
    ) -> list[Outcome]:
        """Up to 1,000 writes of one table, each on its own: what happened to one says nothing about the next.

        Args:
            columns: What the representation must hold.
            bulk: The operations are creates that may go in one transaction; a refused one is halved until
                the bad rows stand alone.

        Returns: an outcome for each operation, in order. A create whose answer was lost is `unknown` and
            never sent again.
        """
        ...

    def who(self) -> str:
        """Our own identity as the service sees it."""
        ...

    def track(self, table: str, columns: Sequence[str]) -> str:
        """A token from now on, for these columns (Dataverse only; F&O has no such feed and raises
        FatalError)."""
        ...

    def changes(self, table: str, token: str, columns: Sequence[str]) -> Iterator[ChangePage]:
        """What changed since `token` (Dataverse only); TokenExpired when the service can no longer say."""
        ...
