"""The one error hierarchy, split by what can be done about an error.

    DualflowError
    ├── FatalError          the run can't go on: configuration, authentication, an invalid map
    │   ├── MapError        a map is wrong; names file, line and field
    │   └── LeaseLost       another worker holds the lane by now; stop without writing
    ├── RetriableError      throttled, unavailable, or the answer to a read was lost
    └── RowError            this row only; the others go on
        └── WaitingError    this row waits for another row

It lives in the lowest layer because every other layer raises or catches these.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

Fact = str | int | None


class DualflowError(Exception):
    """An error that says what happened, why, and what to do next.

    Args:
        message: one sentence naming the thing that is wrong.
        code: short stable word for programs and tables, such as ``key_taken``.
        remedy: what the reader can do about it, as an instruction or a command.
        **facts: what a program may want to know (entity, key, side, request id, …).
    """

    def __init__(self, message: str, *, code: str = "", remedy: str = "", **facts: Fact) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.remedy = remedy
        self.facts: dict[str, Fact] = facts

    def __str__(self) -> str:
        return f"{self.message} → {self.remedy}" if self.remedy else self.message


class FatalError(DualflowError):
    """The run can't go on: configuration, authentication, a missing table, an invalid map."""


class MapError(FatalError):
    """A map is wrong.

    Args:
        message: what is wrong, without the place.
        file: the map's file, if it has one.
        line: line in that file, counted from 1.
        field: path of the offending field, such as ``lookups.msdyn_company.missing``.
        code, remedy: as in `DualflowError`.

    Attributes:
        problem: the message alone.
        also: further errors found in the same reading; ``str()`` shows them too, one a line.
    """

    also: tuple[MapError, ...] = ()

    def __init__(
        self,
        message: str,
        *,
        file: str | Path | None = None,
        line: int | None = None,
        field: str = "",
        code: str = "invalid_map",
        remedy: str = "",
        **facts: Fact,
    ) -> None:
        self.file = str(file) if file is not None else None
        self.line = line
        self.field = field
        self.problem = message
        place = ":".join(str(part) for part in (self.file, line) if part is not None)
        text = ": ".join(part for part in (place, field, message) if part)
        super().__init__(text, code=code, remedy=remedy, file=self.file, line=line, field=field, **facts)

    def __str__(self) -> str:
        return "\n".join((super().__str__(), *(str(error) for error in self.also)))

    @classmethod
    def gathered(cls, errors: Sequence[MapError]) -> MapError:
        """Several errors as one to raise: the first, with the others in its `also`."""
        first, *rest = [single for error in errors for single in (error, *error.also)]
        raised = cls(
            first.problem,
            file=first.file,
            line=first.line,
            field=first.field,
            code=first.code,
            remedy=first.remedy,
        )
        raised.also = tuple(rest)
        for error in rest:
            error.also = ()
        return raised


class LeaseLost(FatalError):
    """Another worker holds the lease; nothing more may be written under the old one."""


class RetriableError(DualflowError):
    """Worth another attempt: throttled, unavailable, or the answer to a read was lost.

    Args:
        retry_after: seconds that the service asked us to wait, if it said so.
    """

    def __init__(
        self,
        message: str,
        *,
        retry_after: float | None = None,
        code: str = "",
        remedy: str = "",
        **facts: Fact,
    ) -> None:
        super().__init__(message, code=code, remedy=remedy, **facts)
        self.retry_after = retry_after


class RowError(DualflowError):
    """This row can't be synced; the rows beside it can."""


class WaitingError(RowError):
    """This row waits for a row of another table."""
