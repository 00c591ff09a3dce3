"""Writes in a `$batch`, until what became of each of them is known or can't be known.

A part that was turned away unread (429, 503) or never run goes out again. A lost answer leaves creates
`unknown`, for they may have happened; updates and deletes carry the version that was read, so they go out
again and a second one is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from mappings.errors import LeaseLost
from tasks.connectors.batch import Part, batch_body, by_position, read_parts
from tasks.connectors.fence import Check, current, fenced, pass_all
from tasks.connectors.http import Answer, Client, LostAnswer, Unsent
from tasks.connectors.paging import row_of
from tasks.connectors.refusals import service_error, shown_path, unanswered
from tasks.connectors.retry import THROTTLED, TRANSIENT, retry_after
from tasks.connectors.side import Operation, Outcome, Row, ServiceError

_SPLITS = 24
"""Whole batches that may be refused before the rest is given up: enough to isolate one bad row of 1,000
twice over."""


@dataclass(frozen=True, slots=True)
class Writer:
    """How one side writes: `encode` makes a part of an operation (given its content id), `judge` reads its
    answer. `look` makes a part that reads the row right before, where versions don't protect it."""

    client: Client
    path: str
    encode: Callable[[Operation, str], bytes]
    judge: Callable[[Operation, Part], Outcome]
    look: Callable[[Operation, str], bytes] | None = None


def check_versions(operations: Sequence[Operation]) -> None:
    """Refuse, before anything is sent, to update or delete a row whatever it has become since it was read."""
    for operation in operations:
        if operation.kind != "create" and operation.version in (None, "", "*"):
            raise ValueError(f"{operation.kind} without the version that was read")
        if operation.kind != "create" and not operation.address:
            raise ValueError(f"{operation.kind} without an address")


def write_batch(writer: Writer, operations: Sequence[Operation]) -> list[Outcome]:
    """An outcome for each operation, in order; with what other threads write at the same moment in one request."""
    together = writer.client.together
    if together is None or not 0 < len(operations) <= together.most:
        return BatchWrite(writer, operations).run()
    asked = _Asked(writer, operations, current())
    return together.ask((writer.client.side, "write"), len(operations), asked, _shared)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What one thread wants written, and what gives it the right to."""

    writer: Writer
    operations: Sequence[Operation]
    checks: tuple[Check, ...]

    def lost(self) -> LeaseLost | None:
        """Why it may not be sent any more."""
        try:
            pass_all(self.checks)
        except LeaseLost as error:
            return error
        return None


def _shared(every: Sequence[_Asked]) -> list[list[Outcome] | Exception]:
    """The writes of several tables as one batch, each encoded and judged as its table needs it.

    A lane that was taken over meanwhile keeps the others from nothing: it is left out, or told when the batch ends early.
    """
    if len(every) == 1:
        return [BatchWrite(every[0].writer, every[0].operations).run()]
    lost = {place: error for place, asked in enumerate(every) if (error := asked.lost())}
    alive = [asked for place, asked in enumerate(every) if place not in lost]
    outcomes = iter(_combined(alive)) if alive else iter(())
    answers: list[list[Outcome] | Exception] = []
    for place, asked in enumerate(every):
        if place in lost:
            answers.append(lost[place])
            continue
        own = [next(outcomes) for _ in asked.operations]
        answers.append(own if (error := asked.lost()) is None else error)
    return answers


def _combined(every: Sequence[_Asked]) -> list[Outcome]:
    writer_of = {id(operation): asked.writer for asked in every for operation in asked.operations}
    first = every[0].writer
    batch = BatchWrite(
        replace(
            first,
            path=first.client.origin.path + "$batch",
            encode=lambda operation, name: writer_of[id(operation)].encode(operation, name),
            judge=lambda operation, part: writer_of[id(operation)].judge(operation, part),
            look=first.look and (lambda operation, name: _look(writer_of[id(operation)], operation, name)),
        ),
        [operation for asked in every for operation in asked.operations],
    )
    try:
        with fenced(*(check for asked in every for check in asked.checks)):
            return batch.run()
    except LeaseLost:
        # what was not answered by then may have been carried out
        return [outcome or Outcome("unknown") for outcome in batch.outcomes]


def _look(writer: Writer, operation: Operation, name: str) -> bytes:
    return writer.look(operation, name) if writer.look is not None else b""


class BatchWrite:
    """One run of `write_batch`: the operations, and what is known about each so far."""

    def __init__(self, writer: Writer, operations: Sequence[Operation]) -> None:
        self.writer = writer
        self.operations = operations
        self.outcomes: list[Outcome | None] = [None] * len(operations)
        self.seen: dict[int, Row | None] = {}
        self.attempt = 0
        self.splits = 0

    def run(self) -> list[Outcome]:
        """An outcome for each operation, in order."""
        groups = [list(range(len(self.operations)))]
        while groups:
            group = groups.pop()
            if group:
                groups += reversed(self._send(group))
        return [outcome or Outcome("unsent") for outcome in self.outcomes]

    def _send(self, group: list[int]) -> list[list[int]]:
        """Send one batch and settle what its answer settles; returns the batches that remain to be sent."""
        client = self.writer.client
        content_type, body = batch_body(self._parts(group))
        creates = any(self.operations[index].kind == "create" for index in group)
        try:
            answer = client.send(
                "batch",
                "POST",
                "$batch",
                headers={"Content-Type": content_type, "Prefer": "odata.continue-on-error"},
                body=body,
                resend="unread" if creates else "always",
                operations=len(self._ids(group)),
            )
        except Unsent as error:
            self._settle(group, Outcome("unsent", error=unanswered(error)))
            return []
        except LostAnswer as error:
            if not creates:  # the client has tried again as often as it is worth
                self._settle(group, Outcome("unknown", error=unanswered(error)))
                return []
            return self._lost(group, unanswered(error))
        client.log.count("operations", len(self._ids(group)))
        read = read_parts(answer.headers.get("content-type", ""), answer.content)
        if read is None or not read.parts:
            return self._refused(group, answer)
        return self._judge(group, answer, read.parts, read.complete)

    def _judge(
        self, group: list[int], answer: Answer, parts: Sequence[Part], complete: bool
    ) -> list[list[int]]:
        found = by_position(parts, self._ids(group))
        if len(found) > len(group):
            found = self._looked(group, found)
        again: list[int] = []
        unanswered: list[int] = []
        waiting: list[Part] = []
        for index, part in zip(group, found, strict=True):
            operation = self.operations[index]
            if part is None:
                unanswered.append(index)
            elif part.status in THROTTLED:
                waiting.append(part)
                again.append(index)
            elif part.status in TRANSIENT and not self._spoken(part).enveloped:
                # a gateway's answer in place of the service's: done or not, nobody says
                if operation.kind == "create":
                    self.outcomes[index] = Outcome("unknown", error=self._spoken(part))
                else:
                    waiting.append(part)
                    again.append(index)
            else:
                outcome = self.writer.judge(operation, part)
                self.outcomes[index] = (
                    replace(outcome, before=row) if (row := self.seen.get(index)) else outcome
                )
        if waiting and not self._patient(again, waiting):
            again = []
        elif not waiting:
            self.attempt = 0
        if unanswered and (not complete or parts[-1].status < 400):
            return [again, *self._lost(unanswered, self._error(answer))]
        # a service that stops at the first refusal has not run what came after it
        return [sorted(again + unanswered)]

    def _looks(self, index: int) -> bool:
        return self.writer.look is not None and self.operations[index].kind != "create"

    def _parts(self, group: list[int]) -> Iterator[bytes]:
        for index in group:
            if self._looks(index) and self.writer.look is not None:
                yield self.writer.look(self.operations[index], f"{index + 1}.0")
            yield self.writer.encode(self.operations[index], str(index + 1))

    def _ids(self, group: list[int]) -> list[str]:
        """Content ids of a batch's parts."""
        if self.writer.look is None:
            return [str(index + 1) for index in group]
        return [
            name
            for index in group
            for name in ((f"{index + 1}.0", str(index + 1)) if self._looks(index) else (str(index + 1),))
        ]

    def _looked(self, group: list[int], parts: Sequence[Part | None]) -> list[Part | None]:
        """Keep what the looks saw, and leave the answers to the writes."""
        found: list[Part | None] = []
        left = iter(parts)
        for index in group:
            if self._looks(index):
                seen = next(left)
                self.seen[index] = row_of(seen.body) if seen is not None and seen.status == 200 else None
            found.append(next(left))
        return found

    def _patient(self, again: list[int], waiting: Sequence[Part]) -> bool:
        """Wait as the throttled parts ask; False, with those settled, if that has been tried often enough."""
        client = self.writer.client
        now = client.clock()
        waits = [retry_after(part.headers.get("retry-after"), now) for part in waiting]
        asked = max((wait for wait in waits if wait is not None), default=None)
        client.log.count("throttled")
        self.attempt += 1
        if self.attempt >= client.retries.attempts or (asked or 0.0) > client.retries.longest:
            for index, part in zip(again, waiting, strict=True):
                status: Literal["unsent", "unknown"] = "unsent" if part.status in THROTTLED else "unknown"
                self.outcomes[index] = Outcome(status, error=self._spoken(part))
            return False
        client.log.count("retried")
        client.wait(self.attempt, asked)
        return True

    def _lost(self, group: list[int], error: ServiceError) -> list[list[int]]:
        """Creates without an answer stay unknown; the rest goes out again, its versions make that safe."""
        client = self.writer.client
        creates = [index for index in group if self.operations[index].kind == "create"]
        rest = [index for index in group if self.operations[index].kind != "create"]
        self._settle(creates, Outcome("unknown", error=error))
        if not rest:
            return []
        self.attempt += 1
        if self.attempt >= client.retries.attempts:
            self._settle(rest, Outcome("unknown", error=error))
            return []
        client.log.count("retried")
        client.wait(self.attempt, None)
        return [rest]

    def _refused(self, group: list[int], answer: Answer) -> list[list[int]]:
        """The batch as such was not accepted: halve it, so that what spoils it stands alone."""
        error = self._error(answer)
        if answer.status < 400 or answer.status >= 500:
            return self._lost(group, error)
        self.splits += 1
        if len(group) == 1 or self.splits > _SPLITS:
            self._settle(group, Outcome("refused", error=error))
            return []
        middle = len(group) // 2
        return [group[:middle], group[middle:]]

    def _settle(self, group: Sequence[int], outcome: Outcome) -> None:
        for index in group:
            self.outcomes[index] = outcome

    def _error(self, answer: Answer) -> ServiceError:
        return self.writer.client.error_of(answer)

    def _spoken(self, part: Part) -> ServiceError:
        client = self.writer.client
        return service_error(client.side, part.status, part.headers, part.body, shown_path(self.writer.path))
