"""Findings of a plan: each row about which a person should think before the run, what is the matter, and what to do."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from mappings.troubleshooting.catalogue import advice
from tasks.state.records import ConflictRecord, ParkedRow, WaitingRow
from tasks.sync.proposals import Ownerless, Proposal
from tasks.transform.digests import shown_key

FindingKind = Literal[
    "ambiguous",
    "duplicate",
    "key_taken",
    "claimed",
    "maybe_twice",
    "no_company",
    "parked",
    "held_delete",
    "waiting",
    "conflict",
]
KINDS: dict[FindingKind, str] = {
    "ambiguous": "several rows could be its counterpart",
    "duplicate": "one key, several rows on one side",
    "key_taken": "its key stands in a row outside the filter",
    "claimed": "its counterpart belongs to another row",
    "maybe_twice": "would be made, and may exist already",
    "no_company": "names no company",
    "parked": "would be parked",
    "held_delete": "a delete that has to be approved",
    "waiting": "waits for another row",
    "conflict": "both sides differ, and nobody decides",
}
"""What each kind says, those to look at first at the top."""
NOT_TAKEN: tuple[FindingKind, ...] = ("ambiguous", "duplicate", "key_taken", "claimed")
"""Kinds of parked rows of which it isn't clear which belong together; the engine's codes are the same words."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One row to think about.

    Attributes:
        key: as people read it.
        fno, dataverse: the row on each side, as far as it is known: its F&O key, its id in Dataverse.
        candidates: rows of the other side that it could be.
        field: the field pair that it is about; "" for all of the row.
        what, todo: what is the matter, and what to do.
    """

    kind: FindingKind
    map: str
    company: str
    key: str
    what: str
    todo: str
    fno: str = ""
    dataverse: str = ""
    candidates: tuple[str, ...] = ()
    field: str = ""


def findings(
    parked: Iterable[ParkedRow],
    lookalikes: Iterable[Proposal],
    ownerless: Iterable[Ownerless],
    waiting: Iterable[WaitingRow],
    conflicts: Iterable[ConflictRecord],
) -> list[Finding]:
    """What a rehearsal left open, by kind, those to look at first at the top."""
    found = [
        *(_parked(each) for each in parked),
        *(_maybe_twice(each) for each in lookalikes),
        *(_no_company(each) for each in ownerless),
        *_waiting(waiting),
        *_conflicts(conflicts),
    ]
    order = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(found, key=lambda each: (order[each.kind], each.map, each.company, each.key))


def _parked(each: ParkedRow) -> Finding:
    kind: FindingKind = "held_delete" if each.kind == "held_delete" else "parked"
    kind = next((code for code in NOT_TAKEN if code == each.code), kind)
    # the place is said beside it
    what = each.message.removeprefix(f"{each.map}, ").removeprefix(f"company {each.company}, ")
    what = what.removeprefix(f"row {each.key!r}: ")
    return Finding(
        kind,
        each.map,
        each.company,
        each.key,
        what,
        each.remedy or advice(each.message, each.code),
        fno=each.row if each.side == "fno" else "",
        dataverse=each.row if each.side == "dataverse" else "",
        field=each.field,
    )


def _maybe_twice(each: Proposal) -> Finding:
    named = ", ".join(each.candidates)
    return Finding(
        "maybe_twice",
        each.map,
        each.company,
        each.key,
        f"would be made in Dataverse, where rows without a key hold the same in {', '.join(each.columns)}"
        + (f": {named}" if named else ""),
        "give the row that is meant its key in Dataverse, or delete the others, before the run",
        fno=each.fno,
        candidates=each.candidates,
    )


def _no_company(each: Ownerless) -> Finding:
    return Finding(
        "no_company",
        each.map,
        "",
        each.key,
        f"row {each.row} of {each.table} names no company, so nothing is done about it",
        "give it its company in Dataverse, or leave it alone if it is nobody's",
        dataverse=each.row,
    )


def _waiting(given: Iterable[WaitingRow]) -> Iterator[Finding]:
    seen = set()
    for each in given:
        place = (each.map, each.company, each.side, each.row, each.parent_table, each.parent_key)
        if place in seen:
            continue
        seen.add(place)
        whose = f" of company {each.parent_company}" if each.parent_company else ""
        yield Finding(
            "waiting",
            each.map,
            each.company,
            _shown_row(each),
            f"{'waits' if each.unit < 0 else 'goes without the fields that wait'} for"
            f" {shown_key(each.parent_key)!r} of {each.parent_table}{whose}",
            "create it, or run the map that brings it",
            fno=each.row if each.side == "fno" else "",
            dataverse=each.row if each.side == "dataverse" else "",
        )


def _shown_row(each: WaitingRow) -> str:
    """The row's key as people read it; its id where it is one of Dataverse."""
    if each.side != "fno":
        return each.row
    parts = [str(part) for part in json.loads(each.row)]
    own = parts and each.company and parts[0].casefold() == each.company.casefold()
    return "/".join(parts[1:] if own else parts)


def _conflicts(given: Iterable[ConflictRecord]) -> Iterator[Finding]:
    for each in given:
        if each.status == "open":
            yield Finding(
                "conflict",
                each.map,
                each.company,
                each.key,
                f"both sides differ in {', '.join(each.fields) or 'whether the row is there'}",
                "say whose value stands: dualflow conflicts resolve",
            )
