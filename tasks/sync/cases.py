"""What one batch carries from step to step: the rows of both sides, what was found out about them, what is to be written."""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from mappings.errors import FatalError
from tasks.connectors.side import Operation, Outcome, Row, SideName
from tasks.state.records import ConflictRecord, HistoryEntry, InboxEntry, Link, ParkedRow, WaitingRow
from tasks.sync.diff import Decision, Digests, Merge
from tasks.sync.lookups import Parents
from tasks.transform.canonical import Problem


@dataclass(slots=True)
class Case:
    """One row, as far as it is known: its link, and what each side answered just now.

    Attributes:
        link: What the state remembers; None for a row nobody has paired.
        fno, dataverse: The rows as read in this batch; None if the side has none.
        entries: Inbox entries that this case settles.
        key: Folded integration key, where it was worked out already.
        searched: The counterpart was looked for by key already and is not there.
        referred: What the F&O row says about where it comes from was asked already.
        stamp: The Dataverse row was paired without its key or company; both are written to it.
        revived: The Dataverse row was deactivated on our word, and its F&O row is back: it becomes active again.
        adopted: Sides whose row stood outside the map's filter and is taken over: it gets the map's constants.
        attempts: How often this case was sent back to be read again in this drain.
        refusals: How often a create of this case was refused in this drain.
        doubted: A write was refused because a row that it names is gone: they are looked at before they are named again.
        moved: Sides where the row stands under another identity than the link remembers: deleted, and made again.
        rival: Name of another row of the same side that has this row's key, and was there first.
        claims: How many rows of the other side claim this row's key, where several do.
        claimants: Names of some of them.
        paired_by: Dataverse columns that paired the row: those of a match rule, or the company's, where its row named none.
        alike_by: Columns of a match rule by which rows of the other side look like this one, but not one alone.
        elsewhere: Another case of the batch is about this very row, or another map that shares it.
        claimed: Map and key of the row of another map that has the Dataverse row.
        abroad: Id of another company that the paired Dataverse row names by now.
        taken: Name of the row that the only counterpart with this key is linked to already.
    """

    link: Link | None = None
    fno: Row | None = None
    dataverse: Row | None = None
    entries: list[InboxEntry] = field(default_factory=list)
    key: str = ""
    searched: bool = False
    referred: bool = False
    stamp: bool = False
    revived: bool = False
    adopted: set[SideName] = field(default_factory=set)
    attempts: int = 0
    refusals: int = 0
    doubted: bool = False
    moved: set[SideName] = field(default_factory=set)
    rival: str = ""
    claims: int = 0
    claimants: tuple[str, ...] = ()
    paired_by: tuple[str, ...] = ()
    alike_by: tuple[str, ...] = ()
    taken: str = ""
    elsewhere: bool = False
    claimed: tuple[str, str] | None = None
    abroad: str = ""

    @property
    def disputed(self) -> bool:
        """Is it open which rows belong together? Then nothing is written before a person has settled it."""
        return bool(self.rival or self.claims or self.taken or self.elsewhere or self.claimed or self.abroad)

    def search_again(self) -> None:
        """Forget what a search by key found: the row is about to be read again."""
        self.searched, self.claims, self.claimants = False, 0, ()
        self.taken, self.claimed, self.abroad = "", None, ""


@dataclass(slots=True)
class Comparison:
    """Both sides of a batch in the same terms; arrays have a row per case and a column per field pair.

    Attributes:
        texts_fno, texts_dataverse: Canonical values; "" where the side has no row.
        fno, dataverse: Their digests.
        base_fno, base_dataverse: What each side held when last settled; 0 = unknown.
        problems: side to be written → case → what can't be sent to it.
        parents: What the lookups of the Dataverse rows point at (rows aligned with the cases).
        in_fno, in_dataverse: Does the side's own filter take the row?
        ours: Cases whose Dataverse row was last modified by ourselves.
    """

    texts_fno: npt.NDArray[np.object_]
    texts_dataverse: npt.NDArray[np.object_]
    fno: Digests
    dataverse: Digests
    base_fno: Digests
    base_dataverse: Digests
    problems: dict[SideName, dict[int, list[Problem]]]
    parents: Parents
    in_fno: npt.NDArray[np.bool_]
    in_dataverse: npt.NDArray[np.bool_]
    normalized: npt.NDArray[np.bool_]


@dataclass(slots=True)
class Send:
    """One write that is about to go out, and which field pairs it carries."""

    case: int
    side: SideName
    operation: Operation
    pairs: npt.NDArray[np.bool_]
    chosen_id: str | None = None
    units: tuple[int, ...] = ()


@dataclass(slots=True)
class Work:
    """A batch on its way: decided, its intents noted, ready to be sent and recorded.

    Attributes:
        open: (key, kind, unit) of the conflicts that this batch leaves for a person.
        chosen: (key, kind, unit) of the conflicts that a person decided → case, side to be written, places of the field pairs.
        handed: Rows that lanes of other companies are told of.
        read_back: Places of the sends that were answered with no row; what the outcome has was read afterwards.
    """

    cases: list[Case]
    comparison: Comparison
    decisions: list[Decision]
    merges: Merge | None
    merge_rows: list[int]
    sends: list[Send] = field(default_factory=list)
    outcomes: list[Outcome] = field(default_factory=list)
    read_back: set[int] = field(default_factory=set)
    links: list[Link | None] = field(default_factory=list)
    link_ids: dict[int, int] = field(default_factory=dict)
    parked: list[ParkedRow] = field(default_factory=list)
    waiting: list[WaitingRow] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    open: set[tuple[str, str, str]] = field(default_factory=set)
    chosen: dict[tuple[str, str, str], tuple[int, SideName, tuple[int, ...]]] = field(default_factory=dict)
    history: list[HistoryEntry] = field(default_factory=list)
    again: list[int] = field(default_factory=list)
    unlink: list[int] = field(default_factory=list)
    detach: list[int] = field(default_factory=list)
    let_go: list[int] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)
    kept_parked: set[int] = field(default_factory=set)
    held: set[int] = field(default_factory=set)
    handed: list[InboxEntry] = field(default_factory=list)
    bulk: bool = False
    error: FatalError | None = None


def relink(case: Case, row: Row, id_column: str) -> None:
    """Give a case the Dataverse row that has its key now, whatever id the link remembers.

    The bases stay: what the new row holds is judged against what the old one held. An open intent was about the old one.
    """
    case.dataverse = row
    id_ = str(row[id_column])
    if case.link is not None and case.link.dataverse_id != id_:
        case.link = replace(
            case.link, dataverse_id=id_, dataverse_version=None, raw_dataverse=None, intent_dataverse=None
        )
        case.moved.add("dataverse")


def fno_name(key: Sequence[str], address: Mapping[str, Any]) -> str:
    """Name of an F&O row in the inbox and in lists: its key values in the order of the key, as JSON text."""
    return msgspec.json.encode([address[name] for name in key]).decode()


def fno_address(key: Sequence[str], name: str) -> dict[str, Any]:
    """The address that `fno_name` was made of."""
    values: list[Any] = msgspec.json.decode(name)
    return dict(zip(key, values, strict=True))


def version_of(row: Row) -> str | None:
    """The version (ETag) that a row was read with."""
    version = row.get("@odata.etag")
    return str(version) if version is not None else None


_QUOTED = re.compile(r'"\\*"?([^"\\]*)')
_RECORD = re.compile(rb"'*[^,;]*,([0-9]+)'*(?:;|$)")


def fno_row_id(row: Row) -> str | None:
    """Record id of an F&O row, read from its ETag.

    The ETag of a row is the Base64 text of `'recVersion,recId'` (seen, not promised). It only serves to tell a renamed row from a
    new one; where it can't be read, a rename looks like a delete beside a create and is settled as those.
    """
    version = row.get("@odata.etag")
    if not isinstance(version, str) or (quoted := _QUOTED.search(version)) is None:
        return None
    try:
        record = _RECORD.match(binascii.a2b_base64(quoted[1]))
    except (binascii.Error, ValueError):
        return None
    return record[1].decode() if record is not None else None


def another_record(case: Case) -> bool:
    """Was the F&O row deleted and made again? Then somebody wants it, even with the same values."""
    known = case.link.fno_row if case.link is not None else None
    now = fno_row_id(case.fno) if case.fno is not None else None
    return known is not None and now is not None and known != now
