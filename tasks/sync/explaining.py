"""Explain: one row's whole story, and what the next sync will do about it.

Both systems are read afresh and the engine is asked for its decision, so the answer is what would happen now. Nothing is
written, to neither system nor state.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Literal

from mappings.metadata import SIDE_NAMES
from mappings.troubleshooting.catalogue import advised
from tasks.connectors.side import Row
from tasks.state.records import ConflictRecord, HistoryEntry, LaneRecord, ParkedRow, WaitingRow
from tasks.sync.cases import Case, Work
from tasks.sync.diff import UNKNOWN, Decision
from tasks.sync.engine import Engine
from tasks.sync.finding import cases_of_key, key_parts, observer
from tasks.sync.lane import Lane
from tasks.sync.lookups import Elsewhere
from tasks.sync.session import Session
from tasks.transform.digests import shown_key

Standing = Literal[
    "synced",
    "changed",
    "new",
    "gone",
    "filtered_out",
    "detached",
    "out_of_scope",
    "waiting",
    "conflicting",
    "parked",
    "drifted",
    "normalized",
    "unknown_key",
]

STANDINGS: dict[Standing, str] = {
    "synced": "both sides hold the same",
    "changed": "one side was changed; the next sync carries it over",
    "new": "stands on one side only; the next sync creates it on the other",
    "gone": "was deleted on one side",
    "filtered_out": "the map's filter doesn't take it",
    "detached": "left the map's filter, or is kept on one side only; nothing flows",
    "out_of_scope": "belongs to no company in scope, or to no map that flows this way",
    "waiting": "waits for another row",
    "conflicting": "both sides were changed; a person decides",
    "parked": "could not be written",
    "drifted": "the target of a one-way field was changed; the next sync repairs it",
    "normalized": "differs only in what a service made of a value; both sides stay as they are",
    "unknown_key": "no such row on either side",
}

CHANGES = 10
"""Entries of a row's history that are told."""


@dataclass(frozen=True, slots=True)
class FieldStory:
    """One field pair of the row.

    Attributes:
        fno, dataverse: the values in comparable form; "" also where the side has no row.
        fno_moved, dataverse_moved: differs from what the side held when last settled; None where nothing was settled.
        verdict: equal | normalized | to-dataverse | to-fno | conflict | drift | no base | differs.
    """

    name: str
    direction: str
    fno: str
    dataverse: str
    fno_moved: bool | None
    dataverse_moved: bool | None
    verdict: str


@dataclass(frozen=True, slots=True)
class SideStory:
    """How one side stands to the row.

    Attributes:
        inside: does the map's filter take it; None where there is no row.
    """

    there: bool
    name: str
    inside: bool | None


@dataclass
class Story:
    """Everything about one row.

    Attributes:
        standing: one word; `STANDINGS` says what it means.
        link: paired | half | detached | "" where there is none.
        reasons: why it stands so.
        next: what the next sync will do; empty = nothing.
    """

    map: str
    company: str
    key: str
    standing: Standing
    link: str = ""
    fno: SideStory = field(default_factory=lambda: SideStory(False, "", None))
    dataverse: SideStory = field(default_factory=lambda: SideStory(False, "", None))
    reasons: list[str] = field(default_factory=list)
    next: list[str] = field(default_factory=list)
    fields: list[FieldStory] = field(default_factory=list)
    lookups: dict[str, str] = field(default_factory=dict)
    parked: list[ParkedRow] = field(default_factory=list)
    waiting: list[WaitingRow] = field(default_factory=list)
    conflicts: list[ConflictRecord] = field(default_factory=list)
    changes: list[HistoryEntry] = field(default_factory=list)
    lane: str = ""

    def to_json(self) -> dict[str, Any]:
        """The same as plain values."""
        return asdict(self)


def explain(session: Session, name: str, key: str, company: str = "") -> list[Story]:
    """Tell the story of the row with this key; of several where it isn't clear which belong together.

    Args:
        name: of the map.
        key: the integration key, its parts separated by slashes, or as a JSON list.
        company: code; "" for a map without companies.

    Raises:
        FatalError: no such map, no such company on either side, or a key of other parts.
    """
    sync = session.catalogue.get(name)
    company = company.lower() if sync.company_specific else ""
    if sync.company_specific and company not in session.companies_of(sync):
        story = Story(name, company, key, "out_of_scope")
        story.reasons.append(
            f"company {company or '(none)'} is not among those in scope: {', '.join(session.companies_of(sync))}"
        )
        return [story]
    lane = session.lane(sync, company)
    engine = observer(lane)
    cases = cases_of_key(engine, key_parts(lane, key))
    if not cases:
        return [_unknown(lane, key)]
    work = engine.plan(cases)
    return [_story(engine, work, i, key) for i in range(len(work.cases))]


def _unknown(lane: Lane, key: str) -> Story:
    story = Story(lane.map.name, lane.company, key, "unknown_key")
    with lane.store.read() as state:
        place = (lane.pair, lane.map.name, lane.company)
        story.changes = state.history(*place, key=key, limit=CHANGES)
        story.parked = [each for each in state.parked(*place) if each.key == key]
    if any(entry.action == "delete" for entry in story.changes):
        story.standing, story.reasons = "gone", ["it was deleted on both sides"]
    elif story.parked:
        story.standing, story.reasons = "parked", [each.message for each in story.parked]
    return story


def _story(engine: Engine, work: Work, i: int, key: str) -> Story:
    lane, case = engine.lane, work.cases[i]
    story = Story(lane.map.name, lane.company, key, "synced")
    story.link = case.link.state if case.link is not None else ""
    names = engine.notes.names(case)
    told = {engine.notes.key(case), key}
    with lane.store.read() as state:
        place = (lane.pair, lane.map.name, lane.company)
        story.parked = [each for each in state.parked(*place) if (each.side, each.row) in names]
        story.waiting = [each for each in state.waiting(*place) if (each.side, each.row) in names]
        for each in told:
            story.conflicts += state.conflicts(*place, key=each, limit=CHANGES)
            story.changes += state.history(*place, key=each, limit=CHANGES)
        record = state.lane(*place)
    story.fno = _side(case.fno, _name_in_fno(lane, case), bool(work.comparison.in_fno[i]))
    id_ = case.dataverse[lane.dataverse_table.id_column] if case.dataverse is not None else ""
    story.dataverse = _side(case.dataverse, str(id_), bool(work.comparison.in_dataverse[i]))
    story.fields = _fields(engine, work, i)
    story.lookups = _lookups(engine, work, i)
    story.next = _next(work, i, record)
    story.standing, reasons = _standing(lane, work, i, story)
    story.reasons += reasons
    story.lane = record.state
    return story


def _side(row: Row | None, name: str, inside: bool) -> SideStory:
    return SideStory(row is not None, name if row is not None else "", inside if row is not None else None)


def _name_in_fno(lane: Lane, case: Case) -> str:
    return "/".join(str(case.fno[name]) for name in lane.map.fno.key) if case.fno is not None else ""


def _fields(engine: Engine, work: Work, i: int) -> list[FieldStory]:
    lane, comparison = engine.lane, work.comparison
    verdicts = _verdicts(work, i)
    known = work.cases[i].link is not None
    out = []
    for p, plan in enumerate(lane.layout.pairs):
        base_fno, base_dataverse = comparison.base_fno[i, p], comparison.base_dataverse[i, p]
        equal = bool(comparison.fno[i, p] == comparison.dataverse[i, p])
        settled = known and base_fno != UNKNOWN and base_dataverse != UNKNOWN
        fno_moved = bool(comparison.fno[i, p] != base_fno) if settled else None
        dataverse_moved = bool(comparison.dataverse[i, p] != base_dataverse) if settled else None
        unit = int(lane.layout.unit_of[p])
        verdict = "equal" if equal else verdicts.get(unit, "")
        if not verdict:
            verdict = "normalized" if fno_moved is False and dataverse_moved is False else "differs"
        ways = {(True, True): "both", (True, False): "to-dataverse", (False, True): "to-fno"}
        out.append(
            FieldStory(
                plan.pair.id,
                ways.get((plan.to_dataverse, plan.to_fno), ""),
                str(comparison.texts_fno[i, p]),
                str(comparison.texts_dataverse[i, p]),
                fno_moved,
                dataverse_moved,
                verdict,
            )
        )
    return out


def _verdicts(work: Work, i: int) -> dict[int, str]:
    """Unit → what becomes of it, where the row stands on both sides and something does."""
    if work.merges is None or i not in work.merge_rows:
        return {}
    place, found = work.merge_rows.index(i), work.merges
    words = (
        ("conflict", found.hold),
        ("conflict", found.conflict & found.open),
        ("drift", found.drift),
        ("no base", found.no_base & found.open),
        ("to-dataverse", found.to_dataverse),
        ("to-fno", found.to_fno),
        ("equal", found.adopt),
    )
    out: dict[int, str] = {}
    for word, flags in words:
        for unit in flags[place].nonzero()[0].tolist():
            out.setdefault(unit, word)
    return out


def _lookups(engine: Engine, work: Work, i: int) -> dict[str, str]:
    """Lookup column → the parent that the F&O row names, and whether Dataverse has it."""
    lane, case = engine.lane, work.cases[i]
    if case.fno is None:
        return {}
    out = {}
    columns = engine.lookups.columns
    texts = {
        p: [str(work.comparison.texts_fno[i, p])]
        for column in columns
        for p in engine.lookups.pairs_of(column)
    }
    bound = engine.lookups.bind(texts, columns) if columns else {}
    for column in columns:
        named = "/".join(texts[p][0] for p in engine.lookups.pairs_of(column))
        (found,) = bound[column]
        if not named.strip("/"):
            out[column] = "empty"
        elif isinstance(found, str):
            out[column] = f"{named}: there"
        elif found is None:
            out[column] = "empty"
        elif isinstance(found, Elsewhere):
            out[column] = f"{named}: there, in {found.table}"
        else:
            out[column] = f"{named}: missing in {lane.map.lookups[column].targets[0]}"
    return out


def _next(work: Work, i: int, record: LaneRecord) -> list[str]:
    """What the next sync does about the row."""
    if record.state in ("paused", "error"):
        why = advised(record.reason)
        return [f"nothing before the map goes on; it is {record.state}: {why}".rstrip(": ")]
    if record.state == "not_running":
        start = f"`dualflow plan {record.map!r}` says what its start would do, `dualflow sync initial {record.map!r}` starts it"
        return [f"nothing; the map is not running: {start}"]
    out = []
    for send in work.sends:
        if send.case == i:
            fields = sorted(send.operation.body)
            out.append(
                f"{send.operation.kind} in {SIDE_NAMES[send.side]}"
                + (f": {', '.join(name.partition('@')[0] for name in fields)}" if fields else "")
            )
    out += [f"park it: {each.message}" for each in work.parked if _is(work, i, each.side, each.row)]
    out += [
        f"wait for {shown_key(each.parent_key)!r} of {each.parent_table}"
        for each in work.waiting
        if _is(work, i, each.side, each.row)
    ]
    if work.decisions[i] is Decision.DETACH and (link := work.cases[i].link) and link.state != "detached":
        out.append("detach it: nothing flows while it is outside the filter")
    if work.decisions[i] is Decision.UNLINK:
        out.append("forget it: it is gone on both sides")
    return list(dict.fromkeys(out))


def _is(work: Work, i: int, side: str, row: str) -> bool:
    if len(work.cases) == 1:
        return True
    case = work.cases[i]
    link = case.link
    return any((side, row) == (entry.side, entry.row) for entry in case.entries) or (
        link is not None and row == link.dataverse_id
    )


def _standing(lane: Lane, work: Work, i: int, story: Story) -> tuple[Standing, list[str]]:
    """The one word for a row, the most pressing first, and why."""
    case, decision = work.cases[i], work.decisions[i]
    verdicts = {each.verdict for each in story.fields}
    if decision is Decision.HOLD or any(each.kind == "held_delete" for each in story.parked):
        return "parked", [each.message for each in story.parked] or ["its delete is held"]
    if story.parked or case.disputed:
        return "parked", [each.message for each in story.parked] or [each for each in story.next]
    if story.waiting or (decision in _CREATES and work.waiting):
        return "waiting", [
            f"{shown_key(each.parent_key)!r} is missing in {each.parent_table}"
            for each in story.waiting or work.waiting
        ]
    if any(each.status == "open" for each in story.conflicts) or "conflict" in verdicts:
        return "conflicting", [
            f"{', '.join(each.fields)} since {_when(each.at)}"
            for each in story.conflicts
            if each.status == "open"
        ]
    if decision is Decision.DETACH or (case.link is not None and case.link.state == "detached"):
        return "detached", _filters(lane, story)
    if decision is Decision.SKIP:
        outside = _filters(lane, story)
        if outside:
            return "filtered_out", outside
        return "out_of_scope", [_why_skipped(lane, story)]
    if decision in _CREATES:
        return "new", []
    if decision in _GONE:
        return "gone", []
    if "drift" in verdicts:
        return "drifted", [each.name for each in story.fields if each.verdict == "drift"]
    if any(send.case == i for send in work.sends):
        return "changed", [each.name for each in story.fields if each.verdict in ("to-dataverse", "to-fno")]
    if "normalized" in verdicts:
        return "normalized", [each.name for each in story.fields if each.verdict == "normalized"]
    return "synced", []


_CREATES = frozenset({Decision.CREATE_DATAVERSE, Decision.CREATE_FNO})
_GONE = frozenset(
    {
        Decision.DELETE_DATAVERSE,
        Decision.DELETE_FNO,
        Decision.DEACTIVATE,
        Decision.RECREATE_DATAVERSE,
        Decision.RECREATE_FNO,
        Decision.UNLINK,
        Decision.LET_GO,
    }
)


def _filters(lane: Lane, story: Story) -> list[str]:
    out = []
    if story.fno.inside is False:
        out.append(f"F&O's filter does not take it: {lane.map.fno.filter}")
    if story.dataverse.inside is False:
        out.append(f"Dataverse's filter does not take it: {lane.map.dataverse.filter}")
    return out


def _why_skipped(lane: Lane, story: Story) -> str:
    if story.dataverse.there and not story.fno.there and not lane.map.to_fno:
        return "the map flows to Dataverse only, and the row stands only there"
    if story.fno.there and not story.dataverse.there and not lane.map.to_dataverse:
        return "the map flows to F&O only, and the row stands only there"
    return "no company in scope has it"


def _when(at: datetime | None) -> str:
    return f"{at:%F %T}" if at is not None else "?"
